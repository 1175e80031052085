// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package directory

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

const unconfirmedMessage = "ACS lists threads that it refuses to show. The operator asks again to confirm that the service user left them, so that no second thread is created where one exists."

// list is the state of the threads of one user. The lock of the Directory guards it, except for
// reading: only the one running Read uses it.
type list struct {
	// begun and ended are the moments of the last complete list; zero before the first one.
	begun, ended time.Time
	// threads are those in that list; own are those that the operator created or wrote to.
	threads map[string]listedThread
	own     map[string]bool
	// listed is the result of Listed for these threads; nil if nobody asked for it.
	listed map[string]bool
	// unread are the threads whose stamp is not known. Only changed and note set them.
	unread unread
	// isLookedAt says that the claims of the unread threads were looked at since the list came. Only
	// Read uses it.
	isLookedAt bool
	// wanted is the earliest beginning of a list that the waiting ChatThreads accept.
	wanted time.Time
	// stampsWanted is set if a ChatThread waits for the stamps of the listed threads.
	stampsWanted bool
	// waiting are the ChatThreads that wait for this list; true means for the stamps as well.
	waiting map[types.NamespacedName]bool
	// reading is the list in progress; seen is its number of threads so far.
	reading *reading
	seen    int
	// refused holds the time since when ACS refuses to show a thread; inaccessible holds the confirmed
	// refusals, unless a search needs the thread to be read once more. lastRefused is when ACS last
	// refused a thread after two refusals had been confirmed.
	refused      map[string]time.Time
	inaccessible map[string]bool
	lastRefused  map[string]time.Time
	// failed are threads that ACS fails to show.
	failed map[string]failedThread
	// failure is the error of the last Read, nil after a success; failures counts those in a row, and
	// retryAt is the earliest time of the next one.
	failure error
	// chat is the client of the last Read. A Read with another client need not wait.
	chat     *acs.ChatClient
	failures int
	retryAt  time.Time
	// noToken is the time since when ACS knows no such user. ACS is not asked again until unreachable.
	noToken, unreachable time.Time
}

// listedThread is a thread as a list shows it.
type listedThread struct {
	topic   string
	deleted bool
}

// failedThread is a thread that ACS lists and fails to show.
type failedThread struct {
	topic        string
	since, retry time.Time
	tries        int
	err          error
	// lasts is set once the failure counts as a lasting one. Only a Read sets it, so that the Read
	// wakes the ChatThreads that need not wait any more.
	lasts bool
}

func newList() *list {
	return &list{
		threads: map[string]listedThread{}, own: map[string]bool{}, unread: newUnread(), waiting: map[types.NamespacedName]bool{},
		refused: map[string]time.Time{}, inaccessible: map[string]bool{}, lastRefused: map[string]time.Time{}, failed: map[string]failedThread{},
	}
}

// drop removes a thread from the last list.
func (l *list) drop(id string) {
	if _, listed := l.threads[id]; listed {
		delete(l.threads, id)
		l.listed = nil
	}
}

// markDeleted notes that a thread of the last list was deleted.
func (l *list) markDeleted(id string) {
	l.threads[id], l.listed = listedThread{deleted: true}, nil
	delete(l.own, id)
}

// doubt returns the threads that ACS refused to show some time before a ChatThread began to search,
// and that have its topic. They are to be read once more. All others stay refused, as lists may
// contain any number of threads that the user has left.
func (l *list) doubt(q Query) (ids []string) {
	before := q.Since.Add(-refusedFor)
	for id, at := range l.lastRefused {
		if l.inaccessible[id] && at.Before(before) && q.mayHaveTopic(l.threads[id].topic) {
			ids = append(ids, id)
		}
	}
	return ids
}

// wait has the ChatThread of a query woken after the next Read.
func (l *list) wait(q Query) {
	l.waiting[q.Waiter] = l.waiting[q.Waiter] || !q.ListsOnly
}

// want notes a need and reports whether the list must be read for it.
func (l *list) want(need Need) bool {
	switch {
	case l.ended.IsZero() || l.begun.Before(need.Begun):
		l.wanted = later(l.wanted, need.Begun)
	case l.ended.Before(need.Ended):
		l.wanted = later(l.wanted, need.Ended)
	default:
		return false
	}
	return true
}

// isOutdated reports whether a ChatThread waits for a newer list than the last one.
func (l *list) isOutdated() bool { return l.ended.IsZero() || l.begun.Before(l.wanted) }

// isUnreachable reports whether it is certain that ACS knows no such user. Nobody can read the
// threads of that user.
func (l *list) isUnreachable(now time.Time) bool { return now.Before(l.unreachable) }

// unconfirmed returns the wait for a second refusal of a listed thread; nil if there is no first
// one.
func (l *list) unconfirmed() error {
	for id := range l.refused {
		if l.unread.isPending(id) {
			return &outcome.Wait{Reason: chatv1alpha1.ReasonSearching, After: progressInterval, Message: unconfirmedMessage}
		}
	}
	return nil
}

// concerning returns an error if ACS fails to show a thread that may be the wanted one. Of several
// it names the same one each time.
func (l *list) concerning(q Query, user string) error {
	first := ""
	for id, failed := range l.failed {
		if failed.lasts && q.mayOwn(failed) && l.unread.isPending(id) && (first == "" || id < first) {
			first = id
		}
	}
	if first == "" {
		return nil
	}
	return &outcome.Wait{Reason: chatv1alpha1.ReasonServiceUnavailable, After: progressInterval, Message: fmt.Sprintf(
		"ACS lists thread %s of service user %s and fails to show it (%s). It may be the thread of this ChatThread, so none is created; the operator tries again.",
		outcome.Sanitize(first, outcome.MaxMessage), user, l.failed[first].reason())}
}

// reason describes the failure to show a thread.
func (f failedThread) reason() string {
	if response, ok := errors.AsType[*azcore.ResponseError](f.err); ok && response.StatusCode >= http.StatusBadRequest {
		return fmt.Sprint(response.StatusCode)
	}
	return "an answer that is not understood"
}

// later returns the later of two moments.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
