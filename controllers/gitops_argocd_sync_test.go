// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/jsonmergepatch"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
)

// argoManager is the field manager of Argo CD.
const argoManager = "argocd-controller"

// fromGit returns manifests as Argo CD applies them: of a ChatParticipant, its ChatThread and their
// ChatConnection, in an order in which each needs the next one.
func (w *world) fromGit(users ...string) string {
	const manifests = `
apiVersion: chat.acs-operator.io/v1alpha1
kind: ChatParticipant
metadata:
  name: support-edsger
  annotations: {argocd.argoproj.io/tracking-id: "chat:chat.acs-operator.io/ChatParticipant:team-a/support-edsger"}
spec:
  threadRef: {name: support}
  userID: %[2]s
---
apiVersion: chat.acs-operator.io/v1alpha1
kind: ChatThread
metadata:
  name: support
  annotations: {argocd.argoproj.io/tracking-id: "chat:chat.acs-operator.io/ChatThread:team-a/support"}
spec:
  topic: Support
  participants:
  - userID: %[1]s
    displayName: Ada Lovelace
  metadata: {order: "4711"}
---
apiVersion: chat.acs-operator.io/v1alpha1
kind: ChatConnection
metadata:
  name: default
  annotations: {argocd.argoproj.io/tracking-id: "chat:chat.acs-operator.io/ChatConnection:team-a/default"}
spec:
  connectionStringSecretRef: {name: acs}
`
	return fmt.Sprintf(manifests, users[0], users[1])
}

// declared is an object in Git.
type declared struct {
	yaml string
	*unstructured.Unstructured
}

// documents splits manifests.
func (w *world) documents(git string) []declared {
	w.t.Helper()
	var all []declared
	for document := range strings.SplitSeq(git, "\n---\n") {
		obj := &unstructured.Unstructured{}
		w.Expect(yaml.Unmarshal([]byte(document), obj)).To(Succeed())
		obj.SetNamespace(w.namespace)
		all = append(all, declared{document, obj})
	}
	return all
}

// synced creates the Secret, applies manifests, and waits until all three objects are Ready.
func (w *world) synced(git string, flags ...string) (*chatv1alpha1.ChatConnection, *chatv1alpha1.ChatThread, *chatv1alpha1.ChatParticipant) {
	w.t.Helper()
	w.createSecret()
	w.mustKubectl(git, append([]string{"apply", "-f", "-"}, flags...)...)
	key := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: w.namespace, Name: name} }
	conn, thread := &chatv1alpha1.ChatConnection{ObjectMeta: key("default")}, &chatv1alpha1.ChatThread{ObjectMeta: key("support")}
	member := &chatv1alpha1.ChatParticipant{ObjectMeta: key("support-edsger")}
	w.awaitReason(conn, chatv1alpha1.ReasonSucceeded)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.awaitReason(member, chatv1alpha1.ReasonSucceeded)
	return conn, thread, member
}

// outOfSync returns the differences between a manifest and its live object that Argo CD finds: by
// the annotation of kubectl apply, where there is one, and by a server-side apply that changes
// nothing.
func (w *world) outOfSync(m declared) []string {
	w.t.Helper()
	live := m.DeepCopy()
	w.Expect(admin.Get(w.t.Context(), client.ObjectKeyFromObject(m), live)).To(Succeed())
	desired, err := json.Marshal(m.Object)
	w.Expect(err).NotTo(HaveOccurred())
	current, err := json.Marshal(live.Object)
	w.Expect(err).NotTo(HaveOccurred())
	var found []string
	if applied := live.GetAnnotations()[corev1.LastAppliedConfigAnnotation]; applied != "" {
		patch, err := jsonmergepatch.CreateThreeWayJSONMergePatch([]byte(applied), desired, current)
		w.Expect(err).NotTo(HaveOccurred())
		if string(patch) != "{}" {
			found = append(found, "three-way: "+string(patch))
		}
	}
	predicted := m.DeepCopy()
	options := &client.PatchOptions{DryRun: []string{metav1.DryRunAll}, FieldManager: argoManager, Force: new(true)}
	w.Expect(admin.Patch(w.t.Context(), predicted, client.RawPatch(types.ApplyPatchType, desired), options)).To(Succeed())
	patch, err := client.MergeFrom(withoutVersion(live)).Data(withoutVersion(predicted))
	w.Expect(err).NotTo(HaveOccurred())
	if string(patch) != "{}" {
		found = append(found, "server-side: "+string(patch))
	}
	return found
}

// withoutVersion removes the fields that Argo CD does not compare.
func withoutVersion(obj *unstructured.Unstructured) *unstructured.Unstructured {
	obj = obj.DeepCopy()
	obj.SetManagedFields(nil)
	obj.SetResourceVersion("")
	return obj
}

// expectInSync fails the test if Argo CD would show an object as OutOfSync.
func (w *world) expectInSync(git string) {
	w.t.Helper()
	for _, m := range w.documents(git) {
		w.Expect(w.outOfSync(m)).To(BeEmpty(), m.GetKind())
	}
}

// Nothing that the operator writes makes a resource OutOfSync, whichever way Argo CD applies and
// compares it. The order of the resources does not matter.
func TestArgoInSync(t *testing.T) {
	t.Parallel()
	for name, flags := range map[string][]string{"client-side apply": nil, "server-side apply": {"--server-side", "--field-manager", argoManager}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			w.start()
			git := w.fromGit(w.users(2)...)
			conn, thread, member := w.synced(git, flags...)
			w.expectInSync(git)
			for range 3 {
				w.request(thread)
			}
			w.expectInSync(git)
			for _, obj := range []client.Object{conn, thread, member} {
				w.get(obj)
				w.Expect(obj.GetGeneration()).To(BeEquivalentTo(1))
				w.expectNoSpecWritten(obj)
			}
			// An edit at ACS is not a difference to Git: the operator repairs it.
			w.emulator.UpdateThread(thread.Status.ThreadID, func(remote *emulator.Thread) { remote.Topic = "changed elsewhere" })
			w.request(thread)
			w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
			w.Expect(w.remote(thread).Topic).To(Equal("Support"))
			w.expectInSync(git)
		})
	}
}

// expectNoSpecWritten fails the test if somebody other than kubectl and Argo CD set a field outside
// of the status, the finalizers and the annotations of the operator.
func (w *world) expectNoSpecWritten(obj client.Object) {
	w.t.Helper()
	for _, entry := range obj.GetManagedFields() {
		if strings.HasPrefix(entry.Manager, "kubectl") || entry.Manager == argoManager {
			continue
		}
		var fields struct {
			Spec     any `json:"f:spec"`
			Metadata struct {
				Annotations map[string]any `json:"f:annotations"`
				Labels      any            `json:"f:labels"`
			} `json:"f:metadata"`
		}
		w.Expect(json.Unmarshal(entry.FieldsV1.GetRawBytes(), &fields)).To(Succeed())
		w.Expect(fields.Spec).To(BeNil(), "%s owns %v", entry.Manager, fields.Spec)
		w.Expect(fields.Metadata.Labels).To(BeNil())
		for name := range fields.Metadata.Annotations {
			w.Expect(name).To(Or(Equal("."), HavePrefix("f:"+chatv1alpha1.GroupVersion.Group+"/")))
		}
	}
}

// With selfHeal, Argo CD reverts an edit of a field that Git sets. It does not see an edit of a
// field that Git does not set, such as the effect of the action observe.
func TestArgoSelfHeal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	a := &argo{world: w, kinds: w.patchArgo()}
	w.start()
	git := w.fromGit(w.users(2)...)
	_, thread, _ := w.synced(git)
	w.mustKubectl("", "patch", "chatthread", "support", "--type=merge", "--patch", `{"spec":{"topic":"edited"}}`)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.remote(thread).Topic).To(Equal("edited"))
	w.Expect(w.outOfSync(w.documents(git)[1])).To(HaveLen(2))
	w.mustKubectl(git, "apply", "-f", "-")
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.remote(thread).Topic).To(Equal("Support"))
	w.expectInSync(git)

	a.act(thread, "observe")
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.expectInSync(git)
	w.mustKubectl(git, "apply", "-f", "-")
	w.get(thread)
	w.Expect(thread.Observes()).To(BeTrue())
	pinned := strings.Replace(git, "  topic: Support\n", "  topic: Support\n  managementPolicy: Manage\n", 1)
	w.Expect(w.outOfSync(w.documents(pinned)[1])).To(HaveLen(2))
	w.mustKubectl(pinned, "apply", "-f", "-")
	w.get(thread)
	w.Expect(thread.Observes()).To(BeFalse())
	w.expectInSync(pinned)
}

// After a replace with the manifests from Git (Replace=true), the operator restores its finalizers
// and annotations, and each thread stays the same.
func TestArgoReplace(t *testing.T) {
	t.Parallel()
	for name, stopped := range map[string]bool{"operator runs": false, "operator is stopped": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			stop := w.start()
			git := w.fromGit(w.users(2)...)
			conn, thread, member := w.synced(git)
			before := map[client.Object]client.Object{conn: objects.CopyOf(conn), thread: objects.CopyOf(thread), member: objects.CopyOf(member)}
			if stopped {
				stop()
			}
			w.mustKubectl(git, "replace", "-f", "-")
			if stopped {
				for obj := range before {
					w.get(obj)
					w.Expect(obj.GetFinalizers()).To(BeEmpty())
					w.Expect(obj.GetAnnotations()).To(HaveLen(1), "only that of Argo CD: %v", obj.GetAnnotations())
				}
				w.start()
			}
			for obj, was := range before {
				w.Eventually(func() map[string]string { w.get(obj); return ours(obj) }).Should(Equal(ours(was)))
				w.Eventually(func() []string { w.get(obj); return obj.GetFinalizers() }).Should(Equal(was.GetFinalizers()))
				w.Expect(obj.GetUID()).To(Equal(was.GetUID()))
			}
			w.request(thread)
			w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
			w.awaitReason(member, chatv1alpha1.ReasonSucceeded)
			w.Expect(w.threads()).To(HaveLen(1))
			w.Expect(w.threads()[0].ID).To(Equal(thread.Status.ThreadID))
			w.Expect(w.calls()[emulator.OperationRemoveParticipant]).To(BeZero())
			w.expectInSync(git)
			w.delete(thread)
			w.awaitGone(thread)
			w.Expect(w.threads()).To(BeEmpty())
		})
	}
}

// ours returns the annotations of the operator on an object.
func ours(obj client.Object) map[string]string {
	found := map[string]string{}
	for name, value := range obj.GetAnnotations() {
		if strings.HasPrefix(name, chatv1alpha1.GroupVersion.Group+"/") && name != chatv1alpha1.AnnotationReconcileRequestedAt {
			found[name] = value
		}
	}
	return found
}

// Replace=true with Force=true deletes a ChatThread and creates it again, and so does Force=true
// alone if an immutable field changed. The old thread is deleted, or with Retain left alone.
func TestArgoForce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		command, policy, connection string
		left                        int
	}{
		"replace":                     {"replace", "Delete", "default", 1},
		"replace of a retained":       {"replace", "Retain", "default", 2},
		"apply":                       {"apply", "Delete", "default", 1},
		"apply of another connection": {"apply", "Delete", "other", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			w.start()
			git := strings.Replace(w.fromGit(w.users(2)...), "  topic: Support\n", "  topic: Support\n  deletionPolicy: "+c.policy+"\n", 1)
			_, thread, _ := w.synced(git)
			w.create(newConnection(w.namespace, "other"))
			uid, id := thread.UID, thread.Status.ThreadID
			changed := strings.Replace(w.documents(git)[1].yaml, "spec:\n", "spec:\n  connectionRef: {name: "+c.connection+"}\n", 1)
			if _, err := w.kubectl(changed, c.command, "--force", "-f", "-"); c.command == "replace" {
				w.Expect(err).NotTo(HaveOccurred())
			} else if err != nil {
				// kubectl apply does not wait for the finalizer. Argo CD syncs again.
				w.Eventually(func() error { _, err := w.kubectl(changed, "apply", "-f", "-"); return err }).Should(Succeed())
			}
			w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
			isNew := c.command == "replace" || c.connection != "default"
			w.Expect(thread.UID != uid).To(Equal(isNew))
			w.Expect(thread.Status.ThreadID != id).To(Equal(isNew))
			w.Expect(w.threads()).To(HaveLen(c.left))
		})
	}
}
