// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package directory

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
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
	// firstThreadRetry and lastThreadRetry bound the waits between reads of a thread that ACS fails
	// to show.
	firstThreadRetry = 2 * time.Second
	lastThreadRetry  = 5 * time.Minute
	// maxFailedInARow is the number of threads in a row that ACS may fail to show before the Read
	// ends.
	maxFailedInARow = 3
)

// ReadOptions are the settings of a Read.
type ReadOptions struct {
	// Claimed reports whether a ChatThread has a thread now. Such a thread is not read.
	Claimed func(id string) bool
	// Confirm is the shortest time between two refusals that count.
	Confirm time.Duration
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
		if l.waiting[key] {
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
	// isList is set if a list was read to its end.
	isList bool
	// found are the ChatThreads whose stamps were read. They need not wait for the other threads.
	found []types.NamespacedName
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
		after = l.noteUnknownUser(confirm, now)
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

// noteUnknownUser notes that ACS knows no such user, and returns the wait before the next try. Two
// such refusals, some time apart, are certain: a fault of the Identity service must not hide all
// threads.
func (l *list) noteUnknownUser(confirm time.Duration, now time.Time) time.Duration {
	if l.noToken.IsZero() {
		l.noToken = now
	}
	if rest := l.noToken.Add(confirm).Sub(now); rest > 0 {
		return rest
	}
	l.unreachable = now.Add(unreachableFor)
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

// readStamps reads the stamps of the listed threads. A thread that ACS fails to show does not delay
// the others.
func (d *Directory) readStamps(ctx context.Context, l *list, user Lister, options ReadOptions, result *readResult) error {
	d.lookAtClaims(l, user.ID, options.Claimed)
	_, c := d.begin(user.ID)
	failedInARow := 0
	for {
		id, ok := d.step(c, func(string) bool { return true })
		if !ok {
			return nil
		}
		if d.askClaim(l, c, id, options.Claimed) {
			continue
		}
		if at := d.retryOf(l, id, options.Confirm); time.Now().Before(at) {
			result.again(at)
			continue
		}
		err := d.readStamp(ctx, l, user, id, options.Confirm)
		switch {
		case err == nil:
			failedInARow = 0
		case !isOfThread(err):
			return err
		default:
			result.isNews = d.noteFailed(l, id, err) || result.isNews
			if failedInARow++; failedInARow >= maxFailedInARow {
				return err
			}
		}
		if at := d.retryOf(l, id, options.Confirm); at.IsZero() {
			result.isNews = true
			result.found = append(result.found, d.ownerOf(id))
		} else {
			result.again(at)
		}
	}
}

// lookAtClaims looks at the claims of all unread threads of a new list, so that messages can say
// how many are to be read. The quota may end the walk that follows after a few.
func (d *Directory) lookAtClaims(l *list, user string, ask func(id string) bool) {
	if l.isLookedAt {
		return
	}
	l.isLookedAt = true
	for _, c := d.begin(user); ; {
		id, ok := d.step(c, func(string) bool { return true })
		if !ok {
			return
		}
		claimed := ask(id)
		d.mu.Lock()
		l.unread.note(id, claimed)
		d.mu.Unlock()
	}
}

// ownerOf returns the ChatThread that the stamp of a thread names.
func (d *Directory) ownerOf(id string) types.NamespacedName {
	d.mu.Lock()
	defer d.mu.Unlock()
	stamp, _ := d.stamps.of(id)
	namespace, name, _ := strings.Cut(stamp.Owner, "/")
	return types.NamespacedName{Namespace: namespace, Name: name}
}

// retryOf returns when to read a thread again; zero if ACS neither refused nor failed to show it.
func (d *Directory) retryOf(l *list, id string, confirm time.Duration) time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	if failed, ok := l.failed[id]; ok {
		return failed.retry
	}
	if since, ok := l.refused[id]; ok {
		return since.Add(confirm)
	}
	return time.Time{}
}

// noteFailed notes that ACS fails to show a thread, and reports whether the failure became a
// lasting one with that.
func (d *Directory) noteFailed(l *list, id string, err error) (lastsNow bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	failed, ok := l.failed[id]
	if !ok {
		failed = failedThread{topic: l.threads[id].topic, since: time.Now()}
	}
	lasted := failed.lasts
	failed.retry = time.Now().Add(min(firstThreadRetry<<min(failed.tries, 10), lastThreadRetry))
	failed.tries++
	failed.err = err
	failed.lasts = lasted || failed.tries >= lastingTries && time.Since(failed.since) >= lastingTime
	l.failed[id] = failed
	return failed.lasts && !lasted
}

// isOfThread reports whether an error may concern one thread only: ACS answered, and it did not
// refuse the credential or the rate.
func isOfThread(err error) bool {
	if _, impossible := errors.AsType[*outcome.Contradiction](err); impossible {
		return true
	}
	if _, noToken := errors.AsType[*acs.TokenError](err); noToken || acs.IsForeign(err) {
		return false
	}
	response, answered := errors.AsType[*azcore.ResponseError](err)
	return answered && response.StatusCode != http.StatusUnauthorized && response.StatusCode != http.StatusTooManyRequests
}

// readStamp reads the stamp of a thread.
func (d *Directory) readStamp(ctx context.Context, l *list, user Lister, id string, confirm time.Duration) error {
	properties, err := user.Chat.ThreadClient(id).GetProperties(ctx, nil)
	if IsInaccessible(err) {
		return d.noteRefused(ctx, l, user, id, confirm)
	}
	if err != nil {
		return outcome.CallFailed("read a thread", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(l.refused, id)
	delete(l.failed, id)
	if properties.DeletedOn != nil {
		l.markDeleted(id)
		d.changed(id)
		return nil
	}
	d.know(StampOf(properties.ThreadProperties))
	return nil
}

// noteRefused notes that ACS refuses to show a thread that it lists. Lists contain threads that the
// user has left, and may contain deleted ones; but an overlooked thread is created a second time.
// So two refusals must be some time apart, and another call must agree.
func (d *Directory) noteRefused(ctx context.Context, l *list, user Lister, id string, confirm time.Duration) error {
	d.mu.Lock()
	since, again := l.refused[id]
	if !again {
		l.refused[id] = time.Now()
	}
	d.mu.Unlock()
	if !again || time.Since(since) < confirm {
		return nil
	}
	if err := ConfirmInaccessible(ctx, user.Chat.ThreadClient(id)); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(l.refused, id)
	delete(l.failed, id)
	l.inaccessible[id] = true
	d.changed(id)
	return nil
}

// ConfirmInaccessible returns nil if ACS also refuses the members of a thread that it refused to
// show: one refusal alone may be a fault.
func ConfirmInaccessible(ctx context.Context, thread *acs.ThreadClient) error {
	_, err := thread.NewListParticipantsPager(&acs.ListParticipantsOptions{MaxPageSize: 1}).NextPage(ctx)
	switch {
	case err == nil:
		return &outcome.Contradiction{Message: "ACS refuses to show a thread whose members it lists; the operator asks again to confirm that the thread is gone or not its own."}
	case IsInaccessible(err):
		return nil
	default:
		return outcome.CallFailed("list the members of a thread that it does not show", err)
	}
}

// IsInaccessible reports whether a thread does not exist, or not for this user.
func IsInaccessible(err error) bool {
	return acs.HasStatus(err, http.StatusNotFound, http.StatusForbidden)
}
