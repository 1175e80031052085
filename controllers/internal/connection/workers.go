// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/controllers/internal/correlation"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

const (
	// callGrace is how long a place is kept for a reconcile that was woken for it.
	callGrace = 2 * time.Second
	// placeWait is the time after which a reconcile that was not woken asks again. Each one that
	// waits before it adds placeWaitStep: thousands must not keep the workers busy with asking.
	placeWait     = 5 * time.Second
	placeWaitStep = 20 * time.Millisecond
)

// workers are the workers of one controller. They keep an ACS resource that hangs or is slow from
// occupying all of them: a reconcile holds a worker for as long as its calls take.
//
// An endpoint has a share of a quarter of the workers, and all slow endpoints together hold no more
// than half. An endpoint that answers at once may exceed its share while a quarter of the workers
// is free: a bulk apply needs them. It may do so by one more for each reconcile that ends, so that
// endpoints that begin to hang at the same time do not take all workers before that is known. If
// one hangs later, a quarter is left for the others as long as its calls take to time out. From
// then on a reconcile in excess of its share ends before its next call.
//
// A reconcile that finds no place ends before its first call, and is woken when it has one. Those
// that somebody asked for come first, and the namespaces at an endpoint take turns.
type workers struct {
	mu    sync.Mutex
	rooms map[*endpoint]*room
}

// room is an endpoint as the workers of one controller share it.
type room struct {
	// inside are the reconciles at work, false for those that end before their next call. called
	// are those that were woken and have not come yet, with the end of their time.
	inside map[types.NamespacedName]bool
	called map[types.NamespacedName]time.Time
	// line are the reconciles that wait.
	line lines
	// excess is by how much the endpoint may exceed its share, and lastEnd is when a reconcile last
	// ended.
	excess  int
	lastEnd time.Time
	// lastCall is when a reconcile was last woken: of two rooms, the one that waited longer is
	// next.
	lastCall time.Time
}

func (r *room) taken() int { return len(r.inside) + len(r.called) }

// staying is how many reconciles are at work and may make more calls.
func (r *room) staying() int {
	count := 0
	for _, stays := range r.inside {
		if stays {
			count++
		}
	}
	return count
}

func (r *room) isEmpty() bool { return r.taken() == 0 && r.line.isEmpty() }

// enter takes a place at an endpoint. Without a free one it returns how long to wait, at most. It
// also returns other reconciles that have a place now, because an endpoint is no longer slow.
func (w *workers) enter(total int, at *endpoint, key types.NamespacedName, isBackground bool) (wait time.Duration, called []types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.room(at)
	ahead := 0
	if _, ok := r.called[key]; !ok {
		ahead = r.line.add(key, isBackground)
		called = slices.DeleteFunc(w.call(total), func(other types.NamespacedName) bool { return other == key })
	}
	if _, ok := r.called[key]; !ok {
		return placeWait + time.Duration(ahead)*placeWaitStep, called
	}
	delete(r.called, key)
	r.inside[key] = true
	return 0, called
}

// giveWay ends a reconcile before its next call if its endpoint is slow and holds more than its
// share. It returns how long to wait then, at most; 0 if the call may be made.
func (w *workers) giveWay(total int, at *endpoint, key types.NamespacedName, isBackground bool) (wait time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.room(at)
	if !r.inside[key] || r.staying() <= share(total) || !at.isSlow(time.Now()) {
		return 0
	}
	r.inside[key] = false
	return placeWait + time.Duration(r.line.add(key, isBackground))*placeWaitStep
}

// leave gives a place back, and returns the reconciles that have one now.
func (w *workers) leave(total int, at *endpoint, key types.NamespacedName) []types.NamespacedName {
	w.mu.Lock()
	defer w.mu.Unlock()
	r, now := w.room(at), time.Now()
	delete(r.inside, key)
	r.noteEnd(total, now, at.answersAtOnce(now))
	return w.call(total)
}

// noteEnd notes that a reconcile ended. A rest, or a slow call, ends the excess.
func (r *room) noteEnd(total int, now time.Time, answersAtOnce bool) {
	switch {
	case !answersAtOnce:
		r.excess = 0
	case now.Sub(r.lastEnd) > slowCall:
		r.excess = 1
	default:
		r.excess = min(r.excess+1, total)
	}
	r.lastEnd = now
}

// cancel drops a reconcile that ended without asking for a place, and returns those that have one
// now.
func (w *workers) cancel(total int, key types.NamespacedName) []types.NamespacedName {
	w.mu.Lock()
	defer w.mu.Unlock()
	freed := false
	for _, r := range w.rooms {
		if _, ok := r.called[key]; ok {
			delete(r.called, key)
			freed = true
		}
		r.line.remove(key)
	}
	if !freed {
		return nil
	}
	return w.call(total)
}

// call gives the free places to reconciles that wait, and returns these. The caller holds the lock.
func (w *workers) call(total int) []types.NamespacedName {
	now := time.Now()
	w.dismiss(now)
	var keys []types.NamespacedName
	for {
		next := w.next(total, now)
		if next == nil {
			return keys
		}
		key := next.line.pop()
		next.called[key], next.lastCall = now.Add(callGrace), now
		keys = append(keys, key)
	}
}

// next is the room whose line moves next, or nil. The caller holds the lock.
func (w *workers) next(total int, now time.Time) (next *room) {
	var nextAt *endpoint
	for at, r := range w.rooms {
		isEarlier := next == nil || cmp.Or(r.lastCall.Compare(next.lastCall), cmp.Compare(at.url, nextAt.url)) < 0
		if isEarlier && !r.line.isEmpty() && w.hasRoom(total, at, r, now) {
			next, nextAt = r, at
		}
	}
	return next
}

// dismiss ends the calls that nobody came for, and drops empty rooms. The caller holds the lock.
func (w *workers) dismiss(now time.Time) {
	for at, r := range w.rooms {
		for key, end := range r.called {
			if now.After(end) {
				delete(r.called, key)
			}
		}
		if r.isEmpty() {
			delete(w.rooms, at)
		}
	}
}

// hasRoom reports whether another reconcile may enter. The caller holds the lock.
func (w *workers) hasRoom(total int, at *endpoint, r *room, now time.Time) bool {
	isSlow, taken, slow := at.isSlow(now), 0, 0
	for other, room := range w.rooms {
		taken += room.taken()
		if isSlow && other.isSlow(now) {
			slow += room.taken()
		}
	}
	half := max(total/2, 1)
	switch hasShare := r.taken() < share(total); {
	case isSlow:
		return hasShare && slow < half
	default:
		mayExceed := r.taken() < share(total)+r.excess && at.answersAtOnce(now)
		return hasShare || taken < total-share(total) && mayExceed
	}
}

// share is how many of the workers an endpoint may hold in any case.
func share(total int) int { return max(total/4, 1) }

func (w *workers) room(at *endpoint) *room {
	if w.rooms == nil {
		w.rooms = map[*endpoint]*room{}
	}
	if w.rooms[at] == nil {
		w.rooms[at] = &room{inside: map[types.NamespacedName]bool{}, called: map[types.NamespacedName]time.Time{}}
	}
	return w.rooms[at]
}

type visitKey struct{}

// visit is a reconcile that may call ACS.
type visit struct {
	workers *workers
	total   int
	key     types.NamespacedName
	wake    func(types.NamespacedName)
	// isOfConnection says that the reconcile is about a ChatConnection.
	isOfConnection bool
	// isBackground says that the reconcile only looks for drift.
	isBackground bool
	// at is the endpoint whose place it has, and isWaiting says that it waits for one.
	at        *endpoint
	isWaiting bool
}

// BeginThread begins the reconcile of a ChatThread. Its connection is entered with the context; end
// gives the place back, and must be called in every case.
func (r *Registry) BeginThread(ctx context.Context, key types.NamespacedName) (with context.Context, end func()) {
	return r.begin(ctx, &visit{workers: &r.threadWorkers, key: key, wake: r.Wake})
}

// BeginConnection begins the reconcile of a ChatConnection as BeginThread does. Each controller has
// workers of its own.
func (r *Registry) BeginConnection(ctx context.Context, key types.NamespacedName) (with context.Context, end func()) {
	return r.begin(ctx, &visit{workers: &r.connectionWorkers, key: key, wake: r.WakeConnection, isOfConnection: true})
}

// BeginListing begins a read of the list of a service user as BeginThread does.
func (r *Registry) BeginListing(ctx context.Context, key types.NamespacedName) (with context.Context, end func()) {
	return r.begin(ctx, &visit{workers: &r.listingWorkers, key: key, wake: r.Wake})
}

func (r *Registry) begin(ctx context.Context, v *visit) (with context.Context, end func()) {
	ctx = correlation.Begin(ctx)
	if r.Workers <= 0 {
		return ctx, func() {}
	}
	v.total = r.Workers
	return context.WithValue(ctx, visitKey{}, v), v.end
}

// enter takes a place at an endpoint, or fails with a wait that changes no status.
func (v *visit) enter(at *endpoint) error {
	if v.at != nil {
		return nil
	}
	wait, called := v.workers.enter(v.total, at, v.key, v.isBackground)
	v.wakeAll(called)
	if wait > 0 {
		v.isWaiting = true
		return &outcome.Wait{Quiet: true, After: wait}
	}
	v.at = at
	return nil
}

// checkCall fails with a wait that changes no status if the next call to the endpoint must not be
// sent.
func (v *visit) checkCall(at *endpoint) error {
	if v.at != at {
		return nil
	}
	if wait := v.workers.giveWay(v.total, at, v.key, v.isBackground); wait > 0 {
		return &outcome.Wait{Quiet: true, After: wait}
	}
	return nil
}

// end gives the place back, and wakes the reconciles that have one now. One that waits keeps its
// place in the line; one that did not ask needs none.
func (v *visit) end() {
	switch {
	case v.at != nil:
		v.wakeAll(v.workers.leave(v.total, v.at, v.key))
	case !v.isWaiting:
		v.wakeAll(v.workers.cancel(v.total, v.key))
	}
}

func (v *visit) wakeAll(called []types.NamespacedName) {
	for _, key := range called {
		if v.wake != nil {
			v.wake(key)
		}
	}
}
