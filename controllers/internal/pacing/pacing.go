// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package pacing keeps the calls of one connection within the quotas of ACS.
//
// A call that has room is sent. One that has none fails with an outcome.Wait, and its thread gets a
// place in line. When a slot is free, the pacer holds it for the thread next in turn and wakes that
// thread. So a thread that waits has one reconcile at its moment, and keeps its slot if that
// reconcile comes late. Namespaces take turns, calls that somebody asked for go before those that
// look for drift, and no step costs more the more threads wait.
//
// The package never sleeps and never retries. It does not choose service users, knows no Kubernetes
// objects but for the names of the threads that it wakes, stores nothing, and cannot see the calls
// that others make as the same user: it learns of these by the 429 that they cause.
package pacing

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// Caller is the ChatThread for which calls are made.
type Caller struct {
	// Thread identifies the ChatThread; Namespace and Name are its key.
	Thread          types.UID
	Namespace, Name string
	// Background calls look for drift only: they leave room for those that somebody asked for.
	Background bool
	// Patience is for how long ACS may keep a background call waiting before the status of its
	// thread shows that; zero is for ever.
	Patience time.Duration
}

// IsQuietWait reports whether a wait does not change the status of the thread: a short one, and
// that of a look for drift, unless ACS has it wait for so long that the status is old. blocked is
// the part of the wait that ACS asked for.
func (c Caller) IsQuietWait(wait, blocked time.Duration) bool {
	return wait <= outcome.ShownWait || c.Background && (c.Patience <= 0 || blocked <= c.Patience)
}

type callerKey struct{}

// WithCaller returns a context for the calls that are made on behalf of a caller.
func WithCaller(ctx context.Context, who Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, who)
}

// CallerOf returns the caller of a context; the zero value if it has none.
func CallerOf(ctx context.Context) Caller {
	who, _ := ctx.Value(callerKey{}).(Caller)
	return who
}

// Pacer keeps the calls of one connection within the quotas of ACS.
type Pacer struct {
	// Wake, if it is set, is called when a slot is held for a ChatThread, from any goroutine. A
	// caller without a name is not woken, and must come again at its moment. It is set before the
	// first call.
	Wake func(thread types.NamespacedName)

	enabled bool

	mu     sync.Mutex
	quotas Quotas
	limits map[limitKey]*limit
	// resource is the limit that all creates share.
	resource *resource
	// byThread holds the places of each thread that wait, have a slot held, or have lapsed.
	byThread map[types.UID][]*place
	// seq numbers the places.
	seq int64
	// sweepAt is the number of limits at which to search for idle ones.
	sweepAt int
	// asking is the thread that asks for a slot: it need not be woken. woken are those to wake when
	// the lock is released.
	asking types.NamespacedName
	woken  []types.NamespacedName
}

// New makes a pacer with the documented quotas; one that is not enabled lets all calls through.
func New(enabled bool) *Pacer {
	p := &Pacer{enabled: enabled, quotas: documentedQuotas, limits: map[limitKey]*limit{}, byThread: map[types.UID][]*place{}}
	p.resource = &resource{}
	p.resource.alarm = alarm{pacer: p, ring: p.resource.advance}
	return p
}

// lock returns the present moment, and a function that unlocks and wakes the threads that have
// slots.
func (p *Pacer) lock() (now time.Time, unlock func()) {
	p.mu.Lock()
	return time.Now(), func() {
		woken := p.woken
		p.woken, p.asking = nil, types.NamespacedName{}
		p.mu.Unlock()
		for _, key := range woken {
			p.Wake(key)
		}
	}
}

// wake has a thread woken. The caller holds the lock.
func (p *Pacer) wake(who Caller) {
	if key := who.key(); p.wakes(who) && key != p.asking {
		p.woken = append(p.woken, key)
	}
}

func (p *Pacer) wakes(who Caller) bool { return p.Wake != nil && who.Name != "" }

func (c Caller) key() types.NamespacedName {
	return types.NamespacedName{Namespace: c.Namespace, Name: c.Name}
}

// SetQuotas sets the quotas. If they change, callers that wait have new moments, in their order,
// and no call waits for the end of an earlier throttle.
func (p *Pacer) SetQuotas(quotas Quotas) {
	now, unlock := p.lock()
	defer unlock()
	if maps.EqualFunc(p.quotas, quotas, slices.Equal) {
		return
	}
	p.quotas = quotas
	for _, all := range p.byThread {
		for _, pl := range all {
			pl.shown = time.Time{}
		}
	}
	for key, l := range p.limits {
		l.quotas = quotas[key.class]
		l.unblock(now)
		l.advance(now)
	}
}

// Unblock has one call of each limit find out at once whether ACS still asks for a wait.
func (p *Pacer) Unblock() {
	now, unlock := p.lock()
	defer unlock()
	for _, l := range p.limits {
		l.unblock(now)
		l.advance(now)
	}
}

// Release gives back all that a thread has or waits for.
func (p *Pacer) Release(thread types.UID) {
	now, unlock := p.lock()
	defer unlock()
	p.release(now, thread)
}

func (p *Pacer) release(now time.Time, thread types.UID) {
	for _, pl := range slices.Clone(p.byThread[thread]) {
		p.drop(pl)
		pl.limit.advance(now)
	}
}

// Interval is how far apart the resyncs of each thread must be, so that those of all threads of a
// user fit into the quota, with room to make up for those that had to wait.
func (p *Pacer) Interval(threads int) time.Duration {
	if !p.enabled {
		return 0
	}
	_, unlock := p.lock()
	defer unlock()
	var interval time.Duration
	for _, q := range p.quotas[classReadThread] {
		interval = max(interval, time.Duration(threads)*q.window*10/9/time.Duration(interactiveShare(q.limit)))
	}
	return interval
}

// limit returns a limit, made if it is not there. The caller holds the lock.
func (p *Pacer) limit(now time.Time, key limitKey) *limit {
	if found, ok := p.limits[key]; ok {
		return found
	}
	if len(p.limits) >= p.sweepAt {
		maps.DeleteFunc(p.limits, func(_ limitKey, l *limit) bool { return l.isIdle(now) })
		p.sweepAt = 2*len(p.limits) + 64
	}
	made := &limit{pacer: p, key: key, quotas: p.quotas[key.class]}
	made.alarm = alarm{pacer: p, ring: made.advance}
	if key.class == classCreateThread {
		made.resource = p.resource
	}
	p.limits[key] = made
	return made
}

// placeAt returns the place of a thread at a limit, or nil. The caller holds the lock.
func (p *Pacer) placeAt(l *limit, thread types.UID) *place {
	for _, pl := range p.byThread[thread] {
		if pl.limit == l {
			return pl
		}
	}
	return nil
}

// keep remembers a place, forget does not any more. The caller holds the lock.
func (p *Pacer) keep(pl *place) {
	p.byThread[pl.who.Thread] = append(p.byThread[pl.who.Thread], pl)
	pl.limit.places++
}

func (p *Pacer) forget(pl *place) {
	thread := pl.who.Thread
	p.byThread[thread] = slices.DeleteFunc(p.byThread[thread], func(other *place) bool { return other == pl })
	if len(p.byThread[thread]) == 0 {
		delete(p.byThread, thread)
	}
	pl.limit.places--
}

// drop ends a place. The caller holds the lock, and advances the limit.
func (p *Pacer) drop(pl *place) {
	switch pl.state {
	case waiting:
		pl.limit.leave(pl)
	case granted:
		pl.limit.giveBack(pl, lapsed)
	}
	p.forget(pl)
}
