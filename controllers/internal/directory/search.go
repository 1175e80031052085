// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package directory

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
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
	// refusedFor is how long a confirmed refusal to show a thread counts without another one.
	refusedFor = time.Minute
)

// Need describes the lists that are complete enough. They begin at Begun or later, so that they
// show all threads created before, and they end at Ended or later.
type Need struct{ Begun, Ended time.Time }

// Claims reports whether a ChatThread that has a thread now meets a condition.
//
// A search and the Read for it use the same claims: a thread that the search waits for and that the
// Read leaves out would have both repeated forever.
type Claims func(id string, meets func(types.NamespacedName) bool) bool

// Query is a search for the thread of one ChatThread.
type Query struct {
	// Users may have made the thread.
	Users []string
	Need  Need
	// Claims knows which threads other ChatThreads have now.
	Claims Claims
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
	d.doubtRefusals(q)
	seen := d.look(q)
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
		if !isOutdated && !seen.isPending(user, l) {
			continue
		}
		unknown += q.unknown(l)
		users = append(users, user)
		l.wait(q)
		l.stampsWanted = l.stampsWanted || !q.ListsOnly
		failure = cmp.Or(failure, l.failure, l.concerning(q, user), l.unconfirmed())
	}
	switch {
	case reachable == 0 && unreachable != nil:
		for _, user := range q.Users {
			d.list(user).wait(q)
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

// doubtRefusals has threads read once more if their refusal may have ended, before they let a
// ChatThread create another one. The refusals that follow count for the rest of the search.
func (d *Directory) doubtRefusals(q Query) {
	if q.ListsOnly {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, user := range q.Users {
		l := d.list(user)
		for _, id := range l.doubt(q) {
			delete(l.inaccessible, id)
			l.unread.set(id, d.isUnread(l, id))
		}
	}
}

// unknown is how many threads of a list a query waits for, as far as that is known.
func (q Query) unknown(l *list) int {
	if q.ListsOnly {
		return 0
	}
	return l.unread.pending()
}

// isClaimed reports whether another ChatThread has a thread now.
func (q Query) isClaimed(id string) bool {
	return q.Claims(id, func(key types.NamespacedName) bool { return key != q.Waiter })
}

// looked is how a query found the unread threads of each user: whether one concerns it, and the
// number up to which it has seen them.
type looked map[string]struct {
	pending bool
	seen    int64
}

// isPending reports whether a list has an unread thread that concerns the query. One that came
// after the query looked does.
func (seen looked) isPending(user string, l *list) bool {
	found, ok := seen[user]
	return ok && (found.pending || found.seen != l.unread.next)
}

// look looks for unread threads that concern a query: those that no other ChatThread has now, and
// that do not fail to be shown while they cannot be the wanted one. It ends with the first one of
// each user, so a ChatThread that must wait learns that at once however many threads there are.
func (d *Directory) look(q Query) looked {
	seen := looked{}
	if q.ListsOnly {
		return seen
	}
	for _, user := range q.Users {
		l, c := d.begin(user)
		found := seen[user]
		found.seen = c.end
		for !found.pending {
			id, ok := d.step(c, func(id string) bool {
				failed, fails := l.failed[id]
				return !fails || !failed.lasts || q.mayOwn(failed)
			})
			if !ok {
				break
			}
			found.pending = !d.askClaim(l, c, id, q.isClaimed)
		}
		seen[user] = found
	}
	return seen
}

// begin begins a walk over the unread threads of a user.
func (d *Directory) begin(user string) (*list, *circle) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.list(user)
	return l, l.unread.circle()
}

// step returns the next thread of a walk that matters; false after the last one.
func (d *Directory) step(c *circle, matters func(id string) bool) (id string, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for {
		if id, ok = c.step(); !ok || matters(id) {
			return id, ok
		}
	}
}

// askClaim asks whether a thread is claimed, and has the next walk begin there if it is not. It
// asks without the lock: the answer comes from a cache with locks of its own.
func (d *Directory) askClaim(l *list, c *circle, id string, ask func(id string) bool) bool {
	claimed := ask(id)
	d.mu.Lock()
	defer d.mu.Unlock()
	l.unread.note(id, claimed)
	if !claimed {
		c.stay()
	}
	return claimed
}

// mayOwn reports whether a thread that ACS fails to show may be the wanted one. The topic of a
// thread that is in no list yet is not known.
func (q Query) mayOwn(f failedThread) bool { return q.Unsure || q.mayHaveTopic(f.topic) }

func (q Query) mayHaveTopic(topic string) bool { return topic == q.Topic || topic == "" }

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
