// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package shards

import (
	"context"
	"sync"
	"time"
)

// Held are the namespaces in which this process works. It begins with none, and never loses one:
// another shard takes over a namespace only after the end of this process.
type Held struct {
	mu sync.Mutex
	// since is the moment from which the process works in a namespace, or in All.
	since    map[string]time.Time
	acquired func(context.Context, Namespaces)
}

// Since returns the moment from which this process works in a namespace, and whether it does. Until
// then another process may have worked there.
func (h *Held) Since(namespace string) (time.Time, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	since, ok := h.since[namespace]
	if !ok {
		since, ok = h.since[All]
	}
	return since, ok
}

// OnAcquired has a function called after each change, with the new namespaces. It must be called
// before the first change.
func (h *Held) OnAcquired(acquired func(context.Context, Namespaces)) { h.acquired = acquired }

// add adds namespaces that the process holds from now on, and returns the new ones.
func (h *Held) add(ctx context.Context, namespaces Namespaces) Namespaces {
	added := h.note(namespaces, time.Now())
	if len(added) > 0 && h.acquired != nil {
		h.acquired(ctx, added)
	}
	return added
}

func (h *Held) note(namespaces Namespaces, now time.Time) (added Namespaces) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.since == nil {
		h.since = map[string]time.Time{}
	}
	for _, namespace := range namespaces {
		if _, ok := h.since[namespace]; !ok {
			h.since[namespace] = now
			added = append(added, namespace)
		}
	}
	return added
}
