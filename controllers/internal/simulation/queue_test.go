// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"cmp"
	"context"
	"runtime/debug"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/acs-operator/acs-chat-operator/controllers"
)

// queueEntry is the time at which an object is due, and its priority.
type queueEntry struct {
	at       time.Time
	priority int
}

// add enqueues an object. The earlier time and the higher priority win.
func (p *process) add(key queueKey, after time.Duration, priority int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	due := queueEntry{time.Now().Add(after), priority}
	if before, ok := p.queue[key]; ok {
		due.priority = max(due.priority, before.priority)
		if before.at.Before(due.at) {
			due.at = before.at
		}
	}
	p.queue[key] = due
	p.wake()
}

// wake makes the process look at the work queue again.
func (p *process) wake() {
	select {
	case p.woken <- struct{}{}:
	default:
	}
}

// workersPerKind is the number of concurrent reconciles of a kind.
const workersPerKind = 16

// next returns the object to reconcile next: among those that are due, the one of the highest
// priority.
func (p *process) next() (first queueKey, due time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	best := queueEntry{at: now.Add(365 * 24 * time.Hour)}
	working := map[controllers.Kind]int{}
	for key := range p.busy {
		working[key.kind]++
	}
	for key, entry := range p.queue {
		if p.busy[key] || working[key.kind] >= workersPerKind {
			continue
		}
		if !entry.at.After(now) {
			entry.at = now
		}
		order := cmp.Or(entry.at.Compare(best.at), cmp.Compare(best.priority, entry.priority), p.queue[key].at.Compare(p.queue[first].at))
		if order < 0 || order == 0 && cmp.Or(cmp.Compare(key.kind, first.kind), cmp.Compare(key.String(), first.String())) < 0 {
			first, best = key, entry
		}
	}
	return first, best.at
}

// start reconciles an object, concurrently if the world is parallel. It reports whether the process
// crashed.
func (p *process) start(key queueKey) (crashed bool) {
	if !p.world.parallel {
		return p.reconcile(key)
	}
	p.mu.Lock()
	p.busy[key] = true
	p.mu.Unlock()
	go func() {
		defer func() {
			if r := recover(); r != nil {
				p.world.t.Errorf("panic: %v\n%s", r, debug.Stack())
			}
			p.mu.Lock()
			delete(p.busy, key)
			p.mu.Unlock()
			p.wake()
		}()
		if p.world.late != nil {
			p.world.late()
		}
		p.reconcile(key)
	}()
	return false
}

// reconcile reconciles an object once and reports whether the process crashed.
func (p *process) reconcile(key queueKey) (crashed bool) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(processDied); !ok {
				panic(r)
			}
			crashed = true
		}
	}()
	p.mu.Lock()
	delete(p.queue, key)
	p.mu.Unlock()
	controller := p.at[key.kind]
	ctx, cancel := context.WithTimeout(p.world.canary.withLogger(p.world.t.Context()), controller.Options.ReconciliationTimeout)
	defer cancel()
	result, err := controller.Reconciler.Reconcile(ctx, ctrl.Request{NamespacedName: key.NamespacedName})
	p.world.canary.captureError(ctx, err)
	p.mu.Lock()
	p.results[key] = result
	p.mu.Unlock()
	if wait := p.requeueDelay(key, result, err); wait > 0 {
		priority := 0
		if result.Priority != nil {
			priority = *result.Priority
		}
		p.add(key, wait, priority)
	}
	return false
}

// requeueDelay returns the time after which an object is requeued, as controllers do it; zero means
// never.
func (p *process) requeueDelay(key queueKey, result ctrl.Result, err error) time.Duration {
	limiter, request := p.at[key.kind].Options.RateLimiter, reconcile.Request{NamespacedName: key.NamespacedName}
	if err == nil {
		limiter.Forget(request)
		return result.RequeueAfter
	}
	return limiter.When(request)
}
