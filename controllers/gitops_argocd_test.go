// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/operatortest"
	"github.com/acs-operator/acs-chat-operator/hack/argocd"
	"github.com/acs-operator/acs-chat-operator/hack/processes"
)

// kubectl runs kubectl with all permissions, in the namespace of the world.
func (w *world) kubectl(stdin string, args ...string) (string, error) {
	w.t.Helper()
	home := w.t.TempDir()
	kubeconfig := filepath.Join(home, "kubeconfig")
	w.Expect(os.WriteFile(kubeconfig, adminKubeconfig, 0o600)).To(Succeed())
	return processes.NewKubectl(kubeconfig, home).Run(w.t.Context(), stdin, append(args, "--namespace", w.namespace)...)
}

// mustKubectl runs kubectl, which must succeed.
func (w *world) mustKubectl(stdin string, args ...string) string {
	w.t.Helper()
	output, err := w.kubectl(stdin, args...)
	w.Expect(err).NotTo(HaveOccurred())
	return output
}

// argoPatch is the patch for Argo CD's ConfigMap.
var argoPatch = filepath.Join("..", "config", "argo-cd", "argocd-cm-patch.yaml")

// patchArgo patches a ConfigMap argocd-cm that has other keys, as docs/argo-cd.md says, and returns
// what Argo CD reads from it.
func (w *world) patchArgo() map[string]*argocd.Customization {
	w.t.Helper()
	others := map[string]string{
		"url": "https://argocd.example.com",
		"resource.customizations.health.cert-manager.io_Certificate": "return {status = \"Healthy\"}\n",
		"resource.customizations":                                    "networking.k8s.io/Ingress:\n  health.lua: return {}\n",
	}
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "argocd-cm"}, Data: others}
	w.create(cm)
	patch := []string{"patch", "configmap", "argocd-cm", "--patch-file", argoPatch}
	w.Expect(w.mustKubectl("", patch...)).To(Equal("configmap/argocd-cm patched"))
	w.Expect(w.mustKubectl("", patch...)).To(Equal("configmap/argocd-cm patched (no change)"))
	w.get(cm)
	for key, value := range others {
		w.Expect(cm.Data).To(HaveKeyWithValue(key, value))
	}
	all, err := argocd.Parse(cm.Data)
	w.Expect(err).NotTo(HaveOccurred())
	kinds := map[string]*argocd.Customization{}
	for _, c := range all {
		kinds[c.Kind] = c
	}
	return kinds
}

// The patch for argocd-cm keeps its other keys, and brings Argo CD the Lua of the files.
func TestArgoConfigMap(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	kinds := w.patchArgo()
	files, err := argocd.Read(os.DirFS(filepath.Dir(argoCustomizations)))
	w.Expect(err).NotTo(HaveOccurred())
	w.Expect(files).To(HaveLen(3))
	for _, file := range files {
		c := kinds[file.Kind]
		w.Expect(c).NotTo(BeNil(), file.Kind)
		w.Expect(c.Group).To(Equal(chatv1alpha1.GroupVersion.Group))
		w.Expect(c.HealthLua).To(Equal(file.HealthLua))
		w.Expect(c.DiscoveryLua).To(Equal(file.DiscoveryLua))
		w.Expect(cmp.Diff(file.ActionLua, c.ActionLua)).To(BeEmpty())
	}
}

// The same file is a patch for an argocd-cm that kustomize builds.
func TestArgoConfigMapInGit(t *testing.T) {
	t.Parallel()
	g, directory := NewWithT(t), t.TempDir()
	patch, err := os.ReadFile(argoPatch)
	g.Expect(err).NotTo(HaveOccurred())
	for name, content := range map[string]string{
		"kustomization.yaml":   "resources: [argocd-cm.yaml]\npatches:\n- path: argocd-cm-patch.yaml\n",
		"argocd-cm.yaml":       "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: argocd-cm}\ndata: {url: https://argocd.example.com}\n",
		"argocd-cm-patch.yaml": string(patch),
	} {
		g.Expect(os.WriteFile(filepath.Join(directory, name), []byte(content), 0o600)).To(Succeed())
	}
	built, err := processes.NewKubectl("", t.TempDir()).Run(t.Context(), "", "kustomize", directory)
	g.Expect(err).NotTo(HaveOccurred())
	cm, alone := &corev1.ConfigMap{}, &corev1.ConfigMap{}
	g.Expect(yaml.UnmarshalStrict([]byte(built), cm)).To(Succeed())
	g.Expect(yaml.UnmarshalStrict(patch, alone)).To(Succeed())
	g.Expect(alone.Data).To(HaveLen(6))
	alone.Data["url"] = "https://argocd.example.com"
	g.Expect(cmp.Diff(alone.Data, cm.Data)).To(BeEmpty())
}

// argo plays the part of Argo CD that runs the Lua of a ConfigMap.
type argo struct {
	*world
	kinds map[string]*argocd.Customization
	vm    argocd.VM
}

// live returns the object that Argo CD sees, and the Lua for it.
func (a *argo) live(obj client.Object) (*unstructured.Unstructured, *argocd.Customization) {
	a.t.Helper()
	kind := operatortest.KindOf(obj)
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(chatv1alpha1.GroupVersion.WithKind(kind))
	a.Expect(admin.Get(a.t.Context(), client.ObjectKeyFromObject(obj), live)).To(Succeed())
	return live, a.kinds[kind]
}

func (a *argo) health(obj client.Object) string {
	a.t.Helper()
	live, c := a.live(obj)
	health, err := c.Health(a.t.Context(), &a.vm, live)
	a.Expect(err).NotTo(HaveOccurred())
	return health.Status
}

// act runs an action that the menu of an object offers.
func (a *argo) act(obj client.Object, action string) {
	a.t.Helper()
	live, c := a.live(obj)
	actions, err := c.Discover(a.t.Context(), &a.vm, live)
	a.Expect(err).NotTo(HaveOccurred())
	a.Expect(actions).To(ContainElement(And(HaveField("Name", action), HaveField("Disabled", false))))
	changed, err := c.Run(a.t.Context(), &a.vm, action, live)
	a.Expect(err).NotTo(HaveOccurred())
	patch := client.MergeFrom(live)
	content, err := patch.Data(changed)
	a.Expect(err).NotTo(HaveOccurred())
	a.Expect(string(content)).NotTo(ContainSubstring("status"))
	a.Expect(admin.Patch(a.t.Context(), changed, patch)).To(Succeed())
}

// The actions in the menu of Argo CD have their effects in the operator.
func TestArgoActions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	a := &argo{world: w, kinds: w.patchArgo()}
	conn := w.ready()
	users := w.users(2)
	thread := w.readyThread("support", users[0])
	w.Expect(a.health(conn)).To(Equal(argocd.Healthy))
	w.Expect(a.health(thread)).To(Equal(argocd.Healthy))

	a.act(conn, "reconcile")
	w.Eventually(func() string { w.get(conn); return conn.Status.LastHandledReconcileAt }).Should(HavePrefix("Argo CD, at resource version "))
	a.act(thread, "reconcile")
	w.Eventually(func() string { w.get(thread); return thread.Status.LastHandledReconcileAt }).Should(HavePrefix("Argo CD, at resource version "))
	first := thread.Status.LastHandledReconcileAt
	a.act(thread, "reconcile")
	w.Eventually(func() string { w.get(thread); return thread.Status.LastHandledReconcileAt }).ShouldNot(Equal(first))

	a.act(thread, "observe")
	w.emulator.UpdateThread(thread.Status.ThreadID, func(remote *emulator.Thread) { remote.Topic = "changed elsewhere" })
	w.request(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonDrifted)
	w.Expect(a.health(thread)).To(Equal(argocd.Degraded))
	a.act(thread, "manage")
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.remote(thread).Topic).To(Equal(thread.Spec.Topic))
}

// The action abandon ends a deletion that ACS does not let finish, and leaves the thread.
func TestArgoAbandon(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	a := &argo{world: w, kinds: w.patchArgo()}
	w.ready()
	users := w.users(2)
	thread := w.readyThread("support", users[0])
	member := w.newParticipant("edsger", "support", users[1])
	w.create(member)
	w.awaitReason(member, chatv1alpha1.ReasonSucceeded)
	for _, operation := range []emulator.Operation{emulator.OperationDeleteThread, emulator.OperationRemoveParticipant} {
		w.emulator.Inject(emulator.Fault{Operation: operation, Status: http.StatusServiceUnavailable})
	}
	w.delete(member)
	w.awaitReason(member, chatv1alpha1.ReasonThreadNotReady)
	w.Expect(a.health(member)).To(Equal(argocd.Progressing))
	a.act(member, "abandon")
	w.awaitGone(member)
	w.delete(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonServiceUnavailable)
	w.Expect(a.health(thread)).To(Equal(argocd.Progressing))
	a.act(thread, "abandon")
	w.awaitGone(thread)
	w.Expect(w.threads()).To(HaveLen(1))
	w.Expect(w.threads()[0].Members).To(ContainElement(HaveField("ID", users[1])))
}
