// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/acstest"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/operatortest"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/queues"
)

// faultSpan is the duration of a fault.
type faultSpan struct {
	name     string
	times    int
	duration time.Duration
	wording  errorWording
}

var faultSpans = []faultSpan{
	{name: "once", times: 1, duration: 3 * time.Minute, wording: wordingPlain},
	{name: "for a while", duration: 3 * time.Minute, wording: wordingHostile},
	{name: "for good", duration: 100 * time.Minute, wording: wordingVaries},
}

const (
	// setupTime is the time for the initial objects to become ready.
	setupTime = time.Minute
	// editAfter is the time after which other threads are edited during a fault.
	editAfter = 100 * time.Second
	// quietAfter is the time after which a permanent fault causes no more writes.
	quietAfter = 15 * time.Minute
	// heavyLasts is the longest duration of a fault with large answers.
	heavyLasts = 30 * time.Minute
	// promptly is the limit for an edit that no fault concerns. patiently is the limit while one
	// reconcile at a time probes the service.
	promptly  = 5 * time.Second
	patiently = 45 * time.Second
)

// For each answer of the service to each operation, once, for a while or permanently: the operator
// shows the reason, sends no more calls than it must, harms no other thread, and reaches the same
// end as without the fault.
func TestSimFaults(t *testing.T) {
	t.Parallel()
	var cells atomic.Int64
	t.Cleanup(func() { t.Logf("%d cells", cells.Load()) })
	for _, operation := range faultedOperations {
		t.Run(operation.name, func(t *testing.T) {
			t.Parallel()
			var want endState
			synctest.Test(t, func(t *testing.T) { want = operation.play(t, nil, faultSpans[0]).end() })
			for _, fault := range serviceFaults {
				if fault.needsBody && !operation.hasBody() {
					continue
				}
				for _, span := range faultSpans {
					t.Run(fault.name+" "+span.name, func(t *testing.T) {
						cells.Add(1)
						synctest.Test(t, func(t *testing.T) { operation.play(t, &fault, span).checkEnd(want) })
					})
				}
			}
		})
	}
}

// hasBody reports whether the answer to the operation has a body.
func (o faultedOperation) hasBody() bool {
	return !slices.Contains([]string{"ThreadClient.UpdateProperties", "ThreadClient.RemoveParticipant", "ChatClient.DeleteThread"}, o.operation)
}

// play runs the operation, with a fault or without.
func (o faultedOperation) play(t *testing.T, fault *serviceFault, span faultSpan) *world {
	t.Helper()
	w := newWorld(t, emulator.Options{RepeatabilityWindow: 5 * time.Minute}, 5, 1)
	o.setUp(w)
	w.network.wording = span.wording
	began := time.Now()
	previousID := ""
	if thread := w.storedThread("room"); thread != nil {
		previousID = thread.Status.ThreadID
	}
	if fault != nil {
		injected := &injectedFault{fault: *fault, operation: o.operation, times: span.times}
		if o.target != nil {
			injected.target = o.target(w)
		}
		w.network.inject(injected)
	}
	w.arm()
	o.act(w)
	w.run(editAfter)
	o.checkOthers(w, fault)
	if fault != nil && fault.heavy {
		span.duration = min(span.duration, heavyLasts)
	}
	w.run(span.duration - time.Since(began))
	if fault != nil && span.times == 0 {
		o.checkShown(w, *fault)
		o.checkCalls(w, *fault, began)
		w.checkWrites(began, o.harmsHall(*fault))
	}
	w.network.repair()
	if o.notFoundTrusted {
		w.deletePrevious(previousID)
	}
	if o.operation == "IdentityClient.CreateUser" {
		// After lost answers the next try may be this far off.
		w.run(connection.LastCreation)
	}
	w.run(convergeTime)
	w.settle()
	w.checkSilence()
	if w.network.read > maxRead {
		t.Errorf("%d bytes of an answer were read, want at most %d", w.network.read, maxRead)
	}
	return w
}

// checkOthers edits the threads that the fault does not concern.
func (o faultedOperation) checkOthers(w *world, fault *serviceFault) {
	w.t.Helper()
	w.edit("elsewhere", promptly)
	switch {
	case !o.hall:
	case fault == nil || !o.harmsHall(*fault) && !fault.slow && !fault.heavy:
		w.edit("hall", promptly)
	case !o.harmsHall(*fault):
		w.edit("hall", patiently)
	default:
		w.edit("hall", 0)
	}
}

// harmsHall reports whether a fault concerns the other threads of the connection: an access key is
// refused for all of them, and all callers that share a quota use it up together.
func (o faultedOperation) harmsHall(fault serviceFault) bool {
	return fault.name == "401" && strings.HasPrefix(o.operation, "IdentityClient.") || fault.gap > 0 && o.sharesQuota
}

// edit changes the topic of a thread and waits until the change is made.
func (w *world) edit(name string, bound time.Duration) {
	w.t.Helper()
	edit(w, threadNamed(name), func(thread *chatv1alpha1.ChatThread) { thread.Spec.Topic = "edited" })
	began := time.Now()
	for time.Since(began) < bound {
		w.run(time.Second)
		thread := w.storedThread(name)
		if _, reason := objects.ReadyReason(thread); reason == chatv1alpha1.ReasonSucceeded && operatortest.ObservedGeneration(thread) == thread.Generation {
			return
		}
	}
	if bound == 0 {
		return
	}
	w.t.Errorf("ChatThread %s was not edited within %s: %s", name, bound, w.describe(w.storedThread(name)))
}

// shown returns the state of an object in the terms of the tables.
func shown(obj objects.Conditioned) string {
	_, reason := objects.ReadyReason(obj)
	switch {
	case apimeta.IsStatusConditionTrue(obj.GetConditions(), chatv1alpha1.ConditionStalled):
		return "Stalled " + reason
	case apimeta.IsStatusConditionTrue(obj.GetConditions(), chatv1alpha1.ConditionReconciling):
		return "Reconciling " + reason
	default:
		return "Ready " + reason
	}
}

// checkShown compares the states of the objects with the table.
func (o faultedOperation) checkShown(w *world, fault serviceFault) {
	w.t.Helper()
	got := showsGone
	if thread := w.storedThread("room"); thread != nil {
		got = shown(thread)
		w.checkMessages(thread)
	}
	if want := o.shownBy(fault); got != want {
		w.t.Errorf("ChatThread room shows %q, want %q", got, want)
	}
	for _, obj := range w.stored(kindConnection) {
		want := showsReady
		if obj.GetName() == "default" {
			want = o.shownByConnection(fault)
		}
		if got := shown(obj); got != want {
			w.t.Errorf("ChatConnection %s shows %q, want %q", obj.GetName(), got, want)
		}
		w.checkMessages(obj)
	}
}

func (w *world) checkMessages(obj objects.Conditioned) {
	w.t.Helper()
	for _, c := range obj.GetConditions() {
		if !acstest.IsFitToShow(c.Message) || len(c.Message) > 2*outcome.MaxMessage {
			w.t.Errorf("%s: message of %s %q", obj.GetName(), c.Type, c.Message)
		}
	}
}

// checkCalls counts the calls during a fault. They must wait as requested, stay within the backoff
// once the fault lasts, and be rare if a person must act.
func (o faultedOperation) checkCalls(w *world, fault serviceFault, began time.Time) {
	w.t.Helper()
	all := w.network.hits()
	for i := range len(all) - 1 {
		if gap := all[i+1].Sub(all[i]); gap < fault.gap {
			w.t.Errorf("call %d came %s after the previous one, want %s", i+2, gap, fault.gap)
		}
	}
	if len(all) == 0 {
		w.t.Error("no call met the fault")
	}
	if time.Since(began) >= quietAfter+time.Hour {
		o.checkRate(w, fault)
	}
}

// checkRate counts the calls of the last hour.
func (o faultedOperation) checkRate(w *world, fault serviceFault) {
	w.t.Helper()
	const hour = time.Hour
	hall := w.storedThread("hall")
	calls := w.network.callsBetween(time.Now().Add(-hour), time.Now(), func(c sentCall) bool {
		return c.endpoint == defaultEndpoint && (hall == nil || !strings.Contains(c.path, hall.Status.ThreadID))
	})
	hits := w.network.callsBetween(time.Now().Add(-hour), time.Now(), func(c sentCall) bool {
		return c.endpoint == defaultEndpoint && c.operation == o.operation && strings.Contains(c.path, w.network.fault.target)
	})
	if most, mostHits := o.rates(fault, hour); len(calls) > most || len(hits) > mostHits {
		w.t.Errorf("%d calls in the last hour, %d of them of the operation; want at most %d and %d", len(calls), len(hits), most, mostHits)
	}
}

// rates returns the largest number of calls in all, and of the operation.
func (o faultedOperation) rates(fault serviceFault, hour time.Duration) (most, mostHits int) {
	shown := o.shownBy(fault) + o.shownByConnection(fault)
	most, mostHits = 10*int(hour/queues.LastBackoff), 2*int(hour/queues.LastBackoff)
	switch {
	case fault.gap > 0:
		most, mostHits = 5*int(hour/fault.gap), int(hour/fault.gap)
	case strings.Contains(shown, "Stalled") || !strings.Contains(shown, "Reconciling"):
		mostHits = max(strings.Count(shown, "Stalled"), 1) * int(hour/time.Minute)
		// Threads that the fault does not concern are read at each resync.
		most = mostHits + 3*int(hour/resyncInterval)
	}
	// Both the connection and the thread request a token.
	if o.operation == "IdentityClient.IssueToken" && fault.gap == 0 && !strings.Contains(shown, "Stalled") {
		mostHits *= 2
	}
	return most, mostHits
}

// checkWrites reports writes after the first minutes.
func (w *world) checkWrites(began time.Time, exceptHall bool) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for kind, events := range w.logs {
		late := 0
		var last types.NamespacedName
		for _, e := range events {
			if e.at.Sub(began) > quietAfter && (e.key.Name != "hall" || !exceptHall) {
				late, last = late+1, e.key
			}
		}
		if late > 0 {
			w.t.Errorf("%s were written %d times while nothing changed, last %s", kind, late, last)
		}
	}
}

// deletePrevious deletes a thread that the service reported as gone, as it would be.
func (w *world) deletePrevious(id string) {
	thread := w.storedThread("room")
	if id != "" && (thread == nil || thread.Status.ThreadID != id) {
		w.emulator.DeleteThread(id)
	}
}

// checkEnd compares the end with that of a run without a fault.
func (w *world) checkEnd(want endState) {
	w.t.Helper()
	w.compare(want, false)
}
