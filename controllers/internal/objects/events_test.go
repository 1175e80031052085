// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/tools/events"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

func TestEmit(t *testing.T) {
	t.Parallel()
	created := Event{Reason: chatv1alpha1.EventCreated, Note: "Created thread a"}
	warned := Event{Warning: true, Reason: chatv1alpha1.EventFound, Note: "Two\nthreads"}
	failing := outcome.Outcome{Reason: chatv1alpha1.ReasonServiceUnavailable, Message: "Down.", Err: errors.New("down")}
	for name, c := range map[string]struct {
		before, after outcome.Outcome
		told          []Event
		want          []string
	}{
		"first time ready":                 {outcome.Outcome{Quiet: true}, readyOutcome, nil, []string{"Normal Succeeded As declared."}},
		"ready again":                      {readyOutcome, readyOutcome, nil, nil},
		"ready, with another message":      {readyOutcome, outcome.Outcome{Reason: chatv1alpha1.ReasonSucceeded, Message: "Still.", Ready: true}, nil, nil},
		"ready by a create: one event":     {reconcilingOutcome, readyOutcome, []Event{created}, []string{"Normal Created Created thread a"}},
		"a change of a thread in sync":     {readyOutcome, readyOutcome, []Event{created}, []string{"Normal Created Created thread a"}},
		"stalled: a warning":               {readyOutcome, stalledOutcome, nil, []string{"Warning ThreadGone Gone."}},
		"stalled after a change: both":     {readyOutcome, stalledOutcome, []Event{warned}, []string{"Warning Found Two threads", "Warning ThreadGone Gone."}},
		"reconciling":                      {readyOutcome, reconcilingOutcome, nil, []string{"Normal Throttled Wait."}},
		"failing: a warning":               {readyOutcome, failing, nil, []string{"Warning ServiceUnavailable Down."}},
		"failing still":                    {failing, failing, nil, nil},
		"quiet":                            {readyOutcome, quietOutcome, nil, nil},
		"quiet, though something was done": {readyOutcome, quietOutcome, []Event{created}, []string{"Normal Created Created thread a"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := &chatv1alpha1.ChatThread{}
			Mark(before, c.before)
			after := before.DeepCopy()
			Mark(after, c.after)
			recorder := events.NewFakeRecorder(10)
			Emit(t.Context(), recorder, before, after, c.told, c.after)
			close(recorder.Events)
			var got []string
			for e := range recorder.Events {
				got = append(got, e)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRecordCutsNotes(t *testing.T) {
	t.Parallel()
	recorder := events.NewFakeRecorder(1)
	Record(t.Context(), recorder, &chatv1alpha1.ChatThread{}, []Event{{Reason: "R", Note: "100%\n" + strings.Repeat("x", 5000)}})
	got := <-recorder.Events
	if !strings.HasPrefix(got, "Normal R 100% xx") || len(got) > len("Normal R ")+MaxEventNote {
		t.Errorf("event of %d bytes: %.40s", len(got), got)
	}
}
