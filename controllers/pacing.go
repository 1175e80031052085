// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"k8s.io/apimachinery/pkg/types"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

const (
	// shownWait is from which length on a wait for a quota is shown in status.
	shownWait = 5 * time.Second
	// reservationGrace is how long a slot is kept for a pass that does not come for it.
	reservationGrace = 30 * time.Second
)

// pass says on whose behalf a call is made.
type pass struct {
	thread types.UID
	// background passes look for drift only: they leave room for what users ask for.
	background bool
}

type passKey struct{}

// withPass marks the calls that are made with the context.
func withPass(ctx context.Context, p pass) context.Context {
	return context.WithValue(ctx, passKey{}, p)
}

// bucket counts the calls that fall under one limit, and holds slots for those that wait.
type bucket struct {
	// taken are the slots that count, in order.
	taken []slot
	// waiting are the slots that are held, in order.
	waiting []reservation
	// blockedUntil is when ACS allows the next call, after it refused one.
	blockedUntil time.Time
}

// slot is a call. It counts from its answer on; at is zero while there is none yet.
type slot struct {
	at         time.Time
	background bool
}

// reservation is the slot of one pass.
type reservation struct {
	pass pass
	at   time.Time
}

// earliest is when a number of calls of p can be sent, behind everyone of its kind who waits already.
// Passes that look for drift wait behind the others and leave them room, but neither kind can shut the
// other out: while drift waits to be looked for, that has one fifth of a limit and the others have the rest.
func (b *bucket) earliest(now time.Time, quotas []quota, p pass, calls int) time.Time {
	b.forgetOld(now, quotas)
	taken, alike, others := b.ahead(now, p)
	at := latest(now, b.blockedUntil)
	for _, q := range quotas {
		larger, smaller := shares(q.limit)
		free := q.room(taken, q.limit, calls)
		switch {
		case p.background:
			free = soonest(q.room(merge(taken, others), larger, calls), latest(free, q.room(alike, smaller, calls)))
		case b.backgroundWaits():
			free = latest(free, q.room(alike, larger, calls))
		}
		at = latest(at, free)
	}
	return at
}

// merge puts moments in order.
func merge(a, b []time.Time) []time.Time {
	return slices.SortedFunc(slices.Values(slices.Concat(a, b)), time.Time.Compare)
}

// ahead are the moments of the calls that come before those of p: taken are those that were sent and
// those of passes of its kind that wait, alike those among them that are of its kind. A pass that looks
// for drift has the others that wait ahead of it as well.
func (b *bucket) ahead(now time.Time, p pass) (taken, alike, others []time.Time) {
	for _, s := range b.taken {
		if s.at.IsZero() {
			s.at = now
		}
		taken = append(taken, s.at)
		if s.background == p.background {
			alike = append(alike, s.at)
		}
	}
	for _, r := range b.waiting {
		at := latest(r.at, now)
		switch {
		case r.isFor(p):
			return taken, alike, others
		case r.pass.background == p.background:
			taken, alike = append(taken, at), append(alike, at)
		case p.background:
			others = append(others, at)
		}
	}
	return taken, alike, others
}

func (b *bucket) backgroundWaits() bool {
	return slices.ContainsFunc(b.waiting, func(r reservation) bool { return r.pass.background })
}

// shares are the parts of a limit that are left to those who ask for something, and to those who look for
// drift, where the others want all of it.
func shares(limit int) (larger, smaller int) { return max(limit*4/5, 1), max(limit/5, 1) }

// forgetOld drops slots that no window reaches back to, and reservations that nobody came for.
func (b *bucket) forgetOld(now time.Time, quotas []quota) {
	var reach time.Duration
	for _, q := range quotas {
		reach = max(reach, q.window)
	}
	b.taken = slices.DeleteFunc(b.taken, func(s slot) bool { return !s.at.IsZero() && !s.at.Add(reach).After(now) })
	b.waiting = slices.DeleteFunc(b.waiting, func(r reservation) bool { return r.at.Add(reservationGrace).Before(now) })
}

// reserve holds a slot for p; the one it had is replaced.
func (b *bucket) reserve(p pass, at time.Time) {
	b.release(p.thread)
	place, _ := slices.BinarySearchFunc(b.waiting, at, func(r reservation, at time.Time) int {
		if r.at.After(at) {
			return 1
		}
		return -1
	})
	b.waiting = slices.Insert(b.waiting, place, reservation{pass: p, at: at})
}

// isFor says whether the slot is held for a pass. Who was put off while it looked for drift waits no
// longer for that slot once something is asked for.
func (r reservation) isFor(p pass) bool {
	return r.pass.thread == p.thread && (p.background || !r.pass.background)
}

// held is the slot that is held for a pass.
func (b *bucket) held(p pass) (time.Time, bool) {
	for _, r := range b.waiting {
		if r.isFor(p) {
			return r.at, true
		}
	}
	return time.Time{}, false
}

func (b *bucket) release(thread types.UID) {
	b.waiting = slices.DeleteFunc(b.waiting, func(r reservation) bool { return r.pass.thread == thread })
}

// answered counts a slot from its answer. It comes before those without one: these are in order.
func (b *bucket) answered(now time.Time, background bool) {
	for i, s := range b.taken {
		if s.at.IsZero() && s.background == background {
			first := slices.IndexFunc(b.taken, func(s slot) bool { return s.at.IsZero() })
			b.taken = slices.Insert(slices.Delete(b.taken, i, i+1), first, slot{now, background})
			return
		}
	}
}

// pacer keeps the calls of one connection within the quotas of ACS. It makes nobody wait: a call that
// has no room fails with the moment at which it has, and that slot is held for the pass.
type pacer struct {
	enabled bool

	mu      sync.Mutex
	quotas  map[quotaClass][]quota
	buckets map[bucketKey]*bucket
}

type bucketKey struct {
	class quotaClass
	owner string
}

// resourceBucket counts the threads that a resource creates.
var resourceBucket = bucketKey{class: "create threads of the resource"}

func newPacer(enabled bool) *pacer {
	return &pacer{enabled: enabled, quotas: documentedQuotas, buckets: map[bucketKey]*bucket{}}
}

// limit sets the quotas.
func (p *pacer) limit(quotas map[quotaClass][]quota) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.quotas = quotas
}

// keys are the limits that a call of a class falls under.
func keys(class quotaClass, user, thread string) []bucketKey {
	switch class {
	case classUpdateThread, classChangeMembers:
		return []bucketKey{{class, thread}}
	case classListMembers:
		return []bucketKey{{class, user + " " + thread}}
	case classCreateThread:
		return []bucketKey{{class, user}, resourceBucket}
	default:
		return []bucketKey{{class, user}}
	}
}

// limits are the quotas of a bucket. The caller holds the lock.
func (p *pacer) limits(key bucketKey) []quota {
	if key == resourceBucket {
		return resourceQuota
	}
	return p.quotas[key.class]
}

func (p *pacer) bucket(key bucketKey) *bucket {
	found, ok := p.buckets[key]
	if !ok {
		found = &bucket{}
		p.buckets[key] = found
	}
	return found
}

// slot returns when a call can be sent; where that is not now, the moment is held for the pass, and an
// earlier pass finds it again. The caller holds the lock.
func (p *pacer) slot(now time.Time, who pass, all []bucketKey) time.Time {
	at := now
	for _, key := range all {
		if held, ok := p.bucket(key).held(who); ok && held.After(now) {
			at = latest(at, held)
		}
	}
	if at.After(now) {
		return at
	}
	for _, key := range all {
		at = latest(at, p.bucket(key).earliest(now, p.limits(key), who, 1))
	}
	return at
}

// holdCreate keeps a slot for a pass that is about to create a thread, so that nothing has to be undone
// because the call has no room. It returns a waitError where it has none yet.
func (p *pacer) holdCreate(who pass, user string) error {
	if now, at := p.reserveCreate(who, user); at.After(now) {
		return waitForQuota(who, classCreateThread, now, at)
	}
	return nil
}

// reserveCreate holds the next slot to create a thread, and returns its moment beside the present one.
func (p *pacer) reserveCreate(who pass, user string) (now, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now = time.Now()
	if !p.enabled {
		return now, now
	}
	all := keys(classCreateThread, userKey(user), "")
	at = p.slot(now, who, all)
	for _, key := range all {
		p.bucket(key).reserve(who, at)
	}
	return now, at
}

// room is how many calls about a thread can be sent now; where it is fewer than wanted and less than a
// whole window holds, it is none, with the moment at which more have room.
func (p *pacer) room(who pass, class quotaClass, user, thread string, wanted int) (int, error) {
	if !p.enabled {
		return wanted, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	key := keys(class, userKey(user), thread)[0]
	for _, q := range p.limits(key) {
		wanted = min(wanted, q.limit)
	}
	at := p.bucket(key).earliest(now, p.limits(key), who, wanted)
	if at.After(now) {
		return 0, waitForQuota(who, class, now, at)
	}
	return wanted, nil
}

// take takes a slot, or holds one for later and returns a waitError.
func (p *pacer) take(who pass, class quotaClass, all []bucketKey) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	at := p.slot(now, who, all)
	for _, key := range all {
		if at.After(now) {
			p.bucket(key).reserve(who, at)
			continue
		}
		p.bucket(key).release(who.thread)
		p.bucket(key).taken = append(p.bucket(key).taken, slot{background: who.background})
	}
	if !at.After(now) {
		return nil
	}
	for _, key := range all {
		if p.bucket(key).blockedUntil.Equal(at) {
			wait := at.Sub(now)
			return &waitError{reason: chatv1alpha1.ReasonThrottled, message: throttledMessage, after: wait, quiet: isQuietWait(who, wait)}
		}
	}
	return waitForQuota(who, class, now, at)
}

// answered gives the slots of a call their moment, and obeys a refusal.
func (p *pacer) answered(who pass, all []bucketKey, resp *http.Response) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for _, key := range all {
		b := p.bucket(key)
		b.answered(now, who.background)
		if resp != nil && resp.StatusCode == http.StatusTooManyRequests && key != resourceBucket {
			b.blockedUntil = latest(b.blockedUntil, now.Add(askedWait(runtime.NewResponseError(resp))))
		}
	}
}

// earliestCreate is when a user could create a thread.
func (p *pacer) earliestCreate(who pass, user string) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if !p.enabled {
		return now
	}
	return p.slot(now, who, keys(classCreateThread, userKey(user), ""))
}

// giveBack releases all slots that are held for a thread.
func (p *pacer) giveBack(thread types.UID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, b := range p.buckets {
		b.release(thread)
		b.forgetOld(time.Now(), p.limits(key))
		if len(b.taken)+len(b.waiting) == 0 {
			delete(p.buckets, key)
		}
	}
}

// readInterval is how far apart the passes must be that look for drift, so that those of all threads
// of a user fit into the quota, with room to make up for what was put off.
func (p *pacer) readInterval(threads int) time.Duration {
	if !p.enabled {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var interval time.Duration
	for _, q := range p.quotas[classReadThread] {
		larger, _ := shares(q.limit)
		interval = max(interval, time.Duration(threads)*q.window*10/9/time.Duration(larger))
	}
	return interval
}

func soonest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
