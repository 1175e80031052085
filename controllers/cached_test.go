// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
)

// The cache keeps what the operator reads, and no more of it than that.
func TestWhatTheCacheKeeps(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 4096)
	meta := metav1.ObjectMeta{
		Name: "a", UID: "u1", ResourceVersion: "7", Generation: 3, Finalizers: []string{chatv1alpha1.Finalizer},
		Labels: map[string]string{"team": "blue"}, OwnerReferences: []metav1.OwnerReference{{Name: "b"}},
		ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubectl"}},
		Annotations: map[string]string{
			"kubectl.kubernetes.io/last-applied-configuration": long, chatv1alpha1.AnnotationServiceUser: "8:acs:a",
			chatv1alpha1.AnnotationServiceUsers: long, chatv1alpha1.AnnotationAbandon: "true",
			chatv1alpha1.AnnotationReconcileRequestedAt: long, chatv1alpha1.AnnotationRecover: long,
		},
	}
	thread := &chatv1alpha1.ChatThread{ObjectMeta: *meta.DeepCopy()}
	if _, err := objects.KeepWhatIsRead(thread); err != nil {
		t.Fatal(err)
	}
	whole := &chatv1alpha1.ChatThread{ObjectMeta: *meta.DeepCopy()}
	if got := objects.ReconcileRequested(thread); got != objects.ReconcileRequested(whole) {
		t.Errorf("the request is answered with %q", got)
	}
	if got := thread.Annotations[chatv1alpha1.AnnotationRecover]; len(got) > 4096 {
		t.Errorf("%d bytes are kept", len(got))
	}
	delete(thread.Annotations, chatv1alpha1.AnnotationReconcileRequestedAt)
	delete(thread.Annotations, chatv1alpha1.AnnotationRecover)
	want := metav1.ObjectMeta{
		Name: "a", UID: "u1", ResourceVersion: "7", Generation: 3, Finalizers: []string{chatv1alpha1.Finalizer},
		Annotations: map[string]string{
			chatv1alpha1.AnnotationServiceUser: "8:acs:a", chatv1alpha1.AnnotationServiceUsers: long, chatv1alpha1.AnnotationAbandon: "true",
		},
	}
	if diff := cmp.Diff(want, thread.ObjectMeta); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}

	namespace := &corev1.Namespace{ObjectMeta: *meta.DeepCopy()}
	if _, err := objects.KeepWhatIsRead(namespace); err != nil {
		t.Fatal(err)
	}
	if namespace.Annotations != nil || namespace.Labels["team"] != "blue" {
		t.Errorf("a namespace kept %v, %v", namespace.Annotations, namespace.Labels)
	}
	gone := toolscache.DeletedFinalStateUnknown{Key: "a", Obj: thread}
	if got, err := objects.KeepWhatIsRead(gone); err != nil || got != any(gone) {
		t.Errorf("a deletion became %v, %v", got, err)
	}
}

// An annotation of a quarter of a megabyte takes no room in the cache, and stays in the object whatever the
// operator writes there.
func TestLongAnnotationIsNotCached(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	long := strings.Repeat("x", 250_000)
	thread, guest := w.newThread("room", w.users(1)...), w.newParticipant("guest", "room", w.users(1)[0])
	for _, obj := range []metav1.Object{thread, guest} {
		obj.SetAnnotations(map[string]string{"example.org/notes": long})
		obj.SetLabels(map[string]string{"team": "blue"})
	}
	w.create(thread, guest)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.awaitReason(guest, chatv1alpha1.ReasonSucceeded)
	edit(w, thread, func(o *chatv1alpha1.ChatThread) {
		objects.SetAnnotation(o, chatv1alpha1.AnnotationReconcileRequestedAt, "now")
		o.Spec.Topic = "another"
	})
	w.Eventually(func() string { w.get(thread); return thread.Status.LastHandledReconcileAt }).Should(Equal("now"))
	w.Expect(thread.Annotations).To(And(HaveKeyWithValue("example.org/notes", long), HaveKey(chatv1alpha1.AnnotationServiceUser)))
	w.Expect(thread.Labels).To(HaveKeyWithValue("team", "blue"))
	w.get(guest)
	w.Expect(guest.Annotations).To(HaveKeyWithValue("example.org/notes", long))

	options := CacheOptions([]string{w.namespace})
	options.Scheme = scheme
	cached, err := cache.New(operatorConfig, options)
	w.Expect(err).NotTo(HaveOccurred())
	_, err = cached.GetInformer(t.Context(), &chatv1alpha1.ChatThread{}, cache.BlockUntilSynced(false))
	w.Expect(err).NotTo(HaveOccurred())
	ended := make(chan error, 1)
	go func() { ended <- cached.Start(t.Context()) }()
	t.Cleanup(func() { w.Expect(<-ended).To(Succeed()) })
	w.Expect(cached.WaitForCacheSync(t.Context())).To(BeTrue())
	small := &chatv1alpha1.ChatThread{}
	w.Expect(cached.Get(t.Context(), objects.KeyOf(thread), small)).To(Succeed())
	size, err := json.Marshal(small)
	w.Expect(err).NotTo(HaveOccurred())
	w.Expect(len(size)).To(BeNumerically("<", 4096))
	w.Expect(small.Annotations).To(HaveKeyWithValue(chatv1alpha1.AnnotationReconcileRequestedAt, "now"))

	// The operator's finalizers come off as well.
	w.delete(thread)
	w.awaitGone(thread)
}
