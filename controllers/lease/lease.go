// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

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

// Times of the leader election. A standby reads the lease every LeaseRetryPeriod to 2.2 times that, so that it
// works soon after a leader gave the lease back. A leader writes it only every leaseRenewInterval.
const (
	Duration      = 15 * time.Second
	RenewDeadline = 10 * time.Second
	RetryPeriod   = 500 * time.Millisecond
	RenewInterval = 2 * time.Second
	// leaseLimit is how long after its last renewal a leader may send: longer than it tries to renew, and shorter
	// than others respect its lease. What lies between is for calls in hand: one that takes longer may reach
	// ACS while another leads.
	leaseLimit = 13 * time.Second
)

// NewLeaseLock gives the lock of the leader election. Of the renewals of a leader it writes one every
// leaseRenewInterval, and takes the others for done: who waits for the lease may look for it more often than who
// has it must write it. restored is called, from within the call that noticed, where the API server answers with an
// older state than before, as after a restore of etcd from a backup: watches of this process show nothing then, and it
// must end at once.
func NewLock(config *rest.Config, namespace, name string, restored func(error)) (resourcelock.Interface, error) {
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
	return &sparingLock{Interface: lease}, nil
}

// sparingLock is a lock that is written no more often than it must be.
type sparingLock struct {
	resourcelock.Interface

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
	return l.written(record, l.Interface.Update(ctx, record))
}

func (l *sparingLock) isFresh() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.renewed.IsZero() && time.Since(l.renewed) < RenewInterval
}

// written notes a write. After one that failed, or that gave the lock back, the next is made at once.
func (l *sparingLock) written(record resourcelock.LeaderElectionRecord, err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.renewed = time.Time{}
	if err == nil && record.HolderIdentity == l.Identity() {
		l.renewed = time.Now()
	}
	return err
}

// Lease keeps a process from writing that led and lost its lease without noticing: one that was stopped,
// or whose machine was, goes on where it was, with calls in hand that another leader has long done, or
// undone. Without leader election there is no renewal, and nothing is refused.
type lease struct {
	lost func(error)
	// clock counts while the machine sleeps, too, and does not jump when somebody sets the time.
	clock func() time.Duration

	mu      sync.Mutex
	holds   bool          // a renewal succeeded
	renewed time.Duration // when the last one was sent that did, by clock
	lapsed  bool
}

// NewLease gives the lease of this process. lost is called once it lapsed, from within the call that noticed, and must
// not use the lease: the process must end at once, as what it remembers may be wrong.
func New(lost func(error)) *lease { return &lease{lost: lost, clock: uptime} }

// lapsedError ends passes of a process that no longer leads. It counts as a cancellation, of which
// nothing is told.
type lapsedError struct{}

func (lapsedError) Error() string        { return "the lease has run out, another operator may lead" }
func (lapsedError) Is(target error) bool { return target == context.Canceled }

// NonRetriable tells azcore not to try again.
func (lapsedError) NonRetriable() {}

// roundTripper is a function as an http.RoundTripper.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// ForAPIServer notes renewals of the lease; once it has lapsed, writes of this operator's kinds fail.
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

// ForACS lets calls to ACS through; once the lease has lapsed, every one fails.
func (l *lease) ForACS(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		if err := l.check(); err != nil {
			return refuse(req, err)
		}
		return next.RoundTrip(req)
	})
}

// refuse does what a transport must do even with a request that it does not send.
func refuse(req *http.Request, err error) (*http.Response, error) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
	return nil, err
}

// check says whether this process may still write. Once it may not, it never may again.
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

func (l *lease) renew(sent time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.holds, l.renewed = true, sent
}
