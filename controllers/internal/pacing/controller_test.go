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

// controller reconciles threads as the operator does: some workers, and a queue in which threads
// that were woken come first.
type controller struct {
	first, others chan func()
	// late is how late a reconcile comes at most, and busy how long it keeps its worker besides its
	// call.
	late, busy time.Duration

	mu     sync.Mutex
	random *rand.Rand
	woken  map[types.NamespacedName]chan struct{}
	// reconciles counts all of them, vain those that came again and had no room, shown how often a
	// thread showed a wait that it had not shown before.
	reconciles, vain, shown int
}

// newController starts workers, which end with the test.
func newController(t *testing.T, p *pacing.Pacer, workers int) *controller {
	t.Helper()
	c := &controller{first: make(chan func()), others: make(chan func()), woken: map[types.NamespacedName]chan struct{}{},
		random: rand.New(rand.NewPCG(1, 1))} //nolint:gosec // a run is to be repeated
	p.Wake = func(key types.NamespacedName) {
		select {
		case c.wakes(key) <- struct{}{}:
		default:
		}
	}
	for range workers {
		go c.work(t.Context().Done())
	}
	return c
}

func (c *controller) work(end <-chan struct{}) {
	for {
		select {
		case reconcile := <-c.first:
			reconcile()
			continue
		default:
		}
		select {
		case reconcile := <-c.first:
			reconcile()
		case reconcile := <-c.others:
			reconcile()
		case <-end:
			return
		}
	}
}

func (c *controller) wakes(key types.NamespacedName) chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.woken[key] == nil {
		c.woken[key] = make(chan struct{}, 1)
	}
	return c.woken[key]
}

// comeLate waits until the next reconcile comes.
func (c *controller) comeLate() {
	if c.late > 0 {
		c.mu.Lock()
		late := time.Duration(c.random.Int64N(int64(c.late)))
		c.mu.Unlock()
		<-time.After(late)
	}
}

// run reconciles a thread until its call was sent.
func (c *controller) run(t *testing.T, who pacing.Caller, call func(pacing.Caller) error) {
	t.Helper()
	woken, shown := c.wakes(types.NamespacedName{Namespace: who.Namespace, Name: who.Name}), ""
	result := make(chan error)
	reconcile := func() {
		if c.busy > 0 {
			<-time.After(c.busy)
		}
		result <- call(who)
	}
	queue := c.others
	for isFirst := true; ; isFirst = false {
		queue <- reconcile
		err := <-result
		wait := waitOf(err)
		c.mu.Lock()
		c.reconciles++
		if wait != nil && !isFirst {
			c.vain++
		}
		if wait != nil && !wait.Quiet && wait.Message != shown {
			shown = wait.Message
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
			queue = c.first
		case <-time.After(wait.After):
			queue = c.others
		}
		c.comeLate()
	}
}
