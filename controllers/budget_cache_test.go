// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"encoding/json"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
)

// The cache drops an annotation of 250 kB, and the writes of the operator leave it in the object.
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

	// The finalizers are removed as well.
	w.delete(thread)
	w.awaitGone(thread)
}
