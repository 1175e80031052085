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
	// simSeeds is how many runs each scenario has with a cache that lags, and with two operators.
	seedsPerScenario = 16
	// simWorkStale is how long such a run may take: what the caches show late is done late.
	convergeTimeStale = 45 * time.Minute
)

// simDelays are how late events may come.
var eventDelays = []time.Duration{200 * time.Millisecond, 2 * time.Second, 20 * time.Second, 2 * time.Minute}

// However late, doubled or lost between two lists what the cache shows is, also after a crash into
// an older cache: everything ends as with a fresh one.
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

// Two operators that both believe to lead, either of which may sleep for a minute between a
// decision and the request that carries it out, end as one would.
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
	// simPause is how long an operator may sleep before a request, simTogether how long both are at
	// work.
	operatorPause = time.Minute
	overlapTime   = 10 * time.Minute
)

// runBoth has a second operator work beside the one that is there. The first one ends.
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
