// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package pacing

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

const (

	// reservationGrace is how long a slot is kept for a pass that does not come for it.
	reservationGrace = 30 * time.Second
	// longestCall is how long a call may take: a reconcile takes no longer.
	LongestCall = time.Minute
)

// pass says on whose behalf a call is made.
type Caller struct {
	Thread types.UID
	// background passes look for drift only: they leave room for what users ask for.
	Background bool
	// patience is for how long ACS may keep a background pass waiting before its thread says so; without it,
	// for ever.
	Patience time.Duration
}

// isQuietWait says that a wait is not worth telling of: a short one, and that of a look for drift, unless ACS has
// it wait for so long that what the status says is old. blocked is the part of the wait that ACS asked for.
func (p Caller) IsQuietWait(wait, blocked time.Duration) bool {
	return wait <= outcome.ShownWait || p.Background && (p.Patience <= 0 || blocked <= p.Patience)
}

type callerKey struct{}

// withPass marks the calls that are made with the context.
func WithCaller(ctx context.Context, p Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, p)
}

// pacer keeps the calls of one connection within the quotas of ACS. It makes nobody wait: a call that
// has no room fails with the moment at which it has, and that slot is held for the pass.
type Pacer struct {
	enabled bool

	mu      sync.Mutex
	quotas  map[QuotaClass][]Quota
	buckets map[BucketKey]*Bucket
}

type BucketKey struct {
	class QuotaClass
	owner string
}

// resourceBucket counts the threads that a resource creates.
var resourceBucket = BucketKey{class: "create threads of the resource"}

func New(enabled bool) *Pacer {
	return &Pacer{enabled: enabled, quotas: DocumentedQuotas, buckets: map[BucketKey]*Bucket{}}
}

// limit sets the quotas. Where they change, those that wait have their slots anew, in their order, and nobody
// waits for what ACS said before.
func (p *Pacer) SetQuotas(quotas map[QuotaClass][]Quota) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if maps.EqualFunc(p.quotas, quotas, slices.Equal) {
		return
	}
	p.quotas = quotas
	p.replan(time.Now())
}

// unblock has one call of each kind find out whether ACS still asks for a wait.
func (p *Pacer) Unblock() {
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
func (p *Pacer) replan(now time.Time) {
	for key, b := range p.buckets {
		b.unblock(now)
		b.replan(now, p.limits(key))
	}
}

// keys are the limits that a call of a class falls under.
func Keys(class QuotaClass, user, thread string) []BucketKey {
	switch class {
	case classUpdateThread, ClassChangeMembers:
		return []BucketKey{{class, thread}}
	case classListMembers:
		return []BucketKey{{class, user + " " + thread}}
	case ClassCreateThread:
		return []BucketKey{{class, user}, resourceBucket}
	default:
		return []BucketKey{{class, user}}
	}
}

// limits are the quotas of a bucket. The caller holds the lock.
func (p *Pacer) limits(key BucketKey) []Quota {
	if key == resourceBucket {
		return resourceQuota
	}
	return p.quotas[key.class]
}

func (p *Pacer) Bucket(key BucketKey) *Bucket {
	found, ok := p.buckets[key]
	if !ok {
		found = &Bucket{}
		p.buckets[key] = found
	}
	return found
}

// slot returns when a call can be sent; where that is not now, the moment is held for the pass, and an
// earlier pass finds it again. The caller holds the lock.
func (p *Pacer) slot(now time.Time, who Caller, all []BucketKey) time.Time {
	at := now
	for _, key := range all {
		if held, ok := p.Bucket(key).held(who); ok && held.After(now) {
			at = Latest(at, held)
		}
	}
	if at.After(now) {
		return at
	}
	for _, key := range all {
		at = Latest(at, p.Bucket(key).Earliest(now, p.limits(key), who, 1))
	}
	return at
}

// holdCreate keeps a slot for a pass that is about to create a thread, so that nothing has to be undone
// because the call has no room. It returns a waitError where it has none yet.
func (p *Pacer) Room(who Caller, user string) error {
	if now, at := p.Reserve(who, user); at.After(now) {
		quotaWaits.WithLabelValues("ChatClient.CreateThread").Inc()
		return waitForQuota(ClassCreateThread, now, at, who.IsQuietWait(at.Sub(now), 0))
	}
	return nil
}

// reserveCreate holds the next slot to create a thread, and returns its moment beside the present one.
func (p *Pacer) Reserve(who Caller, user string) (now, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now = time.Now()
	if !p.enabled {
		return now, now
	}
	all := Keys(ClassCreateThread, acs.UserKey(user), "")
	at = p.slot(now, who, all)
	for _, key := range all {
		p.Bucket(key).reserve(who, at)
	}
	return now, at
}

// takeWaitingCreates takes the slots back that are held for the creates of some threads and have not come yet.
// It returns whose they were, in their order.
func (p *Pacer) Withdraw(of func(types.UID) bool) []Caller {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	isWaiting := func(r reservation) bool { return r.at.After(now) && of(r.pass.Thread) }
	var taken []reservation
	for key, b := range p.buckets {
		if key.class != ClassCreateThread && key != resourceBucket {
			continue
		}
		for _, r := range b.Waiting {
			if key != resourceBucket && isWaiting(r) {
				taken = append(taken, r)
			}
		}
		b.Waiting = slices.DeleteFunc(b.Waiting, isWaiting)
	}
	slices.SortFunc(taken, func(a, b reservation) int { return a.at.Compare(b.at) })
	passes := make([]Caller, 0, len(taken))
	for _, r := range taken {
		passes = append(passes, r.pass)
	}
	return passes
}

// roomForMembers is how many changes of the members of a thread can be sent now; where it is fewer than wanted
// and less than a whole window holds, it is none, with the moment at which more have room.
func (p *Pacer) RoomForMembers(who Caller, thread string, wanted int) (int, error) {
	if !p.enabled {
		return wanted, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	key := Keys(ClassChangeMembers, "", thread)[0]
	for _, q := range p.limits(key) {
		wanted = min(wanted, q.Limit)
	}
	at := p.Bucket(key).Earliest(now, p.limits(key), who, wanted)
	if at.After(now) {
		quotaWaits.WithLabelValues("ThreadClient.RemoveParticipant").Inc()
		return 0, waitForQuota(ClassChangeMembers, now, at, who.IsQuietWait(at.Sub(now), 0))
	}
	return wanted, nil
}

// take takes a slot, or holds one for later and returns a waitError.
func (p *Pacer) Take(who Caller, class QuotaClass, all []BucketKey) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	at := p.slot(now, who, all)
	if at.After(now) {
		for _, key := range all {
			p.Bucket(key).reserve(who, at)
		}
		return p.wait(who, class, all, now, at)
	}
	for _, key := range all {
		if p.Bucket(key).isProbed(now, who) {
			wait := outcome.Throttle{Until: now.Add(outcome.ProbePause)}.Wait(now)
			wait.Quiet = true
			return wait
		}
	}
	for _, key := range all {
		b := p.Bucket(key)
		b.release(who.Thread)
		b.probe(now, who)
		b.Taken = append(b.Taken, Slot{Background: who.Background})
	}
	return nil
}

// wait is the end of a pass whose call has room at a later moment. The caller holds the lock.
func (p *Pacer) wait(who Caller, class QuotaClass, all []BucketKey, now, at time.Time) error {
	var asked outcome.Throttle
	for _, key := range all {
		asked = p.Bucket(key).throttle().OrLater(asked)
	}
	quiet := who.IsQuietWait(at.Sub(now), asked.Until.Sub(now))
	if !asked.Until.Equal(at) {
		return waitForQuota(class, now, at, quiet)
	}
	wait := asked.Wait(now)
	wait.Quiet = quiet
	return wait
}

// takeAtOnce takes a slot for a call that waits for no room.
func (p *Pacer) takeAtOnce(who Caller, all []BucketKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, key := range all {
		p.Bucket(key).release(who.Thread)
		p.Bucket(key).Taken = append(p.Bucket(key).Taken, Slot{Background: who.Background})
	}
}

// answered gives the slots of a call their moment, and obeys a refusal: it returns what ACS asks for then.
func (p *Pacer) Answered(who Caller, all []BucketKey, resp *http.Response) (asked outcome.Throttle) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	isRefused := resp != nil && resp.StatusCode == http.StatusTooManyRequests
	for _, key := range all {
		b := p.Bucket(key)
		b.Answered(now, who.Background)
		if !isRefused || key == resourceBucket {
			b.probed(who, resp != nil)
			continue
		}
		b.block(now, now.Add(outcome.RetryAfter(runtime.NewResponseError(resp))))
		asked = b.throttle().OrLater(asked)
	}
	return asked
}

// createWaits is how long each of some users would have to wait before it could create a thread, in whole seconds.
func (p *Pacer) Waits(who Caller, users []string) []time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	waits := make([]time.Duration, len(users))
	if !p.enabled {
		return waits
	}
	now := time.Now()
	// All of them fall under it: with many that wait it is the long one.
	ofResource := p.slot(now, who, []BucketKey{resourceBucket})
	for i, user := range users {
		at := Latest(ofResource, p.slot(now, who, []BucketKey{{ClassCreateThread, acs.UserKey(user)}}))
		waits[i] = at.Sub(now).Truncate(time.Second)
	}
	return waits
}

// giveBack releases all slots that are held for a thread.
func (p *Pacer) Release(thread types.UID) {
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
func (p *Pacer) Interval(threads int) time.Duration {
	if !p.enabled {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var interval time.Duration
	for _, q := range p.quotas[ClassReadThread] {
		larger, _ := shares(q.Limit)
		interval = max(interval, time.Duration(threads)*q.Window*10/9/time.Duration(larger))
	}
	return interval
}
