// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/tools/leaderelection/resourcelock"

	"github.com/acs-operator/acs-chat-operator/controllers/internal/acstest"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

const (
	leasePath  = "https://cluster/prefix/apis/coordination.k8s.io/v1/namespaces/system/leases/lock"
	claimsPath = "https://cluster/prefix/apis/coordination.k8s.io/v1/namespaces/system/leases/claims"
	threadPath = "https://cluster/prefix/apis/chat.acs-operator.io/v1alpha1/namespaces/a/chatthreads/b/status"
	reviewPath = "https://cluster/apis/authentication.k8s.io/v1/tokenreviews"
	acsPath    = "https://contoso.communication.azure.com/chat/threads"
)

// leaseWorld sends requests that are answered with a status unless they are refused.
type leaseWorld struct {
	*testing.T
	lease  *lease
	answer int
	lost   int
}

func newLeaseWorld(t *testing.T) *leaseWorld {
	t.Helper()
	w := &leaseWorld{T: t, answer: http.StatusOK}
	w.lease = New(func(error) { w.lost++ })
	began := time.Now()
	w.lease.clock = func() time.Duration { return time.Since(began) }
	return w
}

// send says whether the request was sent.
func (w *leaseWorld) send(method, url string) bool {
	w.Helper()
	next := roundTripper(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: w.answer, Body: http.NoBody}, nil
	})
	transport := w.lease.ForAPIServer(next)
	switch url {
	case acsPath:
		transport = w.lease.ForACS(next)
	case claimsPath:
		transport = w.lease.ForClaims(next)
	}
	req, err := http.NewRequestWithContext(w.Context(), method, url, strings.NewReader("{}"))
	if err != nil {
		w.Fatal(err)
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		if o := outcome.Classify(outcome.CallFailed("create a thread", err)); !errors.Is(err, context.Canceled) || !o.Quiet {
			w.Errorf("%v is reported as %+v", err, o)
		}
		return false
	}
	_ = resp.Body.Close()
	return true
}

func (w *leaseWorld) wants(sent bool) {
	w.Helper()
	for _, one := range []struct{ method, url string }{
		{http.MethodPatch, threadPath}, {http.MethodPost, acsPath}, {http.MethodGet, acsPath},
	} {
		if got := w.send(one.method, one.url); got != sent {
			w.Errorf("%s %s: sent %t, want %t", one.method, one.url, got, sent)
		}
	}
	// Calls that a standby makes as well are never refused.
	for _, one := range []struct{ method, url string }{
		{http.MethodGet, threadPath}, {http.MethodPost, reviewPath}, {http.MethodGet, leasePath},
	} {
		if !w.send(one.method, one.url) {
			w.Errorf("%s %s: refused", one.method, one.url)
		}
	}
}

func TestLeaseOfNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newLeaseWorld(t)
		<-time.After(time.Hour)
		w.wants(true)
	})
}

func TestLeaseLapses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newLeaseWorld(t)
		for range 20 {
			w.send(http.MethodPut, leasePath)
			<-time.After(leaseLimit - time.Second)
			w.wants(true)
		}
		// A renewal that fails is none, nor is a look at the lease.
		w.answer = http.StatusConflict
		w.send(http.MethodPut, leasePath)
		w.answer = http.StatusOK
		w.send(http.MethodGet, leasePath)
		<-time.After(time.Second)
		w.wants(false)
		// The leader in between is not known.
		w.send(http.MethodPut, leasePath)
		w.wants(false)
		if w.lost != 1 {
			t.Errorf("the loss was reported %d times", w.lost)
		}
	})
}

// A write of the claims of namespaces renews nothing, and nothing is claimed without the lease.
func TestClaimsAreNoRenewal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newLeaseWorld(t)
		w.send(http.MethodPut, leasePath)
		for range 2 {
			if !w.send(http.MethodPut, claimsPath) {
				t.Error("a claim was refused")
			}
			<-time.After(leaseLimit / 2)
		}
		w.wants(false)
		for _, method := range []string{http.MethodGet, http.MethodPut} {
			if w.send(method, claimsPath) {
				t.Errorf("%s of the claims was sent without the lease", method)
			}
		}
	})
}

func TestLeaseTimes(t *testing.T) {
	t.Parallel()
	// The election itself gives up first, so that an outage of the API server ends as it does
	// everywhere.
	if gaveUp := RenewInterval + RenewDeadline + RetryPeriod; gaveUp >= leaseLimit || leaseLimit >= Duration {
		t.Errorf("a leader gives up after %s, is stopped after %s and followed after %s", gaveUp, leaseLimit, Duration)
	}
}

// The clock of the lease is no wall clock, which somebody may set, and goes on by itself.
func TestUptime(t *testing.T) {
	t.Parallel()
	before, monotonic := uptime(), time.Now()
	for uptime() == before {
		runtime.Gosched()
	}
	if passed := uptime() - before; passed <= 0 || passed > time.Since(monotonic)+time.Second {
		t.Errorf("%s went by in %s", passed, time.Since(monotonic))
	}
}

// memoryLock is a lock that counts how often it is written.
type memoryLock struct {
	resourcelock.Interface
	record resourcelock.LeaderElectionRecord
	writes int
	err    error
}

func (*memoryLock) Identity() string { return "me" }
func (l *memoryLock) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return l.Update(ctx, record)
}
func (l *memoryLock) Update(_ context.Context, record resourcelock.LeaderElectionRecord) error {
	l.writes++
	if l.err == nil {
		l.record = record
	}
	return l.err
}

// A leader writes the lease 30 times a minute, however often it is asked to, and gives it back at
// once. From then on it sends nothing.
func TestLeaseIsWrittenSparingly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner := &memoryLock{}
		guard := New(func(error) {})
		guard.renew(0)
		guard.clock = func() time.Duration { return 0 }
		lock := &sparingLock{Interface: inner, released: guard.Release}
		mine := resourcelock.LeaderElectionRecord{HolderIdentity: "me"}
		acstest.MustSucceed(t, lock.Create(t.Context(), mine))
		for range int(time.Minute / RetryPeriod) {
			<-time.After(RetryPeriod)
			acstest.MustSucceed(t, lock.Update(t.Context(), mine))
		}
		if most := 1 + int(time.Minute/RenewInterval); inner.writes > most {
			t.Errorf("%d writes in a minute, want at most %d", inner.writes, most)
		}
		// A renewal that failed is tried again at once.
		<-time.After(RenewInterval)
		inner.err = errors.New("no answer")
		before := inner.writes
		for range 3 {
			if lock.Update(t.Context(), mine) == nil {
				t.Error("a failed renewal counts as done")
			}
		}
		if inner.writes != before+3 {
			t.Errorf("%d tries, want 3", inner.writes-before)
		}
		inner.err = nil
		acstest.MustSucceed(t, lock.Update(t.Context(), mine))
		if guard.check() != nil {
			t.Error("nothing is sent by a leader")
		}
		acstest.MustSucceed(t, lock.Update(t.Context(), resourcelock.LeaderElectionRecord{}))
		if inner.record.HolderIdentity != "" {
			t.Error("the lease was not given back")
		}
		// The manager gives a lease back that it could not renew while reconciles are in progress.
		if guard.check() == nil {
			t.Error("a process that gave the lease back still sends")
		}
	})
}
