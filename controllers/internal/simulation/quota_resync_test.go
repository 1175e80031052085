// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"fmt"
	"net/url"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/operatortest"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

// seedThreads creates ChatThreads that an earlier process has reconciled, with their threads.
func (w *world) seedThreads(count int) {
	w.t.Helper()
	user := w.serviceUsers()[0]
	for n := range count {
		thread := threadNumber(n)
		thread.Finalizers = []string{chatv1alpha1.Finalizer}
		thread.Annotations = map[string]string{chatv1alpha1.AnnotationServiceUser: user}
		w.create(thread)
		id := w.emulator.CreateThread(user, thread.Spec.Topic)
		w.emulator.UpdateThread(id, func(remote *emulator.Thread) {
			remote.Metadata = map[string]string{chatv1alpha1.StampOwner: thread.Namespace + "/" + thread.Name, chatv1alpha1.StampUID: string(thread.UID)}
		})
		thread.Status = chatv1alpha1.ChatThreadStatus{
			ThreadID: id, UID: string(thread.UID), ServiceUser: user, CreatedOn: statusTime(time.Now()), ObservedGeneration: thread.Generation, Joined: "0/0",
			Participants: &chatv1alpha1.ParticipantCounts{},
		}
		objects.Mark(thread, outcome.Outcome{Ready: true, Reason: chatv1alpha1.ReasonSucceeded, Message: "The thread is as declared; 0/0 participants are in it."})
		if err := w.live.Status().Update(w.t.Context(), thread); err != nil {
			w.t.Fatal(err)
		}
		w.record(thread)
	}
}

// With more threads than the quota on reads allows for one user, the operator spreads their resyncs
// evenly, without a refused call, and other work does not wait for them.
func TestSimQuotaManyThreads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const threads, pace = 6000, 40
		w := newQuotaWorld(t, 200000)
		w.seedThreads(threads)
		reads := &readLog{byThread: map[string][]time.Time{}}
		w.onCall = reads.note
		w.process = newProcess(w, 0)
		// The interval is a ninth longer than the quota needs, as some reconciles are always delayed.
		floor := threads * pacing.ShortWindow * 10 / 9 / pace
		start := time.Now()

		w.run(quotaWindow)
		w.create(threadNamed("searched-for"))
		searched := w.runUntil(3*time.Minute, w.isReady("searched-for"))
		w.create(threadNamed("new"))
		created := w.runUntil(time.Minute, w.isReady("new"))
		var edited time.Duration
		for n := 0; time.Since(start) < 5*floor/2; n += 997 {
			room := threadNumber(n % threads)
			edit(w, room, func(t *chatv1alpha1.ChatThread) { t.Spec.Topic = fmt.Sprint("edited ", n) })
			edited = max(edited, w.runUntil(time.Minute, w.isReady(room.Name)))
			w.run(5 * time.Minute)
			// It was read for the edit as well.
			delete(reads.byThread, "/chat/threads/"+w.liveThread(room.Name).Status.ThreadID)
		}
		t.Logf("a create among the first reads took %s with the search of %d threads, the next %s, edits at most %s", searched, threads, created, edited)
		if created > 5*time.Second || edited > 5*time.Second {
			t.Errorf("a create took %s and an edit up to %s", created, edited)
		}
		if refused := w.refusedCalls(); refused > 0 {
			t.Errorf("%d calls were answered with 429", refused)
		}
		if shown := w.resyncFloor(); shown.Round(time.Second) != (floor + 2*floor/threads).Round(time.Second) {
			t.Errorf("the metric shows %s between resyncs, want the value for two threads more than %s", shown, floor)
		}
		shortest, longest, most := reads.spread(start)
		t.Logf("in %s: %s to %s between two reads of a thread, at most %d reads a minute", time.Since(start), shortest, longest, most)
		if shortest < floor*4/5 || longest > floor*6/5 {
			t.Errorf("%s to %s between two reads of a thread, want about %s", shortest, longest, floor)
		}
		if most > pace*6*21/20 {
			t.Errorf("%d reads a minute, want at most about %d", most, pace*6)
		}
	})
}

// isReady reports whether a ChatThread is as declared.
func (w *world) isReady(name string) func() bool {
	return func() bool {
		thread := w.liveThread(name)
		_, reason := objects.ReadyReason(thread)
		return reason == chatv1alpha1.ReasonSucceeded && operatortest.ObservedGeneration(thread) == thread.Generation
	}
}

func (w *world) liveThread(name string) *chatv1alpha1.ChatThread {
	thread := &chatv1alpha1.ChatThread{}
	if err := w.live.Get(w.t.Context(), types.NamespacedName{Namespace: testNamespace, Name: name}, thread); err != nil {
		w.t.Fatal(err)
	}
	return thread
}

// readLog records the times at which the properties of threads were read.
type readLog struct {
	byThread map[string][]time.Time
	all      []time.Time
}

func (r *readLog) note(operation string, u *url.URL) {
	if operation == "ThreadClient.GetProperties" {
		now := time.Now()
		r.byThread[u.Path] = append(r.byThread[u.Path], now)
		r.all = append(r.all, now)
	}
}

// spread returns the shortest and the longest time between two reads of a thread, and the largest
// number of reads in a minute.
func (r *readLog) spread(start time.Time) (shortest, longest time.Duration, most int) {
	shortest = time.Since(start)
	for _, times := range r.byThread {
		for i := range times[1:] {
			shortest = min(shortest, times[i+1].Sub(times[i]))
			longest = max(longest, times[i+1].Sub(times[i]))
		}
		longest = max(longest, time.Since(times[len(times)-1]))
	}
	minutes := make([]int, time.Since(start)/time.Minute+1)
	for _, at := range r.all {
		minutes[at.Sub(start)/time.Minute]++
	}
	return shortest, longest, slices.Max(minutes)
}

// resyncFloor returns the metric of that name.
func (w *world) resyncFloor() time.Duration {
	w.t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(w.process.controllers.Metrics())
	families, err := registry.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == "acs_chat_operator_resync_floor_seconds" {
			return time.Duration(family.GetMetric()[0].GetGauge().GetValue() * float64(time.Second))
		}
	}
	w.t.Fatal("there is no such metric")
	return 0
}
