// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// account is the operator's service account if config/overlays/namespaced is installed into the
// test's namespace.
func (w *world) account() string { return serviceAccount + "-" + w.namespace }

// installNamespaced does the same as `kubectl apply -k` of a kustomization that installs
// config/overlays/namespaced into the test's namespace, beside other installs. It returns the
// operator's configuration.
func (w *world) installNamespaced() *rest.Config {
	w.t.Helper()
	overlay := w.overlay(filepath.Join("overlays", "namespaced"), "namespace: "+w.namespace, "nameSuffix: -"+w.namespace)
	account := map[string]any{"kind": "ServiceAccount", "namespace": w.namespace, "name": w.account()}
	w.Expect(w.installFrom(overlay, "")).To(HaveEach(Equal(account)))
	api := rest.CopyConfig(adminConfig)
	api.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:" + w.namespace + ":" + w.account(),
		Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + w.namespace, "system:authenticated"}}
	return api
}

// overlay writes a kustomization on top of a directory below config.
func (w *world) overlay(base string, lines ...string) (directory string) {
	w.t.Helper()
	directory, err := filepath.EvalSymlinks(w.t.TempDir())
	w.Expect(err).NotTo(HaveOccurred())
	here, err := os.Getwd()
	w.Expect(err).NotTo(HaveOccurred())
	resource, err := filepath.Rel(directory, filepath.Join(here, "..", "config", base))
	w.Expect(err).NotTo(HaveOccurred())
	content := strings.Join(append(lines, "resources:", "- "+resource, ""), "\n")
	w.Expect(os.WriteFile(filepath.Join(directory, "kustomization.yaml"), []byte(content), 0o600)).To(Succeed())
	return directory
}

// An operator with Roles in two namespaces, and no other permission, does all of its work there and
// is refused nothing.
func TestNamespacedInstall(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	guest := w.newNamespace()
	w.options.WatchNamespaces, w.options.Namespaced = []string{w.namespace, guest}, true
	api := w.installNamespaced()
	w.serve(guest)
	conn := w.connect(func(o *chatv1alpha1.ChatConnection) {
		o.Spec.AllowedNamespaces = &chatv1alpha1.AllowedNamespaces{From: chatv1alpha1.NamespacesFromAll}
	})
	secret, guestConn := w.secret(), newConnection(guest, "default")
	secret.Namespace = guest
	w.create(secret, guestConn)
	seen := &seenRequests{rules: map[string]bool{}}
	w.startAs(seen.watching(api), w.options)
	w.awaitReason(conn, chatv1alpha1.ReasonSucceeded)

	users := w.users(2)
	retained, deleted, across := w.newThread("retained", users...), w.newThread("deleted", users...), w.newThread("across", users...)
	retained.Spec.DeletionPolicy = chatv1alpha1.DeletionRetain
	deleted.Namespace = guest
	across.Namespace, across.Spec.ConnectionRef.Namespace = guest, w.namespace
	w.create(retained, deleted, across)
	w.awaitReason(retained, chatv1alpha1.ReasonSucceeded)
	w.awaitReason(deleted, chatv1alpha1.ReasonSucceeded)
	w.awaitReason(across, chatv1alpha1.ReasonNamespaceNotAllowed)
	w.Expect(w.message(across)).To(And(ContainSubstring("--namespaced"), ContainSubstring("Create a ChatConnection in namespace "+guest)))
	edit(w, conn, func(o *chatv1alpha1.ChatConnection) {
		o.Spec.AllowedNamespaces = namespacesNamed(guest)
	})
	w.request(across)
	w.awaitReason(across, chatv1alpha1.ReasonNamespaceNotAllowed)

	// A member of a retained thread is removed only after a read of its namespace.
	edit(w, retained, func(o *chatv1alpha1.ChatThread) { o.Spec.Participants = o.Spec.Participants[:1] })
	w.awaitReason(retained, chatv1alpha1.ReasonSucceeded)
	w.Expect(retained.Status.Joined).To(Equal("1/1"))
	for _, thread := range []*chatv1alpha1.ChatThread{retained, deleted, across} {
		w.delete(thread)
		w.awaitGone(thread)
	}
	w.Expect(w.threads()).To(HaveLen(1))
	seen.mu.Lock()
	defer seen.mu.Unlock()
	w.Expect(seen.refused).To(BeEmpty())
}

// An operator with Roles that may also read the CRDs lets a connection select other namespaces. It
// reads a Namespace when it needs it.
func TestSelectorWithRoles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	guest := w.newNamespace()
	w.options.WatchNamespaces = []string{w.namespace, guest}
	api := w.installNamespaced()
	w.serve(guest)
	w.letReadCRDs()
	conn := w.connect(func(o *chatv1alpha1.ChatConnection) { o.Spec.AllowedNamespaces = namespacesNamed(guest) })
	w.startAs(api, w.options)
	w.awaitReason(conn, chatv1alpha1.ReasonSucceeded)
	thread := w.newThread("across", w.users(1)...)
	thread.Namespace, thread.Spec.ConnectionRef.Namespace = guest, w.namespace
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)

	w.denyNamespaces(guest)
	edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Topic = "not set" })
	w.awaitReason(thread, chatv1alpha1.ReasonPermissionDenied)
	w.Expect(w.message(thread)).To(And(ContainSubstring("namespaces %q is forbidden", guest), ContainSubstring("cannot get resource")))
	w.delete(thread)
	w.awaitGone(thread)
}

// serve lets the operator work in one more namespace.
func (w *world) serve(namespace string) {
	w.t.Helper()
	w.installFrom(w.overlay(filepath.Join("overlays", "namespaced", "served"), w.subjectPatch()...), namespace)
	w.Eventually(func() map[string]bool { return w.rules(w.asAccount(w.namespace, w.account()), namespace) }).Should(HaveKey("get namespaces"))
}

// letReadCRDs grants the operator the permission of config/default that no Role can contain and
// that an operator without --namespaced needs.
func (w *world) letReadCRDs() {
	w.t.Helper()
	name := "reads-crds-" + w.namespace
	w.Expect(admin.Create(w.t.Context(), &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{"apiextensions.k8s.io"}, Resources: []string{"customresourcedefinitions"}, Verbs: []string{"get"},
	}}})).To(Succeed())
	w.Expect(admin.Create(w.t.Context(), &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: w.namespace, Name: w.account()}},
	})).To(Succeed())
	w.Eventually(func() map[string]bool { return w.rules(w.asAccount(w.namespace, w.account()), w.namespace) }).Should(
		HaveKey("get customresourcedefinitions.apiextensions.k8s.io"))
}

// namespacesNamed selects one namespace.
func namespacesNamed(name string) *chatv1alpha1.AllowedNamespaces {
	return &chatv1alpha1.AllowedNamespaces{From: chatv1alpha1.NamespacesFromSelector,
		Selector: &chatv1alpha1.LabelSelector{MatchLabels: map[string]chatv1alpha1.LabelValue{"kubernetes.io/metadata.name": chatv1alpha1.LabelValue(name)}}}
}

// subjectPatch sets the operator's namespace, as the manifests document.
func (w *world) subjectPatch() []string {
	return []string{"patches:", "- target: {kind: RoleBinding}", "  patch: |-", "    - op: replace", "      path: /subjects/0",
		"      value: {kind: ServiceAccount, name: " + w.account() + ", namespace: " + w.namespace + "}"}
}

// denyNamespaces removes the permission to read Namespaces from the operator's Role.
func (w *world) denyNamespaces(namespace string) {
	w.t.Helper()
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "acs-chat-operator-manager-role"}}
	edit(w, role, func(o *rbacv1.Role) {
		o.Rules = slices.DeleteFunc(o.Rules, func(rule rbacv1.PolicyRule) bool { return slices.Contains(rule.Resources, "namespaces") })
	})
	w.Eventually(func() map[string]bool { return w.rules(w.asAccount(w.namespace, w.account()), namespace) }).ShouldNot(HaveKey("get namespaces"))
}

// The namespaced install grants permissions in its namespace only, and only those that a Role can
// contain.
func TestNamespacedPermissions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.installNamespaced()
	operator, nobody := w.asAccount(w.namespace, w.account()), w.asAccount(w.namespace, "nobody")
	own := slices.DeleteFunc(slices.Concat(ownRules, leaseRules), func(rule string) bool {
		return strings.Contains(rule, "customresourcedefinitions") || strings.Contains(rule, "reviews") || rule == "list namespaces" || rule == "watch namespaces"
	})
	for namespace, want := range map[string][]string{w.namespace: own, "kube-system": nil} {
		w.Eventually(func() string {
			got := w.rules(operator, namespace)
			for rule := range w.rules(nobody, namespace) {
				delete(got, rule)
			}
			return cmp.Diff(sorted(want...), slices.Sorted(maps.Keys(got)))
		}).Should(BeEmpty(), func() string { return fmt.Sprintf("rules in %s (-want +got)", namespace) })
	}
}
