// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package pacing

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// bucket counts the calls that fall under one limit, and holds slots for those that wait.
type Bucket struct {
	// taken are the slots that count, in order.
	Taken []Slot
	// waiting are the slots that are held, in order.
	Waiting []reservation
	// blockedUntil is when ACS allows the next call, after it refused one. It stays until a call was answered
	// otherwise.
	blockedUntil time.Time
	// refusedAt is when ACS last refused a call, and again says that it had refused another one not long before.
	refusedAt time.Time
	again     bool
	// prober is the thread of the one call that finds out whether ACS takes calls again, and probing since when.
	prober  types.UID
	probing time.Time
}

// block has all calls wait, as ACS asks for.
func (b *Bucket) block(now, until time.Time) {
	// Calls that were under way together are refused together.
	if !b.blockedUntil.After(now) {
		b.again = now.Sub(b.refusedAt) < outcome.LongestAsked
	}
	b.refusedAt, b.blockedUntil, b.probing = now, Latest(b.blockedUntil, until), time.Time{}
}

// isIdle says that nothing of the bucket is needed any more.
func (b *Bucket) isIdle(now time.Time) bool {
	return len(b.Taken)+len(b.Waiting) == 0 && !b.blockedUntil.After(now) && now.Sub(b.refusedAt) >= outcome.LongestAsked
}

// throttle is what ACS asks for.
func (b *Bucket) throttle() outcome.Throttle {
	return outcome.Throttle{Until: b.blockedUntil, Again: b.again}
}

// unblock has one call find out whether ACS still asks for a wait.
func (b *Bucket) unblock(now time.Time) { b.blockedUntil = soonest(b.blockedUntil, now) }

// isProbed says that another call finds out whether ACS takes calls again. One that takes longer than any
// call may has ended in some other way.
func (b *Bucket) isProbed(now time.Time, p Caller) bool {
	return !b.probing.IsZero() && b.prober != p.Thread && now.Sub(b.probing) < LongestCall
}

// probe makes a call of p the one that finds out, where ACS refused calls before.
func (b *Bucket) probe(now time.Time, p Caller) {
	if !b.blockedUntil.IsZero() {
		b.prober, b.probing = p.Thread, now
	}
}

// probed takes in that a call of p was not refused for its rate; answered says that ACS took it.
func (b *Bucket) probed(p Caller, answered bool) {
	if b.probing.IsZero() || b.prober != p.Thread {
		return
	}
	b.probing = time.Time{}
	if answered {
		b.blockedUntil = time.Time{}
	}
}

// slot is a call. It counts from its answer on; at is zero while there is none yet.
type Slot struct {
	at         time.Time
	Background bool
}

// reservation is the slot of one pass.
type reservation struct {
	pass Caller
	at   time.Time
}

// earliest is when a number of calls of p can be sent, behind everyone of its kind who waits already.
// Passes that look for drift wait behind the others and leave them room, but neither kind can shut the
// other out: while drift waits to be looked for, that has one fifth of a limit and the others have the rest.
func (b *Bucket) Earliest(now time.Time, quotas []Quota, p Caller, calls int) time.Time {
	b.forgetOld(now, quotas)
	taken, alike, others := b.ahead(now, p)
	at := Latest(now, b.blockedUntil)
	for _, q := range quotas {
		larger, smaller := shares(q.Limit)
		free := q.room(taken, q.Limit, calls)
		switch {
		case p.Background:
			free = soonest(q.room(merge(taken, others), larger, calls), Latest(free, q.room(alike, smaller, calls)))
		case b.backgroundWaits():
			free = Latest(free, q.room(alike, larger, calls))
		}
		at = Latest(at, free)
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
func (b *Bucket) ahead(now time.Time, p Caller) (taken, alike, others []time.Time) {
	taken, alike = make([]time.Time, 0, len(b.Taken)+len(b.Waiting)), make([]time.Time, 0, len(b.Taken)+len(b.Waiting))
	for _, s := range b.Taken {
		if s.at.IsZero() {
			s.at = now
		}
		taken = append(taken, s.at)
		if s.Background == p.Background {
			alike = append(alike, s.at)
		}
	}
	for _, r := range b.Waiting {
		at := Latest(r.at, now)
		switch {
		case r.isFor(p):
			return taken, alike, others
		case r.pass.Background == p.Background:
			taken, alike = append(taken, at), append(alike, at)
		case p.Background:
			others = append(others, at)
		}
	}
	return taken, alike, others
}

func (b *Bucket) backgroundWaits() bool {
	return slices.ContainsFunc(b.Waiting, func(r reservation) bool { return r.pass.Background })
}

// shares are the parts of a limit that are left to those who ask for something, and to those who look for
// drift, where the others want all of it.
func shares(limit int) (larger, smaller int) { return max(limit*4/5, 1), max(limit/5, 1) }

// forgetOld drops slots that no window reaches back to, and reservations that nobody came for.
func (b *Bucket) forgetOld(now time.Time, quotas []Quota) {
	var reach time.Duration
	for _, q := range quotas {
		reach = max(reach, q.Window)
	}
	b.Taken = slices.DeleteFunc(b.Taken, func(s Slot) bool { return !s.at.IsZero() && !s.at.Add(reach).After(now) })
	b.Waiting = slices.DeleteFunc(b.Waiting, func(r reservation) bool { return r.at.Add(reservationGrace).Before(now) })
}

// reserve holds a slot for p; the one it had is replaced.
func (b *Bucket) reserve(p Caller, at time.Time) {
	b.release(p.Thread)
	place, _ := slices.BinarySearchFunc(b.Waiting, at, func(r reservation, at time.Time) int {
		if r.at.After(at) {
			return 1
		}
		return -1
	})
	b.Waiting = slices.Insert(b.Waiting, place, reservation{pass: p, at: at})
}

// isFor says whether the slot is held for a pass. Who was put off while it looked for drift waits no
// longer for that slot once something is asked for.
func (r reservation) isFor(p Caller) bool {
	return r.pass.Thread == p.Thread && (p.Background || !r.pass.Background)
}

// held is the slot that is held for a pass.
func (b *Bucket) held(p Caller) (time.Time, bool) {
	for _, r := range b.Waiting {
		if r.isFor(p) {
			return r.at, true
		}
	}
	return time.Time{}, false
}

// replan gives those that wait their slots anew, in their order.
func (b *Bucket) replan(now time.Time, quotas []Quota) {
	b.forgetOld(now, quotas)
	waiting := b.Waiting
	b.Waiting = nil
	for _, r := range waiting {
		b.reserve(r.pass, b.Earliest(now, quotas, r.pass, 1))
	}
}

func (b *Bucket) release(thread types.UID) {
	b.Waiting = slices.DeleteFunc(b.Waiting, func(r reservation) bool { return r.pass.Thread == thread })
}

// answered counts a slot from its answer. It comes before those without one: these are in order.
func (b *Bucket) Answered(now time.Time, background bool) {
	for i, s := range b.Taken {
		if s.at.IsZero() && s.Background == background {
			first := slices.IndexFunc(b.Taken, func(s Slot) bool { return s.at.IsZero() })
			b.Taken = slices.Insert(slices.Delete(b.Taken, i, i+1), first, Slot{now, background})
			return
		}
	}
}

func soonest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func Latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
