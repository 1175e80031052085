// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
)

// A deletion deletes the thread, accepts a missing thread, and calls nothing for a thread that was
// never created.
func TestDelete(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	gone, there, abandoned := w.newThread("gone"), w.newThread("there"), w.newThread("abandoned")
	for _, thread := range []*chatv1alpha1.ChatThread{gone, there, abandoned} {
		w.create(thread)
		w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	}
	w.emulator.DeleteThread(gone.Status.ThreadID)
	edit(w, abandoned, func(o *chatv1alpha1.ChatThread) { objects.SetAnnotation(o, chatv1alpha1.AnnotationAbandon, "true") })
	for _, thread := range []*chatv1alpha1.ChatThread{gone, there, abandoned} {
		w.delete(thread)
		w.awaitGone(thread)
	}
	w.Expect(w.threads()).To(HaveLen(1))
	w.Expect(w.threads()[0].ID).To(Equal(abandoned.Status.ThreadID))
	w.Eventually(func() []string { return w.eventReasons(there) }).Should(ContainElement(chatv1alpha1.EventDeleted))

	waiting := w.newThread("waiting")
	waiting.Spec.ConnectionRef.Name = "missing"
	w.create(waiting)
	w.awaitReason(waiting, chatv1alpha1.ReasonConnectionNotFound)
	w.delete(waiting)
	w.awaitGone(waiting)
}

// ACS hides the members of threads that exist. A thread that it does not find all the same counts
// as gone once it says so twice.
func TestDeletionOfAThreadWithContradictingAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	thread := w.readyThread("contradicted")
	id := thread.Status.ThreadID
	w.emulator.Inject(emulator.Fault{Operation: emulator.OperationGetThread, ThreadID: id, Status: http.StatusNotFound})
	w.emulator.Inject(emulator.Fault{Operation: emulator.OperationListParticipants, ThreadID: id, Status: http.StatusForbidden})
	w.emulator.ResetRequests()
	w.delete(thread)
	w.awaitGone(thread)
	w.Expect(w.calls()[emulator.OperationGetThread]).To(BeNumerically(">=", 2))
	w.Expect(w.calls()[emulator.OperationDeleteThread]).To(BeZero())
}

// A deletion after a lost answer to a create searches for the thread.
func TestDeleteAfterLostAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	w.emulator.Inject(emulator.Fault{Operation: emulator.OperationCreateThread, DropAfter: true})
	thread := w.newThread("lost")
	w.create(thread)
	w.Eventually(func() int { return len(w.threads()) }).Should(Equal(1))
	w.delete(thread)
	w.awaitGone(thread)
	w.Expect(w.threads()).To(BeEmpty())
}

// If the Secret is deleted before the thread, deletions use the credential in memory. After a
// restart the status names the thread and the way out.
func TestCredentialsOutliveTheirSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.connect()
	stop := w.start()
	first, second := w.newThread("first"), w.newThread("second")
	w.create(first, second)
	w.awaitReason(first, chatv1alpha1.ReasonSucceeded)
	w.awaitReason(second, chatv1alpha1.ReasonSucceeded)
	w.delete(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "acs"}})
	w.delete(conn)
	w.awaitReason(conn, chatv1alpha1.ReasonInUse)
	w.delete(first)
	w.awaitGone(first)
	w.Expect(w.threads()).To(HaveLen(1))

	stop()
	w.start()
	w.delete(second)
	w.awaitReason(second, chatv1alpha1.ReasonConnectionNotReady)
	w.delete(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}})
	edit(w, second, func(o *chatv1alpha1.ChatThread) {
		objects.SetAnnotation(o, chatv1alpha1.AnnotationReconcileRequestedAt, "now")
	})
	w.awaitReason(second, chatv1alpha1.ReasonCredentialsLost)
	w.Expect(w.message(second)).To(And(ContainSubstring(second.Status.ThreadID), ContainSubstring(chatv1alpha1.AnnotationAbandon)))
	edit(w, second, func(o *chatv1alpha1.ChatThread) { objects.SetAnnotation(o, chatv1alpha1.AnnotationAbandon, "true") })
	w.awaitGone(second)
	w.awaitGone(conn)
}

// A retained thread keeps its members while its namespace is deleted with the ChatParticipants.
func TestRetainedThreadKeepsMembers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	thread := w.newThread("retained")
	thread.Spec.DeletionPolicy = chatv1alpha1.DeletionRetain
	user := w.users(1)[0]
	participant := w.newParticipant("member", "retained", user)
	w.create(thread, participant)
	w.awaitReason(participant, chatv1alpha1.ReasonSucceeded)
	w.delete(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}})
	w.delete(participant)
	w.awaitGone(participant)
	w.Expect(w.memberIDs(thread)).To(Equal([]string{user}))
	w.request(thread)
	w.Expect(w.memberIDs(thread)).To(Equal([]string{user}), "also after the last of them went")
}

// A retained thread is released only after the members that were out for a renewal are back, as
// before and with the same history.
func TestReleasedThreadHasEverybodyBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	users := w.users(3)
	thread := newcomers(w, "room", users...)
	edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.DeletionPolicy = chatv1alpha1.DeletionRetain })
	end := w.emulator.Inject(emulator.Fault{Operation: emulator.OperationAddParticipants, Status: http.StatusServiceUnavailable})
	rename(w, thread, "renamed")
	w.awaitReason(thread, chatv1alpha1.ReasonServiceUnavailable)
	w.Expect(w.memberIDs(thread)).To(BeEmpty())
	w.delete(thread)
	// The deletion waits for ACS as for its other calls.
	w.Eventually(func() string { w.get(thread); return w.message(thread) }).Should(ContainSubstring(chatv1alpha1.AnnotationAbandon))
	remote := w.remote(thread)
	w.Expect(remote.Metadata[chatv1alpha1.StampUID]).To(Equal(string(thread.UID)))
	end()
	w.awaitGone(thread)
	remote, _ = w.emulator.Thread(remote.ID)
	w.Expect(remote.Metadata[chatv1alpha1.StampUID]).To(BeEmpty())
	for i, user := range users {
		w.Expect(remote.Members).To(ContainElement(And(HaveField("ID", user), HaveField("DisplayName", fmt.Sprint("name ", i)),
			HaveField("ShareHistoryTime", BeTemporally("==", joined)))), "%+v", remote.Members)
	}
	w.Eventually(func() []string { return w.eventReasons(thread) }).Should(ContainElement(chatv1alpha1.EventMembersAdded))
}

// A member that ACS takes back in no form does not hold up the release, and an event names it.
func TestReleaseNamesWhoIsNotBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	users := w.users(1)
	thread := w.newThread("room", users[0])
	thread.Spec.DeletionPolicy = chatv1alpha1.DeletionRetain
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	// ACS refuses this user in each declaration.
	w.emulator.AddMember(thread.Status.ThreadID, emulator.Member{ID: foreign, DisplayName: "before"})
	edit(w, thread, func(o *chatv1alpha1.ChatThread) {
		o.Spec.Participants = append(o.Spec.Participants, chatv1alpha1.Member{UserID: foreign, DisplayName: "after"})
	})
	w.awaitReason(thread, chatv1alpha1.ReasonParticipantRejected)
	w.Expect(thread.Status.Renewing).To(HaveLen(1))
	id := thread.Status.ThreadID
	w.delete(thread)
	w.awaitGone(thread)
	remote, _ := w.emulator.Thread(id)
	w.Expect(remote.DeletedOn).To(BeNil())
	w.Expect(remote.Metadata[chatv1alpha1.StampUID]).To(BeEmpty())
	w.Eventually(func() []string {
		var notes []string
		for _, e := range w.events(thread) {
			if e.Type == corev1.EventTypeWarning {
				notes = append(notes, e.Note)
			}
		}
		return notes
	}).Should(ContainElement(And(ContainSubstring("add them at ACS: "+foreign), ContainSubstring("403 Permissions check failed"))))
}

// A thread that another ChatThread waits for is not deleted before deletionPolicy is Retain.
func TestAwaitedThreadIsNotDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready(allow)
	users := w.users(1)
	former := w.readyThread("room", users...)
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

// A deleted resource is not Ready while finalizers of others keep it.
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

// If the operator may not read the CRD, it may be terminating: no thread is deleted, and the status
// gives the reason.
func TestDeletionNeedsToReadTheCRD(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.connect(allow)
	denied := rest.CopyConfig(operatorConfig)
	denied.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(req *http.Request) (*http.Response, error) {
			if strings.Contains(req.URL.Path, "customresourcedefinitions") {
				req = req.Clone(req.Context())
				req.URL.Path += "-other"
			}
			return next.RoundTrip(req)
		})
	})
	w.startAs(denied, w.options)
	w.awaitReason(conn, chatv1alpha1.ReasonSucceeded)
	thread := w.readyThread("room")
	w.delete(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonPermissionDenied)
	w.Expect(w.threads()).To(HaveLen(1))
}

// From the first call of a deletion to ACS on, no status is Ready.
func TestNoDeletedThreadIsReady(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready(allow)
	thread := w.readyThread("room")
	reached, goOn := make(chan struct{}), make(chan struct{})
	w.emulator.Inject(emulator.Fault{Operation: emulator.OperationDeleteThread, Times: 1, Transform: func(status int, _ http.Header, body []byte) (int, []byte) {
		close(reached)
		<-goOn
		return status, body
	}})
	w.delete(thread)
	<-reached
	w.get(thread)
	status, reason := objects.ReadyReason(thread)
	close(goOn)
	if status == metav1.ConditionTrue || reason != chatv1alpha1.ReasonDeleting {
		t.Errorf("while the thread is deleted at ACS, Ready is %s %s", status, reason)
	}
	w.awaitGone(thread)
}
