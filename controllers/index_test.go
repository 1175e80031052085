// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/acstest"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/directory"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

func idsOf(threads []directory.Stamp) []string {
	var ids []string
	for _, thread := range threads {
		ids = append(ids, thread.Id)
	}
	return ids
}

func TestIndexFind(t *testing.T) {
	t.Parallel()
	at := func(minute int) time.Time { return time.Date(2026, 3, 1, 12, minute, 0, 0, time.UTC) }
	x := directory.New()
	for _, thread := range []directory.Stamp{
		{Id: "young", Owner: "ns/a", CreatedBy: "8:acs:U1", CreatedOn: at(9)},
		{Id: "old", Owner: "ns/a", CreatedBy: "8:acs:u2", CreatedOn: at(1)},
		{Id: "same-b", Owner: "ns/a", CreatedBy: "8:acs:u1", CreatedOn: at(5)},
		{Id: "same-a", Owner: "ns/a", CreatedBy: "8:acs:u2", CreatedOn: at(5)},
		{Id: "forged", Owner: "ns/a", CreatedBy: "8:acs:stranger", CreatedOn: at(0)},
		{Id: "by nobody", Owner: "ns/a", CreatedOn: at(0)},
		{Id: "another's", Owner: "ns/b", CreatedBy: "8:acs:u1", CreatedOn: at(0)},
		{Id: "unstamped", CreatedBy: "8:acs:u1", CreatedOn: at(0)},
	} {
		x.Put(thread)
	}
	find := func(owner string, users []string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, idsOf(x.Find(owner, users))); diff != "" {
			t.Errorf("threads of %s made by %v (-want +got):\n%s", owner, users, diff)
		}
	}
	both := []string{"8:acs:u1", "8:ACS:U2"}
	find("ns/a", both, "old", "same-a", "same-b", "young")
	find("ns/a", []string{"8:acs:u1"}, "same-b", "young")
	find("ns/a", nil)
	find("ns/A", both)
	find("ns/b", both, "another's")

	x.Drop("old")
	x.Drop("unknown")
	x.Put(directory.Stamp{Id: "same-a", Owner: "ns/b", CreatedBy: "8:acs:u2", CreatedOn: at(5)})
	find("ns/a", both, "same-b", "young")
	find("ns/b", both, "another's", "same-a")
}

func TestIndexOutdated(t *testing.T) {
	t.Parallel()
	x := directory.New()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	x.MarkListed("8:acs:U1", at, at.Add(time.Hour))
	x.MarkListed("8:acs:u2", at.Add(time.Minute), at.Add(time.Minute))
	users := []string{"8:acs:u1", "8:acs:u2", "8:acs:u3"}
	for name, c := range map[string]struct {
		need directory.Need
		want []string
	}{
		"at any time":    {directory.Need{}, users[2:]},
		"since then":     {directory.Need{Begun: at}, users[2:]},
		"a moment later": {directory.Need{Begun: at.Add(1)}, []string{"8:acs:u1", "8:acs:u3"}},
		"not yet":        {directory.Need{Begun: at.Add(time.Hour)}, users},
		"fresh":          {directory.Need{Begun: at, Ended: at.Add(time.Hour)}, users[1:]},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, x.Outdated(users, c.need)); diff != "" {
				t.Errorf("outdated (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStampedThread(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	got := directory.StampOf(acs.ThreadProperties{ID: "19:a", CreatedOn: at, CreatedBy: acs.CommunicationUser{ID: "8:acs:U1"},
		Metadata: map[string]string{"acsOperatorOwner": "ns/a", "acsOperatorUid": "u", "other": "x"}})
	want := directory.Stamp{Id: "19:a", Owner: "ns/a", Uid: "u", CreatedBy: "8:acs:U1", CreatedOn: at}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := directory.StampOf(acs.ThreadProperties{ID: "19:a"}); got != (directory.Stamp{Id: "19:a"}) {
		t.Errorf("of a thread that says nothing: %+v", got)
	}
}

// listing is a service with users whose threads are to be found.
type listing struct {
	emulator *emulator.Server
	users    []directory.Lister
	index    *directory.Directory
}

func newListing(t *testing.T, options emulator.Options, users int) *listing {
	t.Helper()
	emu := emulator.New(options)
	server := httptest.NewTLSServer(emu)
	t.Cleanup(server.Close)
	all := &connection.Registry{Transport: server.Client(), Timeout: 5 * time.Second}
	found := all.ByKey(types.NamespacedName{Namespace: "ns", Name: "default"})
	acstest.MustSucceed(t, found.Use(server.URL, "key", func() (*acs.IdentityClient, error) {
		return acs.NewIdentityClientFromConnectionString(emu.ConnectionString(server.URL), connection.ClientOptions(all.Transport, all.Timeout, found))
	}))
	l := &listing{emulator: emu, index: directory.New()}
	for range users {
		user, err := all.User(found, emu.CreateUser())
		acstest.MustSucceed(t, err)
		l.users = append(l.users, user.Lister())
	}
	return l
}

// thread makes a thread, with the stamp of an owner where there is one.
func (l *listing) thread(by int, owner string, members ...string) string {
	with := make([]emulator.Member, 0, len(members))
	for _, id := range members {
		with = append(with, emulator.Member{ID: id})
	}
	id := l.emulator.CreateThread(l.users[by].ID, "topic", with...)
	if owner != "" {
		l.emulator.UpdateThread(id, func(thread *emulator.Thread) {
			thread.Metadata = map[string]string{directory.OwnerKey: owner, directory.UIDKey: "uid of " + owner}
		})
	}
	return id
}

// ensure brings the index up to date and returns what was called for it.
func (l *listing) ensure(ctx context.Context, need directory.Need, claimed ...string) (lists int, reads []string, err error) {
	l.emulator.ResetRequests()
	claims := map[string]string{}
	for _, id := range claimed {
		claims[id] = "ns/claimant"
	}
	err = l.index.Ensure(ctx, l.users, need, func(context.Context) (map[string]string, error) { return claims, nil })
	for _, request := range l.emulator.Requests() {
		switch request.Operation {
		case emulator.OperationListThreads:
			lists++
		case emulator.OperationGetThread:
			reads = append(reads, request.ThreadID)
		default:
		}
	}
	return lists, reads, err
}

// calledFor fails the test unless a pass succeeded and called just this.
func calledFor(t *testing.T, wantLists int, wantReads []string) func(lists int, reads []string, err error) {
	t.Helper()
	return func(lists int, reads []string, err error) {
		t.Helper()
		if err != nil || lists != wantLists {
			t.Errorf("%d lists, want %d; error %v", lists, wantLists, err)
		}
		slices.Sort(reads)
		if diff := cmp.Diff(sorted(wantReads...), reads); diff != "" {
			t.Errorf("threads read (-want +got):\n%s", diff)
		}
	}
}

func TestIndexReadsEachThreadOnce(t *testing.T) {
	t.Parallel()
	l := newListing(t, emulator.Options{}, 2)
	stamped := l.thread(0, "ns/a", l.users[1].ID)
	plain := l.thread(0, "")
	claimed := l.thread(0, "ns/c")
	others := l.thread(1, "ns/a", l.users[0].ID)
	ctx := t.Context()
	calledFor(t, 2, []string{stamped, plain, others})(l.ensure(ctx, directory.Need{}, claimed))
	calledFor(t, 0, nil)(l.ensure(ctx, directory.Need{}, claimed))

	users := []string{l.users[0].ID, l.users[1].ID}
	if diff := cmp.Diff(sorted(stamped, others), sorted(idsOf(l.index.Find("ns/a", users))...)); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
	if got := l.index.Find("ns/a", users[:1]); len(got) != 1 || got[0].Uid != "uid of ns/a" || got[0].CreatedBy != users[0] || got[0].CreatedOn.IsZero() {
		t.Errorf("found %+v", got)
	}
	if got := l.index.Find("ns/c", users); got != nil {
		t.Errorf("a thread that a resource has was read: %+v", got)
	}

	// A later list reads only what is new, and what nobody claims any more.
	fresh := l.thread(1, "ns/d")
	calledFor(t, 2, []string{fresh, claimed})(l.ensure(ctx, directory.Need{Begun: time.Now()}))
	if got := l.index.Find("ns/c", users); len(got) != 1 {
		t.Errorf("a thread that nobody claims any more is not found: %+v", got)
	}
	calledFor(t, 0, nil)(l.ensure(ctx, directory.Need{}))
}

// Users that this process made have no threads, so none need be listed.
func TestIndexListsOnlyWhoIsOutdated(t *testing.T) {
	t.Parallel()
	l := newListing(t, emulator.Options{}, 3)
	l.index.MarkListed(l.users[1].ID, time.Now(), time.Time{})
	calledFor(t, 2, nil)(l.ensure(t.Context(), directory.Need{}))
	for _, request := range l.emulator.Requests() {
		if request.User == l.users[1].ID {
			t.Errorf("%s was called for a user that was listed", request.Operation)
		}
	}
}

// What is written to while the pages are read moves to the first ones: these are read again as far as
// something was written to lately.
func TestIndexPages(t *testing.T) {
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
			l := newListing(t, emulator.Options{Clock: func() time.Time { return time.Now().Add(-time.Duration(age.Load())) }}, 1)
			var claimed []string
			for range directory.ListPageSize + 1 {
				claimed = append(claimed, l.thread(0, ""))
			}
			last := l.thread(0, "ns/a")
			age.Store(0)
			calledFor(t, c.lists, []string{last})(l.ensure(t.Context(), directory.Need{}, claimed...))
		})
	}
}

// A list that the quota does not allow to be read at once is read on by the next passes, so that it comes to an end
// however long it is.
func TestIndexIsReadInParts(t *testing.T) {
	t.Parallel()
	l := newListing(t, emulator.Options{}, 1)
	var claimed []string
	for range 2*directory.ListPageSize + 1 {
		claimed = append(claimed, l.thread(0, ""))
	}
	want := l.thread(0, "ns/a")
	lists := 0
	for pass := 0; ; pass++ {
		l.emulator.ClearFaults()
		l.emulator.Inject(emulator.Fault{Operation: emulator.OperationListThreads, Skip: 1, Status: http.StatusTooManyRequests})
		answered, _, err := l.ensure(t.Context(), directory.Need{}, claimed...)
		lists += min(answered, 1)
		if err == nil {
			break
		}
		if pass > 10 {
			t.Fatalf("never at its end: %v", err)
		}
	}
	if lists != 6 {
		t.Errorf("%d pages were read, want 6", lists)
	}
	if got := idsOf(l.index.Find("ns/a", []string{l.users[0].ID})); !cmp.Equal(got, []string{want}) {
		t.Errorf("found %v", got)
	}
}

// A page that ACS refuses, or that it names at a place not followed to, is not asked for again for ever.
func TestIndexBeginsAnewAfterARefusal(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]emulator.Fault{
		"refused":   {Skip: 1, Status: http.StatusNotFound},
		"elsewhere": {Status: http.StatusOK, Body: `{"value":[],"nextLink":"https://fabrikam.communication.azure.com/threads"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newListing(t, emulator.Options{}, 1)
			for range directory.ListPageSize + 1 {
				l.thread(0, "ns/a")
			}
			fault.Operation, fault.Times = emulator.OperationListThreads, 1
			l.emulator.Inject(fault)
			if _, _, err := l.ensure(t.Context(), directory.Need{}); err == nil {
				t.Fatal("a page that was not read counts as read")
			}
			lists, _, err := l.ensure(t.Context(), directory.Need{})
			if err != nil || lists != 4 {
				t.Errorf("%d lists, want the whole list of 2 pages twice; error %v", lists, err)
			}
		})
	}
}

// What was read stays when a later call fails, and the next pass goes on from there.
func TestIndexGoesOnAfterAFailure(t *testing.T) {
	t.Parallel()
	l := newListing(t, emulator.Options{}, 2)
	for range 3 {
		l.thread(0, "ns/a")
	}
	other := l.thread(1, "ns/a")
	l.emulator.Inject(emulator.Fault{Operation: emulator.OperationGetThread, Skip: 1, Times: 1, Status: http.StatusTooManyRequests})
	_, read, err := l.ensure(t.Context(), directory.Need{})
	if got := outcome.Classify(err); got.Reason != chatv1alpha1.ReasonThrottled || len(read) != 2 {
		t.Fatalf("read %v, error %v", read, err)
	}
	users := []string{l.users[0].ID, l.users[1].ID}
	if got := idsOf(l.index.Find("ns/a", users)); !cmp.Equal(got, read[:1]) {
		t.Errorf("found %v after reading %v", got, read[0])
	}
	if outdated := l.index.Outdated(users, directory.Need{}); !cmp.Equal(outdated, users) {
		t.Errorf("half a list counts: outdated are %v", outdated)
	}
	lists, reads, err := l.ensure(t.Context(), directory.Need{})
	if err != nil || lists != 1 || len(reads) != 3 || !slices.Contains(reads, other) || slices.Contains(reads, read[0]) {
		t.Errorf("%d lists, read %v after %v, error %v", lists, reads, read, err)
	}
	if got := l.index.Find("ns/a", users); len(got) != 4 {
		t.Errorf("found %v", idsOf(got))
	}
}

func TestIndexIsReadByOneAtATime(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	l := newListing(t, emulator.Options{}, 1)
	id := l.thread(0, "ns/a")
	released := make(chan struct{})
	l.emulator.Inject(emulator.Fault{Operation: emulator.OperationListThreads, Times: 1, Block: released})
	nobody := func(context.Context) (map[string]string, error) { return nil, nil } //nolint:nilnil // nothing is claimed
	ctx := t.Context()
	done := make(chan error, 1)
	go func() { done <- l.index.Ensure(ctx, l.users, directory.Need{}, nobody) }()
	isListing := func() bool {
		return slices.ContainsFunc(l.emulator.Requests(), func(r emulator.Request) bool { return r.Operation == emulator.OperationListThreads })
	}
	g.Eventually(isListing).WithTimeout(soon).WithPolling(poll).Should(BeTrue())

	got := outcome.Classify(l.index.Ensure(ctx, l.users, directory.Need{}, nobody))
	if got.Reason != chatv1alpha1.ReasonSearching || got.After <= 0 || got.Err != nil || got.Stalled {
		t.Errorf("outcome %+v", got)
	}
	during := time.Now()
	close(released)
	g.Eventually(done).WithTimeout(soon).Should(Receive(BeNil()))
	users := []string{l.users[0].ID}
	if diff := cmp.Diff([]string{id}, idsOf(l.index.Find("ns/a", users))); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
	// A list shows nothing that was made after it began.
	if outdated := l.index.Outdated(users, directory.Need{Begun: during}); !cmp.Equal(outdated, users) {
		t.Error("the list counts as of its end")
	}
	if err := l.index.Ensure(ctx, l.users, directory.Need{Begun: during}, nobody); err != nil {
		t.Errorf("nobody can read any more: %v", err)
	}
}
