// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package controllers

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	// crashTries is the number of runs until a planned effect must come.
	crashTries = 3
	// maxWasted is the number of service users that a crash may waste: the one that is not stored
	// yet.
	maxWasted = 1
	// maxSkipped is the number of effects that only one of two runs may have.
	maxSkipped = 2
)

// If the operator dies at any effect of a create against a real API server, its successor reaches
// the same state: one thread, and nobody is added or removed twice. The simulation plays more
// scenarios. This one shows that its fake API server behaves as the real one does.
func TestFaultsCrash(t *testing.T) { //nolint:paralleltest // other tests would move its effects
	undisturbed := playCrash(t, nil)
	undisturbed.checkThreads()
	want := undisturbed.end()
	t.Logf("%d effects:\n%s", len(want.effects), strings.Join(want.effects, "\n"))
	again, skipped := playCrash(t, nil).end().effects, 0
	for _, effect := range want.effects {
		// The test cannot plan a crash at an effect that comes by chance.
		if !slices.Contains(again, effect) {
			if skipped++; skipped > maxSkipped {
				t.Errorf("%d effects are not in a second run; the last is %s", skipped, effect)
			}
			continue
		}
		for _, way := range []crashWay{crashBefore, crashAfter, crashAmid} {
			if way == crashAmid && !strings.Contains(effect, "AddParticipants") {
				continue
			}
			plan := &crash{effect, way}
			t.Run(plan.String(), func(t *testing.T) {
				t.Parallel()
				r := playCrash(t, plan)
				for try := 1; try < crashTries && !r.hasSuccessor(); try++ {
					t.Log("The effect did not come: once more.")
					r = playCrash(t, plan)
				}
				r.checkThreads()
				r.compare(want)
			})
		}
	}
}

// compare fails the test if the state differs from that of the undisturbed run.
func (r *crashRun) compare(want crashEnd) {
	r.t.Helper()
	got := r.end()
	if !r.hasSuccessor() {
		r.t.Fatalf("%d operators were at work: nobody died. Effects:\n%s", len(r.operators), strings.Join(got.effects, "\n"))
	}
	if diff := cmp.Diff(want.lines, got.lines); diff != "" {
		r.t.Errorf("the end differs (-undisturbed +this):\n%s", diff)
	}
	if got.created != want.created {
		r.t.Errorf("%d threads were created, want %d", got.created, want.created)
	}
	if got.users < want.users || got.users > want.users+maxWasted {
		r.t.Errorf("%d service users were created, %d undisturbed", got.users, want.users)
	}
	if diff := cmp.Diff(want.joins, got.joins); diff != "" {
		r.t.Errorf("additions (-undisturbed +this):\n%s", diff)
	}
	if diff := cmp.Diff(want.removals, got.removals); diff != "" {
		r.t.Errorf("removals (-undisturbed +this):\n%s", diff)
	}
}

// checkThreads fails the test for a thread that was created twice, and for an orphan.
func (r *crashRun) checkThreads() {
	r.t.Helper()
	made := map[string]int{}
	for _, thread := range r.emulator.Threads() {
		made[thread.RepeatabilityID]++
	}
	for id, times := range made {
		if times != 1 {
			r.t.Errorf("%d threads were made for incarnation %s", times, id)
		}
	}
	r.get(r.room)
	for _, thread := range r.threads() {
		if thread.ID != r.room.Status.ThreadID {
			r.t.Errorf("no resource has thread %s, which is %v", thread.ID, thread.Metadata)
		}
	}
}
