// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// The answer that ACS knows no such user is kept for a growing while, and ACS is asked again when
// somebody asks.
func TestUnknownUserIsRemembered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newIdentityWorld(t)
		user, err := w.registry.User(w.session, "8:acs:"+emulator.DefaultResourceID+"_00000000-0000-4000-8000-00000000dead")
		w.Expect(err).NotTo(HaveOccurred())
		ask := func(calls int) {
			t.Helper()
			w.calls = 0
			for range 100 {
				_, err := user.Credential.Token(t.Context())
				w.Expect(acs.HasStatus(err, http.StatusNotFound)).To(BeTrue(), "%v", err)
			}
			w.Expect(w.calls).To(Equal(calls))
		}
		// One answer may be a mistake of the service.
		_, err = user.Credential.Token(t.Context())
		w.Expect(acs.HasStatus(err, http.StatusNotFound)).To(BeTrue(), "%v", err)
		<-time.After(unknownConfirm)
		ask(1)
		for _, minutes := range []int{1, 2, 4, 8, 10, 10} {
			<-time.After(time.Duration(minutes)*time.Minute - time.Second)
			ask(0)
			<-time.After(time.Second)
			ask(1)
		}
		conn := newConnection("a")
		conn.Generation = 2
		w.session.Heed(conn)
		ask(100)
		<-time.After(unknownConfirm)
		ask(1)
		w.session.Heed(conn)
		ask(0)
		objects.SetAnnotation(conn, chatv1alpha1.AnnotationReconcileRequestedAt, "now")
		w.session.Heed(conn)
		ask(100)
		<-time.After(unknownConfirm)
		ask(1)
	})
}

// A wait that ACS asks for before it issues tokens has an end, and the message names it.
func TestTokensAreThrottled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newIdentityWorld(t)
		id := w.emulator.CreateUser()
		user, err := w.registry.User(w.session, id)
		w.Expect(err).NotTo(HaveOccurred())
		w.answer = func(req *http.Request) (*http.Response, error) {
			return throttledBy(req, 86400), nil
		}
		end := time.Now().Add(10 * time.Minute)
		for range 3 {
			_, err := user.Credential.Token(t.Context())
			o := outcome.Classify(outcome.CallFailed("issue a token", err))
			w.Expect(o.Reason).To(Equal(chatv1alpha1.ReasonThrottled))
			w.Expect(o.Message).To(ContainSubstring("continues at " + end.UTC().Format(time.RFC3339)))
			w.Expect(o.After).To(Equal(time.Until(end)))
			<-time.After(time.Minute)
		}
		w.Expect(w.calls).To(Equal(1))
		w.answer = nil
		w.session.TryAtOnce()
		_, err = user.Credential.Token(t.Context())
		w.Expect(err).NotTo(HaveOccurred())
	})
}
