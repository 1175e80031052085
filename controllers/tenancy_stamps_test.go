// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"slices"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// A stamp that somebody writes at ACS has no effect: its resource does not take over the thread,
// and the owner of the thread stops.
func TestStampsForgedAtTheService(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	guest := w.newNamespace()
	w.options.WatchNamespaces = append(w.options.WatchNamespaces, guest)
	conn := w.ready(func(conn *chatv1alpha1.ChatConnection) {
		conn.Spec.AllowedNamespaces = &chatv1alpha1.AllowedNamespaces{From: chatv1alpha1.NamespacesFromAll}
	})
	forge := func(th *emulator.Thread) {
		th.Metadata = map[string]string{chatv1alpha1.StampOwner: w.namespace + "/next", chatv1alpha1.StampUID: "1"}
	}
	// An application created one thread, with the service user in it. The guest has the other one.
	strange := foreignThread(w, conn)
	w.emulator.UpdateThread(strange, forge)
	thread := w.newThread("trap", w.users(1)...)
	thread.Namespace, thread.Spec.ConnectionRef = guest, chatv1alpha1.ConnectionReference{Name: conn.Name, Namespace: conn.Namespace}
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.emulator.UpdateThread(thread.Status.ThreadID, forge)
	before := w.emulator.Threads()

	next := w.newThread("next", w.users(1)...)
	next.Spec.MembershipPolicy = chatv1alpha1.MembershipAdditive
	w.create(next)
	w.awaitReason(next, chatv1alpha1.ReasonSucceeded)
	w.Expect(next.Status.ThreadID).NotTo(BeElementOf(strange, thread.Status.ThreadID))
	w.Expect(w.memberIDs(next)).To(HaveLen(1))
	w.request(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonOwnedByAnother)
	w.delete(thread)
	w.awaitGone(thread)
	w.Expect(slices.DeleteFunc(w.emulator.Threads(), func(th emulator.Thread) bool { return th.ID == next.Status.ThreadID })).To(Equal(before))
}

// A status that claims a thread of another resource does not keep that resource from finding its
// thread.
func TestClaimOfAStrangerCountsForNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{RepeatabilityWindow: 1})
	w.connect()
	strange := newConnection(w.namespace, "strange")
	w.create(strange)
	stop := w.start()
	w.awaitReason(strange, chatv1alpha1.ReasonSucceeded)
	thread := w.readyThread("mine", w.users(1)...)
	stop()
	forged := w.newThread("forged")
	forged.Spec.ConnectionRef.Name, forged.Spec.ManagementPolicy = strange.Name, chatv1alpha1.ManagementObserve
	w.create(forged)
	id := thread.Status.ThreadID
	w.writeStatus(forged, chatv1alpha1.ChatThreadStatus{ThreadID: id})
	w.writeStatus(thread, chatv1alpha1.ChatThreadStatus{Incarnation: 1})

	w.start()
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(thread.Status.ThreadID).To(Equal(id))
	w.Expect(w.threads()).To(HaveLen(1))
}

// A stamp on a thread that no service user created does not count.
func TestForgedStampIsNotTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	pinned := w.emulator.CreateUser()
	forger := w.emulator.CreateUser()
	forged := w.emulator.CreateThread(forger, "mine", emulator.Member{ID: pinned})
	w.emulator.UpdateThread(forged, func(th *emulator.Thread) {
		th.Metadata = map[string]string{chatv1alpha1.StampOwner: w.namespace + "/forged", chatv1alpha1.StampUID: "1"}
	})
	w.ready(withPinned(pinned))
	thread := w.readyThread("forged")
	w.Expect(thread.Status.ThreadID).NotTo(Equal(forged))
}

func shared(conn *chatv1alpha1.ChatConnection) {
	conn.Spec.AllowedNamespaces = &chatv1alpha1.AllowedNamespaces{From: chatv1alpha1.NamespacesFromAll}
}

// planted creates a thread of the connection's service user with the name of a resource in its
// stamp.
func planted(w *world, conn *chatv1alpha1.ChatConnection, name, uid string) string {
	w.t.Helper()
	w.get(conn)
	id := w.emulator.CreateThread(connection.UsersOf(conn).Recorded()[0], "planted", emulator.Member{ID: w.emulator.CreateUser()})
	w.emulator.UpdateThread(id, func(th *emulator.Thread) {
		th.CreatedOn = time.Now().Add(-time.Hour)
		th.Metadata = map[string]string{chatv1alpha1.StampOwner: w.namespace + "/" + name, chatv1alpha1.StampUID: uid}
	})
	return id
}

// Through a shared connection, the name in a stamp is no proof: a person must name the thread to
// take over.
func TestTakeoverNeedsConsent(t *testing.T) {
	t.Parallel()
	for consent, taken := range map[string]bool{"the id": true, chatv1alpha1.RecoverAny: true, chatv1alpha1.RecoverNone: false} {
		t.Run(consent, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			pinned := w.emulator.CreateUser()
			conn := w.connect(allow, shared, withPinned(pinned))
			w.start()
			w.awaitReason(conn, chatv1alpha1.ReasonSucceeded)
			id := planted(w, conn, "payroll", "another")
			thread := w.newThread("payroll", w.users(1)...)
			w.create(thread)
			w.awaitReason(thread, chatv1alpha1.ReasonOwnedByAnother)
			w.Expect(w.message(thread)).To(And(ContainSubstring(id), ContainSubstring(`"planted"`), ContainSubstring(chatv1alpha1.AnnotationRecover)))
			w.Expect(w.threads()).To(HaveLen(1))
			value := consent
			if consent == "the id" {
				value = id
			}
			edit(w, thread, func(o *chatv1alpha1.ChatThread) {
				metav1.SetMetaDataAnnotation(&o.ObjectMeta, chatv1alpha1.AnnotationRecover, value)
			})
			w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
			w.Expect(thread.Status.ThreadID == id).To(Equal(taken))
		})
	}
}

// If the thread that waits for consent is deleted at ACS, nothing is left to consent to.
func TestPlantedThreadGoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.connect(allow, shared, withPinned(w.emulator.CreateUser()))
	w.start()
	w.awaitReason(conn, chatv1alpha1.ReasonSucceeded)
	id := planted(w, conn, "payroll", "another")
	thread := w.newThread("payroll")
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonOwnedByAnother)
	w.emulator.DeleteThread(id)
	edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Topic = "ours" })
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(thread.Status.ThreadID).NotTo(Equal(id))
}

// A thread that existed while the resource had its own is not the next one, even if a member wrote
// the uid into its stamp.
func TestForgedUIDIsNotTheNextThread(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.ready(allow, shared)
	thread := w.readyThread("payroll", w.users(1)...)
	first := thread.Status.ThreadID
	forged := planted(w, conn, "payroll", string(thread.UID))
	w.emulator.UpdateThread(forged, func(th *emulator.Thread) { th.CreatedOn = time.Now() })
	w.emulator.DeleteThread(first)
	w.request(thread)
	w.Eventually(func() string { w.get(thread); return thread.Status.ThreadID }).Should(And(Not(BeEmpty()), Not(Equal(first))))
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(thread.Status.ThreadID).NotTo(Equal(forged))
	w.Expect(w.threads()).To(HaveLen(2))
}

// The uid in a stamp is no proof if the thread is older than the resource or its incarnation.
func TestForgedUIDNeedsConsent(t *testing.T) {
	t.Parallel()
	made := metav1.NewTime(time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC))
	again := metav1.NewTime(made.Add(time.Hour))
	for name, c := range map[string]struct {
		createdOn   time.Time
		incarnation *metav1.Time
		shared      bool
		want        string
	}{
		"made since":                    {createdOn: made.Add(time.Second), shared: true, want: chatv1alpha1.ReasonSucceeded},
		"clocks differ":                 {createdOn: made.Add(-time.Second), shared: true, want: chatv1alpha1.ReasonSucceeded},
		"older than the resource":       {createdOn: made.Add(-time.Hour), shared: true, want: chatv1alpha1.ReasonOwnedByAnother},
		"older, and nobody else's":      {createdOn: made.Add(-time.Hour), want: chatv1alpha1.ReasonSucceeded},
		"older than the incarnation":    {createdOn: made.Add(time.Second), incarnation: &again, shared: true, want: chatv1alpha1.ReasonOwnedByAnother},
		"as old as the incarnation":     {createdOn: again.Time, incarnation: &again, shared: true, want: chatv1alpha1.ReasonSucceeded},
		"younger than the incarnation ": {createdOn: again.Add(time.Hour), incarnation: &again, shared: true, want: chatv1alpha1.ReasonSucceeded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := newConnection("ns", "default")
			if c.shared {
				shared(conn)
			}
			thread := &chatv1alpha1.ChatThread{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "room", UID: "mine", CreationTimestamp: made}}
			thread.Status.IncarnationSince = c.incarnation
			s := situation{run: run{thread: thread}, link: link{conn: conn}, target: target{threadID: "19:x", origin: originFound}}
			_, err := (&ChatThreadReconciler{}).checkOwner(t.Context(), s, acs.ThreadProperties{CreatedOn: c.createdOn,
				Metadata: map[string]string{chatv1alpha1.StampOwner: "ns/room", chatv1alpha1.StampUID: "mine"}})
			if got := outcome.Classify(err).Reason; got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}
