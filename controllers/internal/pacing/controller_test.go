// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package pacing_test

import (
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

// nameless is a caller that is not woken.
func nameless(thread string) pacing.Caller { return pacing.Caller{Thread: types.UID(thread)} }

// caller is one that is woken. Its name may begin with a namespace.
func caller(name string) pacing.Caller {
	namespace, _, _ := strings.Cut(name, "/")
	return pacing.Caller{Thread: types.UID(name), Namespace: namespace, Name: name}
}

// controller reconciles threads as the operator does: some workers, a queue, and wakes.
type controller struct {
	workers chan struct{}
	// late is how late a reconcile comes at most, and busy how long it keeps its worker besides its call.
	late, busy time.Duration

	mu     sync.Mutex
	random *rand.Rand
	woken  map[types.NamespacedName]chan struct{}
	// reconciles counts all of them, vain those that came again and had no room, shown how often a thread showed a
	// wait that it had not shown before.
	reconciles, vain, shown int
}

func newController(p *pacing.Pacer, workers int) *controller {
	c := &controller{workers: make(chan struct{}, workers), woken: map[types.NamespacedName]chan struct{}{},
		random: rand.New(rand.NewPCG(1, 1))} //nolint:gosec // a run is to be repeated
	p.Wake = func(key types.NamespacedName) {
		select {
		case c.wakes(key) <- struct{}{}:
		default:
		}
	}
	return c
}

func (c *controller) wakes(key types.NamespacedName) chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.woken[key] == nil {
		c.woken[key] = make(chan struct{}, 1)
	}
	return c.woken[key]
}

// lateness is how late the next reconcile comes.
func (c *controller) lateness() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Duration(c.random.Int64N(int64(c.late) + 1))
}

// run reconciles a thread until its call was sent.
func (c *controller) run(t *testing.T, who pacing.Caller, call func(pacing.Caller) error) {
	t.Helper()
	woken, told := c.wakes(types.NamespacedName{Namespace: who.Namespace, Name: who.Name}), ""
	for try := 0; ; try++ {
		c.workers <- struct{}{}
		if c.busy > 0 {
			<-time.After(c.busy)
		}
		err := call(who)
		<-c.workers
		c.mu.Lock()
		c.reconciles++
		wait := waitOf(err)
		if wait != nil && try > 0 {
			c.vain++
		}
		if wait != nil && !wait.Quiet && wait.Message != told {
			told = wait.Message
			c.shown++
		}
		c.mu.Unlock()
		switch {
		case err == nil:
			return
		case wait == nil:
			t.Error(err)
			return
		}
		select {
		case <-woken:
		case <-time.After(wait.After):
		}
		if c.late > 0 {
			<-time.After(c.lateness())
		}
	}
}
