// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// The outcomes that there are, apart from their times and errors.
var (
	readyOutcome       = outcome.Outcome{Reason: chatv1alpha1.ReasonSucceeded, Message: "As declared.", Ready: true}
	stalledOutcome     = outcome.Outcome{Reason: chatv1alpha1.ReasonThreadGone, Message: "Gone.", Stalled: true}
	reconcilingOutcome = outcome.Outcome{Reason: chatv1alpha1.ReasonThrottled, Message: "Wait."}
	quietOutcome       = outcome.Outcome{Reason: chatv1alpha1.ReasonThrottled, Message: "Not shown.", Quiet: true}
)

// conditionsOf shows the conditions without their times.
func conditionsOf(obj Conditioned) []string {
	var lines []string
	for _, c := range obj.GetConditions() {
		lines = append(lines, strings.Join([]string{c.Type, string(c.Status), c.Reason, c.Message}, " "))
	}
	return lines
}

func TestMark(t *testing.T) {
	t.Parallel()
	isReady := []string{"Ready True Succeeded As declared."}
	isStalled := []string{"Ready False ThreadGone Gone.", "Stalled True ThreadGone Gone."}
	isReconciling := []string{"Ready False Throttled Wait.", "Reconciling True Throttled Wait."}
	outcomes := map[string]outcome.Outcome{"ready": readyOutcome, "stalled": stalledOutcome, "reconciling": reconcilingOutcome}
	shown := map[string][]string{"ready": isReady, "stalled": isStalled, "reconciling": isReconciling}
	for _, first := range slices.Sorted(maps.Keys(outcomes)) {
		for _, second := range slices.Sorted(maps.Keys(outcomes)) {
			t.Run(first+", then "+second, func(t *testing.T) {
				t.Parallel()
				for _, obj := range []Conditioned{&chatv1alpha1.ChatThread{}, &chatv1alpha1.ChatParticipant{}, &chatv1alpha1.ChatConnection{}} {
					obj.SetGeneration(3)
					for _, step := range []string{first, second} {
						Mark(obj, outcomes[step])
						if diff := cmp.Diff(shown[step], conditionsOf(obj)); diff != "" {
							t.Errorf("%T, conditions when %s (-want +got):\n%s", obj, step, diff)
						}
						for _, c := range obj.GetConditions() {
							if c.ObservedGeneration != 3 || c.LastTransitionTime.IsZero() {
								t.Errorf("%T, condition %+v", obj, c)
							}
						}
					}
					before := conditionsOf(obj)
					Mark(obj, quietOutcome)
					if diff := cmp.Diff(before, conditionsOf(obj)); diff != "" {
						t.Errorf("%T, a reconcile with nothing to report (-want +got):\n%s", obj, diff)
					}
				}
			})
		}
	}
}

func TestMarkKeepsTransitionTime(t *testing.T) {
	t.Parallel()
	long := metav1.NewTime(time.Now().Add(-time.Hour).Truncate(time.Second))
	for name, c := range map[string]struct {
		before, after outcome.Outcome
		kept          bool
	}{
		"nothing changed":             {stalledOutcome, stalledOutcome, true},
		"another message":             {stalledOutcome, outcome.Outcome{Reason: chatv1alpha1.ReasonThreadGone, Message: "Really gone.", Stalled: true}, true},
		"another reason, same status": {stalledOutcome, reconcilingOutcome, true},
		"another status":              {stalledOutcome, readyOutcome, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			thread := &chatv1alpha1.ChatThread{}
			Mark(thread, c.before)
			for i := range thread.Status.Conditions {
				thread.Status.Conditions[i].LastTransitionTime = long
			}
			kept := slices.Clone(thread.Status.Conditions)
			before := thread.DeepCopy()
			Mark(thread, c.after)
			if got := thread.Status.Conditions[0].LastTransitionTime.Equal(&long); got != c.kept {
				t.Errorf("transition time of Ready kept: %v, want %v", got, c.kept)
			}
			// The object may be the cache's own.
			if diff := cmp.Diff(kept, before.Status.Conditions); diff != "" {
				t.Errorf("conditions of before changed (-want +got):\n%s", diff)
			}
			if name == "nothing changed" {
				if diff := cmp.Diff(before, thread); diff != "" {
					t.Errorf("a second mark is no write (-before +after):\n%s", diff)
				}
			}
		})
	}
}

func TestReadyReason(t *testing.T) {
	t.Parallel()
	thread := &chatv1alpha1.ChatThread{}
	if status, reason := ReadyReason(thread); status != "" || reason != "" {
		t.Errorf("before the first reconcile: %q %q", status, reason)
	}
	Mark(thread, stalledOutcome)
	if status, reason := ReadyReason(thread); status != metav1.ConditionFalse || reason != chatv1alpha1.ReasonThreadGone {
		t.Errorf("%q %q", status, reason)
	}
}
