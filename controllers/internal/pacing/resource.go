// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package pacing

import "time"

// resource is the limit on the threads that all users of an ACS resource create together. Nobody
// has a place in line here: threads wait at the limits of their users, which take turns. So while
// this limit is the tighter one, a thread may wait for one slot of each user besides its turn.
type resource struct {
	slots
	// callers and users count the callers that wait at the limits of users, and these limits.
	callers, users int
	// turns are the limits that have room of their own and wait for room here.
	turns []*limit
	alarm alarm
}

func (r *resource) hasRoom(now time.Time) bool { return !r.moment(now, 0).After(now) }

func (r *resource) moment(now time.Time, ahead int) time.Time {
	return r.next(now, resourceQuota.limit, resourceQuota.window, ahead)
}

// expected is when a caller has a slot that waits behind some others at the limit of its user.
func (r *resource) expected(now time.Time, ahead int) time.Time {
	return r.moment(now, max(min(r.callers, (ahead+1)*r.users)-1, 0))
}

// joined and left count the callers that wait.
func (r *resource) joined(l *limit) {
	r.callers++
	if l.lines[interactive].len()+l.lines[background].len() == 1 {
		r.users++
	}
}

func (r *resource) left(l *limit) {
	r.callers--
	if l.lines[interactive].len()+l.lines[background].len() == 0 {
		r.users--
	}
}

// queue has a limit wait for its turn.
func (r *resource) queue(l *limit) {
	if !l.inTurn {
		l.inTurn = true
		r.turns = append(r.turns, l)
	}
}

// advance grants the slots that are free, one to each limit in turn.
func (r *resource) advance(now time.Time) {
	r.forget(now, resourceQuota.window)
	for len(r.turns) > 0 && r.hasRoom(now) {
		l := r.turns[0]
		r.turns, l.inTurn = r.turns[1:], false
		if l.grantNext(now) {
			r.queue(l)
		}
		l.setAlarm(now)
	}
	var due time.Time
	if len(r.turns) > 0 {
		due = r.moment(now, 0)
	}
	r.alarm.set(now, due)
}

// alarm calls a function at a moment, with the lock of the pacer held.
type alarm struct {
	pacer *Pacer
	ring  func(now time.Time)
	due   time.Time
	timer *time.Timer
}

// set moves the alarm to a moment; the zero moment stops it.
func (a *alarm) set(now, due time.Time) {
	switch {
	case due.Equal(a.due):
		return
	case due.IsZero():
		a.timer.Stop()
	case a.timer == nil:
		a.timer = time.AfterFunc(due.Sub(now), func() {
			now, unlock := a.pacer.lock()
			defer unlock()
			a.due = time.Time{}
			a.ring(now)
		})
	default:
		a.timer.Reset(due.Sub(now))
	}
	a.due = due
}
