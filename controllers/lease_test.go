// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const (
	leasePath  = "https://cluster/prefix/apis/coordination.k8s.io/v1/namespaces/system/leases/lock"
	threadPath = "https://cluster/prefix/apis/chat.acs-operator.io/v1alpha1/namespaces/a/chatthreads/b/status"
	reviewPath = "https://cluster/apis/authentication.k8s.io/v1/tokenreviews"
	acsPath    = "https://contoso.communication.azure.com/chat/threads"
)

// leaseWorld sends requests that are answered with a status unless they are refused.
type leaseWorld struct {
	*testing.T
	lease  *Lease
	answer int
	lost   int
}

func newLeaseWorld(t *testing.T) *leaseWorld {
	t.Helper()
	w := &leaseWorld{T: t, answer: http.StatusOK}
	w.lease = NewLease(func(error) { w.lost++ })
	return w
}

// send says whether the request was sent.
func (w *leaseWorld) send(method, url string) bool {
	w.Helper()
	next := roundTripper(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: w.answer, Body: http.NoBody}, nil
	})
	transport := w.lease.ForAPIServer(next)
	if url == acsPath {
		transport = w.lease.ForACS(next)
	}
	req, err := http.NewRequestWithContext(w.Context(), method, url, strings.NewReader("{}"))
	if err != nil {
		w.Fatal(err)
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		if o := classify(failed("create a thread", err)); !errors.Is(err, context.Canceled) || !o.quiet {
			w.Errorf("%v is told as %+v", err, o)
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
	// What a standby does as well is never refused.
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
		// Who led in between is not known.
		w.send(http.MethodPut, leasePath)
		w.wants(false)
		if w.lost != 1 {
			t.Errorf("told %d times of the loss", w.lost)
		}
	})
}

func TestLeaseTimes(t *testing.T) {
	t.Parallel()
	// The election itself gives up first, so that an outage of the API server ends as it does everywhere.
	if gaveUp := LeaseRenewDeadline + LeaseRetryPeriod; gaveUp >= leaseLimit || leaseLimit >= LeaseDuration {
		t.Errorf("a leader gives up after %s, is stopped after %s and followed after %s", gaveUp, leaseLimit, LeaseDuration)
	}
}
