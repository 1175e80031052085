// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/operatortest"
)

// reconciled returns the times at which objects leave a work queue, since the start.
func reconciled(t *testing.T, change func(queue requestQueue, at func(time.Duration))) []string {
	t.Helper()
	var came []string
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		queue := priorityqueue.New[reconcile.Request]("debounce")
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				request, shutdown := queue.Get()
				if shutdown {
					return
				}
				came = append(came, fmt.Sprintf("%s %s", request.Name, time.Since(start)))
				queue.Done(request)
			}
		}()
		change(queue, func(moment time.Duration) {
			<-time.After(moment - time.Since(start))
			synctest.Wait()
		})
		// All delays have ended by then.
		<-time.After(time.Minute)
		queue.ShutDown()
		<-done
	})
	return came
}

// debounceCase is a sequence of changes, and the times at which threads are reconciled.
type debounceCase struct {
	change func(change func(thread string), queue requestQueue, at func(time.Duration))
	want   []string
}

var debounceCases = map[string]debounceCase{
	"nothing": {change: func(func(string), requestQueue, func(time.Duration)) {}},
	"one change": {
		change: func(change func(string), _ requestQueue, _ func(time.Duration)) { change("a") },
		want:   []string{"a 500ms"},
	},
	"many at once": {
		change: func(change func(string), _ requestQueue, _ func(time.Duration)) {
			for range 249 {
				change("a")
			}
		},
		want: []string{"a 500ms"},
	},
	"half a second after the first": {
		change: func(change func(string), _ requestQueue, at func(time.Duration)) {
			for n := range 5 {
				at(time.Duration(n) * 200 * time.Millisecond)
				change("a")
			}
		},
		want: []string{"a 500ms", "a 1.1s"},
	},
	"each thread for itself": {
		change: func(change func(string), _ requestQueue, at func(time.Duration)) {
			change("a")
			at(300 * time.Millisecond)
			change("b")
		},
		want: []string{"a 500ms", "b 800ms"},
	},
	"earlier than a resync": {
		change: func(change func(string), queue requestQueue, _ func(time.Duration)) {
			queue.AddAfter(reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "ns", Name: "a"}}, 10*time.Second)
			change("a")
		},
		want: []string{"a 500ms"},
	},
	"no later than an earlier request": {
		change: func(change func(string), queue requestQueue, _ func(time.Duration)) {
			change("a")
			queue.Add(reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "ns", Name: "a"}})
		},
		want: []string{"a 0s"},
	},
}

// A change of a ChatParticipant enqueues its thread half a second later, and later changes neither
// delay nor repeat that.
func TestDebounce(t *testing.T) {
	t.Parallel()
	for name, c := range debounceCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := reconciled(t, func(queue requestQueue, at func(time.Duration)) {
				changed := (&ChatThreadReconciler{}).participantHandler()
				c.change(func(thread string) {
					p := operatortest.Participant("ns", "p", thread, "8:acs:a")
					after := p.DeepCopy()
					after.Generation++
					changed.Update(t.Context(), event.UpdateEvent{ObjectOld: p, ObjectNew: after}, queue)
				}, queue, at)
			})
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("reconciled (-want +got):\n%s", diff)
			}
		})
	}
}

// If a ChatParticipant is replaced by one of the same name, the threads of both are reconciled.
func TestNamesakeIsForAnotherThread(t *testing.T) {
	t.Parallel()
	got := reconciled(t, func(queue requestQueue, _ func(time.Duration)) {
		former := operatortest.Participant("ns", "p", "former", "8:acs:a")
		namesake := operatortest.Participant("ns", "p", "later", "8:acs:b")
		namesake.UID = "another"
		(&ChatThreadReconciler{}).participantHandler().Update(t.Context(), event.UpdateEvent{ObjectOld: former, ObjectNew: namesake}, queue)
	})
	slices.Sort(got)
	if diff := cmp.Diff([]string{"former 500ms", "later 500ms"}, got); diff != "" {
		t.Errorf("reconciled (-want +got):\n%s", diff)
	}
}

// A thread waits for ChatParticipants without a finalizer, at most five seconds, and once for each.
func TestArrivals(t *testing.T) {
	t.Parallel()
	type step struct {
		at      time.Duration
		pending []string
		want    bool
	}
	for name, steps := range map[string][]step{
		"nobody is pending":         {{at: 0}},
		"until the finalizer":       {{0, []string{"a"}, true}, {debounceInterval, []string{"b"}, true}, {2 * debounceInterval, nil, false}},
		"for five seconds at most":  {{0, []string{"a"}, true}, {debounceLimit - 1, []string{"a"}, true}, {debounceLimit, []string{"a"}, false}},
		"not again":                 {{0, []string{"a"}, true}, {debounceLimit, []string{"a"}, false}, {debounceLimit + 1, []string{"a"}, false}},
		"again for others":          {{0, []string{"a"}, true}, {debounceLimit, []string{"a"}, false}, {debounceLimit + 1, []string{"a", "b"}, true}, {2 * debounceLimit, []string{"b"}, true}, {2*debounceLimit + 1, []string{"b"}, false}},
		"again after a while":       {{0, []string{"a"}, true}, {1, nil, false}, {time.Hour, []string{"b"}, true}},
		"again when it comes again": {{0, []string{"a"}, true}, {debounceLimit, []string{"a"}, false}, {debounceLimit + 1, []string{"b"}, true}, {2*debounceLimit + 1, []string{"b"}, false}, {time.Hour, []string{"a", "b"}, true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			a := &arrivals{}
			for i, s := range steps {
				var pending []chatv1alpha1.ChatParticipant
				for _, uid := range s.pending {
					p := chatv1alpha1.ChatParticipant{}
					p.UID = types.UID(uid)
					pending = append(pending, p)
				}
				if got := a.wait(pending, start.Add(s.at)); got != s.want {
					t.Errorf("step %d: waits %t, want %t", i, got, s.want)
				}
			}
		})
	}
}

// A thread that does not exist at ACS is created at once. An existing one waits, without a report.
func TestWaitForPending(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"", "19:thread"} {
		s := situation{run: run{thread: &chatv1alpha1.ChatThread{}, memory: &threadMemory{}}, declaration: declaration{pending: make([]chatv1alpha1.ChatParticipant, 1)}}
		s.thread.Status.ThreadID = id
		if err := s.waitForPending(time.Now()); (err != nil) != (id != "") {
			t.Errorf("thread %q: %v", id, err)
		}
	}
}
