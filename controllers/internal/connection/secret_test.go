// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/acstest"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// forbiddenSecret is the answer of the API server to an operator that may not get Secrets.
func forbiddenSecret() error {
	return apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "acs", errors.New("no RBAC policy matched"))
}

// The answer of the API server that does not show a Secret is shown at once. Threads go on with
// the credential that was read before from the same place, and with no other.
func TestSecretThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err          error
		reason, says string
		stalled      bool
	}{
		"forbidden": {forbiddenSecret(), chatv1alpha1.ReasonPermissionDenied, "no RBAC policy matched", true},
		"cannot be decrypted": {apierrors.NewInternalError(errors.New("failed to decrypt DEK")),
			chatv1alpha1.ReasonServiceUnavailable, "Secret acs (500: Internal error occurred: failed to decrypt DEK)", false},
		"the API server is away": {&url.Error{Op: "Get", URL: "https://10.0.0.1:443", Err: context.DeadlineExceeded},
			chatv1alpha1.ReasonServiceUnavailable, "did not answer when asked for Secret acs", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newSecretWorld(t, firstString)
			isReported := func(step string, err error) {
				t.Helper()
				o := outcome.Classify(err)
				if err == nil || o.Quiet || o.Reason != c.reason || o.Stalled != c.stalled || !strings.Contains(o.Message, c.says) || o.After != 30*time.Second {
					t.Errorf("%s: %v, %+v", step, err, o)
				}
			}
			w.reader.err = c.err
			_, err := w.registry.Get(t.Context(), w.conn)
			isReported("a thread of a new connection", err)
			_, err = w.registry.Refresh(t.Context(), w.conn)
			isReported("a new connection", err)

			w.reader.err = nil
			w.ask("once")
			_, err = w.registry.Refresh(t.Context(), w.conn)
			acstest.MustSucceed(t, err)
			w.reader.err = c.err
			w.ask("twice")
			_, err = w.registry.Refresh(t.Context(), w.conn)
			isReported("a connection that was Ready", err)
			if _, err := w.registry.Get(t.Context(), w.conn); err != nil {
				t.Errorf("a thread has lost its credential: %v", err)
			}
			other := w.conn.DeepCopy()
			other.Spec.ConnectionStringSecretRef.Key = "other"
			_, err = w.registry.Get(t.Context(), other)
			isReported("another key", err)
			other = w.conn.DeepCopy()
			other.UID = "c2"
			_, err = w.registry.Get(t.Context(), other)
			isReported("a namesake", err)
		})
	}
}

// However many threads wait for a Secret, it is read every 30 seconds, and at once if somebody
// asks.
func TestSecretIsLookedForOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reader := &countingReader{err: apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, "acs")}
		sessions := &Registry{Reader: reader}
		conn := newConnection("a")
		conn.UID, conn.Generation = "c1", 1
		wakes := 0
		look := func(reads int) {
			t.Helper()
			reader.reads = 0
			for range 1000 {
				if _, err := sessions.Get(t.Context(), conn); reasonOf(err) != chatv1alpha1.ReasonSecretNotFound {
					t.Fatal(err)
				}
				if sessions.IsUnreported(objects.KeyOf(conn)) {
					wakes++
				}
				if _, err := sessions.Refresh(t.Context(), conn); reasonOf(err) != chatv1alpha1.ReasonSecretNotFound {
					t.Fatal(err)
				}
			}
			if reader.reads != reads {
				t.Errorf("read %d times, want %d", reader.reads, reads)
			}
		}
		look(1)
		look(0)
		if wakes != 1 {
			t.Errorf("the connection was woken %d times", wakes)
		}
		<-time.After(sessions.UntilRead(objects.KeyOf(conn)))
		look(1)
		conn.Generation++
		look(1)
		_ = sessions.ByKey(objects.KeyOf(conn)).CredentialRejected(nil)
		look(1)
		objects.SetAnnotation(conn, chatv1alpha1.AnnotationReconcileRequestedAt, "now")
		reader.reads = 0
		if _, err := sessions.Refresh(t.Context(), conn); err == nil || reader.reads != 1 {
			t.Errorf("read %d times when asked: %v", reader.reads, err)
		}
	})
}

// A read that does not end holds up nobody who can go on without it, and one at a time is under
// way.
func TestSecretIsReadWithoutALock(t *testing.T) {
	t.Parallel()
	w := newSecretWorld(t, firstString)
	found, err := w.registry.Get(t.Context(), w.conn)
	acstest.MustSucceed(t, err)
	found.Assign("thread", "8:acs:a")
	reading, end := make(chan struct{}), make(chan struct{})
	w.reader.wait = func() {
		close(reading)
		<-end
	}
	var running sync.WaitGroup
	running.Go(func() {
		asked := w.conn.DeepCopy()
		objects.SetAnnotation(asked, chatv1alpha1.AnnotationReconcileRequestedAt, "now")
		if _, err := w.registry.Refresh(t.Context(), asked); err != nil {
			t.Errorf("the read brought %v", err)
		}
	})
	<-reading
	others := make(chan error, 1)
	go func() {
		w.registry.ForgetThread("thread")
		_, err := w.registry.Get(t.Context(), w.conn)
		others <- err
	}()
	select {
	case err := <-others:
		if err != nil {
			t.Errorf("a thread with a credential waits: %v", err)
		}
	case <-time.After(soon):
		t.Error("a thread that does not need the Secret waits for it")
	}
	// Another connection that needs the Secret asks again later.
	other := w.conn.DeepCopy()
	other.Spec.ConnectionStringSecretRef.Key = "other"
	if _, err := w.registry.Get(t.Context(), other); err == nil || !outcome.Classify(err).Quiet || outcome.Classify(err).After == 0 {
		t.Errorf("a second read: %v", err)
	}
	close(end)
	running.Wait()
}

// A process that stops has learned nothing about the Secret.
func TestSecretReadThatWasCalledOff(t *testing.T) {
	t.Parallel()
	w := newSecretWorld(t, firstString)
	ctx, cancel := context.WithCancel(t.Context())
	w.reader.wait = cancel
	w.reader.err = context.Canceled
	if _, err := w.registry.Get(ctx, w.conn); err == nil || !outcome.Classify(err).Quiet {
		t.Errorf("error %v", err)
	}
	w.reader.wait, w.reader.err = nil, nil
	if _, err := w.registry.Get(t.Context(), w.conn); err != nil {
		t.Errorf("not read again: %v", err)
	}
}

// Connections to the same endpoint find out together whether it answers; others do not wait for
// that.
func TestConnectionsShareTheProbe(t *testing.T) {
	t.Parallel()
	w := newSecretWorld(t, firstString)
	open := func(name string) *Connection {
		conn := w.conn.DeepCopy()
		conn.Name = name
		found, err := w.registry.Get(t.Context(), conn)
		acstest.MustSucceed(t, err)
		return found
	}
	first, second := open("first"), open("second")
	w.rotate(t, strings.Replace(firstString, "contoso", "fabrikam", 1))
	other := open("other")
	first.endpoint.isDown = true
	leave, err := second.endpoint.admit()
	acstest.MustSucceed(t, err)
	if err := first.Enter(t.Context()); reasonOf(err) != chatv1alpha1.ReasonServiceUnavailable {
		t.Errorf("two probes of an endpoint: %v", err)
	}
	if err := other.Enter(t.Context()); err != nil {
		t.Errorf("another endpoint waits: %v", err)
	}
	leave()
	if err := first.Enter(t.Context()); err != nil {
		t.Errorf("nobody probes any more: %v", err)
	}
	key := objects.KeyOf(w.conn)
	for _, name := range []string{"first", "second"} {
		key.Name = name
		w.registry.Forget(key)
	}
	if len(w.registry.endpoints) != 1 {
		t.Errorf("%d endpoints are remembered", len(w.registry.endpoints))
	}
}
