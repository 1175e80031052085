// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package controllers

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// simProcess is an operator from its start to its end: caches, memory and work queue.
type simProcess struct {
	world  *simWorld
	number int64
	// at are the controllers by kind.
	at           map[simKind]reconcile.Reconciler
	connections  *ChatConnectionReconciler
	threads      *ChatThreadReconciler
	participants *ChatParticipantReconciler
	changes      *debouncer
	passes       int

	// views are what the caches show, cursors how far they have come, ready when the next event comes.
	views   map[simKind]map[types.NamespacedName]client.Object
	cursors map[simKind]int
	ready   map[simKind]time.Time
	// delivering keeps a handler that reads from the cache from moving it on.
	delivering bool

	mu       sync.Mutex
	queue    map[simKey]time.Time
	failures map[simKey]int
	woken    chan struct{}
}

// simKey is an object in the work queue.
type simKey struct {
	kind simKind
	types.NamespacedName
}

// simRecorder drops events.
type simRecorder struct{}

func (simRecorder) Eventf(runtime.Object, runtime.Object, string, string, string, string, ...any) {}

// newSimProcess starts an operator: all objects that its caches show have a pass.
func newSimProcess(w *simWorld, number int64) *simProcess {
	p := &simProcess{
		world: w, number: number,
		views: map[simKind]map[types.NamespacedName]client.Object{}, cursors: map[simKind]int{}, ready: map[simKind]time.Time{},
		queue: map[simKey]time.Time{}, failures: map[simKey]int{}, woken: make(chan struct{}, 1),
	}
	wake := func(kind simKind) func(types.NamespacedName) {
		return func(key types.NamespacedName) { p.add(simKey{kind, key}, 0) }
	}
	cached, live := &simClient{w.live, p}, &simReader{w.live, p}
	sessions := &Sessions{Reader: live, AllowedEndpoints: DefaultEndpointSuffixes, Transport: w.httpClient(p), Timeout: 10 * time.Second, Pacing: true}
	p.changes = newDebouncer(wake(simThread))
	roster := newRoster(wake(simParticipant))
	p.connections = &ChatConnectionReconciler{Client: cached, APIReader: live, Recorder: simRecorder{}, Sessions: sessions, written: newOwnWrites()}
	p.threads = &ChatThreadReconciler{
		Client: cached, APIReader: live, Recorder: simRecorder{}, Sessions: sessions, timing: defaultTiming,
		backoff: newBackoff(), written: newOwnWrites(), memories: newMemories(), roster: roster, wakeConnection: wake(simConnection),
	}
	p.participants = &ChatParticipantReconciler{Client: cached, Recorder: simRecorder{}, roster: roster, written: newOwnWrites()}
	p.at = map[simKind]reconcile.Reconciler{simConnection: p.connections, simThread: p.threads, simParticipant: p.participants}
	p.delivering = true
	for _, kind := range simKinds {
		p.list(kind)
	}
	for _, kind := range simKinds {
		for _, key := range p.keys(kind) {
			p.handle(kind, nil, p.views[kind][key], true)
		}
	}
	p.delivering = false
	return p
}

// list fills the cache of a kind, from an API server that may be behind.
func (p *simProcess) list(kind simKind) {
	behind := int(p.world.chance(int64(p.world.lags.events + 1)))
	p.world.mu.Lock()
	log := p.world.logs[kind]
	p.world.mu.Unlock()
	p.cursors[kind] = max(len(log)-behind, 0)
	p.views[kind] = map[types.NamespacedName]client.Object{}
	for _, e := range log[:p.cursors[kind]] {
		if e.now == nil {
			delete(p.views[kind], e.key)
			continue
		}
		p.views[kind][e.key] = e.now
	}
}

// keys are those of the objects that the cache of a kind shows, in order.
func (p *simProcess) keys(kind simKind) []types.NamespacedName {
	return slices.SortedFunc(maps.Keys(p.views[kind]), func(a, b types.NamespacedName) int { return cmp.Compare(a.String(), b.String()) })
}

// matching are the objects in the cache that a list asks for.
func (p *simProcess) matching(kind simKind, options client.ListOptions) []client.Object {
	var found []client.Object
	for _, key := range p.keys(kind) {
		obj := p.views[kind][key]
		matches := options.Namespace == "" || options.Namespace == key.Namespace
		var wanted fields.Requirements
		if options.FieldSelector != nil {
			wanted = options.FieldSelector.Requirements()
		}
		for _, r := range wanted {
			matches = matches && slices.Contains(p.world.indexes[string(kind)+" "+r.Field](obj), r.Value)
		}
		if matches {
			found = append(found, obj)
		}
	}
	return found
}

// add puts an object into the queue; the earlier moment counts.
func (p *simProcess) add(key simKey, after time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	due := time.Now().Add(after)
	if before, ok := p.queue[key]; !ok || due.Before(before) {
		p.queue[key] = due
	}
	select {
	case p.woken <- struct{}{}:
	default:
	}
}

// next is the object whose pass comes first.
func (p *simProcess) next() (first simKey, due time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	due = time.Now().Add(365 * 24 * time.Hour)
	for key, at := range p.queue {
		if order := at.Compare(due); order < 0 || order == 0 && cmp.Or(cmp.Compare(key.kind, first.kind), cmp.Compare(key.String(), first.String())) < 0 {
			first, due = key, at
		}
	}
	return first, due
}

// run makes passes until a moment. It says whether the process crashed before.
func (p *simProcess) run(until time.Time) (crashed bool) {
	p.world.turn <- struct{}{}
	defer func() { <-p.world.turn }()
	for p.world.t.Context().Err() == nil {
		p.deliver()
		key, due := p.next()
		now := time.Now()
		switch {
		case !due.After(now):
			if p.passes++; p.passes > p.world.maxPasses {
				p.world.t.Fatalf("a hot loop at %v", key)
			}
			if p.pass(key) {
				return true
			}
			continue
		case !now.Before(until):
			return false
		}
		for _, ready := range p.ready {
			if !ready.IsZero() && ready.Before(due) {
				due = ready
			}
		}
		if until.Before(due) {
			due = until
		}
		<-p.world.turn
		timer := time.NewTimer(due.Sub(now))
		select {
		case <-timer.C:
		case <-p.woken:
			timer.Stop()
		}
		p.world.turn <- struct{}{}
	}
	return false
}

// pass makes one pass and says whether the process died in it.
func (p *simProcess) pass(key simKey) (crashed bool) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(simCrashed); !ok {
				panic(r)
			}
			crashed = true
		}
	}()
	p.mu.Lock()
	delete(p.queue, key)
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(p.world.t.Context(), reconcileTimeout)
	defer cancel()
	result, err := p.at[key.kind].Reconcile(ctx, ctrl.Request{NamespacedName: key.NamespacedName})
	if err != nil {
		p.add(key, min(firstBackoff<<min(p.failures[key], 10), lastBackoff))
		p.failures[key]++
		return false
	}
	delete(p.failures, key)
	if result.RequeueAfter > 0 {
		p.add(key, result.RequeueAfter)
	}
	return false
}

// kill ends what runs beside the passes.
func (p *simProcess) kill() { p.changes.stop() }

// pause waits a while before an effect, where the world has another operator in it.
func (p *simProcess) pause() {
	longest := p.world.lags.pause
	if longest <= 0 {
		return
	}
	wait := time.Duration(p.world.chance(int64(20 * time.Millisecond)))
	if p.world.chance(20) == 0 {
		wait = time.Duration(p.world.chance(int64(longest)))
	}
	<-p.world.turn
	<-time.After(wait.Truncate(time.Microsecond) + time.Duration(1+p.number))
	p.world.turn <- struct{}{}
}

// deliver brings to the caches the events that have come.
func (p *simProcess) deliver() {
	if p.delivering {
		return
	}
	p.delivering = true
	defer func() { p.delivering = false }()
	for _, kind := range simKinds {
		for p.arrive(kind) {
		}
	}
}

// arrive takes in the next event of a kind, if it has come.
func (p *simProcess) arrive(kind simKind) bool {
	p.world.mu.Lock()
	log := p.world.logs[kind]
	p.world.mu.Unlock()
	pending := len(log) - p.cursors[kind]
	if pending == 0 {
		p.ready[kind] = time.Time{}
		return false
	}
	lags := p.world.lags
	if p.ready[kind].IsZero() {
		p.ready[kind] = log[p.cursors[kind]].at.Add(time.Duration(p.world.chance(int64(lags.latest))))
	}
	if pending <= lags.events && p.ready[kind].After(time.Now()) {
		return false
	}
	p.ready[kind] = time.Time{}
	events := log[p.cursors[kind] : p.cursors[kind]+1]
	if lags.latest > 0 && p.world.chance(5) == 0 {
		// The watch broke off: the list that follows it shows only where all this led to.
		events = latestOf(log[p.cursors[kind]:])
		p.cursors[kind] = len(log)
	} else {
		p.cursors[kind]++
	}
	for _, e := range events {
		old := p.views[kind][e.key]
		if e.now == nil {
			delete(p.views[kind], e.key)
		} else {
			p.views[kind][e.key] = e.now
		}
		p.handle(kind, old, e.now, false)
		if lags.latest > 0 && p.world.chance(5) == 0 && e.now != nil {
			p.handle(kind, e.now, e.now, false)
		}
	}
	return true
}

// latestOf are the last events of each object.
func latestOf(log []simEvent) []simEvent {
	var latest []simEvent
	seen := map[types.NamespacedName]bool{}
	for _, e := range slices.Backward(log) {
		if !seen[e.key] {
			seen[e.key] = true
			latest = append(latest, e)
		}
	}
	return latest
}

// handle wakes what an event wakes, as the setup of the controllers has it.
func (p *simProcess) handle(kind simKind, old, now client.Object, initial bool) {
	ctx := p.world.t.Context()
	obj := now
	if obj == nil {
		obj = old
	}
	if obj == nil {
		return
	}
	wake := func(kind simKind, filter predicate.Predicate, requests ...reconcile.Request) {
		if lets(filter, old, now, initial) {
			for _, r := range requests {
				p.add(simKey{kind, r.NamespacedName}, 0)
			}
		}
	}
	self := reconcile.Request{NamespacedName: keyOf(obj)}
	switch kind {
	case simConnection:
		wake(simConnection, predicate.Or(declarationChanged(chatv1alpha1.AnnotationReconcileRequestedAt), recordDropped()), self)
		wake(simThread, connectionChanged(), p.threads.threadsOfConnection(ctx, obj)...)
	case simThread:
		wake(simThread, declarationChanged(chatv1alpha1.AnnotationAbandon, chatv1alpha1.AnnotationReconcileRequestedAt), self)
		wake(simConnection, threadLetGo(), p.connections.deletingConnection(ctx, obj)...)
		wake(simParticipant, threadComesOrGoes(), p.participants.participantsOfThread(ctx, obj)...)
	case simParticipant:
		wake(simParticipant, declarationChanged(chatv1alpha1.AnnotationAbandon), self)
		touch := p.threads.participantHandler(p.changes)
		switch {
		case now == nil:
			touch.Delete(ctx, event.DeleteEvent{Object: old}, nil)
		case old == nil:
			touch.Create(ctx, event.CreateEvent{Object: now, IsInInitialList: initial}, nil)
		default:
			touch.Update(ctx, event.UpdateEvent{ObjectOld: old, ObjectNew: now}, nil)
		}
	}
}

// lets says whether a predicate lets an event through.
func lets(filter predicate.Predicate, old, now client.Object, initial bool) bool {
	switch {
	case now == nil:
		return filter.Delete(event.DeleteEvent{Object: old})
	case old == nil:
		return filter.Create(event.CreateEvent{Object: now, IsInInitialList: initial})
	default:
		return filter.Update(event.UpdateEvent{ObjectOld: old, ObjectNew: now})
	}
}
