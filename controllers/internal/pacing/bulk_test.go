// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package pacing_test

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

// createAll creates threads through a controller, and returns the time that each took.
func createAll(t *testing.T, s *service, c *controller, names []string) map[string]time.Duration {
	t.Helper()
	session := connection.NewConnection(s.pacer)
	start := time.Now()
	var running sync.WaitGroup
	var mu sync.Mutex
	created := map[string]time.Duration{}
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
			mu.Lock()
			defer mu.Unlock()
			created[name] = time.Since(start)
		})
	}
	running.Wait()
	return created
}

// A bulk apply uses 95 % of the budget from first to last, though reconciles come late and calls
// take their time. No thread is reconciled again before it has a slot, and each shows one moment.
func TestBulkUsesTheBudget(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		late, busy, latency time.Duration
		workers             int
	}{
		"at once":       {workers: 2000},
		"late and slow": {late: 200 * time.Millisecond, busy: 50 * time.Millisecond, latency: 100 * time.Millisecond, workers: 16},
		// The first reconciles alone take 25 s: woken threads must not wait behind them.
		"few workers": {busy: 150 * time.Millisecond, latency: 50 * time.Millisecond, workers: 16},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const threads, users = 1920, 32
				s := newService(t, users)
				s.latency = c.latency
				work := newController(t, s.pacer, c.workers)
				work.late, work.busy = c.late, c.busy
				names := make([]string, threads)
				for n := range names {
					names[n] = fmt.Sprint("a/", n)
				}
				created := slices.Sorted(maps.Values(createAll(t, s, work, names)))
				s.checkRefused(t)
				// The workers need some time for the burst that the first window allows; then the
				// budget sets the pace.
				burst, took := created[10*users-1], created[threads-1]
				least := (threads/users/10 - 1) * pacing.ShortWindow
				t.Logf("the burst took %s, the rest %s, the quota allows %s: %d %%; %d reconciles, %d in vain, %d waits shown", burst,
					took-burst, least, 100*least/(took-burst), work.reconciles, work.vain, work.shown)
				if took-burst > least*100/95 {
					t.Errorf("took %s after the burst, the quota allows %s", took-burst, least)
				}
				if work.vain > 0 || work.shown > threads {
					t.Errorf("%d reconciles in vain, %d waits shown for %d threads", work.vain, work.shown, threads)
				}
			})
		})
	}
}
