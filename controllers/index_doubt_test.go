// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/directory"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// Lists show threads that are deleted, and such that the user may not see.
func TestIndexPassesOverWhatIsGone(t *testing.T) {
	t.Parallel()
	for _, deleted := range []emulator.DeletedThreads{emulator.DeletedNotFound, emulator.DeletedForbidden, emulator.DeletedMarked} {
		t.Run("deleted "+string(deleted), func(t *testing.T) {
			t.Parallel()
			l := newListing(t, emulator.Options{DeletedThreads: deleted}, 1)
			gone, there := l.thread(0, "ns/a"), l.thread(0, "ns/a")
			l.emulator.DeleteThread(gone)
			if _, _, err := l.ensure(t.Context(), directory.Need{}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{there}, idsOf(l.index.Find("ns/a", []string{l.users[0].ID}))); diff != "" {
				t.Errorf("found (-want +got):\n%s", diff)
			}
		})
	}
	for _, status := range []int{http.StatusNotFound, http.StatusForbidden} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			l := newListing(t, emulator.Options{}, 1)
			shut, there := l.thread(0, "ns/a"), l.thread(0, "ns/a")
			l.refuse(shut, status, 0)
			calledFor(t, 1, []string{shut, shut, there})(l.ensure(t.Context(), directory.Need{}))
			// The next list believes at once what was believed before.
			calledFor(t, 1, []string{shut})(l.ensure(t.Context(), directory.Need{Begun: time.Now()}))
			l.finds(t, there)
			l.emulator.ClearFaults()
			l.ensureAll(t)
			l.finds(t, shut, there)
		})
	}
}

// A thread that is overlooked for a fault of the service would be made a second time.
func TestIndexDoubtsARefusal(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusNotFound, http.StatusForbidden} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			l := newListing(t, emulator.Options{}, 1)
			own := l.thread(0, "ns/a")
			l.refuse(own, status, 1)
			_, _, err := l.ensure(t.Context(), directory.Need{Confirm: time.Hour})
			if got := outcome.Classify(err); got.Reason != chatv1alpha1.ReasonSearching || got.Message != directory.DoubtingMessage || got.After < 59*time.Minute {
				t.Errorf("after one refusal: %+v", got)
			}
			if outdated := l.index.Outdated([]string{l.users[0].ID}, directory.Need{}); len(outdated) == 0 {
				t.Error("a list counts as read while a thread is in doubt")
			}
			calledFor(t, 0, []string{own})(l.ensure(t.Context(), directory.Need{}))
			l.finds(t, own)
		})
		t.Run(http.StatusText(status)+" and members", func(t *testing.T) {
			t.Parallel()
			l := newListing(t, emulator.Options{}, 1)
			own := l.thread(0, "ns/a")
			l.emulator.Inject(emulator.Fault{Operation: emulator.OperationGetThread, ThreadID: own, Status: status})
			for range 2 {
				_, _, err := l.ensure(t.Context(), directory.Need{})
				if got := outcome.Classify(err); got.Reason != chatv1alpha1.ReasonServiceUnavailable || got.Err == nil || got.Stalled {
					t.Errorf("while the members are listed: %+v", got)
				}
			}
			l.emulator.ClearFaults()
			l.ensureAll(t)
			l.finds(t, own)
		})
	}
}

// refuse has the service deny a thread a number of times; 0: for good.
func (l *listing) refuse(thread string, status, times int) {
	for _, operation := range []emulator.Operation{emulator.OperationGetThread, emulator.OperationListParticipants} {
		l.emulator.Inject(emulator.Fault{Operation: operation, ThreadID: thread, Status: status, Times: times})
	}
}

// ensureAll reads all lists anew.
func (l *listing) ensureAll(t *testing.T) {
	t.Helper()
	if _, _, err := l.ensure(t.Context(), directory.Need{Begun: time.Now()}); err != nil {
		t.Fatal(err)
	}
}

// takesUp fails the test unless threads that the resource with this owner stamp had are read anew, or none are.
func (l *listing) takesUp(t *testing.T, owner string, want bool) {
	t.Helper()
	if got := l.index.TakeUp(owner); got != want {
		t.Errorf("takes up what %s had: %v", owner, got)
	}
}

// finds fails the test unless just these threads carry the stamp of ns/a.
func (l *listing) finds(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(sorted(want...), sorted(idsOf(l.index.Find("ns/a", []string{l.users[0].ID}))...)); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
}

// A thread that is let go while lists are read is in none of them: its resource seems to have it to the end, and
// for a moment after that.
func TestIndexReadsWhatIsLeft(t *testing.T) {
	t.Parallel()
	l := newListing(t, emulator.Options{}, 1)
	own, doubtful := l.thread(0, "ns/a"), l.thread(0, "")
	l.emulator.Inject(emulator.Fault{Operation: emulator.OperationGetThread, ThreadID: doubtful, Status: http.StatusNotFound, Times: 1})
	if _, reads, err := l.ensure(t.Context(), directory.Need{Confirm: time.Hour}, own); outcome.Classify(err).Reason != chatv1alpha1.ReasonSearching || len(reads) != 1 {
		t.Fatalf("read %v, error %v", reads, err)
	}
	l.index.Leave(own)
	calledFor(t, 1, []string{own, doubtful})(l.ensure(t.Context(), directory.Need{}, own))
	l.finds(t, own)
	calledFor(t, 0, nil)(l.ensure(t.Context(), directory.Need{}, own))
	l.index.Leave(own)
	calledFor(t, 1, []string{own})(l.ensure(t.Context(), directory.Need{}, own))
	l.finds(t, own)
}

// What was let go is read also where lists do not show it yet.
func TestIndexReadsWhatIsNotListedYet(t *testing.T) {
	t.Parallel()
	l := newListing(t, emulator.Options{ListDelay: time.Hour}, 2)
	own := l.thread(0, "ns/a")
	calledFor(t, 2, nil)(l.ensure(t.Context(), directory.Need{}))
	l.index.Put(directory.Stamp{Id: own, CreatedBy: l.users[0].ID})
	l.index.Leave(own)
	calledFor(t, 2, []string{own})(l.ensure(t.Context(), directory.Need{}))
	l.finds(t, own)
}

// A thread that was claimed when the list was read is read once its resource looks for one.
func TestIndexReadsWhatWasPassedOver(t *testing.T) {
	t.Parallel()
	l := newListing(t, emulator.Options{}, 1)
	own := l.thread(0, "ns/a")
	calledFor(t, 1, nil)(l.ensure(t.Context(), directory.Need{}, own))
	l.takesUp(t, "ns/other", false)
	calledFor(t, 0, nil)(l.ensure(t.Context(), directory.Need{}))
	l.takesUp(t, "ns/claimant", true)
	calledFor(t, 1, []string{own})(l.ensure(t.Context(), directory.Need{}))
	l.finds(t, own)
	l.takesUp(t, "ns/claimant", false)
	calledFor(t, 0, nil)(l.ensure(t.Context(), directory.Need{}))
	l.index.PassOver(own, "ns/claimant")
	l.index.PassOver("19:deleted", "ns/claimant")
	l.index.Drop("19:deleted")
	l.takesUp(t, "ns/claimant", false)
	calledFor(t, 0, nil)(l.ensure(t.Context(), directory.Need{}))
}

// What nobody read before is not asked for unless ACS lists it: its id may be anything.
func TestIndexReadsNoIDThatNobodyKnows(t *testing.T) {
	t.Parallel()
	l := newListing(t, emulator.Options{}, 1)
	l.index.Leave(".")
	calledFor(t, 1, nil)(l.ensure(t.Context(), directory.Need{}))
}

// A list that rested is not believed to be as new as its end.
func TestIndexBeginsAnewAfterARest(t *testing.T) {
	t.Parallel()
	l := newListing(t, emulator.Options{}, 1)
	doubtful := l.thread(0, "")
	l.refuse(doubtful, http.StatusNotFound, 1)
	if _, _, err := l.ensure(t.Context(), directory.Need{Confirm: time.Hour}); err == nil {
		t.Fatal("read to its end")
	}
	own := l.thread(0, "ns/a")
	l.index.HalfRead[acs.UserKey(l.users[0].ID)].Touched = time.Now().Add(-directory.MaxIdle)
	calledFor(t, 1, []string{doubtful, own})(l.ensure(t.Context(), directory.Need{}))
	l.finds(t, own)
}

// The list of a user that was deleted at ACS cannot be read, and is done without once that is certain.
func TestIndexPassesOverDeletedUsers(t *testing.T) {
	t.Parallel()
	l := newListing(t, emulator.Options{}, 2)
	own := l.thread(0, "ns/a")
	l.emulator.Inject(emulator.Fault{Operation: emulator.OperationIssueToken, Skip: 1, Status: http.StatusNotFound})
	_, _, err := l.ensure(t.Context(), directory.Need{Confirm: time.Hour})
	if got := outcome.Classify(err); got.Reason != chatv1alpha1.ReasonSearching || got.After < 59*time.Minute {
		t.Errorf("after one refusal: %+v", got)
	}
	calledFor(t, 0, nil)(l.ensure(t.Context(), directory.Need{}))
	l.finds(t, own)
	// Once there is a token again, nothing is done without the list.
	l.emulator.ClearFaults()
	calledFor(t, 1, nil)(l.ensure(t.Context(), directory.Need{}))
}

// A service that knows none of the users any more is in trouble.
func TestIndexNeedsAUser(t *testing.T) {
	t.Parallel()
	l := newListing(t, emulator.Options{}, 2)
	l.emulator.Inject(emulator.Fault{Operation: emulator.OperationIssueToken, Status: http.StatusNotFound})
	for range 3 {
		_, _, err := l.ensure(t.Context(), directory.Need{})
		if got := outcome.Classify(err); got.Reason != chatv1alpha1.ReasonAuthenticationFailed {
			t.Errorf("got %+v", got)
		}
	}
}
