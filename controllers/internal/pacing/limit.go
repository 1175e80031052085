// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package pacing

import (
	"time"

	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

const (
	// holdTime is how long a slot is held for a thread that was woken for it.
	holdTime = 30 * time.Second
	// longestCall is how long a call may take: a reconcile takes no longer.
	longestCall = time.Minute
)

// kind distinguishes calls that somebody asked for from those that look for drift.
type kind int

const (
	interactive kind = iota
	background
)

func kindOf(who Caller) kind {
	if who.Background {
		return background
	}
	return interactive
}

// While calls of both kinds wait, a limit has two shares, so that neither kind can shut out the
// other:
//
//	call         who else waits   may use
//	interactive  no background    the limit
//	interactive  background       the limit, of which interactive calls have interactiveShare at most
//	background   no interactive   interactiveShare of the limit: the rest is free for an edit
//	background   interactive      the limit, of which background calls have backgroundShare at most
//
// The shares add up to the limit. Only a limit of 1 cannot be shared: there the kinds take turns.
func interactiveShare(limit int) int { return max(limit-backgroundShare(limit), 1) }

func backgroundShare(limit int) int { return max(limit/5, 1) }

// slots are one list in the order of their moments: calls that were answered, then calls under way
// and held slots, which count as if they were answered now, then those of the callers that wait.
// The moments of the last follow from the ones before them, so they need not be stored.
type slots struct {
	answered []time.Time
	open     int
}

// next is the moment of a slot behind some others, if no more than share of them may be in a
// window.
func (s *slots) next(now time.Time, share int, window time.Duration, ahead int) time.Time {
	at := now
	switch i := len(s.answered) + s.open + ahead%share - share; {
	case i >= len(s.answered):
		at = now.Add(window)
	case i >= 0:
		at = later(now, s.answered[i].Add(window))
	}
	return at.Add(time.Duration(ahead/share) * window)
}

// answer moves one open slot to a moment.
func (s *slots) answer(now time.Time) {
	s.open--
	s.answered = append(s.answered, now)
}

// forget drops the slots that no window reaches any more.
func (s *slots) forget(now time.Time, reach time.Duration) {
	old := 0
	for old < len(s.answered) && !s.answered[old].Add(reach).After(now) {
		old++
	}
	s.answered = s.answered[old:]
}

// limit is one limit of ACS: the calls that count, and the callers that wait.
type limit struct {
	pacer  *Pacer
	key    limitKey
	quotas []quota
	// resource is the limit that creates of threads have besides; nil for other calls.
	resource *resource
	// inTurn says that the limit waits for its turn at the resource.
	inTurn bool

	all    slots
	byKind [2]slots
	lines  [2]line
	// grants are the slots that are held, in the order of their ends. An entry is stale if the
	// place is no longer granted, or is granted again until another moment.
	grants []grant
	// last is the kind that had the last slot.
	last kind
	// places counts the waiting, granted and lapsed ones.
	places int

	// blockedUntil is when ACS allows the next call, after it refused one. It stays until a call
	// was answered otherwise.
	blockedUntil time.Time
	// refusedAt is when ACS last refused a call, and again says that it had refused another one not
	// long before.
	refusedAt time.Time
	again     bool
	// probe is the one call that finds out whether ACS takes calls again, and probing since when.
	probe   *place
	probing time.Time

	alarm alarm
}

type grant struct {
	place *place
	until time.Time
}

// moment is when a number of calls of a kind have slots, behind some others of that kind.
func (l *limit) moment(now time.Time, of kind, ahead, calls int) time.Time {
	at := later(now, l.blockedUntil)
	for _, q := range l.quotas {
		next := func(s *slots, share, ahead int) time.Time {
			return s.next(now, share, q.window, ahead+min(calls, share)-1)
		}
		free := next(&l.all, q.limit, ahead)
		switch {
		case of == background:
			free = earlier(
				next(&l.all, interactiveShare(q.limit), ahead+l.lines[interactive].len()),
				later(free, next(&l.byKind[background], backgroundShare(q.limit), ahead)))
		case l.lines[background].len() > 0:
			free = later(free, next(&l.byKind[interactive], interactiveShare(q.limit), ahead))
		}
		at = later(at, free)
	}
	return at
}

// expected is moment for one call, with the limit of the resource. It is a prediction.
func (l *limit) expected(now time.Time, of kind, ahead int) time.Time {
	at := l.moment(now, of, ahead, 1)
	if l.resource != nil {
		at = later(at, l.resource.expected(now, ahead))
	}
	return at
}

// advance ends the slots that are due, and grants those that are free to the callers next in turn.
func (l *limit) advance(now time.Time) {
	l.forget(now)
	l.lapse(now)
	if l.resource != nil {
		l.resource.advance(now)
	}
	for l.grantNext(now) {
	}
	l.setAlarm(now)
}

// grantNext grants the next slot, and reports whether there was one.
func (l *limit) grantNext(now time.Time) bool {
	of, ok := l.nextKind(now)
	if !ok {
		return false
	}
	if l.resource != nil && !l.resource.hasRoom(now) {
		l.resource.queue(l)
		return false
	}
	l.grant(l.lines[of].places[0], now)
	return true
}

// nextKind is the kind that has the next slot, if there is one now.
func (l *limit) nextKind(now time.Time) (kind, bool) {
	if l.lines[interactive].len()+l.lines[background].len() == 0 || l.isProbed(now) {
		return 0, false
	}
	can := func(of kind) bool { return l.lines[of].len() > 0 && !l.moment(now, of, 0, 1).After(now) }
	first, second := background, interactive
	if l.last == background {
		first, second = second, first
	}
	switch {
	case can(first):
		return first, true
	case can(second):
		return second, true
	default:
		return 0, false
	}
}

// grant holds a slot for a place, and wakes its thread.
func (l *limit) grant(p *place, now time.Time) {
	l.leave(p)
	l.open(p, 1)
	p.state, p.until, l.last = granted, now.Add(holdTime), p.kind()
	l.grants = append(l.grants, grant{p, p.until})
	if !l.blockedUntil.IsZero() {
		l.probe, l.probing = p, now
	}
	l.pacer.wake(p.who)
}

// open counts slots without an answer.
func (l *limit) open(p *place, n int) {
	l.all.open += n
	l.byKind[p.kind()].open += n
	if l.resource != nil {
		l.resource.open += n
	}
}

// join puts a place into its line, before all others if first is set.
func (l *limit) join(p *place, first bool) {
	if first {
		l.lines[p.kind()].addFirst(p)
	} else {
		l.lines[p.kind()].add(p)
	}
	if l.resource != nil {
		l.resource.joined(l)
	}
}

// leave takes a waiting place out of its line.
func (l *limit) leave(p *place) {
	l.lines[p.kind()].remove(p)
	if l.resource != nil {
		l.resource.left(l)
	}
}

// giveBack ends a slot that is held.
func (l *limit) giveBack(p *place, to state) {
	p.state = to
	l.open(p, -1)
	if l.probe == p {
		l.probe = nil
	}
}

// lapse ends the held slots that nobody used in time.
func (l *limit) lapse(now time.Time) {
	for len(l.grants) > 0 {
		g := l.grants[0]
		if isCurrent := g.place.state == granted && g.place.until.Equal(g.until); isCurrent {
			if g.until.After(now) {
				return
			}
			l.giveBack(g.place, lapsed)
		}
		l.grants = l.grants[1:]
	}
}

// forget drops the calls that no window reaches any more.
func (l *limit) forget(now time.Time) {
	var reach time.Duration
	for _, q := range l.quotas {
		reach = max(reach, q.window)
	}
	l.all.forget(now, reach)
	for of := range l.byKind {
		l.byKind[of].forget(now, reach)
	}
}

// answer gives the slot of a call its moment. A call that was not refused ends the wait that ACS
// asked for, if it was the probe, and if an answer came.
func (l *limit) answer(p *place, now time.Time, isAnswered bool) {
	l.all.answer(now)
	l.byKind[p.kind()].answer(now)
	if l.resource != nil {
		l.resource.answer(now)
	}
	if l.probe == p {
		l.probe = nil
		if isAnswered {
			l.blockedUntil = time.Time{}
		}
	}
}

// block has all calls wait until a moment, as ACS asked.
func (l *limit) block(now, until time.Time) {
	// Calls that were under way together are refused together.
	if !l.blockedUntil.After(now) {
		l.again = now.Sub(l.refusedAt) < outcome.LongestAsked
	}
	l.refusedAt, l.blockedUntil, l.probe = now, later(l.blockedUntil, until), nil
}

// unblock has one call find out at once whether ACS still asks for a wait.
func (l *limit) unblock(now time.Time) {
	if l.blockedUntil.After(now) {
		l.blockedUntil = now
	}
}

// throttle is the wait that ACS asks for.
func (l *limit) throttle() outcome.Throttle {
	return outcome.Throttle{Until: l.blockedUntil, Again: l.again}
}

// isProbed reports whether another call finds out whether ACS takes calls again. One that takes
// longer than any call may has ended in some other way.
func (l *limit) isProbed(now time.Time) bool {
	return l.probe != nil && (l.probe.state == granted || now.Sub(l.probing) < longestCall)
}

// isIdle reports whether nothing of the limit is needed any more.
func (l *limit) isIdle(now time.Time) bool {
	l.forget(now)
	return l.places+l.all.open+len(l.all.answered) == 0 && !l.blockedUntil.After(now) && now.Sub(l.refusedAt) >= outcome.LongestAsked
}

// setAlarm has the limit advanced when the next slot comes free or a held one ends.
func (l *limit) setAlarm(now time.Time) {
	var due time.Time
	soonest := func(at time.Time) {
		if at.After(now) && (due.IsZero() || at.Before(due)) {
			due = at
		}
	}
	isWaited := false
	for of := range l.lines {
		if l.lines[of].len() > 0 {
			isWaited = true
			soonest(l.moment(now, kind(of), 0, 1))
		}
	}
	if isWaited && l.probe != nil {
		soonest(l.probing.Add(longestCall))
	}
	if len(l.grants) > 0 && (isWaited || l.resource != nil) {
		soonest(l.grants[0].until)
	}
	l.alarm.set(now, due)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
