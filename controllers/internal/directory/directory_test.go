// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package directory

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

// The oldest thread comes first, and a stamp counts only on a thread that one of the users made.
func TestFind(t *testing.T) {
	t.Parallel()
	at := func(minute int) time.Time { return time.Date(2026, 3, 1, 12, minute, 0, 0, time.UTC) }
	d := New()
	for _, stamp := range []Stamp{
		{ID: "young", Owner: "ns/a", CreatedBy: "8:acs:U1", CreatedOn: at(9)},
		{ID: "old", Owner: "ns/a", CreatedBy: "8:acs:u2", CreatedOn: at(1)},
		{ID: "same-b", Owner: "ns/a", CreatedBy: "8:acs:u1", CreatedOn: at(5)},
		{ID: "same-a", Owner: "ns/a", CreatedBy: "8:acs:u2", CreatedOn: at(5)},
		{ID: "forged", Owner: "ns/a", CreatedBy: "8:acs:stranger", CreatedOn: at(0)},
		{ID: "by nobody", Owner: "ns/a", CreatedOn: at(0)},
		{ID: "another's", Owner: "ns/b", CreatedBy: "8:acs:u1", CreatedOn: at(0)},
		{ID: "unstamped", CreatedBy: "8:acs:u1", CreatedOn: at(0)},
	} {
		d.Put(stamp)
	}
	find := func(owner string, users []string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(append([]string{}, want...), idsOf(d.Find(owner, users))); diff != "" {
			t.Errorf("threads of %s made by %v (-want +got):\n%s", owner, users, diff)
		}
	}
	both := []string{"8:acs:u1", "8:ACS:U2"}
	find("ns/a", both, "old", "same-a", "same-b", "young")
	find("ns/a", []string{"8:acs:u1"}, "same-b", "young")
	find("ns/a", nil)
	find("ns/A", both)
	find("ns/b", both, "another's")

	d.Drop("old")
	d.Drop("unknown")
	d.Put(Stamp{ID: "same-a", Owner: "ns/b", CreatedBy: "8:acs:u2", CreatedOn: at(5)})
	find("ns/a", both, "same-b", "young")
	find("ns/b", both, "another's", "same-a")
}

func TestStampOf(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	got := StampOf(acs.ThreadProperties{ID: "19:a", CreatedOn: at, CreatedBy: acs.CommunicationUser{ID: "8:acs:U1"},
		Metadata: map[string]string{"acsOperatorOwner": "ns/a", "acsOperatorUid": "u", "other": "x"}})
	want := Stamp{ID: "19:a", Owner: "ns/a", UID: "u", CreatedBy: "8:acs:U1", CreatedOn: at}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := StampOf(acs.ThreadProperties{ID: "19:a"}); got != (Stamp{ID: "19:a"}) {
		t.Errorf("of a thread that says nothing: %+v", got)
	}
}

// Each thread is read once, even if lists follow. A claim counts only as long as it lasts: the
// thread is read when it ends, without another list.
func TestSearchReadsEachThreadOnce(t *testing.T) {
	t.Parallel()
	s := newService(t, emulator.Options{}, 2)
	stamped := s.thread(0, "ns/a", s.ids[1])
	plain := s.thread(0, "")
	claimed := s.thread(0, "ns/c")
	others := s.thread(1, "ns/a", s.ids[0])
	s.claim(claimed)
	s.calls(Need{}, 2, stamped, plain, others)
	s.calls(Need{}, 0)
	s.finds(stamped, others)
	if got := s.Find("ns/a", s.ids[:1]); len(got) != 1 || got[0].UID != "uid of ns/a" || got[0].CreatedBy != s.ids[0] || got[0].CreatedOn.IsZero() {
		t.Errorf("found %+v", got)
	}
	if got := s.Find("ns/c", s.ids); len(got) != 0 {
		t.Errorf("a thread that a resource has was read: %+v", got)
	}
	s.claim()
	s.calls(Need{}, 0, claimed)
	if got := s.Find("ns/c", s.ids); len(got) != 1 {
		t.Errorf("a thread that nobody claims any more is not found: %+v", got)
	}
	fresh := s.thread(1, "ns/d")
	s.calls(Need{Begun: time.Now()}, 2, fresh)
	s.calls(Need{}, 0)
}

// Users that this process created have no threads, so none need be listed.
func TestSearchListsNoCreatedUser(t *testing.T) {
	t.Parallel()
	s := newService(t, emulator.Options{}, 3)
	s.Created(s.ids[1], time.Now())
	s.calls(Need{}, 2)
	for _, request := range s.emulator.Requests() {
		if request.User == s.ids[1] {
			t.Errorf("%s was called for a user that was just created", request.Operation)
		}
	}
}

func TestNeed(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		need Need
		want bool
	}{
		"any":              {Need{}, false},
		"begun then":       {Need{Begun: at}, false},
		"begun later":      {Need{Begun: at.Add(1)}, true},
		"fresh":            {Need{Begun: at, Ended: at.Add(time.Hour)}, false},
		"ended later":      {Need{Ended: at.Add(time.Hour + 1)}, true},
		"begun much later": {Need{Begun: at.Add(2 * time.Hour)}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newList()
			l.begun, l.ended = at, at.Add(time.Hour)
			if got := l.want(c.need); got != c.want || l.isOutdated() != c.want {
				t.Errorf("the list is wanted: %v, outdated: %v", got, l.isOutdated())
			}
		})
	}
	if l := newList(); !l.want(Need{}) || !l.isOutdated() {
		t.Error("a list that was never read is good enough")
	}
}

// A ChatThread that was removed without a call to ACS leaves a thread whose stamp nobody checked
// since: it is read again, though another ChatThread seemed to have it, and no list is.
func TestForgottenThreadIsReadAgain(t *testing.T) {
	t.Parallel()
	s := newService(t, emulator.Options{}, 1)
	own, other := s.thread(0, "ns/a"), s.thread(0, "ns/b")
	s.claim(own)
	s.calls(Need{}, 1, other)
	s.Forget(own)
	s.claim()
	s.calls(Need{}, 0, own)
	s.finds(own)
	s.Forget(own)
	s.calls(Need{}, 0, own)
	s.finds(own)
}

// A thread that the operator created is read again even if no list shows it yet.
func TestForgottenThreadNeedsNoList(t *testing.T) {
	t.Parallel()
	s := newService(t, emulator.Options{ListDelay: time.Hour}, 2)
	own := s.thread(0, "ns/a")
	s.calls(Need{}, 2)
	s.Put(Stamp{ID: own, CreatedBy: s.ids[0]})
	s.Forget(own)
	s.calls(Need{}, 0, own)
	s.finds(own)
	s.Put(Stamp{ID: own, CreatedBy: s.ids[0]})
	s.Drop(own)
	s.calls(Need{}, 0)
}

// An id that neither a list nor the operator knows may be anything, and is not asked for.
func TestForgottenIDMayBeAnything(t *testing.T) {
	t.Parallel()
	s := newService(t, emulator.Options{}, 1)
	s.Forget(".")
	s.calls(Need{}, 1)
}

// A create that an abandoned ChatThread may have sent concerns its namesake only.
func TestRequireSince(t *testing.T) {
	t.Parallel()
	d := New()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	d.RequireSince("ns/a", at)
	d.RequireSince("ns/a", at.Add(-time.Hour))
	if got := d.Since("ns/a"); !got.Equal(at) {
		t.Errorf("since %v", got)
	}
	if got := d.Since("ns/b"); !got.IsZero() {
		t.Errorf("another owner needs lists since %v", got)
	}
}

// Nothing is kept of it once all lists are newer.
func TestRequireSinceEnds(t *testing.T) {
	t.Parallel()
	s := newService(t, emulator.Options{}, 2)
	s.calls(Need{}, 2)
	s.RequireSince("ns/a", time.Now())
	query := s.query(Need{Begun: s.Since("ns/a")})
	query.Users = s.ids[:1]
	if _, _, err := s.ask(query); err != nil || s.Since("ns/a").IsZero() {
		t.Errorf("forgotten before all lists are newer, or error %v", err)
	}
	s.calls(Need{Begun: s.Since("ns/a")}, 1)
	if len(s.since) > 0 {
		t.Errorf("still known: %v", s.since)
	}
}

// Deleted threads of a list are marked.
func TestListed(t *testing.T) {
	t.Parallel()
	s := newService(t, emulator.Options{DeletedThreads: emulator.DeletedMarked}, 1)
	gone, there := s.thread(0, ""), s.thread(0, "")
	s.emulator.DeleteThread(gone)
	query := s.query(Need{})
	query.ListsOnly = true
	if lists, reads, err := s.ask(query); lists != 1 || len(reads) > 0 || err != nil {
		t.Errorf("%d lists, read %v, error %v", lists, reads, err)
	}
	if diff := cmp.Diff(map[string]bool{gone: false, there: true}, s.Listed(s.ids[0])); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
}
