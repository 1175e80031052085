// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package directory

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// A thread that gets a message while the pages are read moves to the first ones: these are read
// again as far as something got a message lately.
func TestPages(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		age   time.Duration
		lists int
	}{
		"old threads":    {time.Hour, 3},
		"recent threads": {0, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var age atomic.Int64
			age.Store(int64(c.age))
			s := newService(t, emulator.Options{Clock: func() time.Time { return time.Now().Add(-time.Duration(age.Load())) }}, 1)
			for range listPageSize + 1 {
				s.claimed[s.thread(0, "")] = true
			}
			last := s.thread(0, "ns/a")
			age.Store(0)
			s.calls(Need{}, c.lists, last)
		})
	}
}

// A list that the quota does not allow to be read at once is continued, so that it comes to its end
// however long it is, and a waiting ChatThread sees how far it is.
func TestListIsReadInParts(t *testing.T) {
	t.Parallel()
	s := newService(t, emulator.Options{}, 1)
	for range 2*listPageSize + 1 {
		s.claimed[s.thread(0, "")] = true
	}
	want := s.thread(0, "ns/a")
	lists := 0
	for part := 0; ; part++ {
		s.emulator.ClearFaults()
		s.emulator.Inject(emulator.Fault{Operation: emulator.OperationListThreads, Skip: 1, Status: http.StatusTooManyRequests})
		answered, _, err := s.search(Need{})
		lists += min(answered, 1)
		if err == nil {
			break
		}
		s.ends(err, chatv1alpha1.ReasonThrottled, "")
		if part > 10 {
			t.Fatalf("never at its end: %v", err)
		}
	}
	if lists != 6 {
		t.Errorf("%d pages were read, want 6", lists)
	}
	s.finds(want)
}

// The message of a search says how much is left.
func TestSearchShowsProgress(t *testing.T) {
	t.Parallel()
	s := newService(t, emulator.Options{}, 2)
	_, err := s.Search(s.query(Need{}))
	s.ends(err, chatv1alpha1.ReasonSearching, "Reading the threads of 2 service users, so that no second thread is created where one exists.")
	for range 1200 {
		s.claimed[s.thread(0, "")] = true
	}
	slow, other := s.thread(0, "ns/b"), s.thread(1, "ns/b")
	s.confirm = time.Hour
	s.refuse(slow, http.StatusServiceUnavailable, 1)
	s.refuse(other, http.StatusServiceUnavailable, 1)
	_, _, err = s.search(Need{})
	s.ends(err, chatv1alpha1.ReasonSearching, "Reading the threads of 2 service users: 1,200 of about 1,202 looked at, so that no second thread is created where one exists.")
}

// A page that ACS refuses is not requested forever, and neither is one with a link to another host.
func TestListBeginsAgainAfterARefusal(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]emulator.Fault{
		"refused":   {Skip: 1, Status: http.StatusNotFound},
		"elsewhere": {Status: http.StatusOK, Body: `{"value":[],"nextLink":"https://fabrikam.communication.azure.com/threads"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, emulator.Options{}, 1)
			for range listPageSize + 1 {
				s.thread(0, "ns/a")
			}
			fault.Operation, fault.Times = emulator.OperationListThreads, 1
			s.emulator.Inject(fault)
			if _, _, err := s.search(Need{}); err == nil {
				t.Fatal("a page that was not read counts as read")
			}
			lists, _, err := s.search(Need{})
			if err != nil || lists != 4 {
				t.Errorf("%d lists, want the whole list of 2 pages twice; error %v", lists, err)
			}
		})
	}
}

// Threads that were read stay when a later call fails, and the next Read continues there.
func TestReadContinuesAfterAFailure(t *testing.T) {
	t.Parallel()
	s := newService(t, emulator.Options{}, 1)
	for range 3 {
		s.thread(0, "ns/a")
	}
	s.emulator.Inject(emulator.Fault{Operation: emulator.OperationGetThread, Skip: 1, Times: 1, Status: http.StatusTooManyRequests})
	_, read, err := s.search(Need{})
	s.ends(err, chatv1alpha1.ReasonThrottled, "")
	if len(read) != 2 {
		t.Fatalf("read %v", read)
	}
	s.finds(read[0])
	lists, reads, err := s.search(Need{})
	if err != nil || lists != 0 || len(reads) != 2 {
		t.Errorf("%d lists, read %v after %v, error %v", lists, reads, read, err)
	}
}

// A list that rested is not as new as its end.
func TestListBeginsAgainAfterARest(t *testing.T) {
	t.Parallel()
	s := newService(t, emulator.Options{}, 1)
	for range listPageSize + 1 {
		s.thread(0, "")
	}
	s.emulator.Inject(emulator.Fault{Operation: emulator.OperationListThreads, Skip: 1, Status: http.StatusTooManyRequests, Times: 1})
	_, _, err := s.search(Need{})
	s.ends(err, chatv1alpha1.ReasonThrottled, "")
	s.list(s.ids[0]).reading.touched = time.Now().Add(-2 * maxIdle)
	if lists, _, err := s.search(Need{}); err != nil || lists != 4 {
		t.Errorf("%d lists, error %v", lists, err)
	}
}

// Lists show threads that are deleted, and such that the user may not see.
func TestInaccessibleThreads(t *testing.T) {
	t.Parallel()
	for _, deleted := range []emulator.DeletedThreads{emulator.DeletedNotFound, emulator.DeletedForbidden, emulator.DeletedMarked} {
		t.Run("deleted "+string(deleted), func(t *testing.T) {
			t.Parallel()
			s := newService(t, emulator.Options{DeletedThreads: deleted}, 1)
			gone, there := s.thread(0, "ns/a"), s.thread(0, "ns/a")
			s.emulator.DeleteThread(gone)
			for range 2 {
				_, _, _ = s.search(Need{})
			}
			s.calls(Need{}, 0)
			s.finds(there)
		})
	}
	for _, status := range []int{http.StatusNotFound, http.StatusForbidden} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			s := newService(t, emulator.Options{}, 1)
			shut, there := s.thread(0, "ns/a"), s.thread(0, "ns/a")
			s.refuse(shut, status, 0)
			_, _, err := s.search(Need{})
			s.ends(err, chatv1alpha1.ReasonSearching, unconfirmedMessage)
			s.calls(Need{}, 1, shut)
			s.calls(Need{Begun: time.Now()}, 1)
			s.finds(there)
		})
	}
}

// A thread that is overlooked for a fault of the service would be created a second time.
func TestOneRefusalIsNoProof(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusNotFound, http.StatusForbidden} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			s := newService(t, emulator.Options{}, 1)
			own := s.thread(0, "ns/a")
			s.refuse(own, status, 1)
			s.confirm = time.Hour
			_, _, err := s.search(Need{})
			s.ends(err, chatv1alpha1.ReasonSearching, unconfirmedMessage)
			if _, reads, err := s.search(Need{}); len(reads) > 0 || err == nil {
				t.Errorf("within the hour: read %v, error %v", reads, err)
			}
			s.confirm = 0
			s.calls(Need{}, 1, own)
			s.finds(own)
		})
		t.Run(http.StatusText(status)+" and members", func(t *testing.T) {
			t.Parallel()
			s := newService(t, emulator.Options{}, 1)
			own := s.thread(0, "ns/a")
			s.emulator.Inject(emulator.Fault{Operation: emulator.OperationGetThread, ThreadID: own, Status: status})
			for range 2 {
				if _, _, err := s.search(Need{}); err == nil {
					t.Error("a thread whose members are listed counts as inaccessible")
				}
			}
			s.emulator.ClearFaults()
			s.retryFailed(time.Minute)
			s.calls(Need{}, 1, own)
			s.finds(own)
		})
	}
}

// A service that refuses or fails everything, as behind a rule of its network, says nothing about a
// thread.
func TestRefusalOfEverythingIsNoProof(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusNotFound, http.StatusForbidden, http.StatusInternalServerError} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			s := newService(t, emulator.Options{}, 1)
			own := s.thread(0, "ns/a")
			s.calls(Need{}, 1, own)
			s.Forget(own)
			for _, operation := range []emulator.Operation{emulator.OperationGetThread, emulator.OperationListParticipants, emulator.OperationListThreads} {
				s.emulator.Inject(emulator.Fault{Operation: operation, Status: status})
			}
			q := s.query(Need{})
			q.Topic = "another topic"
			for range 2 * lastingTries {
				s.retryFailed(time.Minute)
				if _, _, err := s.ask(q); err == nil {
					t.Fatal("the search ended without the thread")
				}
			}
			s.emulator.ClearFaults()
			s.retryFailed(time.Minute)
			_, _, _ = s.ask(q)
			s.finds(own)
		})
	}
}

// retryFailed lets threads be read again that ACS failed to show, as if some time had passed.
func (s *service) retryFailed(passed time.Duration) {
	for _, l := range s.lists {
		for id, failed := range l.failed {
			failed.retry, failed.since = time.Time{}, failed.since.Add(-passed)
			l.failed[id] = failed
		}
	}
}

// A thread that ACS fails to show for good holds up only a ChatThread that it may belong to, and is
// named.
func TestOneBadThreadHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]emulator.Fault{
		"500":         {Status: http.StatusInternalServerError},
		"undecodable": {Status: http.StatusOK, Body: `{"id":`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, emulator.Options{}, 1)
			bad, good := s.thread(0, "ns/a"), s.thread(0, "ns/b")
			fault.Operation, fault.ThreadID = emulator.OperationGetThread, bad
			s.emulator.Inject(fault)
			other := s.query(Need{})
			other.Topic = "another topic"
			_, reads, err := s.ask(other)
			if err == nil {
				t.Error("one failure counts as one that lasts")
			}
			if diff := cmp.Diff(sorted(bad, good), sorted(reads...)); diff != "" {
				t.Errorf("threads read (-want +got):\n%s", diff)
			}
			for range lastingTries {
				s.retryFailed(time.Minute)
				_, _, err = s.ask(other)
			}
			if err != nil {
				t.Errorf("a ChatThread with another topic waits: %v", err)
			}
			for name, change := range map[string]func(*Query){
				"same topic": func(*Query) {}, "unsure": func(q *Query) { q.Topic, q.Unsure = "another topic", true },
			} {
				q := s.query(Need{})
				change(&q)
				_, _, err := s.ask(q)
				s.ends(err, chatv1alpha1.ReasonServiceUnavailable, "")
				if err == nil || !strings.Contains(err.Error(), bad) {
					t.Errorf("%s: %v does not name thread %s", name, err, bad)
				}
			}
			s.emulator.ClearFaults()
			s.retryFailed(time.Minute)
			s.calls(Need{}, 0, bad)
			s.finds(bad)
		})
	}
}

// The Read with which a failure becomes a lasting one wakes the ChatThreads that need not wait any
// more. Time alone does not end their wait, since nothing would wake them.
func TestLastingFailureWakes(t *testing.T) {
	t.Parallel()
	s := newService(t, emulator.Options{}, 1)
	bad := s.thread(0, "ns/a")
	s.emulator.Inject(emulator.Fault{Operation: emulator.OperationGetThread, ThreadID: bad, Status: http.StatusInternalServerError})
	q := s.query(Need{})
	q.Topic = "another topic"
	isWaiting := true
	for try := range lastingTries + 2 {
		passed := time.Second
		if try >= lastingTries {
			passed = time.Minute
		}
		s.retryFailed(passed)
		_, err := s.Search(q)
		if isWaiting && err == nil {
			t.Fatal("a wait ended without a wake")
		}
		wake, _ := s.Read(s.Context(), s.users[0], ReadOptions{Claims: q.Claims})
		if slices.Contains(wake, q.Waiter) {
			_, err = s.Search(q)
			isWaiting = err != nil
		}
	}
	if isWaiting {
		t.Error("no Read woke the ChatThread for good")
	}
}

// Many threads in a row that fail are a service in trouble, which is not asked for each of them.
func TestServiceInTrouble(t *testing.T) {
	t.Parallel()
	s := newService(t, emulator.Options{}, 1)
	for range 10 {
		s.thread(0, "ns/a")
	}
	s.emulator.Inject(emulator.Fault{Operation: emulator.OperationGetThread, Status: http.StatusServiceUnavailable})
	_, reads, err := s.search(Need{})
	s.ends(err, chatv1alpha1.ReasonServiceUnavailable, "ACS is in trouble (503) and did not read a thread; the operator tries again.")
	if len(reads) != maxFailedInARow {
		t.Errorf("%d threads were read", len(reads))
	}
}

// The list of a user that was deleted at ACS cannot be read. The search continues without it once
// that is certain, and as long as there is another user.
func TestUnknownUsers(t *testing.T) {
	t.Parallel()
	s := newService(t, emulator.Options{}, 2)
	own := s.thread(0, "ns/a")
	s.emulator.Inject(emulator.Fault{Operation: emulator.OperationIssueToken, Skip: 1, Status: http.StatusNotFound})
	s.confirm = time.Hour
	_, _, err := s.search(Need{})
	if err == nil {
		t.Error("one refusal counts")
	}
	s.confirm, s.uncertain = 0, errors.New("ACS knows no user at all")
	for range 3 {
		if _, _, err = s.search(Need{}); err == nil {
			t.Error("a refusal counts that the check does not confirm")
		}
	}
	s.uncertain = nil
	s.calls(Need{}, 0)
	s.calls(Need{}, 0)
	s.finds(own)
}

// A service that knows none of the users any more is in trouble.
func TestNoUserIsKnown(t *testing.T) {
	t.Parallel()
	s := newService(t, emulator.Options{}, 2)
	s.emulator.Inject(emulator.Fault{Operation: emulator.OperationIssueToken, Status: http.StatusNotFound})
	for range 3 {
		_, _, err := s.search(Need{})
		s.ends(err, chatv1alpha1.ReasonAuthenticationFailed, "")
	}
}

// A ChatThread that waits is woken once the list was read, and once there is another error to show.
func TestWaitingChatThreadsAreWoken(t *testing.T) {
	t.Parallel()
	s := newService(t, emulator.Options{}, 1)
	read := func(want ...types.NamespacedName) {
		t.Helper()
		_, _ = s.Search(s.query(Need{}))
		got, _ := s.Read(t.Context(), s.users[0], ReadOptions{Claims: claims(func(string) bool { return false })})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("woken (-want +got):\n%s", diff)
		}
	}
	waiter := types.NamespacedName{Namespace: "ns", Name: "a"}
	s.emulator.Inject(emulator.Fault{Operation: emulator.OperationListThreads, Status: http.StatusServiceUnavailable, Times: 2})
	read(waiter)
	read()
	read(waiter)
}
