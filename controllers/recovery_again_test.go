// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// An emptied status is written again at once, without other effects.
func TestEmptiedStatusIsWrittenAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.ready()
	thread := w.newThread("emptied")
	w.create(thread)
	participant := w.newParticipant("member", thread.Name, w.users(1)[0])
	w.create(participant)
	w.awaitReason(participant, chatv1alpha1.ReasonSucceeded)
	id := w.emulator.Threads()[0].ID
	w.emulator.ResetRequests()
	for obj, emptied := range map[objects.Conditioned]string{
		participant: `{"status":null}`,
		thread:      `{"status":{"conditions":null,"joined":null,"participants":null,"observedGeneration":null}}`,
		conn:        `{"status":{"conditions":null,"endpoint":null,"serviceUsers":null,"observedGeneration":null}}`,
	} {
		w.Expect(admin.Status().Patch(t.Context(), obj, client.RawPatch(types.MergePatchType, []byte(emptied)))).To(Succeed())
		w.Expect(obj.GetConditions()).To(BeEmpty())
		w.awaitReason(obj, chatv1alpha1.ReasonSucceeded)
	}
	w.Expect(thread.Status.ThreadID).To(Equal(id))
	w.Expect(thread.Status.Joined).To(Equal("1/1"))
	w.Expect(participant.Status.ThreadID).To(Equal(id))
	w.Expect(conn.Status.ServiceUsers).To(HaveLen(1))
	calls := w.calls()
	for _, operation := range []emulator.Operation{emulator.OperationCreateThread, emulator.OperationCreateUser, emulator.OperationAddParticipants} {
		w.Expect(calls[operation]).To(BeZero(), string(operation))
	}
}

// A ChatParticipant has no resync. A status that somebody else wrote, such as a process that ended,
// is replaced at once.
func TestStatusOfAnotherWriterIsReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	thread := w.newThread("overwritten")
	w.create(thread)
	participant := w.newParticipant("member", thread.Name, w.users(1)[0])
	w.create(participant)
	w.awaitReason(participant, chatv1alpha1.ReasonSucceeded)
	other := participant.DeepCopy()
	objects.Mark(other, outcome.Outcome{Reason: chatv1alpha1.ReasonThreadNotReady, Message: "written by another process"})
	w.Expect(admin.Status().Patch(t.Context(), other, client.MergeFrom(participant))).To(Succeed())
	_, reason := objects.ReadyReason(other)
	w.Expect(reason).To(Equal(chatv1alpha1.ReasonThreadNotReady))
	w.awaitReason(participant, chatv1alpha1.ReasonSucceeded)
}

// A removed annotation is restored at once.
func TestServiceUserIsPutBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	thread := w.readyThread("annotated")
	user := thread.Annotations[chatv1alpha1.AnnotationServiceUser]
	w.Expect(user).NotTo(BeEmpty())
	edit(w, thread, func(o *chatv1alpha1.ChatThread) { delete(o.Annotations, chatv1alpha1.AnnotationServiceUser) })
	w.Eventually(func() string { w.get(thread); return thread.Annotations[chatv1alpha1.AnnotationServiceUser] }).Should(Equal(user))
}

// An emptied stamp is restored.
func TestStampIsPutBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	thread := w.readyThread("stamp")
	w.emulator.UpdateThread(thread.Status.ThreadID, func(th *emulator.Thread) {
		th.Metadata = map[string]string{chatv1alpha1.StampOwner: "", chatv1alpha1.StampUID: ""}
	})
	w.request(thread)
	w.Expect(w.remote(thread).Metadata).To(HaveKeyWithValue(chatv1alpha1.StampUID, string(thread.UID)))
}

// A reconcile that panics sets the reason InternalError, and the next one continues.
func TestPanicIsReported(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	var failing atomic.Bool
	next := w.options.HTTPClient.Transport
	w.options.HTTPClient.Transport = roundTrip(func(req *http.Request) (*http.Response, error) {
		if failing.Load() && strings.HasSuffix(req.URL.Path, ":add") {
			panic("a fault of the operator's own")
		}
		return next.RoundTrip(req)
	})
	w.ready(allow)
	thread := w.readyThread("room")
	failing.Store(true)
	edit(w, thread, func(o *chatv1alpha1.ChatThread) {
		o.Spec.Participants = w.newThread("", w.users(1)...).Spec.Participants
	})
	w.awaitReason(thread, chatv1alpha1.ReasonInternalError)
	failing.Store(false)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
}

// Removed finalizers and annotations come back, and no event reports them.
func TestStrippedObjectsAreCompletedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.ready(allow)
	thread, guest := w.newThread("room", w.users(1)...), w.newParticipant("guest", "room", w.users(1)[0])
	w.create(thread, guest)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.awaitReason(guest, chatv1alpha1.ReasonSucceeded)
	for _, obj := range []client.Object{guest, thread, conn} {
		w.get(obj)
		before := objects.CopyOf(obj)
		annotations := obj.GetAnnotations()
		obj.SetFinalizers(nil)
		obj.SetAnnotations(nil)
		w.Expect(admin.Patch(t.Context(), obj, client.MergeFrom(before))).To(Succeed())
		w.Eventually(func() bool { w.get(obj); return objects.HasFinalizer(obj) }).Should(BeTrue(), "%T", obj)
		w.Eventually(func() map[string]string { w.get(obj); return obj.GetAnnotations() }).Should(Equal(annotations), "%T", obj)
	}
	w.request(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(thread.Status.Joined).To(Equal("2/2"))
	w.Expect(w.eventReasons(thread)).NotTo(ContainElement(chatv1alpha1.EventFound))
}

// A removed finalizer comes back at once, even if ACS refuses the credential. A deletion would not
// wait for the operator without it.
func TestFinalizerComesBackWithoutACS(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.ready(allow)
	thread := w.readyThread("room", w.users(1)...)
	w.emulator.RotateAccessKey()
	edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Topic = "again" })
	w.awaitReason(conn, chatv1alpha1.ReasonAuthenticationFailed)
	w.awaitReason(thread, chatv1alpha1.ReasonConnectionNotReady)
	before := thread.DeepCopy()
	thread.Finalizers, thread.Annotations = nil, nil
	w.Expect(admin.Patch(t.Context(), thread, client.MergeFrom(before))).To(Succeed())
	w.Eventually(func() bool { w.get(thread); return objects.HasFinalizer(thread) }).Should(BeTrue())
	w.Expect(thread.Annotations).To(HaveKeyWithValue(chatv1alpha1.AnnotationServiceUser, thread.Status.ServiceUser))
	w.delete(thread)
	w.Expect(w.threads()).To(HaveLen(1))
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "acs"}}
	edit(w, secret, func(o *corev1.Secret) { o.Data["connectionString"] = []byte(w.emulator.ConnectionString(w.server.URL)) })
	askConnection(w, conn, "1")
	w.awaitGone(thread)
	w.Expect(w.threads()).To(BeEmpty())
}
