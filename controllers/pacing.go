// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

const (

	// reservationGrace is how long a slot is kept for a pass that does not come for it.
	reservationGrace = 30 * time.Second
)

// pass says on whose behalf a call is made.
type pass struct {
	thread types.UID
	// background passes look for drift only: they leave room for what users ask for.
	background bool
	// patience is for how long ACS may keep a background pass waiting before its thread says so; without it,
	// for ever.
	patience time.Duration
}

// isQuietWait says that a wait is not worth telling of: a short one, and that of a look for drift, unless ACS has
// it wait for so long that what the status says is old. blocked is the part of the wait that ACS asked for.
func (p pass) isQuietWait(wait, blocked time.Duration) bool {
	return wait <= outcome.ShownWait || p.background && (p.patience <= 0 || blocked <= p.patience)
}

type passKey struct{}

// withPass marks the calls that are made with the context.
func withPass(ctx context.Context, p pass) context.Context {
	return context.WithValue(ctx, passKey{}, p)
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

// limit sets the quotas. Where they change, those that wait have their slots anew, in their order, and nobody
// waits for what ACS said before.
func (p *pacer) limit(quotas map[quotaClass][]quota) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if maps.EqualFunc(p.quotas, quotas, slices.Equal) {
		return
	}
	p.quotas = quotas
	p.replan(time.Now())
}

// unblock has one call of each kind find out whether ACS still asks for a wait.
func (p *pacer) unblock() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for _, b := range p.buckets {
		if b.blockedUntil.After(now) {
			p.replan(now)
			return
		}
	}
}

// replan gives all that wait their slots anew, without what ACS asked them to wait. The caller holds the lock.
func (p *pacer) replan(now time.Time) {
	for key, b := range p.buckets {
		b.unblock(now)
		b.replan(now, p.limits(key))
	}
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
		quotaWaits.WithLabelValues("ChatClient.CreateThread").Inc()
		return waitForQuota(classCreateThread, now, at, who.isQuietWait(at.Sub(now), 0))
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

// takeWaitingCreates takes the slots back that are held for the creates of some threads and have not come yet.
// It returns whose they were, in their order.
func (p *pacer) takeWaitingCreates(of func(types.UID) bool) []pass {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	isWaiting := func(r reservation) bool { return r.at.After(now) && of(r.pass.thread) }
	var taken []reservation
	for key, b := range p.buckets {
		if key.class != classCreateThread && key != resourceBucket {
			continue
		}
		for _, r := range b.waiting {
			if key != resourceBucket && isWaiting(r) {
				taken = append(taken, r)
			}
		}
		b.waiting = slices.DeleteFunc(b.waiting, isWaiting)
	}
	slices.SortFunc(taken, func(a, b reservation) int { return a.at.Compare(b.at) })
	passes := make([]pass, 0, len(taken))
	for _, r := range taken {
		passes = append(passes, r.pass)
	}
	return passes
}

// roomForMembers is how many changes of the members of a thread can be sent now; where it is fewer than wanted
// and less than a whole window holds, it is none, with the moment at which more have room.
func (p *pacer) roomForMembers(who pass, thread string, wanted int) (int, error) {
	if !p.enabled {
		return wanted, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	key := keys(classChangeMembers, "", thread)[0]
	for _, q := range p.limits(key) {
		wanted = min(wanted, q.limit)
	}
	at := p.bucket(key).earliest(now, p.limits(key), who, wanted)
	if at.After(now) {
		quotaWaits.WithLabelValues("ThreadClient.RemoveParticipant").Inc()
		return 0, waitForQuota(classChangeMembers, now, at, who.isQuietWait(at.Sub(now), 0))
	}
	return wanted, nil
}

// take takes a slot, or holds one for later and returns a waitError.
func (p *pacer) take(who pass, class quotaClass, all []bucketKey) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	at := p.slot(now, who, all)
	if at.After(now) {
		for _, key := range all {
			p.bucket(key).reserve(who, at)
		}
		return p.wait(who, class, all, now, at)
	}
	for _, key := range all {
		if p.bucket(key).isProbed(now, who) {
			wait := outcome.Throttle{Until: now.Add(outcome.ProbePause)}.Wait(now)
			wait.Quiet = true
			return wait
		}
	}
	for _, key := range all {
		b := p.bucket(key)
		b.release(who.thread)
		b.probe(now, who)
		b.taken = append(b.taken, slot{background: who.background})
	}
	return nil
}

// wait is the end of a pass whose call has room at a later moment. The caller holds the lock.
func (p *pacer) wait(who pass, class quotaClass, all []bucketKey, now, at time.Time) error {
	var asked outcome.Throttle
	for _, key := range all {
		asked = p.bucket(key).throttle().OrLater(asked)
	}
	quiet := who.isQuietWait(at.Sub(now), asked.Until.Sub(now))
	if !asked.Until.Equal(at) {
		return waitForQuota(class, now, at, quiet)
	}
	wait := asked.Wait(now)
	wait.Quiet = quiet
	return wait
}

// takeAtOnce takes a slot for a call that waits for no room.
func (p *pacer) takeAtOnce(who pass, all []bucketKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, key := range all {
		p.bucket(key).release(who.thread)
		p.bucket(key).taken = append(p.bucket(key).taken, slot{background: who.background})
	}
}

// answered gives the slots of a call their moment, and obeys a refusal: it returns what ACS asks for then.
func (p *pacer) answered(who pass, all []bucketKey, resp *http.Response) (asked outcome.Throttle) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	isRefused := resp != nil && resp.StatusCode == http.StatusTooManyRequests
	for _, key := range all {
		b := p.bucket(key)
		b.answered(now, who.background)
		if !isRefused || key == resourceBucket {
			b.probed(who, resp != nil)
			continue
		}
		b.block(now, now.Add(outcome.AskedWait(runtime.NewResponseError(resp))))
		asked = b.throttle().OrLater(asked)
	}
	return asked
}

// createWaits is how long each of some users would have to wait before it could create a thread, in whole seconds.
func (p *pacer) createWaits(who pass, users []string) []time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	waits := make([]time.Duration, len(users))
	if !p.enabled {
		return waits
	}
	now := time.Now()
	// All of them fall under it: with many that wait it is the long one.
	ofResource := p.slot(now, who, []bucketKey{resourceBucket})
	for i, user := range users {
		at := latest(ofResource, p.slot(now, who, []bucketKey{{classCreateThread, userKey(user)}}))
		waits[i] = at.Sub(now).Truncate(time.Second)
	}
	return waits
}

// giveBack releases all slots that are held for a thread.
func (p *pacer) giveBack(thread types.UID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, b := range p.buckets {
		b.release(thread)
		b.forgetOld(time.Now(), p.limits(key))
		if b.isIdle(time.Now()) {
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
