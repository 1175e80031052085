// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	"github.com/acs-operator/acs-chat-operator/controllers/lease"
)

// replica is a manager that only competes for the lease.
type replica struct {
	elected <-chan struct{}
	// stop ends the replica as SIGTERM does.
	stop func()

	mu     sync.Mutex
	writes []time.Time
}

// compete starts a replica as main does.
func (w *world) compete() *replica {
	w.t.Helper()
	r := &replica{}
	api := rest.CopyConfig(adminConfig)
	api.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(req *http.Request) (*http.Response, error) {
			if req.Method != http.MethodGet {
				r.mu.Lock()
				r.writes = append(r.writes, time.Now())
				r.mu.Unlock()
			}
			return next.RoundTrip(req)
		})
	})
	lock, err := lease.NewLock(api, w.namespace, "election", func(err error) { w.t.Error(err) }, func() {})
	w.Expect(err).NotTo(HaveOccurred())
	mgr, err := ctrl.NewManager(api, ctrl.Options{
		Scheme: scheme, Metrics: metricsserver.Options{BindAddress: "0"},
		LeaderElection: true, LeaderElectionReleaseOnCancel: true, LeaderElectionResourceLockInterface: lock,
		LeaseDuration: new(lease.Duration), RenewDeadline: new(lease.RenewDeadline), RetryPeriod: new(lease.RetryPeriod),
	})
	w.Expect(err).NotTo(HaveOccurred())
	ctx, cancel := context.WithCancel(w.t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := mgr.Start(ctx); err != nil {
			w.t.Errorf("manager: %v", err)
		}
	})
	r.elected = mgr.Elected()
	r.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
	})
	w.t.Cleanup(r.stop)
	return r
}

func (r *replica) written() []time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.writes)
}

// All replicas at rest together write the lease once in two seconds, and a leader that stops has a
// successor within two seconds.
func TestElectionIsCheapAndQuick(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	leader := w.compete()
	w.Eventually(leader.elected).Should(BeClosed())
	standby := w.compete()
	const renewals = 4
	began := len(leader.written())
	w.Eventually(leader.written).Should(HaveLen(began + renewals))
	writes := leader.written()[began:]
	// One request may be late and the next one in time.
	if took := writes[renewals-1].Sub(writes[0]); took < (renewals-1)*lease.RenewInterval-time.Second/2 {
		t.Errorf("%d renewals within %s", renewals, took)
	}
	w.Expect(standby.written()).To(BeEmpty())
	w.Expect(standby.elected).NotTo(BeClosed())
	leader.stop()
	ended := time.Now()
	w.Eventually(standby.elected).Should(BeClosed())
	if took := time.Since(ended); took > 2*time.Second {
		t.Errorf("nobody led for %s", took)
	}
}
