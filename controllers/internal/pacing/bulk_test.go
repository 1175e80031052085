// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package pacing_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

// createAll creates threads through a controller, and returns how long that took.
func createAll(t *testing.T, s *service, c *controller, names []string) time.Duration {
	t.Helper()
	session := connection.NewConnection(s.pacer)
	start := time.Now()
	var running sync.WaitGroup
	for _, name := range names {
		running.Go(func() {
			c.run(t, caller(name), func(who pacing.Caller) error {
				chosen := session.Choose(who, s.users)
				if err := s.pacer.Room(who, chosen); err != nil {
					return err
				}
				_, err := s.chats[chosen].CreateThread(pacing.WithCaller(t.Context(), who), "paced", nil)
				s.pacer.Release(who.Thread)
				return err
			})
		})
	}
	running.Wait()
	return time.Since(start)
}

// A bulk apply uses 95 % of the budget from first to last, though reconciles come late and calls take their time.
// No thread is reconciled again before it has a slot, and each shows one moment.
func TestBulkUsesTheBudget(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		late, busy, latency time.Duration
		workers             int
	}{
		"at once":              {workers: 2000},
		"late and slow":        {late: 300 * time.Millisecond, busy: 50 * time.Millisecond, latency: 150 * time.Millisecond, workers: 16},
		"one reconcile a slot": {busy: 350 * time.Millisecond, latency: 50 * time.Millisecond, workers: 16},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const threads, users = 2000, 32
				s := newService(t, users)
				s.latency = c.latency
				work := newController(s.pacer, c.workers)
				work.late, work.busy = c.late, c.busy
				names := make([]string, threads)
				for n := range names {
					names[n] = fmt.Sprint("a/", n)
				}
				took := createAll(t, s, work, names)
				s.checkRefused(t)
				least := (threads/users + 9) / 10 * pacing.ShortWindow
				t.Logf("took %s, the quota allows %s: %d %%; %d reconciles, %d in vain, %d waits shown", took, least-pacing.ShortWindow,
					100*(least-pacing.ShortWindow)/took, work.reconciles, work.vain, work.shown)
			})
		})
	}
}
