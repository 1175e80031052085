// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

// assignments say which service user acts for each thread of a connection.
type assignments struct {
	pacer *pacing.Pacer

	mu sync.Mutex
	// threads holds the service user of each ChatThread, by key, and loads how many each user has.
	threads map[types.UID]string
	loads   map[string]int
	// free are threads for which nothing was sent yet: another user of the pool may still create
	// them.
	free map[types.UID]bool
	// pool are the users that the last thread could choose from.
	pool []string
}

func newAssignments(pacer *pacing.Pacer) assignments {
	return assignments{pacer: pacer, threads: map[types.UID]string{}, loads: map[string]int{}, free: map[types.UID]bool{}}
}

// Assign stores which service user acts for a thread. A call may have been sent for it.
func (a *assignments) Assign(thread types.UID, user string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.free, thread)
	a.reassign(thread, acs.UserKey(user))
}

// forget drops a thread, and reports whether it was known.
func (a *assignments) forget(thread types.UID) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, known := a.threads[thread]
	known = known || a.free[thread]
	delete(a.free, thread)
	a.reassign(thread, "")
	return known
}

// reassign moves a thread to a user, or to none. The caller holds the lock.
func (a *assignments) reassign(thread types.UID, user string) {
	before := a.threads[thread]
	if before == user {
		return
	}
	if a.loads[before]--; a.loads[before] <= 0 {
		delete(a.loads, before)
	}
	delete(a.threads, thread)
	if user != "" {
		a.threads[thread] = user
		a.loads[user]++
	}
}

// Choose returns the user of the pool that can create a thread first, and of several the one with
// the fewest threads. A thread keeps the user that was chosen for it while the pool is the same.
func (a *assignments) Choose(who pacing.Caller, pool []string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !slices.Equal(a.pool, pool) {
		a.pool = pool
		for _, waiting := range a.pacer.Withdraw(func(thread types.UID) bool { return a.free[thread] }) {
			a.reassign(waiting.Thread, "")
			a.choose(waiting, pool)
		}
	}
	return a.choose(who, pool)
}

// choose chooses for one thread. The caller holds the lock.
func (a *assignments) choose(who pacing.Caller, pool []string) string {
	at := slices.IndexFunc(pool, func(user string) bool { return acs.UserKey(user) == a.threads[who.Thread] })
	if at < 0 {
		waits := a.pacer.Waits(who, pool)
		load := func(i int) int { return a.loads[acs.UserKey(pool[i])] }
		for i := range pool {
			if at < 0 || cmp.Or(cmp.Compare(waits[i], waits[at]), cmp.Compare(load(i), load(at))) < 0 {
				at = i
			}
		}
	}
	chosen := pool[at]
	a.free[who.Thread] = true
	a.reassign(who.Thread, acs.UserKey(chosen))
	// The slot is reserved before the next thread chooses: otherwise all would see the same user
	// free.
	a.pacer.Reserve(who, chosen)
	return chosen
}

// ResyncFloor is the shortest resync interval at which the resyncs of all threads of a user have
// room.
func (a *assignments) ResyncFloor(user string) time.Duration {
	a.mu.Lock()
	threads := a.loads[acs.UserKey(user)]
	a.mu.Unlock()
	return a.pacer.Interval(threads)
}
