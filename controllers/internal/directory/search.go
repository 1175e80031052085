// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package directory

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/dustin/go-humanize"
	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

const (
	// progressInterval is the time between two progress reports of a ChatThread that waits for lists.
	progressInterval = time.Minute
	// unreachableFor is the pause before ACS is asked again for a token of a user that it does not
	// know.
	unreachableFor = time.Minute
	// lastingTries and lastingTime are the number of tries and the time after which the failure to
	// show a thread counts as lasting.
	lastingTries = 3
	lastingTime  = 10 * time.Second
)

// Need describes the lists that are complete enough. They begin at Begun or later, so that they
// show all threads created before, and they end at Ended or later.
type Need struct{ Begun, Ended time.Time }

// Query is a search for the thread of one ChatThread.
type Query struct {
	// Users may have made the thread.
	Users []string
	Need  Need
	// Claimed reports whether another ChatThread has a thread now.
	Claimed func(id string) bool
	// ListsOnly is for queries that do not need the owners of the listed threads.
	ListsOnly bool
	// Topic is that of the ChatThread. Unsure is set if a create of the thread may have been sent. A
	// thread with another topic that ACS fails to show concerns only an unsure ChatThread.
	Topic  string
	Unsure bool
	// Waiter is woken when a list that it needs was read.
	Waiter types.NamespacedName
	// Since is when the ChatThread began to wait. A short wait is not worth a status write.
	Since time.Time
	// AtOnce ends the waits after failed reads, because a person asked for that.
	AtOnce bool
}

// Search returns nil if the directory knows all threads that concern a query: Find then has the
// answer. Otherwise it returns the users to be read and the end of the reconcile.
func (d *Directory) Search(q Query) (users []string, err error) {
	pending := d.pending(q)
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	var unreachable, failure error
	unknown, reachable := 0, 0
	for _, user := range q.Users {
		l := d.list(user)
		if q.AtOnce {
			l.retryAt = time.Time{}
		}
		if l.isUnreachable(now) {
			unreachable = cmp.Or(unreachable, l.failure)
			continue
		}
		reachable++
		isOutdated := l.want(q.Need)
		if !isOutdated && len(pending[user]) == 0 {
			continue
		}
		unknown += len(pending[user])
		users = append(users, user)
		l.waiting[q.Waiter] = true
		l.stampsWanted = l.stampsWanted || !q.ListsOnly
		failure = cmp.Or(failure, l.failure, l.concerning(q, user, pending[user]), l.unconfirmed(pending[user]))
	}
	switch {
	case reachable == 0 && unreachable != nil:
		for _, user := range q.Users {
			d.list(user).waiting[q.Waiter] = true
		}
		return q.Users, &waitForList{unreachable}
	case len(users) == 0:
		return nil, nil
	case failure != nil:
		return users, &waitForList{failure}
	default:
		return users, d.progress(q, unknown, now)
	}
}

// pending returns the listed threads whose owner is not known, by user. It omits threads that
// another ChatThread has now, and those that fail to be shown and do not concern the query.
func (d *Directory) pending(q Query) map[string][]string {
	if q.ListsOnly {
		return nil
	}
	pending := map[string][]string{}
	d.mu.Lock()
	for _, user := range q.Users {
		pending[user] = slices.DeleteFunc(d.unread(d.list(user)), func(id string) bool {
			failed, ok := d.list(user).failed[id]
			return ok && failed.lasts && !q.mayOwn(failed)
		})
	}
	d.mu.Unlock()
	// Claims are checked without the lock: the answer comes from a cache with locks of its own.
	for user, ids := range pending {
		pending[user] = slices.DeleteFunc(ids, q.Claimed)
	}
	return pending
}

// mayOwn reports whether a thread that ACS fails to show may be the wanted one. The topic of a
// thread that is in no list yet is not known.
func (q Query) mayOwn(f failedThread) bool { return q.Unsure || f.topic == q.Topic || f.topic == "" }

// unread returns the listed threads whose stamp is not known, in order. The caller holds the lock.
func (d *Directory) unread(l *list) []string {
	var ids []string
	add := func(id string) {
		if _, known := d.stamps[id]; !known && !l.inaccessible[id] {
			ids = append(ids, id)
		}
	}
	for id, thread := range l.threads {
		if !thread.deleted {
			add(id)
		}
	}
	for id := range l.own {
		if _, listed := l.threads[id]; !listed {
			add(id)
		}
	}
	slices.Sort(ids)
	return ids
}

// progress reports how far the lists of the users are. The caller holds the lock.
func (d *Directory) progress(q Query, unknown int, now time.Time) error {
	if rest := q.Since.Add(outcome.ShownWait).Sub(now); rest > 0 {
		return &outcome.Wait{Reason: chatv1alpha1.ReasonSearching, After: rest, Quiet: true}
	}
	total := 0
	for _, user := range q.Users {
		l := d.list(user)
		total += max(len(l.threads), l.seen)
	}
	message := fmt.Sprintf("Reading the threads of %s", outcome.Plural(len(q.Users), "service user"))
	if total > 0 {
		message += fmt.Sprintf(": %s of about %s looked at", humanize.Comma(int64(max(total-unknown, 0))), humanize.Comma(int64(total)))
	}
	return &outcome.Wait{Reason: chatv1alpha1.ReasonSearching, After: progressInterval,
		Message: message + ", so that no second thread is created where one exists."}
}

// waitForList ends a reconcile that needs a list which cannot be read now. The listing controller
// retries and wakes the ChatThread.
type waitForList struct{ err error }

var _ outcome.Classified = (*waitForList)(nil)

func (e *waitForList) Error() string { return e.err.Error() }
func (e *waitForList) Unwrap() error { return e.err }

// Outcome implements [outcome.Classified].
func (e *waitForList) Outcome() outcome.Outcome {
	o := outcome.Classify(e.err)
	if o.Err != nil || o.After == 0 {
		o.After, o.Err = progressInterval, nil
	}
	return o
}

// isUnknownUser reports whether ACS issues no token because it knows no such user.
func isUnknownUser(err error) bool {
	noToken, ok := errors.AsType[*acs.TokenError](err)
	return ok && acs.HasStatus(noToken.Err, http.StatusBadRequest, http.StatusNotFound)
}
