// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// debouncer gathers changes of ChatParticipants, so that those that are applied together are added
// in one call: it fires a while after the last change, and at the latest some time after the first.
type debouncer struct {
	fire func(types.NamespacedName)

	mu      sync.Mutex
	stopped bool
	pending map[types.NamespacedName]*pendingWake
}

type pendingWake struct {
	timer    *time.Timer
	deadline time.Time
}

func newDebouncer(fire func(types.NamespacedName)) *debouncer {
	return &debouncer{fire: fire, pending: map[types.NamespacedName]*pendingWake{}}
}

// touch says that something changed for key.
func (d *debouncer) touch(key types.NamespacedName) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stopped {
		return
	}
	now := time.Now()
	wake, ok := d.pending[key]
	if !ok {
		d.pending[key] = &pendingWake{
			deadline: now.Add(latestTime),
			timer:    time.AfterFunc(quietTime, func() { d.expire(key) }),
		}
		return
	}
	wake.timer.Reset(min(quietTime, wake.deadline.Sub(now)))
}

func (d *debouncer) expire(key types.NamespacedName) {
	d.mu.Lock()
	_, ok := d.pending[key]
	delete(d.pending, key)
	stopped := d.stopped
	d.mu.Unlock()
	if ok && !stopped {
		d.fire(key)
	}
}

// stop ends all timers; what was pending is found again by the first pass of the next process.
func (d *debouncer) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stopped = true
	for _, wake := range d.pending {
		wake.timer.Stop()
	}
}
