// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
)

// A reconcile that panics says so in the status, in place of what it said before, and the next one goes on.
func TestPanicIsTold(t *testing.T) {
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
	thread := w.newThread("room")
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	failing.Store(true)
	edit(w, thread, func(o *chatv1alpha1.ChatThread) {
		o.Spec.Participants = w.newThread("", w.users(1)...).Spec.Participants
	})
	w.awaitReason(thread, chatv1alpha1.ReasonInternalError)
	failing.Store(false)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
}

// An annotation that somebody wrote chooses no service user for a new thread: those that left the pool make none.
func TestRetiredUserMakesNoThreads(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	two, one := int32(2), int32(1)
	conn := w.ready(allow, func(conn *chatv1alpha1.ChatConnection) {
		conn.Spec.ServiceUsers = &chatv1alpha1.ServiceUsers{Count: &two}
	})
	w.get(conn)
	users := connection.UsersOf(conn).Recorded()
	w.Expect(users).To(HaveLen(2))
	edit(w, conn, func(o *chatv1alpha1.ChatConnection) { o.Spec.ServiceUsers.Count = &one })
	w.awaitReason(conn, chatv1alpha1.ReasonSucceeded)
	thread := w.newThread("room")
	thread.Annotations = map[string]string{chatv1alpha1.AnnotationServiceUser: users[1]}
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(thread.Status.ServiceUser).To(Equal(users[0]))
}

// The request id of an incarnation is a UUID of its own, without SHA-1.
func TestIncarnationIDs(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, uid := range []types.UID{"6f3a2b1c-0d4e-4f5a-8b6c-7d8e9f0a1b2c", "not-a-uuid"} {
		for incarnation := range int64(3) {
			id := incarnationID(uid, incarnation)
			if seen[id] {
				t.Errorf("%s comes twice", id)
			}
			seen[id] = true
			parsed, err := uuid.Parse(id)
			if err != nil || parsed.Version() != 8 || parsed.Variant() != uuid.RFC4122 {
				t.Errorf("%s is no UUID of version 8: %v", id, err)
			}
		}
	}
}
