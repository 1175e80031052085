// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/acs-operator/acs-chat-operator/controllers"
)

// process is an operator from its start to its end: caches, memory and work queue.
type process struct {
	world       *world
	number      int64
	controllers *controllers.Controllers
	// at holds the controllers by kind.
	at         map[objectKind]controllers.Controller
	reconciles int
	// results holds the result of the last reconcile of each object.
	results map[queueKey]reconcile.Result
	// dead is set after a crash of the process.
	dead bool
	// released holds the uids of the objects whose last finalizer this process removed.
	released sync.Map

	// views is the content of the caches, cursors their position in the log, and ready the time of the
	// next event.
	views   map[objectKind]map[types.NamespacedName]client.Object
	cursors map[objectKind]int
	ready   map[objectKind]time.Time
	// cache is locked while the caches are read or updated.
	cache sync.Mutex

	mu    sync.Mutex
	queue map[queueKey]queueEntry
	// busy holds the objects that are being reconciled, if reconciles are concurrent.
	busy  map[queueKey]bool
	woken chan struct{}
}

// queueKey is an object in the work queue.
type queueKey struct {
	kind objectKind
	types.NamespacedName
}

// eventRecorder hands events to the canary.
type eventRecorder struct{ world *world }

func (r eventRecorder) Eventf(_ runtime.Object, _ runtime.Object, kind, reason, action, note string, args ...any) {
	r.world.canary.capture("event", fmt.Sprintf(kind+" "+reason+" "+action+" "+note, args...))
}

// newProcess starts an operator. All objects in its caches are enqueued.
func newProcess(w *world, number int64) *process {
	p := &process{
		world: w, number: number,
		views: map[objectKind]map[types.NamespacedName]client.Object{}, cursors: map[objectKind]int{}, ready: map[objectKind]time.Time{},
		queue: map[queueKey]queueEntry{}, busy: map[queueKey]bool{}, woken: make(chan struct{}, 1), at: map[objectKind]controllers.Controller{}, results: map[queueKey]reconcile.Result{},
	}
	p.controllers = controllers.New(controllers.Dependencies{
		Options:  controllers.Options{AllowedEndpoints: controllers.DefaultEndpointSuffixes(), HTTPClient: w.httpClient(p), ACSTimeout: 10 * time.Second, Pacing: true, MaxConcurrentReconciles: workersPerKind, Tracing: w.canary.tracing()},
		Client:   &cachedClient{w.live, p},
		Recorder: func(string) events.EventRecorder { return eventRecorder{w} }, APIReader: &apiReader{w.live, p},
	})
	for _, controller := range p.controllers.All() {
		p.at[controller.Kind] = controller
		if err := controller.Wakes.Start(w.t.Context(), workQueue{process: p, kind: controller.Kind}); err != nil {
			w.t.Fatal(err)
		}
	}
	for _, kind := range watchedKinds {
		p.list(kind)
	}
	for _, kind := range watchedKinds {
		for _, key := range p.keys(kind) {
			p.handle(kind, nil, p.views[kind][key], true)
		}
	}
	return p
}

// list fills the cache of a kind from an API server that may be behind.
func (p *process) list(kind objectKind) {
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

// keys returns the keys of the objects in the cache of a kind, in order.
func (p *process) keys(kind objectKind) []types.NamespacedName {
	return slices.SortedFunc(maps.Keys(p.views[kind]), func(a, b types.NamespacedName) int { return cmp.Compare(a.String(), b.String()) })
}

// matching returns the objects in the cache that match the options of a list.
func (p *process) matching(kind objectKind, options client.ListOptions) []client.Object {
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

// run reconciles until a moment. It reports whether the process crashed before.
func (p *process) run(until time.Time) (crashed bool) {
	p.world.turn <- struct{}{}
	defer func() { <-p.world.turn }()
	for p.world.t.Context().Err() == nil {
		delivery := p.nextDelivery()
		key, due := p.next()
		now := time.Now()
		switch {
		case !due.After(now):
			if p.reconciles++; p.reconciles > p.world.maxReconciles {
				p.world.t.Fatalf("hot loop at %v", key)
			}
			if p.start(key) {
				return true
			}
			continue
		case !now.Before(until):
			return false
		}
		if !delivery.IsZero() && delivery.Before(due) {
			due = delivery
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

// pause waits before an effect if the world has a second operator.
func (p *process) pause() {
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

// insideCache marks the calls of the caches themselves, which do not update the caches.
type insideCache struct{}

// syncCaches delivers the events that are due, and locks the caches until the caller has read them.
func (p *process) syncCaches(ctx context.Context) (done func()) {
	if ctx.Value(insideCache{}) != nil {
		return func() {}
	}
	p.cache.Lock()
	for _, kind := range watchedKinds {
		for p.deliverNext(kind) {
		}
	}
	return p.cache.Unlock
}

// nextDelivery returns the time of the next event, as far as it is known.
func (p *process) nextDelivery() (first time.Time) {
	defer p.syncCaches(p.world.t.Context())()
	for _, ready := range p.ready {
		if !ready.IsZero() && (first.IsZero() || ready.Before(first)) {
			first = ready
		}
	}
	return first
}

// deliverNext delivers the next event of a kind if it is due.
func (p *process) deliverNext(kind objectKind) bool {
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
		// The watch broke. The list that follows it shows only the latest state.
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

// latestOf returns the last event of each object.
func latestOf(log []watchEvent) []watchEvent {
	var latest []watchEvent
	seen := map[types.NamespacedName]bool{}
	for _, e := range slices.Backward(log) {
		if !seen[e.key] {
			seen[e.key] = true
			latest = append(latest, e)
		}
	}
	return latest
}

// handle enqueues the objects that an event concerns.
func (p *process) handle(kind objectKind, old, now client.Object, initial bool) {
	if old == nil && now == nil {
		return
	}
	ctx := context.WithValue(p.world.canary.withLogger(p.world.t.Context()), insideCache{}, true)
	for _, watch := range p.controllers.Watches() {
		if kindOf(watch.Of) != kind || !matchesFilter(watch.Filter, old, now, initial) {
			continue
		}
		enqueue, queue := watch.Handler, workQueue{process: p, kind: watch.Wakes}
		if enqueue == nil {
			enqueue = &handler.EnqueueRequestForObject{}
		}
		switch {
		case now == nil:
			enqueue.Delete(ctx, event.DeleteEvent{Object: old}, queue)
		case old == nil:
			enqueue.Create(ctx, event.CreateEvent{Object: now, IsInInitialList: initial}, queue)
		default:
			enqueue.Update(ctx, event.UpdateEvent{ObjectOld: old, ObjectNew: now}, queue)
		}
	}
}

// workQueue is the work queue of a controller, as its sources see it.
type workQueue struct {
	workqueue.TypedRateLimitingInterface[reconcile.Request]
	process *process
	kind    objectKind
}

func (q workQueue) Add(r reconcile.Request) { q.AddAfter(r, 0) }

func (q workQueue) AddAfter(r reconcile.Request, after time.Duration) {
	q.AddWithOpts(priorityqueue.AddOpts{After: after}, r)
}

func (q workQueue) AddWithOpts(o priorityqueue.AddOpts, requests ...reconcile.Request) {
	priority := 0
	if o.Priority != nil {
		priority = *o.Priority
	}
	for _, r := range requests {
		q.process.add(queueKey{q.kind, r.NamespacedName}, o.After, priority)
	}
}

// GetWithPriority exists only for the interface: the simulation itself takes the objects that are
// due.
func (workQueue) GetWithPriority() (request reconcile.Request, priority int, shutdown bool) {
	return reconcile.Request{}, 0, true
}

// matchesFilter reports whether a predicate accepts an event.
func matchesFilter(filter predicate.Predicate, old, now client.Object, initial bool) bool {
	switch {
	case now == nil:
		return filter.Delete(event.DeleteEvent{Object: old})
	case old == nil:
		return filter.Create(event.CreateEvent{Object: now, IsInInitialList: initial})
	default:
		return filter.Update(event.UpdateEvent{ObjectOld: old, ObjectNew: now})
	}
}
