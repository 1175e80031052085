// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"net/http"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
)

// foreignThread is a thread that an application made, with a service user as a member.
func foreignThread(w *world, conn *chatv1alpha1.ChatConnection, members ...string) string {
	creator := w.emulator.CreateUser()
	all := []emulator.Member{{ID: connection.UsersOf(conn).Recorded()[0]}}
	for _, id := range members {
		all = append(all, emulator.Member{ID: id})
	}
	return w.emulator.CreateThread(creator, "made by an application", all...)
}

func adopting(w *world, name, id string, members ...string) *chatv1alpha1.ChatThread {
	thread := w.newThread(name, members...)
	thread.Spec.ThreadID = id
	return thread
}

// Adoption takes a thread as it is, keeps its members, and leaves it behind when it goes.
func TestAdopt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.ready()
	users := w.users(2)
	id := foreignThread(w, conn, users[0])
	w.emulator.UpdateThread(id, func(th *emulator.Thread) {
		th.Metadata = map[string]string{"theirs": "kept"}
		th.RetentionDays = 60
	})
	before, _ := w.emulator.Thread(id)
	thread := adopting(w, "adopt", id, users[1])
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	remote := w.remote(thread)
	w.Expect(remote.Topic).To(Equal("topic of adopt"))
	w.Expect(remote.Members).To(HaveLen(len(before.Members) + 1))
	w.Expect(remote.Metadata).To(HaveKeyWithValue("theirs", "kept"))
	w.Expect(remote.RetentionDays).To(Equal(int32(60)))
	w.Expect(w.calls()[emulator.OperationCreateThread]).To(BeZero())
	w.Eventually(func() []string { return w.eventReasons(thread) }).Should(ContainElement(chatv1alpha1.EventAdopted))

	second := adopting(w, "second", id)
	w.create(second)
	w.awaitReason(second, chatv1alpha1.ReasonOwnedByAnother)
	w.Expect(objects.HasFinalizer(second)).To(BeFalse())
	w.delete(second)
	w.awaitGone(second)

	w.delete(thread)
	w.awaitGone(thread)
	left, _ := w.emulator.Thread(id)
	w.Expect(left.DeletedOn).To(BeNil())
	w.Expect(left.Metadata).To(HaveKeyWithValue(chatv1alpha1.StampReleasedBy, w.namespace+"/adopt"))
	w.Expect(left.Metadata).To(HaveKeyWithValue(chatv1alpha1.StampUID, ""))

	// What was released can be adopted again, here.
	again := adopting(w, "again", id)
	w.create(again)
	w.awaitReason(again, chatv1alpha1.ReasonSucceeded)
	left, _ = w.emulator.Thread(id)
	w.Expect(left.Metadata).To(HaveKeyWithValue(chatv1alpha1.StampReleasedBy, ""))
}

// An adoption that cannot be says why and creates nothing.
func TestAdoptionRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.ready()
	missing := adopting(w, "missing", "19:nothing@thread.v2")
	shut := adopting(w, "shut", w.emulator.CreateThread(w.emulator.CreateUser(), "not ours"))
	w.create(missing, shut)
	w.awaitReason(missing, chatv1alpha1.ReasonThreadGone)
	w.Expect(w.message(missing)).To(ContainSubstring("spec.threadID"))
	w.awaitReason(shut, chatv1alpha1.ReasonAccessLost)
	w.Expect(w.message(shut)).To(ContainSubstring(connection.UsersOf(conn).Recorded()[0]))
	w.Expect(w.calls()[emulator.OperationCreateThread]).To(BeZero())
	w.emulator.AddMember(shut.Spec.ThreadID, emulator.Member{ID: connection.UsersOf(conn).Recorded()[0]})
	w.request(shut)
	w.awaitReason(shut, chatv1alpha1.ReasonSucceeded)
	w.delete(missing)
	w.awaitGone(missing)
}

// What one namespace released, another one does not get through a shared connection.
func TestReleasedByAnotherNamespace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	guest := w.newNamespace()
	w.options.WatchNamespaces = append(w.options.WatchNamespaces, guest)
	conn := w.ready(func(conn *chatv1alpha1.ChatConnection) {
		conn.Spec.AllowedNamespaces = &chatv1alpha1.AllowedNamespaces{From: chatv1alpha1.NamespacesFromAll}
	})
	thread := w.newThread("private", w.users(1)...)
	thread.Spec.DeletionPolicy = chatv1alpha1.DeletionRetain
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	id := thread.Status.ThreadID
	w.delete(thread)
	w.awaitGone(thread)
	w.Expect(w.threads()).To(HaveLen(1))
	thief := adopting(w, "thief", id)
	thief.Namespace = guest
	thief.Spec.ConnectionRef = chatv1alpha1.ConnectionReference{Name: conn.Name, Namespace: conn.Namespace}
	w.create(thief)
	w.awaitReason(thief, chatv1alpha1.ReasonOwnedByAnother)
}

// Observe tells the plan and never writes.
func TestObserve(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.ready()
	users := w.users(3)
	absent := w.newThread("absent", users...)
	absent.Spec.ManagementPolicy = chatv1alpha1.ManagementObserve
	w.create(absent)
	w.awaitReason(absent, chatv1alpha1.ReasonDrifted)
	w.Expect(w.message(absent)).To(Equal("would create the thread with 3 participants"))

	id := foreignThread(w, conn, users[2])
	w.emulator.ResetRequests()
	thread := adopting(w, "observed", id, users[0], users[1])
	thread.Spec.ManagementPolicy = chatv1alpha1.ManagementObserve
	thread.Spec.MembershipPolicy = chatv1alpha1.MembershipExclusive
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonDrifted)
	w.Expect(w.message(thread)).To(Equal("would set topic, add 2, remove 2"))
	edit(w, thread, func(o *chatv1alpha1.ChatThread) {
		o.Spec.Topic = "made by an application"
		o.Spec.Participants = []chatv1alpha1.Member{{UserID: chatv1alpha1.UserID(users[2])}}
		o.Spec.MembershipPolicy = chatv1alpha1.MembershipAdditive
	})
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(thread.Status.Joined).To(Equal("1/1"))
	watcher := w.newParticipant("watcher", "observed", users[0])
	w.create(watcher)
	w.request(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonDrifted)
	w.Expect(w.message(thread)).To(Equal("would add 1"))
	w.awaitReason(watcher, chatv1alpha1.ReasonThreadNotReady)
	w.Expect(w.writes()).To(BeZero())
	w.delete(watcher)
	w.awaitGone(watcher)
	w.delete(thread)
	w.awaitGone(thread)
	w.Expect(w.writes()).To(BeZero())

	edit(w, absent, func(o *chatv1alpha1.ChatThread) { o.Spec.ManagementPolicy = chatv1alpha1.ManagementManage })
	w.awaitReason(absent, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.memberIDs(absent)).To(HaveLen(3))
}

// A thread that the service user was removed from may live: it is never created anew.
func TestAccessLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.ready()
	thread := w.newThread("shut-out")
	w.create(thread)
	participant := w.newParticipant("inside", "shut-out", w.users(1)[0])
	w.create(participant)
	w.awaitReason(participant, chatv1alpha1.ReasonSucceeded)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	user := connection.UsersOf(conn).Recorded()[0]
	w.emulator.RemoveMember(thread.Status.ThreadID, user)
	w.request(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonAccessLost)
	w.awaitReason(participant, chatv1alpha1.ReasonThreadNotReady)
	w.Expect(w.threads()).To(HaveLen(1))
	w.Expect(w.message(thread)).To(ContainSubstring(user))

	// A deletion waits, and says how not to.
	w.delete(participant)
	w.Eventually(func() string { w.get(participant); return readyMessageOf(participant) }).Should(ContainSubstring(chatv1alpha1.AnnotationAbandon))
	w.delete(thread)
	w.Eventually(func() string { w.get(thread); return readyMessageOf(thread) }).Should(ContainSubstring(chatv1alpha1.AnnotationAbandon))
	w.awaitGone(participant)
	w.emulator.AddMember(thread.Status.ThreadID, emulator.Member{ID: user})
	edit(w, thread, func(o *chatv1alpha1.ChatThread) {
		objects.SetAnnotation(o, chatv1alpha1.AnnotationReconcileRequestedAt, "now")
	})
	w.awaitGone(thread)
	w.Expect(w.threads()).To(BeEmpty())
}

// A thread that a second cluster took is left alone, in life and in death.
func TestOwnedByAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	thread := w.newThread("taken")
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.emulator.UpdateThread(thread.Status.ThreadID, func(th *emulator.Thread) { th.Metadata[chatv1alpha1.StampUID] = "another cluster's" })
	w.request(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonOwnedByAnother)
	w.emulator.ResetRequests()
	edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Topic = "not sent" })
	w.awaitReason(thread, chatv1alpha1.ReasonOwnedByAnother)
	w.delete(thread)
	w.awaitGone(thread)
	w.Expect(w.writes()).To(BeZero())
	w.Expect(w.threads()).To(HaveLen(1))
}

// An emptied stamp is put back.
func TestStampIsPutBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	thread := w.newThread("stamp")
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.emulator.UpdateThread(thread.Status.ThreadID, func(th *emulator.Thread) {
		th.Metadata = map[string]string{chatv1alpha1.StampOwner: "", chatv1alpha1.StampUID: ""}
	})
	w.request(thread)
	w.Expect(w.remote(thread).Metadata).To(HaveKeyWithValue(chatv1alpha1.StampUID, string(thread.UID)))
}

// Deletion: what was made is deleted, what is gone is no error, what was never made needs no call.
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

// A deletion whose create lost its answer looks for what may have been made.
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

// The Secret may go before the thread: for deletions the credential stays in memory, but not across a
// restart, which is said with the thread's id and the way out.
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

// A retained thread keeps its members while its namespace goes with the ChatParticipants.
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

// One bad answer of the service harms neither other threads nor the thread for good.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault  emulator.Fault
		reason string
	}{
		"create 403":            {emulator.Fault{Operation: emulator.OperationCreateThread, Status: http.StatusForbidden}, chatv1alpha1.ReasonAuthenticationFailed},
		"create 400":            {emulator.Fault{Operation: emulator.OperationCreateThread, Status: http.StatusBadRequest}, chatv1alpha1.ReasonInvalidRequest},
		"create 413":            {emulator.Fault{Operation: emulator.OperationCreateThread, Status: http.StatusRequestEntityTooLarge}, chatv1alpha1.ReasonInvalidRequest},
		"create 429":            {emulator.Fault{Operation: emulator.OperationCreateThread, Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"1"}}}, chatv1alpha1.ReasonThrottled},
		"create 503":            {emulator.Fault{Operation: emulator.OperationCreateThread, Status: http.StatusServiceUnavailable}, chatv1alpha1.ReasonServiceUnavailable},
		"create without answer": {emulator.Fault{Operation: emulator.OperationCreateThread, DropBefore: true}, chatv1alpha1.ReasonServiceUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			w.ready()
			other := w.newThread("other")
			w.create(other)
			w.awaitReason(other, chatv1alpha1.ReasonSucceeded)
			remove := w.emulator.Inject(c.fault)
			thread := w.newThread("refused", w.users(1)...)
			w.create(thread)
			w.awaitReason(thread, c.reason)
			remove()
			edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Topic = "corrected" })
			w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
			w.Expect(w.threads()).To(HaveLen(2))
			w.awaitReason(other, chatv1alpha1.ReasonSucceeded)
		})
	}
}

// While the service does not answer, all say so; when it does again, all heal.
func TestUnreachableService(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.options.ACSTimeout = 300e6
	w.ready()
	threads := make([]*chatv1alpha1.ChatThread, 5)
	for i := range threads {
		threads[i] = w.newThread("slow-" + string(rune('a'+i)))
		w.create(threads[i])
		w.awaitReason(threads[i], chatv1alpha1.ReasonSucceeded)
	}
	release := make(chan struct{})
	remove := w.emulator.Inject(emulator.Fault{Block: release})
	for _, thread := range threads {
		edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Topic = "later" })
	}
	for _, thread := range threads {
		w.awaitReason(thread, chatv1alpha1.ReasonServiceUnavailable)
	}
	remove()
	close(release)
	for _, thread := range threads {
		w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
		w.Expect(w.remote(thread).Topic).To(Equal("later"))
	}
}
