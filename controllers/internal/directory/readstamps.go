// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package directory

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

const (
	// firstThreadRetry and lastThreadRetry bound the waits between reads of a thread that ACS fails
	// to show.
	firstThreadRetry = 2 * time.Second
	lastThreadRetry  = 5 * time.Minute
	// confirmedFor is how long ACS counts as able to answer after it did. It is shorter than the time
	// between two refusals that count, so the answer comes between them.
	confirmedFor = 5 * time.Second
	// maxFailedInARow is the number of threads in a row that ACS may fail to show before the Read
	// ends.
	maxFailedInARow = 3
)

// readStamps reads the stamps of the listed threads. A thread that ACS fails to show does not delay
// the others.
func (d *Directory) readStamps(ctx context.Context, l *list, user Lister, options ReadOptions, result *readResult) error {
	isClaimed := func(id string) bool {
		return options.Claims(id, func(key types.NamespacedName) bool { return !d.isSearching(l, key) })
	}
	d.lookAtClaims(l, user.ID, isClaimed)
	_, c := d.begin(user.ID)
	failedInARow := 0
	for {
		id, ok := d.step(c, func(string) bool { return true })
		if !ok {
			return nil
		}
		if d.askClaim(l, c, id, isClaimed) {
			continue
		}
		if at := d.retryOf(l, id, options.Confirm); time.Now().Before(at) {
			result.again(at)
			continue
		}
		result.hasAsked = true
		err := d.confirmIfDecisive(ctx, l, user, id, result)
		if err == nil {
			err = d.readStamp(ctx, l, user, id, options.Confirm)
		}
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

// isSearching reports whether a ChatThread waits for the stamps of a list.
func (d *Directory) isSearching(l *list, key types.NamespacedName) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return l.waiting[key]
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

// confirmIfDecisive returns nil if ACS was able to answer just before the read of a thread that may
// be the last one.
func (d *Directory) confirmIfDecisive(ctx context.Context, l *list, user Lister, id string, result *readResult) error {
	if time.Since(result.confirmed) <= confirmedFor || !d.isDecisive(l, id) {
		return nil
	}
	err := ConfirmService(ctx, user)
	if err == nil {
		result.confirmed = time.Now()
	}
	return err
}

// isDecisive reports whether one more refusal or failure may let a ChatThread create another thread
// than the one that is not shown.
func (d *Directory) isDecisive(l *list, id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	failed, fails := l.failed[id]
	_, isRefused := l.refused[id]
	return isRefused || fails && !failed.lasts && failed.tries+1 >= lastingTries
}

// ConfirmService returns nil if ACS lists threads for the user. While it refuses or fails that as
// well, for instance because a rule of its network shuts out the operator, it says nothing about
// one thread.
func ConfirmService(ctx context.Context, user Lister) error {
	pager := user.Chat.NewListThreadsPager(&acs.ListThreadsOptions{MaxPageSize: 1})
	if _, err := pager.NextPage(ctx); err != nil {
		return &serviceError{listFailed(err)}
	}
	return nil
}

// serviceError is a failure of ACS that concerns all threads of a user.
type serviceError struct{ err error }

func (e *serviceError) Error() string { return e.err.Error() }
func (e *serviceError) Unwrap() error { return e.err }

// isOfThread reports whether an error may concern one thread only: ACS answered, and it did not
// refuse the credential or the rate.
func isOfThread(err error) bool {
	if _, ofService := errors.AsType[*serviceError](err); ofService {
		return false
	}
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
	delete(l.lastRefused, id)
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
// So two refusals must be some time apart, with a list between them that ACS shows, and another
// call must agree. One refusal is enough for a thread that was refused like that before.
func (d *Directory) noteRefused(ctx context.Context, l *list, user Lister, id string, confirm time.Duration) error {
	d.mu.Lock()
	since, again := l.refused[id]
	_, isConfirmed := l.lastRefused[id]
	if !again && !isConfirmed {
		l.refused[id] = time.Now()
	}
	d.mu.Unlock()
	if !isConfirmed {
		if !again || time.Since(since) < confirm {
			return nil
		}
		if _, err := ConfirmInaccessible(ctx, user.Chat.ThreadClient(id)); err != nil {
			return err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(l.refused, id)
	delete(l.failed, id)
	l.inaccessible[id], l.lastRefused[id] = true, time.Now()
	d.changed(id)
	return nil
}

// ConfirmInaccessible asks for the members of a thread that ACS refused to show: one refusal alone
// may be a fault. It returns the status with which ACS refuses them as well.
func ConfirmInaccessible(ctx context.Context, thread *acs.ThreadClient) (status int, err error) {
	_, err = thread.NewListParticipantsPager(&acs.ListParticipantsOptions{MaxPageSize: 1}).NextPage(ctx)
	switch refused, _ := errors.AsType[*azcore.ResponseError](err); {
	case err == nil:
		return 0, &outcome.Contradiction{Message: "ACS refuses to show a thread whose members it lists; the operator asks again to confirm that the thread is gone or not its own."}
	case IsInaccessible(err):
		return refused.StatusCode, nil
	default:
		return 0, outcome.CallFailed("list the members of a thread that it does not show", err)
	}
}

// IsInaccessible reports whether a thread does not exist, or not for this user.
func IsInaccessible(err error) bool {
	return acs.HasStatus(err, http.StatusNotFound, http.StatusForbidden)
}
