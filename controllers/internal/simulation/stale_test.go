// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const (
	// seedsPerScenario is the number of runs of each scenario with stale caches, and with two
	// operators.
	seedsPerScenario = 16
	// convergeTimeStale is the time after which such a run must be at rest. Stale caches delay the
	// work.
	convergeTimeStale = 45 * time.Minute
)

// eventDelays are the largest delays of events.
var eventDelays = []time.Duration{200 * time.Millisecond, 2 * time.Second, 20 * time.Second, 2 * time.Minute}

// With a cache that is late, that shows events twice or loses them between two lists, also after a
// crash into an older cache, the end is the same as with a fresh one.
func TestSimStale(t *testing.T) {
	t.Parallel()
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for n, service := range serviceVariants {
				want := s.undisturbed(t, service)
				for seed := range uint64(seedsPerScenario) {
					lags := lag{latest: eventDelays[seed%4], events: 1 + int(seed*50/seedsPerScenario)}
					t.Run(fmt.Sprintf("%s, seed %d, late by %s, %d events", service.name, seed, lags.latest, lags.events), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) {
							w := newWorld(t, service.options, s.people, 100*uint64(n)+seed) //nolint:gosec // small
							s.begin(w)
							w.run(time.Minute)
							w.lags, w.downtime = lags, service.downtime*time.Duration(seed%2)
							var plan []strike
							if seed%2 == 1 {
								plan = append(plan, strike{1 + int(w.chance(int64(len(want.effects)))), strikeAfter})
							}
							w.arm(plan...)
							s.act(w)
							w.run(convergeTimeStale)
							w.settle()
							w.compare(want, false)
						})
					})
				}
			}
		})
	}
}

// Two operators that both act as leader, either of which may sleep for a minute between a decision
// and its request, reach the same end as one.
func TestSimTwoOperators(t *testing.T) {
	t.Parallel()
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for n, service := range serviceVariants {
				want := s.undisturbed(t, service)
				for seed := range uint64(seedsPerScenario) {
					t.Run(fmt.Sprintf("%s, seed %d", service.name, seed), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) {
							w := newWorld(t, service.options, s.people, 100*uint64(n)+seed) //nolint:gosec // small
							s.begin(w)
							w.run(time.Minute)
							w.lags = lag{latest: time.Second, events: 20, pause: operatorPause}
							w.arm()
							s.act(w)
							w.runBoth(overlapTime)
							w.lags.pause = 0
							w.run(convergeTimeStale)
							w.settle()
							w.compare(want, false)
						})
					})
				}
			}
		})
	}
}

const (
	// operatorPause is the longest sleep of an operator before a request. Both operators run for
	// overlapTime.
	operatorPause = time.Minute
	overlapTime   = 10 * time.Minute
)

// runBoth starts a second operator beside the present one. The first one ends.
func (w *world) runBoth(duration time.Duration) {
	until := time.Now().Add(duration)
	first, second := w.process, newProcess(w, 1)
	var running sync.WaitGroup
	for _, p := range []*process{first, second} {
		running.Go(func() { p.run(until) })
	}
	running.Wait()
	w.process = second
}
