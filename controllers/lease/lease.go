// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package lease ensures that a process without the lease of the leader election sends nothing.
//
// It provides the lock of the leader election, which it renews no more often than needed, and
// transports that refuse writes and calls once the lease has run out. It also notices an API server
// that was restored from a backup. In both cases the caller must end the process.
//
// The package does not run the leader election, which is the task of the manager, and it does not
// choose the leader. Without leader election nothing is refused.
package lease

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// Times of the leader election. A standby reads the lease every RetryPeriod to 2.2 times that, so
// that it works soon after a leader released the lease. A leader writes it only every
// RenewInterval.
const (
	Duration      = 15 * time.Second
	RenewDeadline = 10 * time.Second
	RetryPeriod   = 500 * time.Millisecond
	RenewInterval = 2 * time.Second
	// leaseLimit is how long a leader may send after its last renewal: longer than it tries to renew,
	// and shorter than others respect its lease. The time in between is for calls in flight. A call
	// that takes longer may reach ACS while another process leads.
	leaseLimit = 13 * time.Second
)

// NewLock returns the lock of the leader election. It writes one renewal of a leader per
// RenewInterval and reports success for the others, because a standby may read the lease more often
// than a leader must write it.
//
// If the API server answers with an older state than before, as after a restore of etcd from a
// backup, restored is called from within the call that noticed. Watches of this process then show
// nothing, and it must end at once.
//
// released is called before the lock is given back.
func NewLock(config *rest.Config, namespace, name string, restored func(error), released func()) (resourcelock.Interface, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("name this process: %w", err)
	}
	lock, err := resourcelock.NewFromKubeconfig(resourcelock.LeasesResourceLock, namespace, name,
		resourcelock.ResourceLockConfig{Identity: host + "_" + uuid.NewString()}, rest.AddUserAgent(config, "leader-election"), RenewDeadline)
	if err != nil {
		return nil, fmt.Errorf("make the lock of the leader election: %w", err)
	}
	lease, ok := lock.(*resourcelock.LeaseLock)
	if !ok {
		return nil, fmt.Errorf("the lock of the leader election is a %T", lock)
	}
	lease.Client = versionedLeases{lease.Client, &newestVersion{restored: restored}}
	return &sparingLock{Interface: lease, released: released}, nil
}

// sparingLock is a lock that is written no more often than needed.
type sparingLock struct {
	resourcelock.Interface
	released func()

	mu      sync.Mutex
	renewed time.Time // when this process last wrote the lock as its holder
}

// Create writes the lock.
func (l *sparingLock) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return l.written(record, l.Interface.Create(ctx, record))
}

// Update writes the lock, unless this process did so just before and only renews it.
func (l *sparingLock) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	if record.HolderIdentity == l.Identity() && l.isFresh() {
		return nil
	}
	if record.HolderIdentity == "" {
		l.released()
	}
	return l.written(record, l.Interface.Update(ctx, record))
}

func (l *sparingLock) isFresh() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.renewed.IsZero() && time.Since(l.renewed) < RenewInterval
}

// written notes a write. After a write that failed or released the lock, the next one is made at
// once.
func (l *sparingLock) written(record resourcelock.LeaderElectionRecord, err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.renewed = time.Time{}
	if err == nil && record.HolderIdentity == l.Identity() {
		l.renewed = time.Now()
	}
	return err
}

// lease prevents writes of a process that led and lost its lease without noticing. A process that
// was stopped, alone or with its machine, continues at the same point. Its calls in flight may have
// been made, or undone, by another leader. Without leader election there is no renewal, and nothing
// is refused.
type lease struct {
	lost func(error)
	// clock counts while the machine sleeps, too, and does not jump when somebody sets the time.
	clock func() time.Duration

	mu      sync.Mutex
	holds   bool          // a renewal succeeded
	renewed time.Duration // when the last successful one was sent, by clock
	lapsed  bool
}

// New returns the lease of this process. lost is called once it lapsed, from within the call that
// noticed, and must not use the lease. The process must end at once, because its memory may be
// wrong.
func New(lost func(error)) *lease { return &lease{lost: lost, clock: uptime} }

// lapsedError ends reconciles of a process that no longer leads. It counts as a cancellation, which
// is not reported.
type lapsedError struct{}

func (lapsedError) Error() string        { return "the lease has run out, another operator may lead" }
func (lapsedError) Is(target error) bool { return target == context.Canceled }

// NonRetriable stops azcore from retrying.
func (lapsedError) NonRetriable() {}

// roundTripper is a function as an http.RoundTripper.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// ForAPIServer notes renewals of the lease. Once the lease has lapsed, writes of this operator's
// kinds fail.
func (l *lease) ForAPIServer(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		sent := l.clock()
		reads := req.Method == http.MethodGet
		err := l.check()
		if err != nil && !reads && strings.Contains(req.URL.Path, "/apis/"+chatv1alpha1.GroupVersion.Group+"/") {
			return refuse(req, err)
		}
		resp, err := next.RoundTrip(req)
		renews := !reads && strings.Contains(req.URL.Path, "/apis/coordination.k8s.io/")
		if renews && err == nil && resp.StatusCode < http.StatusMultipleChoices {
			l.renew(sent)
		}
		return resp, err
	})
}

// ForACS forwards calls to ACS. Once the lease has lapsed, every call fails.
func (l *lease) ForACS(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		if err := l.check(); err != nil {
			return refuse(req, err)
		}
		return next.RoundTrip(req)
	})
}

// ForClaims forwards requests that share the namespaces of the cluster. They write a lease that is
// not this one, so they renew nothing. Once the lease has lapsed, every request fails.
func (l *lease) ForClaims(next http.RoundTripper) http.RoundTripper { return l.ForACS(next) }

// refuse fulfills the contract of a transport for a request that is not sent: it closes the body.
func refuse(req *http.Request, err error) (*http.Response, error) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
	return nil, err
}

// check returns an error if this process may no longer write. Such a process may never write again.
func (l *lease) check() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.lapsed:
		return lapsedError{}
	case !l.holds || l.clock()-l.renewed < leaseLimit:
		return nil
	}
	l.lapsed = true
	l.lost(lapsedError{})
	return lapsedError{}
}

// Release notes that this process is about to give the lease back, and sends nothing more. The
// manager does that after its last reconcile, but also at once if the API server did not answer for
// RenewDeadline: then reconciles may be in progress.
func (l *lease) Release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lapsed = l.holds
}

func (l *lease) renew(sent time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.holds, l.renewed = true, sent
}
