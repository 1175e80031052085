// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/operatortest"
)

const (
	// convergeTime is the time after which a run must be at rest.
	convergeTime = 25 * time.Minute
	// maxPairs is the largest number of effects of a scenario for which pairs of crashes are tried.
	maxPairs = 12
)

// serviceVariant is the behavior of the service in a run.
type serviceVariant struct {
	name     string
	options  emulator.Options
	downtime time.Duration
}

var serviceVariants = []serviceVariant{
	// The service has forgotten the create when the next process starts.
	{"forgets", emulator.Options{RepeatabilityWindow: 5 * time.Minute}, 6 * time.Minute},
	{"lists late", emulator.Options{ListDelay: 9 * time.Second}, 0},
}

// With hardServiceVariants only the rule on lists prevents a second thread after a crash: the
// service has forgotten the create, and does not list its thread yet.
var hardServiceVariants = []serviceVariant{
	serviceVariants[0],
	{"forgets and lists late", emulator.Options{RepeatabilityWindow: 3 * time.Second, ListDelay: 9 * time.Second}, 4 * time.Second},
}

// play runs the scenario with the given strikes.
func (s scenario) play(t *testing.T, service serviceVariant, plan ...strike) *world {
	t.Helper()
	w := newWorld(t, service.options, s.people, 1)
	w.downtime = service.downtime
	s.begin(w)
	w.run(time.Minute)
	w.arm(plan...)
	s.act(w)
	w.run(convergeTime)
	w.settle()
	return w
}

// undisturbed returns the end of a run without strikes.
func (s scenario) undisturbed(t *testing.T, service serviceVariant) endState {
	t.Helper()
	var end endState
	synctest.Test(t, func(t *testing.T) {
		w := s.play(t, service)
		w.checkOrphans()
		end = w.end()
		for _, obj := range append(w.stored(kindConnection), append(w.stored(kindThread), w.stored(kindParticipant)...)...) {
			_, reason := objects.ReadyReason(obj)
			if reason != "Succeeded" || operatortest.ObservedGeneration(obj) != obj.GetGeneration() || !obj.GetDeletionTimestamp().IsZero() {
				t.Errorf("not converged: %s", w.describe(obj))
			}
		}
	})
	return end
}

// After a strike at any effect, the end is the same as without it: there are as many threads, and
// no user is added or removed once more.
func TestSimCrash(t *testing.T) {
	t.Parallel()
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for _, service := range hardServiceVariants {
				want := s.undisturbed(t, service)
				t.Logf("%s: %d effects:\n%s", service.name, len(want.effects), strings.Join(want.effects, "\n"))
				for _, plan := range plansOf(want.effects) {
					name := service.name
					for _, strike := range plan {
						name += fmt.Sprint(", ", strike)
					}
					t.Run(name, func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) {
							s.play(t, service, plan...).compare(want, true)
						})
					})
				}
			}
		})
	}
}

// plansOf returns the strikes at each effect, and at each pair of effects if there are few.
func plansOf(effects []string) [][]strike {
	var single, plans [][]strike
	for at := range effects {
		ways := []strikeMode{strikeBefore, strikeAfter, strikeAnswerLost}
		if strings.HasSuffix(effects[at], "AddParticipants") {
			ways = append(ways, strikeHalf)
		}
		for _, way := range ways {
			single = append(single, []strike{{at + 1, way}})
		}
	}
	plans = single
	if len(effects) > maxPairs {
		return plans
	}
	for _, first := range single {
		for _, second := range single {
			// A crash before an effect is the same as a crash after the previous one.
			if first[0].way == strikeBefore && first[0].at > 1 || second[0].way == strikeBefore && second[0].at > 1 {
				continue
			}
			plans = append(plans, []strike{first[0], second[0]})
		}
	}
	return plans
}
