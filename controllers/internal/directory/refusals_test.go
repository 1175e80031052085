// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package directory

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

// refusedThread returns a thread that ACS refuses to show, which is confirmed.
func (s *service) refusedThread() string {
	s.Helper()
	id := s.thread(0, "ns/a")
	s.refuse(id, http.StatusForbidden, 0)
	for range 2 {
		_, _, _ = s.search(Need{})
	}
	s.calls(Need{}, 0)
	return id
}

// searchAfter searches as a ChatThread does that begins some time after the last refusals.
func (s *service) searchAfter(passed time.Duration, topic string, wantReads ...string) {
	s.Helper()
	for _, l := range s.lists {
		for id, at := range l.lastRefused {
			l.lastRefused[id] = at.Add(-passed)
		}
	}
	query := s.query(Need{})
	query.Since, query.Topic = time.Now(), topic
	lists, reads, err := s.ask(query)
	if lists > 0 || err != nil {
		s.Errorf("%d lists, error %v", lists, err)
	}
	if diff := cmp.Diff(sorted(wantReads...), sorted(reads...)); diff != "" {
		s.Errorf("threads read %s after a refusal (-want +got):\n%s", passed, diff)
	}
}

// A refusal ends when people add the user to the thread again. So one that is older than a minute
// does not let a ChatThread create another thread, unless one read shows that it lasts.
func TestRefusalIsLookedAtAgain(t *testing.T) {
	t.Parallel()
	s := newService(t, emulator.Options{}, 1)
	own := s.refusedThread()
	s.searchAfter(refusedFor-time.Second, "topic")
	s.searchAfter(time.Hour, "another topic")
	s.searchAfter(0, "topic", own)
	s.searchAfter(0, "topic")
	s.finds()
	s.emulator.ClearFaults()
	s.searchAfter(refusedFor, "topic", own)
	s.finds(own)
	s.searchAfter(time.Hour, "topic")
}

// A search that lasts for minutes, because the quota is used up, reads each refused thread once
// more, and not again after each minute.
func TestRefusalCountsForTheRestOfASearch(t *testing.T) {
	t.Parallel()
	s := newService(t, emulator.Options{}, 1)
	s.refusedThread()
	s.searchAfter(3*refusedFor, "another topic")
	query := s.query(Need{})
	query.Since = time.Now().Add(-5 * refusedFor)
	if users, err := s.Search(query); len(users) > 0 || err != nil {
		t.Errorf("lists of %v are to be read again, error %v", users, err)
	}
}

// A refusal does not outlast the ChatThread that had the thread meanwhile.
func TestForgottenThreadIsNoLongerRefused(t *testing.T) {
	t.Parallel()
	s := newService(t, emulator.Options{}, 1)
	own := s.refusedThread()
	s.emulator.ClearFaults()
	s.Forget(own)
	s.calls(Need{}, 0, own)
	s.finds(own)
}
