// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"net/http"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
)

// Where the API server holds another thread for the resource by the time ours was made, ours goes.
func TestSecondThreadIsDiscarded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.ready()
	first := w.emulator.CreateThread(connection.UsersOf(conn).Recorded()[0], "restored meanwhile")
	release := make(chan struct{})
	w.emulator.Inject(emulator.Fault{Operation: emulator.OperationCreateThread, Block: release})
	thread := w.newThread("raced")
	w.create(thread)
	w.Eventually(func() int { return w.calls()[emulator.OperationCreateThread] }).Should(Equal(1))
	w.emulator.UpdateThread(first, func(th *emulator.Thread) {
		th.Metadata = map[string]string{chatv1alpha1.StampOwner: w.namespace + "/raced", chatv1alpha1.StampUID: string(thread.UID)}
	})
	w.get(thread)
	stored := thread.DeepCopy()
	stored.Status.ThreadID = first
	w.Expect(objects.NewStore(admin, admin).PatchStatus(t.Context(), thread, stored)).To(Succeed())
	close(release)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(thread.Status.ThreadID).To(Equal(first))
	w.Eventually(func() int { return len(w.threads()) }).Should(Equal(1))
	w.Expect(w.emulator.Threads()).To(HaveLen(2))
}

// A namespace learns nothing of another's thread by observing it through a shared connection.
func TestObserveIsNoWindow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	guest := w.newNamespace()
	w.options.WatchNamespaces = append(w.options.WatchNamespaces, guest)
	conn := w.ready(func(conn *chatv1alpha1.ChatConnection) {
		conn.Spec.AllowedNamespaces = &chatv1alpha1.AllowedNamespaces{From: chatv1alpha1.NamespacesFromAll}
	})
	users := w.users(2)
	private := w.newThread("private", users...)
	w.create(private)
	w.awaitReason(private, chatv1alpha1.ReasonSucceeded)
	spy := adopting(w, "spy", private.Status.ThreadID, users[0])
	spy.Namespace = guest
	spy.Spec.ManagementPolicy = chatv1alpha1.ManagementObserve
	spy.Spec.ConnectionRef = chatv1alpha1.ConnectionReference{Name: conn.Name, Namespace: conn.Namespace}
	w.create(spy)
	w.awaitReason(spy, chatv1alpha1.ReasonOwnedByAnother)
	w.Expect(spy.Status.Joined).To(BeEmpty())
	w.Expect(spy.Status.ThreadID).To(BeEmpty())
}

// A service user for whom no token is issued says nothing of the thread.
func TestTokenRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.connect()
	stop := w.start()
	w.awaitReason(conn, chatv1alpha1.ReasonSucceeded)
	thread := w.newThread("token", w.users(1)...)
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	stop()
	remove := w.emulator.Inject(emulator.Fault{Operation: emulator.OperationIssueToken, Status: http.StatusNotFound})
	w.start()
	w.awaitReason(thread, chatv1alpha1.ReasonAuthenticationFailed)
	w.Expect(thread.Status.Incarnation).To(BeZero())
	remove()
	w.request(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.threads()).To(HaveLen(1))
}

// An answer that is not understood is waited out; what it says is not repeated.
func TestJunkAnswers(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{"html": "<html>secret-of-the-proxy</html>", "empty": "", "wrong type": `{"id":7}`, "null": "null"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			w.ready()
			thread := w.newThread("junk")
			w.create(thread)
			w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
			remove := w.emulator.Inject(emulator.Fault{Operation: emulator.OperationGetThread, Status: http.StatusOK, Body: body})
			edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Topic = "later" })
			w.awaitReason(thread, chatv1alpha1.ReasonServiceUnavailable)
			w.Expect(w.message(thread)).NotTo(ContainSubstring("secret-of-the-proxy"))
			remove()
			w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
		})
	}
}

// A change that was made is told of, even where reading back what the service made of it fails.
func TestChangeIsToldThoughReadingBackFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	thread := w.newThread("told")
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	// The first read of the pass succeeds, the one after the change does not, nor its retry.
	remove := w.emulator.Inject(emulator.Fault{Operation: emulator.OperationGetThread, Skip: 1, Times: 2, Status: http.StatusServiceUnavailable})
	edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Topic = "changed" })
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	remove()
	w.Eventually(func() []string { return w.eventReasons(thread) }).Should(ContainElement(chatv1alpha1.EventUpdated))
}

// The figures that a dashboard needs are there, and none of them names a resource, a user or a thread.
func TestMetrics(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	thread := w.newThread("measured")
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	allowed := map[string][]string{
		"acs_chat_operator_acs_requests_total":           {"code", "operation"},
		"acs_chat_operator_acs_request_duration_seconds": {"operation"},
		"acs_chat_operator_acs_throttled_total":          {"operation"},
		"acs_chat_operator_quota_waits_total":            {"operation"},
		"acs_chat_operator_threads":                      {"reason"},
		"acs_chat_operator_resync_floor_seconds":         nil,
		"acs_chat_operator_recreations_total":            nil,
	}
	families, err := metrics.Registry.Gather()
	w.Expect(err).NotTo(HaveOccurred())
	operations, shown := map[string]bool{}, map[string]bool{}
	for _, family := range families {
		if !strings.HasPrefix(family.GetName(), "acs_chat_operator_") {
			continue
		}
		labels, known := allowed[family.GetName()]
		w.Expect(known).To(BeTrue(), family.GetName())
		shown[family.GetName()] = true
		for _, metric := range family.GetMetric() {
			var names []string
			for _, label := range metric.GetLabel() {
				names = append(names, label.GetName())
				if label.GetName() == "operation" {
					operations[label.GetValue()] = true
				}
			}
			w.Expect(names).To(Equal(labels), family.GetName())
		}
	}
	for _, name := range []string{"acs_requests_total", "acs_request_duration_seconds", "resync_floor_seconds"} {
		w.Expect(shown).To(HaveKey("acs_chat_operator_" + name))
	}
	w.Expect(operations).To(HaveKey("ChatClient.CreateThread"))
	w.Expect(operations).NotTo(HaveKey(""))
}
