// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"net/http"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// If ACS issues no token for a service user, the thread is not treated as gone.
func TestTokenRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.connect()
	stop := w.start()
	w.awaitReason(conn, chatv1alpha1.ReasonSucceeded)
	thread := w.readyThread("token", w.users(1)...)
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

// An expired token is reported as such, and no other is requested at once.
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
