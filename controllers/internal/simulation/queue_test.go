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
)

// add puts an object into the queue; the earlier moment counts.
func (p *simProcess) add(key simKey, after time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	due := time.Now().Add(after)
	if before, ok := p.queue[key]; !ok || due.Before(before) {
		p.queue[key] = due
	}
	p.wake()
}

// wake has the work queue looked at again.
func (p *simProcess) wake() {
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
		if p.busy[key] {
			continue
		}
		if order := at.Compare(due); order < 0 || order == 0 && cmp.Or(cmp.Compare(key.kind, first.kind), cmp.Compare(key.String(), first.String())) < 0 {
			first, due = key, at
		}
	}
	return first, due
}

// start makes a pass, beside others where the world has it so. It says whether the process died in it.
func (p *simProcess) start(key simKey) (crashed bool) {
	if !p.world.parallel {
		return p.pass(key)
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
		p.pass(key)
	}()
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
	controller := p.at[key.kind]
	ctx, cancel := context.WithTimeout(p.world.canary.logging(p.world.t.Context()), controller.Options.ReconciliationTimeout)
	defer cancel()
	result, err := controller.Reconciler.Reconcile(ctx, ctrl.Request{NamespacedName: key.NamespacedName})
	p.world.canary.hearError(ctx, err)
	p.mu.Lock()
	p.results[key] = result
	p.mu.Unlock()
	if wait := p.wait(key, result, err); wait > 0 {
		p.add(key, wait)
	}
	return false
}

// wait is when an object comes again after a pass, as controllers do it; zero is never.
func (p *simProcess) wait(key simKey, result ctrl.Result, err error) time.Duration {
	limiter, request := p.at[key.kind].Options.RateLimiter, reconcile.Request{NamespacedName: key.NamespacedName}
	if err == nil {
		limiter.Forget(request)
		return result.RequeueAfter
	}
	return limiter.When(request)
}
