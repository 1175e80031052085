// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package roster

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
)

// wakes remembers the participants that were woken.
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

// line is the line of the participant with this name. Its uid is the name as well.
func line(name string, entry Entry) Line {
	return Line{Key: types.NamespacedName{Namespace: "ns", Name: name}, UID: types.UID(name), Entry: entry}
}

func TestRosterWakesOnlyOnChange(t *testing.T) {
	t.Parallel()
	joined := Entry{State: Joined, Generation: 1, ThreadID: "19:a"}
	refused := Entry{State: Rejected, Generation: 1, ThreadID: "19:a", Reason: "Rejected", Message: "No."}
	for name, c := range map[string]struct {
		before, after []Line
		want          []string
	}{
		"first":    {nil, []Line{line("a", joined), line("b", refused)}, []string{"a", "b"}},
		"the same": {[]Line{line("a", joined), line("b", refused)}, []Line{line("b", refused), line("a", joined)}, nil},
		"one more": {[]Line{line("a", joined)}, []Line{line("a", joined), line("b", joined)}, []string{"b"}},
		"one less": {[]Line{line("a", joined), line("b", joined)}, []Line{line("a", joined)}, nil},
		"no longer closed": {[]Line{line("a", Entry{State: NotManaged, Generation: 1}), line("b", Entry{State: AccessLost, Generation: 1})}, nil,
			[]string{"a", "b"}},
		"another state":      {[]Line{line("a", joined)}, []Line{line("a", refused)}, []string{"a"}},
		"another thread":     {[]Line{line("a", joined)}, []Line{line("a", Entry{State: Joined, Generation: 1, ThreadID: "19:b"})}, []string{"a"}},
		"another generation": {[]Line{line("a", joined)}, []Line{line("a", Entry{State: Joined, Generation: 2, ThreadID: "19:a"})}, []string{"a"}},
		"another message": {[]Line{line("a", refused)}, []Line{line("a", Entry{State: Rejected, Generation: 1, ThreadID: "19:a", Reason: "Rejected", Message: "Never."})},
			[]string{"a"}},
		"a namesake": {[]Line{line("a", joined)},
			[]Line{{Key: types.NamespacedName{Namespace: "ns", Name: "a"}, UID: "other", Entry: joined}}, []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			woken := &wakes{}
			r := New(woken.wake)
			r.Publish("thread", c.before)
			woken.take()
			r.Publish("thread", c.after)
			if diff := cmp.Diff(c.want, slices.Sorted(slices.Values(woken.take()))); diff != "" {
				t.Errorf("woken (-want +got):\n%s", diff)
			}
			for _, l := range c.after {
				if got, ok := r.Entry("thread", l.UID); !ok || got != l.Entry {
					t.Errorf("entry of %s is %+v, %v", l.UID, got, ok)
				}
			}
		})
	}
}

// Members of a thread that cannot be read now stay as they were reported.
func TestRosterWaiting(t *testing.T) {
	t.Parallel()
	waiting := func(generation int64) Entry {
		return Entry{State: Unknown, Generation: generation, ThreadID: "19:a", Reason: "ThreadNotReady", Message: "Wait."}
	}
	in := func(state State) Entry {
		return Entry{State: state, Generation: 1, ThreadID: "19:a", Reason: "R", Message: "M"}
	}
	for name, c := range map[string]struct {
		before, publish, want Entry
	}{
		"joined stays":                     {in(Joined), waiting(1), in(Joined)},
		"refused stays":                    {in(Rejected), waiting(1), in(Rejected)},
		"joined, edited since":             {in(Joined), waiting(2), waiting(2)},
		"shut waits":                       {in(AccessLost), waiting(1), waiting(1)},
		"closed waits":                     {in(NotManaged), waiting(1), waiting(1)},
		"released waits":                   {in(Removed), waiting(1), waiting(1)},
		"joined, the thread is shut":       {in(Joined), in(AccessLost), in(AccessLost)},
		"joined, the thread is closed":     {in(Joined), in(NotManaged), in(NotManaged)},
		"joined, no longer counted":        {in(Joined), in(Removed), in(Removed)},
		"waiting, and in":                  {waiting(1), in(Joined), in(Joined)},
		"waiting for another reason":       {waiting(1), Entry{State: Unknown, Generation: 1, Reason: "R"}, Entry{State: Unknown, Generation: 1, Reason: "R"}},
		"joined, refused after a new spec": {in(Joined), Entry{State: Rejected, Generation: 2}, Entry{State: Rejected, Generation: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			woken := &wakes{}
			r := New(woken.wake)
			r.Publish("thread", []Line{line("a", c.before)})
			woken.take()
			r.Publish("thread", []Line{line("a", c.publish)})
			if got, _ := r.Entry("thread", "a"); got != c.want {
				t.Errorf("entry %+v, want %+v", got, c.want)
			}
			if got, want := len(woken.take()) > 0, c.before != c.want; got != want {
				t.Errorf("woken %v, want %v", got, want)
			}
		})
	}
}

// The earlier thread is gone, and its members are in no thread.
func TestRosterWaitingForAnotherThread(t *testing.T) {
	t.Parallel()
	r := New((&wakes{}).wake)
	r.Publish("thread", []Line{line("a", Entry{State: Joined, Generation: 1, ThreadID: "19:a"})})
	waiting := Entry{State: Unknown, Generation: 1, Reason: "ThreadNotReady"}
	r.Publish("thread", []Line{line("a", waiting)})
	if got, _ := r.Entry("thread", "a"); got != waiting {
		t.Errorf("entry %+v, want %+v", got, waiting)
	}
}

func TestRosterEntries(t *testing.T) {
	t.Parallel()
	woken := &wakes{}
	r := New(woken.wake)
	if _, ok := r.Entry("thread", "a"); ok {
		t.Error("an entry before any reconcile")
	}
	joined := Entry{State: Joined, Generation: 1}
	r.Publish("thread", []Line{line("a", joined), line("b", joined)})
	r.Publish("other", []Line{line("a", joined)})
	// A participant that is left out is gone, and its entry with it.
	r.Publish("thread", []Line{line("b", joined)})
	if _, ok := r.Entry("thread", "a"); ok {
		t.Error("an entry of a participant that has gone")
	}
	woken.take()
	r.Forget("thread")
	if _, ok := r.Entry("thread", "b"); ok {
		t.Error("an entry of a thread that was forgotten")
	}
	if _, ok := r.Entry("other", "a"); !ok {
		t.Error("another thread was forgotten")
	}
	if got := woken.take(); got != nil {
		t.Errorf("forgetting woke %v", got)
	}
	r.Publish("thread", []Line{line("b", joined)})
	if diff := cmp.Diff([]string{"b"}, woken.take()); diff != "" {
		t.Errorf("woken after forgetting (-want +got):\n%s", diff)
	}
}

// A controller that is woken may read the roster at once.
func TestRosterWakesUnlocked(t *testing.T) {
	t.Parallel()
	var r *Roster
	var seen []string
	r = New(func(key types.NamespacedName) {
		entry, ok := r.Entry("thread", types.UID(key.Name))
		seen = append(seen, fmt.Sprintf("%s %v %d", key.Name, ok, entry.Generation))
	})
	r.Publish("thread", []Line{line("a", Entry{Generation: 4}), line("b", Entry{Generation: 5})})
	if diff := cmp.Diff([]string{"a true 4", "b true 5"}, seen); diff != "" {
		t.Errorf("seen (-want +got):\n%s", diff)
	}
}

func TestRosterOfManyThreads(t *testing.T) {
	t.Parallel()
	woken := &wakes{}
	r := New(woken.wake)
	const threads, reconciles = 8, 50
	var running sync.WaitGroup
	for n := range threads {
		running.Go(func() {
			for i := range reconciles {
				uid := types.UID(fmt.Sprint(n))
				r.Publish(uid, []Line{line(string(uid), Entry{Generation: int64(i)})})
				if got, ok := r.Entry(uid, uid); !ok || got.Generation != int64(i) {
					t.Errorf("thread %d, reconcile %d: entry %+v, %v", n, i, got, ok)
				}
			}
		})
	}
	running.Wait()
	keys := woken.take()
	slices.Sort(keys)
	if got := len(keys); got != threads*reconciles {
		t.Errorf("%d wakes, want %d", got, threads*reconciles)
	}
}
