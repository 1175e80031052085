// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"net/http"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// What a newer version of the schema let pass is not carried out as the default, which is the strongest.
func TestUnknownValuesDoNothing(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*chatv1alpha1.ChatThreadSpec){
		"managementPolicy": func(s *chatv1alpha1.ChatThreadSpec) { s.ManagementPolicy = "Paused" },
		"membershipPolicy": func(s *chatv1alpha1.ChatThreadSpec) { s.MembershipPolicy = "Mirror" },
		"deletionPolicy":   func(s *chatv1alpha1.ChatThreadSpec) { s.DeletionPolicy = "Archive" },
		"recreationPolicy": func(s *chatv1alpha1.ChatThreadSpec) { s.RecreationPolicy = "Once" },
		"participants": func(s *chatv1alpha1.ChatThreadSpec) {
			s.Participants = []chatv1alpha1.Member{{UserID: "8:acs:a", ShareHistory: "Some"}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, deleting := range []bool{false, true} {
				thread := &chatv1alpha1.ChatThread{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "room", Finalizers: []string{chatv1alpha1.Finalizer}}}
				thread.Status.ThreadID = "19:x"
				if deleting {
					thread.DeletionTimestamp = new(metav1.Now())
				}
				if unknown := thread.UnknownValue(); unknown != "" {
					t.Errorf("the zero value is unknown: %s", unknown)
				}
				change(&thread.Spec)
				s := situation{run: run{thread: thread, before: thread.DeepCopy()}}
				_, err := (&ChatThreadReconciler{}).reconcile(t.Context(), s)
				got := outcome.Classify(err)
				if got.Reason != chatv1alpha1.ReasonInvalidRequest || !got.Stalled {
					t.Errorf("deleting %t: %+v", deleting, got)
				}
			}
		})
	}
}

// A ChatConnection that was replaced knows other service users: its threads say whose id is missing.
func TestReplacedConnectionNamesTheLostUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.ready(allow)
	thread := w.newThread("room", w.users(1)...)
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	lost := chatv1alpha1.ServiceUserID(thread.Status.ServiceUser)
	w.delete(conn)
	w.awaitReason(conn, chatv1alpha1.ReasonInUse)
	edit(w, conn, func(o *chatv1alpha1.ChatConnection) { o.Finalizers = nil })
	w.awaitGone(conn)
	again := newConnection(w.namespace, "default")
	allow(again)
	w.create(again)
	w.awaitReason(again, chatv1alpha1.ReasonSucceeded)
	w.request(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonAccessLost)
	w.Expect(w.message(thread)).To(And(ContainSubstring(string(lost)), ContainSubstring("spec.serviceUsers.ids")))
	edit(w, again, func(o *chatv1alpha1.ChatConnection) {
		o.Spec.ServiceUsers = &chatv1alpha1.ServiceUsers{IDs: []chatv1alpha1.ServiceUserID{lost}}
	})
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.threads()).To(HaveLen(1))
}

// A thread that another ChatThread waits for is not deleted because somebody forgot to have it retained.
func TestAwaitedThreadIsNotDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready(allow)
	users := w.users(1)
	former := w.newThread("room", users...)
	w.create(former)
	w.awaitReason(former, chatv1alpha1.ReasonSucceeded)
	later := adopting(w, "room-2", former.Status.ThreadID, users...)
	w.create(later)
	w.awaitReason(later, chatv1alpha1.ReasonOwnedByAnother)
	w.delete(former)
	w.awaitReason(former, chatv1alpha1.ReasonDeleting)
	w.Expect(w.message(former)).To(And(ContainSubstring(w.namespace+"/room-2 waits"), ContainSubstring("Retain")))
	edit(w, former, func(o *chatv1alpha1.ChatThread) { o.Spec.DeletionPolicy = chatv1alpha1.DeletionRetain })
	w.awaitGone(former)
	w.awaitReason(later, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.threads()).To(HaveLen(1))
}

// A resource that others hold after its thread was deleted does not say that it is Ready.
func TestFinalizersOfOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready(allow)
	thread := w.newThread("room")
	thread.Finalizers = []string{"backup.example.com/export"}
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.delete(thread)
	w.Eventually(func() []string { w.get(thread); return thread.Finalizers }).Should(HaveLen(1))
	w.awaitReason(thread, chatv1alpha1.ReasonDeleting)
	w.Expect(w.message(thread)).To(ContainSubstring("was deleted or released at ACS"))
	before := objects.CopyOf(thread)
	thread.Finalizers = nil
	w.Expect(admin.Patch(t.Context(), thread, client.MergeFrom(before))).To(Succeed())
	w.awaitGone(thread)
}

// A namespace that is shut out takes Ready from its ChatParticipants as well, and none hangs without a word.
func TestParticipantsOfANamespaceThatIsShutOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	there := w.newNamespace()
	w.options.WatchNamespaces = append(w.options.WatchNamespaces, there)
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: there}}
	edit(w, ns, func(o *corev1.Namespace) { metav1.SetMetaDataLabel(&o.ObjectMeta, "chat", "yes") })
	w.ready(allow, func(conn *chatv1alpha1.ChatConnection) {
		conn.Spec.AllowedNamespaces = &chatv1alpha1.AllowedNamespaces{From: chatv1alpha1.NamespacesFromSelector,
			Selector: &chatv1alpha1.LabelSelector{MatchLabels: map[string]chatv1alpha1.LabelValue{"chat": "yes"}}}
	})
	thread, guest := w.newThread("room"), w.newParticipant("guest", "room", w.users(1)[0])
	thread.Namespace, guest.Namespace = there, there
	thread.Spec.ConnectionRef = chatv1alpha1.ConnectionReference{Name: "default", Namespace: w.namespace}
	w.create(thread, guest)
	w.awaitReason(guest, chatv1alpha1.ReasonSucceeded)
	edit(w, ns, func(o *corev1.Namespace) { delete(o.Labels, "chat") })
	w.awaitReason(thread, chatv1alpha1.ReasonNamespaceNotAllowed)
	w.awaitReason(guest, chatv1alpha1.ReasonThreadNotReady)
	w.delete(guest)
	w.Eventually(func() string { return w.message(guest) }).Should(ContainSubstring(chatv1alpha1.AnnotationAbandon))
}

// A token that has run out before it came is told as that, and no other is asked for at once.
func TestTokensThatHaveRunOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.emulator.Inject(emulator.Fault{Operation: emulator.OperationCreateUser, Transform: func(status int, _ http.Header, _ []byte) (int, []byte) {
		return status, []byte(`{"identity":{"id":"` + w.emulator.CreateUser() + `"}}`)
	}})
	w.emulator.Inject(emulator.Fault{Operation: emulator.OperationIssueToken, Status: http.StatusOK,
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   `{"token":"x.y.z","expiresOn":"` + time.Now().Add(-time.Minute).UTC().Format(time.RFC3339) + `"}`})
	conn := w.connect(allow)
	w.start()
	w.awaitReason(conn, chatv1alpha1.ReasonServiceUnavailable)
	w.Expect(w.message(conn)).To(ContainSubstring("check that clock"))
	for i := range 5 {
		w.create(w.newThread("room-" + string(rune('a'+i))))
	}
	w.Consistently(func() int { return w.calls()[emulator.OperationIssueToken] }).WithTimeout(3 * time.Second).Should(BeNumerically("<=", 2))
}
