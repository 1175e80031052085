// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// insistForUsers asks for a service user each second, for some time, and returns after which waits
// it was sent.
func (w *identityWorld) insistForUsers(t *testing.T, duration time.Duration) (waits []time.Duration) {
	t.Helper()
	last := time.Now()
	for began := time.Now(); time.Since(began) < duration; <-time.After(time.Second) {
		before := w.calls
		_, err := w.registry.CreateUser(t.Context(), w.session)
		w.Expect(err).To(HaveOccurred())
		w.Expect(outcome.Classify(err).Message).To(ContainSubstring("may have been made that nobody uses"))
		if w.calls > before {
			w.Expect(w.calls).To(Equal(before+1), "a call was repeated")
			waits = append(waits, time.Since(last).Round(5*time.Second))
			last = time.Now()
		}
	}
	return waits
}

// Each try whose answer is lost may leave a user behind: it is not repeated at once, and ever more
// seldom.
func TestLostUserIsTriedMoreSeldom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newIdentityWorld(t)
		w.answer = func(req *http.Request) (*http.Response, error) {
			inProcess(w.emulator, req)
			return nil, &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
		}
		w.Expect(w.insistForUsers(t, 6*time.Hour)).To(HaveExactElements(
			0*time.Second, 5*time.Second, 15*time.Second, 45*time.Second, 135*time.Second, 405*time.Second, 1215*time.Second,
			time.Hour, time.Hour, time.Hour, time.Hour, time.Hour))
		w.Expect(w.emulator.Users()).To(HaveLen(12))

		// A person who has changed something, or asks, need not wait.
		conn := newConnection("a")
		for step, change := range []func(){
			func() { conn.Generation++ },
			func() { objects.SetAnnotation(conn, chatv1alpha1.AnnotationReconcileRequestedAt, "now") },
		} {
			change()
			w.session.Heed(conn)
			w.Expect(w.insistForUsers(t, 10*time.Second)).To(HaveLen(2), "step %d", step)
		}
		w.answer = nil
		w.session.Heed(newConnection("a"))
		_, err := w.registry.CreateUser(t.Context(), w.session)
		w.Expect(err).NotTo(HaveOccurred())
	})
}

// A call that certainly created no user does not delay the next try.
func TestUserThatWasCertainlyNotMade(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(*http.Request) (*http.Response, error){
		"refused": func(req *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusBadRequest, Header: http.Header{"Ms-Cv": {"a"}}, Body: http.NoBody, Request: req}, nil
		},
		"ACS is away for a while": func(req *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusServiceUnavailable, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
		},
		"nobody there": func(*http.Request) (*http.Response, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newIdentityWorld(t)
				w.answer = answer
				for range 3 {
					_, err := w.registry.CreateUser(t.Context(), w.session)
					w.Expect(err).To(HaveOccurred())
				}
				w.Expect(w.calls).To(Equal(3))
				w.answer = nil
				_, err := w.registry.CreateUser(t.Context(), w.session)
				w.Expect(err).NotTo(HaveOccurred())
			})
		})
	}
}

// A wait that ACS asks for is kept, and no more than ten minutes of it.
func TestUserCreationIsThrottled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newIdentityWorld(t)
		w.answer = func(req *http.Request) (*http.Response, error) {
			return throttledBy(req, 86400), nil
		}
		for range 3 {
			_, err := w.registry.CreateUser(t.Context(), w.session)
			w.Expect(reasonOf(err)).To(Equal(chatv1alpha1.ReasonThrottled))
		}
		w.Expect(w.calls).To(Equal(1))
		w.answer = nil
		<-time.After(10 * time.Minute)
		_, err := w.registry.CreateUser(t.Context(), w.session)
		w.Expect(err).NotTo(HaveOccurred())
	})
}

// A user that could not be stored is taken before another one is created.
func TestSpares(t *testing.T) {
	t.Parallel()
	found := &userCreation{}
	if spare, ok := found.takeSpare(); ok {
		t.Errorf("took %s of none", spare.ID)
	}
	found.keepSpare(acs.CreateUserResponse{ID: "a"})
	found.keepSpare(acs.CreateUserResponse{ID: "b"})
	for _, want := range []string{"a", "b"} {
		if spare, ok := found.takeSpare(); !ok || spare.ID != want {
			t.Errorf("took %q, want %q", spare.ID, want)
		}
	}
}
