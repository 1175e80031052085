// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package pacing

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

const (
	// probePause is the wait of a call while another call probes whether ACS takes calls again.
	probePause = time.Second
	// leastFallback is by how much a thread comes later than predicted if nobody wakes it.
	leastFallback = 30 * time.Second
	// mostSlip is how long after its moment a prediction is still shown.
	mostSlip = time.Minute
)

// Room holds a slot for a thread that is about to be created, so that nothing has to be undone
// because the call has no room. It returns an outcome.Wait if there is none yet.
func (p *Pacer) Room(who Caller, user string) error {
	if !p.enabled {
		return nil
	}
	now, unlock := p.lock()
	defer unlock()
	pl := p.ask(now, who, p.limit(now, keyFor(classCreateThread, acs.UserKey(user), "")))
	if pl.state == granted {
		return nil
	}
	quotaWaits.WithLabelValues("ChatClient.CreateThread").Inc()
	return p.wait(now, who, pl)
}

// Reserve is Room without an answer: the thread has a slot or a place in line.
func (p *Pacer) Reserve(who Caller, user string) {
	if !p.enabled {
		return
	}
	now, unlock := p.lock()
	defer unlock()
	p.ask(now, who, p.limit(now, keyFor(classCreateThread, acs.UserKey(user), "")))
}

// Waits predicts how long each of some users would have to wait before it could create a thread, in
// whole seconds.
func (p *Pacer) Waits(who Caller, users []string) []time.Duration {
	waits := make([]time.Duration, len(users))
	if !p.enabled {
		return waits
	}
	now, unlock := p.lock()
	defer unlock()
	for i, user := range users {
		l := p.limit(now, keyFor(classCreateThread, acs.UserKey(user), ""))
		l.advance(now)
		pl := p.placeAt(l, who.Thread)
		if pl != nil && pl.state == granted {
			continue
		}
		waits[i] = l.expected(now, kindOf(who), l.ahead(who, pl)).Sub(now).Truncate(time.Second)
	}
	return waits
}

// Withdraw takes some threads that wait for a create out of their lines. It returns them in the
// order in which they came. A thread whose slot is held keeps it.
func (p *Pacer) Withdraw(of func(types.UID) bool) []Caller {
	now, unlock := p.lock()
	defer unlock()
	var taken []*place
	for _, l := range p.limits {
		if l.key.class != classCreateThread {
			continue
		}
		for _, line := range l.lines {
			for _, pl := range slices.Clone(line.places) {
				if of(pl.who.Thread) {
					taken = append(taken, pl)
					p.drop(pl)
				}
			}
		}
		l.advance(now)
	}
	slices.SortFunc(taken, func(a, b *place) int { return int(a.seq - b.seq) })
	callers := make([]Caller, 0, len(taken))
	for _, pl := range taken {
		callers = append(callers, pl.who)
	}
	return callers
}

// RoomForMembers is how many changes of the members of a thread can be sent now. If it is fewer
// than wanted and less than a whole window holds, it is none, with an outcome.Wait until more have
// room.
func (p *Pacer) RoomForMembers(who Caller, thread string, wanted int) (int, error) {
	if !p.enabled {
		return wanted, nil
	}
	now, unlock := p.lock()
	defer unlock()
	l := p.limit(now, keyFor(classChangeMembers, "", thread))
	l.forget(now)
	for _, q := range l.quotas {
		wanted = min(wanted, q.limit)
	}
	// Only this thread uses the limit: the moment is certain, and needs no place in line.
	at := l.moment(now, kindOf(who), 0, wanted)
	if at.After(now) {
		quotaWaits.WithLabelValues("ThreadClient.RemoveParticipant").Inc()
		return 0, waitForQuota(l.key.class, at, at.Sub(now), who.IsQuietWait(at.Sub(now), 0))
	}
	return wanted, nil
}

// ask returns the place of a caller at a limit: granted if there is a slot for it, otherwise in
// line. The caller of ask holds the lock.
func (p *Pacer) ask(now time.Time, who Caller, l *limit) *place {
	p.asking = who.key()
	l.advance(now)
	pl := p.placeAt(l, who.Thread)
	switch {
	case pl == nil:
		pl = p.newPlace(who, l)
		p.keep(pl)
		l.join(pl, false)
	case pl.state == lapsed:
		pl.who = who
		l.join(pl, true)
	case pl.state == waiting && pl.who.Background && !who.Background:
		// Somebody now asks for a reconcile that looked for drift before.
		l.leave(pl)
		pl.who, pl.shown = who, time.Time{}
		l.join(pl, false)
	case pl.state == granted:
		return pl
	}
	l.advance(now)
	if pl.state == waiting {
		l.takeProbe(now, pl)
	}
	if pl.state == waiting {
		p.lapseOthers(now, pl)
	}
	return pl
}

func (p *Pacer) newPlace(who Caller, l *limit) *place {
	p.seq++
	return &place{who: who, limit: l, seq: p.seq}
}

// takeProbe makes a caller the one that finds out whether ACS takes calls again, if another one was
// woken for that and has not come yet.
func (l *limit) takeProbe(now time.Time, pl *place) {
	if l.probe == nil || l.probe.state != granted {
		return
	}
	other := l.probe
	l.giveBack(other, waiting)
	l.join(other, true)
	l.grant(pl, now)
}

// lapseOthers gives back the slots that are held for a thread which waits for another one first.
func (p *Pacer) lapseOthers(now time.Time, pl *place) {
	for _, other := range p.byThread[pl.who.Thread] {
		if other.state == granted {
			other.limit.giveBack(other, lapsed)
			other.limit.advance(now)
		}
	}
}

// ahead is the number of callers before one, which may have no place yet.
func (l *limit) ahead(who Caller, pl *place) int {
	switch {
	case pl == nil:
		return l.lines[kindOf(who)].ahead(who.Namespace)
	case pl.state == waiting:
		return l.lines[pl.kind()].aheadOf(pl)
	default:
		return 0
	}
}

// take gives a call its slot, or returns an outcome.Wait. An unpaced call is sent in any case, and
// counts.
func (p *Pacer) take(who Caller, key limitKey, unpaced bool) (*place, error) {
	now, unlock := p.lock()
	defer unlock()
	l := p.limit(now, key)
	if unpaced {
		// A slot that is held for the thread is for this call. A place in line stays: its thread is
		// to be woken for the call that waits.
		if held := p.placeAt(l, who.Thread); held != nil && held.state == granted {
			p.drop(held)
		}
		pl := p.newPlace(who, l)
		pl.state, pl.unpaced = underway, true
		l.open(pl, 1)
		quotaUsed.note(now, l)
		return pl, nil
	}
	pl := p.ask(now, who, l)
	if pl.state != granted {
		return nil, p.wait(now, who, pl)
	}
	p.forget(pl)
	pl.state = underway
	quotaUsed.note(now, l)
	if l.probe == pl {
		l.probing = now
	}
	return pl, nil
}

// answered counts a call from its answer on. A call that ACS refused for its rate comes first once
// ACS takes calls again; the result is its wait.
func (p *Pacer) answered(pl *place, resp *http.Response) *outcome.Wait {
	var err error
	if resp != nil && resp.StatusCode == http.StatusTooManyRequests {
		err = runtime.NewResponseError(resp)
	}
	now, unlock := p.lock()
	defer unlock()
	l := pl.limit
	l.answer(pl, now, resp != nil && err == nil)
	defer l.advance(now)
	if err == nil {
		return nil
	}
	l.block(now, now.Add(outcome.RetryAfter(err)))
	wait := l.throttle().Wait(now)
	wait.Err = err
	wait.Quiet = pl.who.Background && pl.who.IsQuietWait(wait.After, wait.After)
	if pl.unpaced {
		return wait
	}
	if p.placeAt(l, pl.who.Thread) == nil {
		pl.shown = time.Time{}
		p.keep(pl)
		l.join(pl, true)
	}
	wait.After = p.fallback(pl.who, wait.After)
	return wait
}

// wait is the answer to a caller without a slot.
func (p *Pacer) wait(now time.Time, who Caller, pl *place) *outcome.Wait {
	l := pl.limit
	asked := l.throttle()
	if l.isProbed(now) {
		wait := outcome.Throttle{Until: now.Add(probePause)}.Wait(now)
		wait.Quiet, wait.After = true, p.fallback(who, wait.After)
		return wait
	}
	at := l.expected(now, pl.kind(), l.ahead(who, pl))
	after := p.fallback(who, at.Sub(now))
	if asked.Until.Equal(at) {
		wait := asked.Wait(now)
		wait.Quiet, wait.After = who.IsQuietWait(at.Sub(now), at.Sub(now)), after
		return wait
	}
	if pl.shown.IsZero() || now.After(pl.shown.Add(mostSlip)) || asked.Until.After(pl.shown) {
		pl.shown = at
	}
	return waitForQuota(l.key.class, pl.shown, after, who.IsQuietWait(pl.shown.Sub(now), asked.Until.Sub(now)))
}

// fallback is when a thread comes again if nobody wakes it. A thread that is woken comes no earlier
// than that: the moment slips if calls are answered later than predicted.
func (p *Pacer) fallback(who Caller, after time.Duration) time.Duration {
	if p.wakes(who) {
		return 2*after + leastFallback
	}
	return max(after, 10*time.Millisecond)
}

// waitForQuota is the end of a reconcile that has no room for a call. Its message names a moment
// that does not change from reconcile to reconcile. A short wait is not worth a write, and that of
// a look for drift says nothing of the thread.
func waitForQuota(of class, at time.Time, after time.Duration, quiet bool) *outcome.Wait {
	return &outcome.Wait{Reason: chatv1alpha1.ReasonWaitingForQuota, After: after, Quiet: quiet,
		Message: fmt.Sprintf("The quota of ACS (%s) has room again at %s.", of, outcome.ShownTime(at))}
}
