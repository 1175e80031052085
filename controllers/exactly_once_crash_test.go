// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package controllers

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

const (
	// crashTries is how often a run is played whose planned effect does not come.
	crashTries = 3
	// maxWasted is how many service users a crash may waste: the one that was made and not stored yet.
	maxWasted = 1
	// maxSkipped is how many effects of a run may come of chance.
	maxSkipped = 2
)

// Wherever an operator dies against a real API server, the next one brings all to the same end: as many
// threads, nobody added or removed once more, no thread that no resource has.
func TestFaultsCrash(t *testing.T) { //nolint:paralleltest // what else runs would move its effects
	for _, s := range crashScenarios {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			undisturbed := s.play(t, nil)
			undisturbed.checkThreads()
			want := undisturbed.end()
			t.Logf("%d effects:\n%s", len(want.effects), strings.Join(want.effects, "\n"))
			again, skipped := s.play(t, nil).end().effects, 0
			for _, effect := range want.effects {
				// What comes of chance alone nobody can die of at will.
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
						r := s.play(t, plan)
						for try := 1; try < crashTries && !r.hasSuccessor(); try++ {
							t.Log("The effect did not come: once more.")
							r = s.play(t, plan)
						}
						r.checkThreads()
						r.compare(want)
					})
				}
			}
		})
	}
}

// compare says what differs from the undisturbed run.
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

// checkThreads says which threads were made twice, and which are left that no resource has.
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
	room := &chatv1alpha1.ChatThread{}
	if !r.isGone(r.room) {
		r.get(r.room)
		room = r.room
	}
	for _, thread := range r.threads() {
		if thread.ID != room.Status.ThreadID {
			r.t.Errorf("no resource has thread %s, which is %v", thread.ID, thread.Metadata)
		}
	}
}
