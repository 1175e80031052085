// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build soak

package soak

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

const (
	chaosThreads = 200
	chaosMembers = 10
	writers      = 4
	// writePause is the longest time between two changes of a writer.
	writePause = 600 * time.Millisecond
	// firstThreads is the number of threads that users create before they change them, so that no
	// thread is created undisturbed.
	firstThreads = 20 * time.Second
	writeTimeout = 5 * time.Second
)

// model is the declaration of all threads, and the number of changes to it.
type model struct {
	threads []*declared

	mu      sync.Mutex
	changes map[string]int
	failed  int
}

// newModel declares threads in three namespaces: two have a connection, the third uses that of
// another.
func newModel() *model {
	m := &model{changes: map[string]int{}}
	for i := range chaosThreads {
		namespace := namespaces[i%len(namespaces)]
		ref := chatv1alpha1.ConnectionReference{}
		if namespace == borrower {
			ref.Namespace = lender
		}
		d := newDeclared(namespace, fmt.Sprintf("room-%d", i), ref)
		for range chaosMembers {
			if i%2 == 0 && len(d.inline) >= chaosMembers*2/3 {
				d.addApart()
			} else {
				d.addInline()
			}
		}
		m.threads = append(m.threads, d)
	}
	return m
}

const (
	lender   = "lender"
	borrower = "borrower"
)

var namespaces = []string{lender, borrower, "alone"}

// write applies the declaration, and then changes it until the context ends. It returns after all
// writers have ended.
func (m *model) write(ctx context.Context, w *world) {
	var group sync.WaitGroup
	for i := range writers {
		var own []*declared
		for j := i; j < len(m.threads); j += writers {
			own = append(own, m.threads[j])
		}
		random := chance(i)
		group.Go(func() { m.writeOwn(ctx, w, own, random) })
	}
	group.Wait()
}

func (m *model) writeOwn(ctx context.Context, w *world, own []*declared, random *rand.Rand) {
	for _, d := range own {
		m.applyOne(ctx, w, d)
		pause(ctx, firstThreads/time.Duration(len(own)))
	}
	for pause(ctx, time.Duration(random.Int64N(int64(writePause)))) {
		d := choose(own, random)
		what := d.change(random)
		m.mu.Lock()
		m.changes[what]++
		m.mu.Unlock()
		m.applyOne(ctx, w, d)
	}
}

// choose returns a thread to change. Every third time it is a deleted one, to be created again.
func choose(own []*declared, random *rand.Rand) *declared {
	deleted := slices.DeleteFunc(slices.Clone(own), func(d *declared) bool { return d.there })
	if len(deleted) > 0 && random.IntN(3) == 0 {
		return deleted[random.IntN(len(deleted))]
	}
	return own[random.IntN(len(own))]
}

// applyOne tries once; a failed change is applied with the thread's next change, or at the end.
func (m *model) applyOne(ctx context.Context, w *world, d *declared) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	if err := d.apply(ctx, w.client); err != nil {
		m.mu.Lock()
		m.failed++
		m.mu.Unlock()
	}
}

func (m *model) String() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return fmt.Sprintf("%s; %d were not taken at first", countsOf(m.changes), m.failed)
}

// countsOf returns a list of counts by name.
func countsOf(counts map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, counts[name]))
	}
	return strings.Join(parts, ", ")
}
