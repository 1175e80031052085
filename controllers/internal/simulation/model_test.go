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

// simSteps is how many actions TestSimModel plays at least.
var minSteps = flag.Int("sim.steps", 20000, "how many actions TestSimModel plays at least")

const (
	// modelPeople is how many users threads are declared with.
	modelPeople = 6
	// modelHeal is how long it may take until all is as declared once nothing is broken any more:
	// two resyncs, as one thread may wait for another one to be let go.
	convergeTimeModel = 26 * time.Minute
	// modelAsked is how long it may take after somebody asked for a pass.
	requestedTime = 3 * time.Minute
	// modelRest is how long nothing may be written then, a resync of each thread at least.
	restPeriodModel = 12 * time.Minute
)

// modelService is how the service of a history behaves.
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

// modelHistory is all that happens in a run. After each chapter what is broken is mended, and once
// time has gone by the world must be as the model has it.
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

// GoString is what rapid prints of a history that it drew.
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

// Whatever people declare, in whatever order, and whatever breaks meanwhile: in the end the service
// holds what a model of a few lines says that it should hold, and every status tells the truth.
//
// A failure shows the shortest history that was found, and how to play it again: -rapid.seed or
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
			report := runInBubble(t, func(tb reporter) { story = playModel(tb, history) })
			steps += history.steps()
			histories++
			if len(report.failures) == 0 {
				return
			}
			failed = true
			rt.Logf("the service: %+v\n%s\n\n%s", history.service, strings.Join(story, "\n"), strings.Join(report.logs, "\n"))
			for _, failure := range report.failures[1:] {
				rt.Logf("also: %s", failure)
			}
			rt.Fatal(report.failures[0])
		})
	}
	t.Logf("%d actions in %d histories", steps, histories)
	if steps < *minSteps {
		t.Errorf("only %d actions, want %d", steps, *minSteps)
	}
}

// playModel plays a history against the model, and tells what was done, up to the failure.
func playModel(t reporter, history modelHistory) []string {
	w := newWorld(t, history.service.options(), modelPeople, 1)
	m := newModelRun(w, history.service)
	w.armed = true
	w.connect(1)
	w.run(time.Minute)
	for i, chapter := range history.chapters {
		m.chapter = i + 1
		m.story = append(m.story, fmt.Sprintf("chapter %d", m.chapter))
		for _, action := range chapter {
			m.play(action)
			if t.Failed() {
				return m.story
			}
		}
		m.settle()
		if t.Failed() {
			return m.story
		}
	}
	return m.story
}
