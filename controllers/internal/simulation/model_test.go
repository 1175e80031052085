// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

// minSteps is the least number of actions that TestSimModel plays.
var minSteps = flag.Int("sim.steps", 20000, "how many actions TestSimModel plays at least")

const (
	// modelPeople is the number of users that threads declare.
	modelPeople = 6
	// convergeTimeModel is the time to converge after all failures are repaired: two resyncs, as one
	// thread may wait until another one is released.
	convergeTimeModel = 26 * time.Minute
	// requestedTime is the time to converge after a requested reconcile.
	requestedTime = 3 * time.Minute
	// restPeriodModel is the time without writes after that, at least a resync of each thread.
	restPeriodModel = 12 * time.Minute
)

// modelService is the behavior of the service in a history.
type modelService struct {
	Forgets, ListsLate, MarksDeleted bool
	SpecErrors, ShortTokens          bool
}

func (s modelService) options() emulator.Options {
	options := emulator.Options{SpecErrors: s.SpecErrors, WithKind: s.SpecErrors}
	if s.Forgets {
		options.RepeatabilityWindow = 3 * time.Second
	}
	if s.ListsLate {
		options.ListDelay = 9 * time.Second
	}
	if s.MarksDeleted {
		options.DeletedThreads = emulator.DeletedMarked
	}
	if s.ShortTokens {
		options.TokenLifetime = 30 * time.Minute
	}
	return options
}

// modelHistory is the content of a run. After each chapter all failures are repaired, and after
// some time the world must match the model.
type modelHistory struct {
	service  modelService
	chapters [][]modelAction
}

func (h modelHistory) steps() int {
	steps := 0
	for _, chapter := range h.chapters {
		steps += len(chapter)
	}
	return steps
}

// GoString is the text that rapid prints for a drawn history.
func (h modelHistory) GoString() string { return fmt.Sprintf("%d steps", h.steps()) }

var modelHistories = rapid.Custom(func(t *rapid.T) modelHistory {
	flip := func(label string) bool { return rapid.IntRange(0, 2).Draw(t, label) == 2 }
	return modelHistory{
		service: modelService{
			Forgets: flip("forgets"), ListsLate: flip("lists late"), MarksDeleted: flip("marks"),
			SpecErrors: flip("spec errors"), ShortTokens: flip("short tokens"),
		},
		chapters: rapid.SliceOfN(rapid.SliceOfN(modelActions, 1, 100), 1, 100).Draw(t, "chapters"),
	}
})

// After any declarations in any order, and after any failures, the service holds the state that a
// small model expects, and each status is correct.
//
// A failure shows the shortest history that was found, and the way to replay it: -rapid.seed or
// -rapid.failfile. More histories are played with -sim.steps, which go test takes after -args.
func TestSimModel(t *testing.T) {
	t.Parallel()
	steps, histories, failed := 0, 0, false
	for steps < *minSteps {
		rapid.Check(t, func(rt *rapid.T) {
			if steps >= *minSteps && !failed {
				return
			}
			history := modelHistories.Draw(rt, "history")
			var story []string
			report := runInBubble(t, func(tb reporter) { playModel(tb, history, &story) })
			steps += history.steps()
			histories++
			if len(report.failures) == 0 {
				return
			}
			told := fmt.Sprintf("the service: %+v\n%s\n\n%s", history.service, strings.Join(story, "\n"), strings.Join(report.logs, "\n"))
			if !failed { // a rare order of events may never come again
				t.Logf("the history that failed first: %s\n%s", strings.Join(report.failures, "\n"), told)
			}
			failed = true
			rt.Log(told)
			for _, failure := range report.failures[1:] {
				rt.Logf("also: %s", failure)
			}
			rt.Fatal(report.failures[0])
		})
	}
	t.Logf("%d actions in %d histories", steps, histories)
	if steps < *minSteps {
		t.Errorf("%d actions, want at least %d", steps, *minSteps)
	}
}

// playModel plays a history against the model. The story gets the actions up to a failure.
func playModel(t reporter, history modelHistory, story *[]string) {
	w := newWorld(t, history.service.options(), modelPeople, 1)
	m := newModelRun(w, history.service)
	defer func() { *story = m.story }()
	w.armed = true
	w.connect(1)
	w.run(time.Minute)
	for i, chapter := range history.chapters {
		m.chapter = i + 1
		m.story = append(m.story, fmt.Sprintf("chapter %d", m.chapter))
		for _, action := range chapter {
			m.play(action)
			if t.Failed() {
				return
			}
		}
		m.settle()
		if t.Failed() {
			return
		}
	}
}
