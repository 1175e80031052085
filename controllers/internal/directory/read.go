// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package directory

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

const (
	// firstRetry and lastRetry bound the waits between failed reads of a list.
	firstRetry = time.Second
	lastRetry  = 30 * time.Second
	// refusedRetry is the wait after a read that ACS refused. Another credential ends it.
	refusedRetry = 5 * time.Minute
)

// ReadOptions are the settings of a Read.
type ReadOptions struct {
	// Claims knows which threads ChatThreads have now. A thread is not read if one has it that does
	// not wait for stamps itself.
	Claims Claims
	// Confirm is the shortest time between two refusals that count.
	Confirm time.Duration
	// ConfirmUnknown returns nil if it is certain that ACS knows no such user.
	ConfirmUnknown func(context.Context) error
}

// Read reads the list of a user, if ChatThreads wait for one, and the stamps of the listed threads
// that nobody claims. Only one Read of a user may run at a time. It returns the ChatThreads to wake
// and the end of the reconcile: nil if all was read. Partial results stay, and the next Read
// continues there.
func (d *Directory) Read(ctx context.Context, user Lister, options ReadOptions) (wake []types.NamespacedName, err error) {
	d.mu.Lock()
	l := d.list(user.ID)
	wait := time.Until(l.retryAt)
	if l.chat != user.Chat {
		wait = 0
	}
	l.chat = user.Chat
	d.mu.Unlock()
	if wait > 0 {
		return nil, &outcome.Wait{Reason: chatv1alpha1.ReasonSearching, After: wait, Quiet: true}
	}
	var result readResult
	if err = d.readPages(ctx, l, user, &result); err == nil && d.areStampsWanted(l) {
		err = d.readStamps(ctx, l, user, options, &result)
	}
	if isUnknownUser(err) && d.wasUnknown(l, options.Confirm) {
		result.isUnknown = options.ConfirmUnknown(ctx) == nil
	}
	// A process that stops learns nothing.
	if err != nil && ctx.Err() != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		wake, err = l.failedRead(err, result, options.Confirm, time.Now())
	} else {
		wake, err = l.succeededRead(result, time.Now())
	}
	for _, key := range result.found {
		if _, waits := l.waiting[key]; waits {
			delete(l.waiting, key)
			wake = append(wake, key)
		}
	}
	return wake, err
}

func (d *Directory) areStampsWanted(l *list) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return l.stampsWanted
}

// readResult is the result of a Read, also of one that failed.
type readResult struct {
	// isNews is set if the Read learned something that a waiting ChatThread may need.
	isNews bool
	// isList is set if a list was read to its end, and hasAsked if any call was made.
	isList, hasAsked bool
	// found are the ChatThreads whose stamps were read. They need not wait for the other threads.
	found []types.NamespacedName
	// confirmed is when ACS last showed that it can answer.
	confirmed time.Time
	// isUnknown is set if it is certain that ACS knows no such user.
	isUnknown bool
	// next is the time to read a thread again that ACS refused or failed to show; zero for none.
	next time.Time
}

func (r *readResult) again(at time.Time) {
	if r.next.IsZero() || at.Before(r.next) {
		r.next = at
	}
}

// succeededRead notes the end of a Read without an error. The caller holds the lock.
func (l *list) succeededRead(result readResult, now time.Time) ([]types.NamespacedName, error) {
	isNews := result.isNews || l.failure != nil || result.next.IsZero()
	l.failure, l.failures, l.retryAt = nil, 0, result.next
	l.noToken, l.unreachable = time.Time{}, time.Time{}
	var wake []types.NamespacedName
	if isNews {
		wake = l.waiters()
	}
	if result.next.IsZero() {
		l.stampsWanted = false
		if !result.hasAsked && len(wake) > 0 {
			l.retryAt = now.Add(firstRetry)
		}
		return wake, nil
	}
	return wake, &outcome.Wait{Reason: chatv1alpha1.ReasonSearching, After: max(result.next.Sub(now), 0), Quiet: true}
}

// failedRead notes the end of a Read with an error, which waiting ChatThreads show. The caller
// holds the lock.
func (l *list) failedRead(err error, result readResult, confirm time.Duration, now time.Time) ([]types.NamespacedName, error) {
	o := outcome.Classify(err)
	after := o.After
	switch {
	case o.Stalled:
		after = refusedRetry
	case after <= 0:
		after = min(firstRetry<<min(l.failures, 10), lastRetry)
		l.failures++
	}
	wasUnreachable := l.isUnreachable(now)
	if isUnknownUser(err) {
		after = l.noteUnknownUser(result.isUnknown, confirm, now)
	}
	l.retryAt = now.Add(after)
	retry := &outcome.Wait{Reason: o.Reason, Message: o.Message, After: after, Quiet: true}
	if o.Reason == chatv1alpha1.ReasonWaitingForQuota || o.Quiet {
		// The pacer knows when there is room.
		l.failure, l.retryAt = nil, time.Time{}
		if result.isList {
			return l.waiters(), retry
		}
		return nil, retry
	}
	isNews := result.isList || l.failure == nil || outcome.Classify(l.failure).Message != o.Message || l.isUnreachable(now) && !wasUnreachable
	l.failure = err
	if !isNews {
		return nil, retry
	}
	return l.waiters(), retry
}

// wasUnknown reports whether ACS said some time ago already that it knows no such user.
func (d *Directory) wasUnknown(l *list, confirm time.Duration) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !l.noToken.IsZero() && time.Since(l.noToken) >= confirm
}

// noteUnknownUser notes that ACS knows no such user, and returns the wait before the next try. A
// fault of the Identity service must not hide all threads of the user, so such refusals, some time
// apart, must be certain.
func (l *list) noteUnknownUser(isCertain bool, confirm time.Duration, now time.Time) time.Duration {
	if l.noToken.IsZero() {
		l.noToken = now
	}
	if rest := l.noToken.Add(confirm).Sub(now); rest > 0 {
		return rest
	}
	if isCertain {
		l.unreachable = now.Add(unreachableFor)
	}
	return unreachableFor
}

// readPages reads lists until one meets all needs of the waiting ChatThreads. A list that began too
// early for some of them is read to its end for the others.
func (d *Directory) readPages(ctx context.Context, l *list, user Lister, result *readResult) error {
	for d.isOutdated(l) {
		r := l.reading
		if r == nil || r.user.Chat != user.Chat || time.Since(r.touched) > maxIdle {
			r = newReading(user)
			l.reading = r
		}
		result.hasAsked = true
		if err := r.next(ctx); err != nil {
			// A page that ACS refuses, or that has an unusable link, is not requested again.
			if errors.Is(err, acs.ErrNextLink) || outcome.Definite(err) && !acs.HasStatus(err, http.StatusTooManyRequests) {
				l.reading = nil
			}
			return listFailed(err)
		}
		result.isNews, result.isList = result.isNews || r.done, result.isList || r.done
		d.note(l, r)
	}
	return nil
}

func (d *Directory) isOutdated(l *list) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return l.isOutdated()
}

// note copies a list in progress into the state of the user.
func (d *Directory) note(l *list, r *reading) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l.seen = len(r.seen)
	if !r.done {
		return
	}
	before := l.threads
	l.begun, l.ended, l.threads, l.listed, l.reading, l.seen = r.begun, time.Now(), r.seen, nil, nil, 0
	isGone := func(id string) bool { _, listed := r.seen[id]; return !listed && !l.own[id] }
	maps.DeleteFunc(l.refused, func(id string, _ time.Time) bool { return isGone(id) })
	maps.DeleteFunc(l.inaccessible, func(id string, _ bool) bool { return isGone(id) })
	maps.DeleteFunc(l.lastRefused, func(id string, _ time.Time) bool { return isGone(id) })
	maps.DeleteFunc(l.failed, func(id string, _ failedThread) bool { return isGone(id) })
	for id := range before {
		l.unread.set(id, d.isUnread(l, id))
	}
	// They are read in the same order each time.
	for _, id := range slices.Sorted(maps.Keys(l.threads)) {
		l.unread.set(id, d.isUnread(l, id))
	}
	l.isLookedAt = false
	d.forgetSince()
}

// forgetSince drops the moments before which no list began: all lists that follow are good enough.
// The caller holds the lock.
func (d *Directory) forgetSince() {
	var first time.Time
	for _, l := range d.lists {
		if l.ended.IsZero() {
			return
		}
		if first.IsZero() || l.begun.Before(first) {
			first = l.begun
		}
	}
	maps.DeleteFunc(d.since, func(_ string, since time.Time) bool { return !since.After(first) })
}

// listFailed returns the error of a list. A user that may not list threads may not create them.
func listFailed(err error) error {
	err = outcome.CallFailed("list threads", err)
	if acs.HasStatus(err, http.StatusForbidden) {
		return &outcome.Refused{Reason: chatv1alpha1.ReasonAuthenticationFailed, Err: err}
	}
	return err
}
