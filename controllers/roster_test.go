// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
)

// wakes remembers who was woken.
type wakes struct {
	mu   sync.Mutex
	keys []string
}

func (w *wakes) wake(key types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keys = append(w.keys, key.Name)
}

func (w *wakes) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	keys := w.keys
	w.keys = nil
	return keys
}

// line is what a pass says of the participant of this name, whose uid is the name as well.
func line(name string, entry rosterEntry) rosterLine {
	return rosterLine{key: types.NamespacedName{Namespace: "ns", Name: name}, uid: types.UID(name), rosterEntry: entry}
}

func TestRosterWakesOnlyOnChange(t *testing.T) {
	t.Parallel()
	joined := rosterEntry{state: rosterJoined, generation: 1, threadID: "19:a"}
	refused := rosterEntry{state: rosterRefused, generation: 1, threadID: "19:a", reason: "Rejected", message: "No."}
	for name, c := range map[string]struct {
		before, after []rosterLine
		want          []string
	}{
		"first":    {nil, []rosterLine{line("a", joined), line("b", refused)}, []string{"a", "b"}},
		"the same": {[]rosterLine{line("a", joined), line("b", refused)}, []rosterLine{line("b", refused), line("a", joined)}, nil},
		"one more": {[]rosterLine{line("a", joined)}, []rosterLine{line("a", joined), line("b", joined)}, []string{"b"}},
		"one less": {[]rosterLine{line("a", joined), line("b", joined)}, []rosterLine{line("a", joined)}, nil},
		"no longer closed": {[]rosterLine{line("a", rosterEntry{state: rosterClosed, generation: 1}), line("b", rosterEntry{state: rosterShut, generation: 1})}, nil,
			[]string{"a", "b"}},
		"another state":      {[]rosterLine{line("a", joined)}, []rosterLine{line("a", refused)}, []string{"a"}},
		"another thread":     {[]rosterLine{line("a", joined)}, []rosterLine{line("a", rosterEntry{state: rosterJoined, generation: 1, threadID: "19:b"})}, []string{"a"}},
		"another generation": {[]rosterLine{line("a", joined)}, []rosterLine{line("a", rosterEntry{state: rosterJoined, generation: 2, threadID: "19:a"})}, []string{"a"}},
		"another message": {[]rosterLine{line("a", refused)}, []rosterLine{line("a", rosterEntry{state: rosterRefused, generation: 1, threadID: "19:a", reason: "Rejected", message: "Never."})},
			[]string{"a"}},
		"a namesake": {[]rosterLine{line("a", joined)},
			[]rosterLine{{key: types.NamespacedName{Namespace: "ns", Name: "a"}, uid: "other", rosterEntry: joined}}, []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			woken := &wakes{}
			r := newRoster(woken.wake)
			r.publish("thread", c.before)
			woken.take()
			r.publish("thread", c.after)
			if diff := cmp.Diff(c.want, slices.Sorted(slices.Values(woken.take()))); diff != "" {
				t.Errorf("woken (-want +got):\n%s", diff)
			}
			for _, l := range c.after {
				if got, ok := r.entry("thread", l.uid); !ok || got != l.rosterEntry {
					t.Errorf("entry of %s is %+v, %v", l.uid, got, ok)
				}
			}
		})
	}
}

// A thread that cannot be looked at now leaves whoever was in it as it was reported.
func TestRosterWaiting(t *testing.T) {
	t.Parallel()
	waiting := func(generation int64) rosterEntry {
		return rosterEntry{state: rosterWaiting, generation: generation, threadID: "19:a", reason: "ThreadNotReady", message: "Wait."}
	}
	in := func(state rosterState) rosterEntry {
		return rosterEntry{state: state, generation: 1, threadID: "19:a", reason: "R", message: "M"}
	}
	for name, c := range map[string]struct {
		before, publish, want rosterEntry
	}{
		"joined stays":                     {in(rosterJoined), waiting(1), in(rosterJoined)},
		"refused stays":                    {in(rosterRefused), waiting(1), in(rosterRefused)},
		"joined, edited since":             {in(rosterJoined), waiting(2), waiting(2)},
		"shut waits":                       {in(rosterShut), waiting(1), waiting(1)},
		"closed waits":                     {in(rosterClosed), waiting(1), waiting(1)},
		"released waits":                   {in(rosterReleased), waiting(1), waiting(1)},
		"joined, the thread is shut":       {in(rosterJoined), in(rosterShut), in(rosterShut)},
		"joined, the thread is closed":     {in(rosterJoined), in(rosterClosed), in(rosterClosed)},
		"joined, no longer counted":        {in(rosterJoined), in(rosterReleased), in(rosterReleased)},
		"waiting, and in":                  {waiting(1), in(rosterJoined), in(rosterJoined)},
		"waiting for another reason":       {waiting(1), rosterEntry{state: rosterWaiting, generation: 1, reason: "R"}, rosterEntry{state: rosterWaiting, generation: 1, reason: "R"}},
		"joined, refused after a new spec": {in(rosterJoined), rosterEntry{state: rosterRefused, generation: 2}, rosterEntry{state: rosterRefused, generation: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			woken := &wakes{}
			r := newRoster(woken.wake)
			r.publish("thread", []rosterLine{line("a", c.before)})
			woken.take()
			r.publish("thread", []rosterLine{line("a", c.publish)})
			if got, _ := r.entry("thread", "a"); got != c.want {
				t.Errorf("entry %+v, want %+v", got, c.want)
			}
			if got, want := len(woken.take()) > 0, c.before != c.want; got != want {
				t.Errorf("woken %v, want %v", got, want)
			}
		})
	}
}

// The thread of before is gone, and who was in it is in no thread.
func TestRosterWaitingForAnotherThread(t *testing.T) {
	t.Parallel()
	r := newRoster((&wakes{}).wake)
	r.publish("thread", []rosterLine{line("a", rosterEntry{state: rosterJoined, generation: 1, threadID: "19:a"})})
	waiting := rosterEntry{state: rosterWaiting, generation: 1, reason: "ThreadNotReady"}
	r.publish("thread", []rosterLine{line("a", waiting)})
	if got, _ := r.entry("thread", "a"); got != waiting {
		t.Errorf("entry %+v, want %+v", got, waiting)
	}
}

func TestRosterEntries(t *testing.T) {
	t.Parallel()
	woken := &wakes{}
	r := newRoster(woken.wake)
	if _, ok := r.entry("thread", "a"); ok {
		t.Error("an entry before any pass")
	}
	joined := rosterEntry{state: rosterJoined, generation: 1}
	r.publish("thread", []rosterLine{line("a", joined), line("b", joined)})
	r.publish("other", []rosterLine{line("a", joined)})
	// Who is left out has gone, and its entry with it.
	r.publish("thread", []rosterLine{line("b", joined)})
	if _, ok := r.entry("thread", "a"); ok {
		t.Error("an entry of a participant that has gone")
	}
	woken.take()
	r.forget("thread")
	if _, ok := r.entry("thread", "b"); ok {
		t.Error("an entry of a thread that was forgotten")
	}
	if _, ok := r.entry("other", "a"); !ok {
		t.Error("another thread was forgotten")
	}
	if got := woken.take(); got != nil {
		t.Errorf("forgetting woke %v", got)
	}
	r.publish("thread", []rosterLine{line("b", joined)})
	if diff := cmp.Diff([]string{"b"}, woken.take()); diff != "" {
		t.Errorf("woken after forgetting (-want +got):\n%s", diff)
	}
}

// Whoever is woken may look at the roster at once.
func TestRosterWakesUnlocked(t *testing.T) {
	t.Parallel()
	var r *roster
	var seen []string
	r = newRoster(func(key types.NamespacedName) {
		entry, ok := r.entry("thread", types.UID(key.Name))
		seen = append(seen, fmt.Sprintf("%s %v %d", key.Name, ok, entry.generation))
	})
	r.publish("thread", []rosterLine{line("a", rosterEntry{generation: 4}), line("b", rosterEntry{generation: 5})})
	if diff := cmp.Diff([]string{"a true 4", "b true 5"}, seen); diff != "" {
		t.Errorf("seen (-want +got):\n%s", diff)
	}
}

func TestRosterOfManyThreads(t *testing.T) {
	t.Parallel()
	woken := &wakes{}
	r := newRoster(woken.wake)
	const threads, passes = 8, 50
	var running sync.WaitGroup
	for n := range threads {
		running.Go(func() {
			for pass := range passes {
				uid := types.UID(fmt.Sprint(n))
				r.publish(uid, []rosterLine{line(string(uid), rosterEntry{generation: int64(pass)})})
				if got, ok := r.entry(uid, uid); !ok || got.generation != int64(pass) {
					t.Errorf("thread %d, pass %d: entry %+v, %v", n, pass, got, ok)
				}
			}
		})
	}
	running.Wait()
	keys := woken.take()
	slices.Sort(keys)
	if got := len(keys); got != threads*passes {
		t.Errorf("%d wakes, want %d", got, threads*passes)
	}
}

// What was found out of an earlier generation says nothing of this one.
func TestEntryOfAnEarlierGeneration(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	thread, participant := w.newThread("room"), w.newParticipant("member", "room", "8:acs:a")
	w.create(thread, participant)
	judgements := newRoster(func(types.NamespacedName) {})
	r := &ChatParticipantReconciler{Reader: admin, Recorder: events.NewFakeRecorder(10), roster: judgements, Store: objects.NewStore(admin, admin)}
	pass := func(generation int64) bool {
		judgements.publish(thread.UID, []rosterLine{{key: objects.KeyOf(participant), uid: participant.UID,
			rosterEntry: rosterEntry{state: rosterJoined, generation: generation, threadID: "19:a"}}})
		_, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: objects.KeyOf(participant)})
		w.Expect(err).NotTo(HaveOccurred())
		w.get(participant)
		status, _ := objects.ReadyReason(participant)
		return status == metav1.ConditionTrue
	}
	w.Expect(pass(participant.Generation - 1)).To(BeFalse())
	w.Expect(participant.Status.ObservedGeneration).To(BeEquivalentTo(-1))
	w.Expect(pass(participant.Generation)).To(BeTrue())
}
