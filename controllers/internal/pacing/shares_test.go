// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package pacing_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

// However many calls of one kind come without end, those of the other kind have their share.
func TestBudgetIsSharedByKinds(t *testing.T) {
	t.Parallel()
	for name, endless := range map[string]bool{"edits without end": false, "resyncs without end": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				u := newUser(t, pacing.New(true))
				read := func(who pacing.Caller) { insist(t, func() error { return u.read(who) }) }
				ended := make(chan struct{})
				var running sync.WaitGroup
				for n := range 500 {
					running.Go(func() {
						for {
							read(pacing.Caller{Thread: thread(n), Background: endless})
							select {
							case <-ended:
								return
							default:
							}
						}
					})
				}
				<-time.After(time.Minute)
				start := time.Now()
				var few sync.WaitGroup
				for n := range 30 {
					few.Go(func() { read(pacing.Caller{Thread: types.UID(fmt.Sprint("few ", n)), Background: !endless}) })
				}
				few.Wait()
				if took := time.Since(start); took > 4*pacing.ShortWindow {
					t.Errorf("30 reads took %s; a fifth of the quota allows 10 in %s", took, pacing.ShortWindow)
				}
				close(ended)
				running.Wait()
			})
		})
	}
}

// The table of the shares: how many calls of a kind have room in a window, and how many while the
// other kind waits.
func TestBudgetShares(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		limit                          int32
		edits, resyncs                 int // alone
		editsBeside, resyncsBesideThat int
	}{
		{limit: 50, edits: 50, resyncs: 40, editsBeside: 40, resyncsBesideThat: 10},
		{limit: 10, edits: 10, resyncs: 8, editsBeside: 8, resyncsBesideThat: 2},
		{limit: 6, edits: 6, resyncs: 5, editsBeside: 5, resyncsBesideThat: 1},
		{limit: 5, edits: 5, resyncs: 4, editsBeside: 4, resyncsBesideThat: 1},
		{limit: 2, edits: 2, resyncs: 1, editsBeside: 1, resyncsBesideThat: 1},
	} {
		t.Run(fmt.Sprint(c.limit), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := NewWithT(t)
				for background, want := range map[bool]int{false: c.edits, true: c.resyncs} {
					p := pacing.New(true)
					p.SetQuotas(reads(c.limit))
					g.Expect(roomFor(newUser(t, p), background, 100)).To(Equal(want), "background %v", background)
				}
				p := pacing.New(true)
				p.SetQuotas(reads(c.limit))
				u := newUser(t, p)
				g.Expect(roomFor(u, true, 100)).To(Equal(c.resyncs))
				g.Expect(roomFor(u, false, 100)).To(Equal(int(c.limit)-c.resyncs), "edits have the rest")
				// Both wait: the window that follows is shared.
				<-time.After(pacing.ShortWindow)
				g.Expect(roomFor(u, false, 100)).To(Equal(c.editsBeside))
				g.Expect(roomFor(u, true, 100)).To(Equal(c.resyncsBesideThat))
			})
		})
	}
}

// While resyncs wait, the moments of edits follow from the share of edits.
func TestMomentsFollowTheShares(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		p := pacing.New(true)
		p.SetQuotas(reads(10))
		u := newUser(t, p)
		g.Expect(roomFor(u, false, 10)).To(Equal(10))
		g.Expect(roomFor(u, true, 5)).To(BeZero())
		for n := range 16 {
			wait := waitOf(u.read(nameless(fmt.Sprint("edit ", n))))
			g.Expect(wait.After).To(Equal(time.Duration(n/8+1)*pacing.ShortWindow), "edit %d", n)
		}
	})
}

// roomFor reads for many threads and returns how many reads had room.
func roomFor(u *user, background bool, threads int) int {
	sent := 0
	for n := range threads {
		if u.read(pacing.Caller{Thread: types.UID(fmt.Sprint(background, n)), Background: background}) == nil {
			sent++
		}
	}
	return sent
}

// A limit of 1 cannot be shared: the kinds take turns.
func TestBudgetOfOneIsTakenInTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := pacing.New(true)
		p.SetQuotas(reads(1))
		u := newUser(t, p)
		var order []bool
		for range 8 {
			for _, background := range []bool{false, true} {
				if roomFor(u, background, 3) > 0 {
					order = append(order, background)
				}
			}
			<-time.After(pacing.ShortWindow)
		}
		for i := range order[1:] {
			if order[i] == order[i+1] {
				t.Fatalf("background: %v", order)
			}
		}
	})
}

// A look for drift that waits leaves the status as it is.
func TestWaitOfDriftIsQuiet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		p := pacing.New(true)
		p.SetQuotas(reads(2))
		u := newUser(t, p)
		g.Expect(u.read(pacing.Caller{Thread: "a", Background: true})).To(Succeed())
		wait := waitOf(u.read(pacing.Caller{Thread: "b", Background: true}))
		g.Expect(wait.After).To(Equal(pacing.ShortWindow))
		g.Expect(wait.Quiet).To(BeTrue())
		g.Expect(u.read(pacing.Caller{Thread: "c"})).To(Succeed(), "an edit has the rest of the budget")
		g.Expect(waitOf(u.read(pacing.Caller{Thread: "d"})).Quiet).To(BeFalse())
	})
}

// A thread that waits for a look for drift waits no longer once it is edited, and its place is
// given back.
func TestEditOvertakesResyncsThatWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		u := newUser(t, pacing.New(true))
		wait := func(who pacing.Caller) time.Duration {
			if wait := waitOf(u.read(who)); wait != nil {
				return wait.After
			}
			return 0
		}
		for n := range 40 {
			g.Expect(wait(pacing.Caller{Thread: thread(n), Background: true})).To(BeZero())
		}
		for n := range 80 {
			wait(pacing.Caller{Thread: types.UID(fmt.Sprint("waits ", n)), Background: true})
		}
		edited := pacing.Caller{Thread: "edited", Background: true}
		g.Expect(wait(edited)).To(Equal(3 * pacing.ShortWindow))
		g.Expect(wait(edited)).To(Equal(3*pacing.ShortWindow), "an early reconcile finds its place")
		edited.Background = false
		g.Expect(wait(edited)).To(BeZero())
		g.Expect(wait(pacing.Caller{Thread: "after it", Background: true})).To(Equal(3 * pacing.ShortWindow))
	})
}

// Threads that are edited do not wait behind resyncs.
func TestEditsOvertakeResyncs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, 1)
		chat := s.chats[s.users[0]]
		made, err := chat.CreateThread(pacing.WithCaller(t.Context(), pacing.Caller{Thread: "edited"}), "read", nil)
		if err != nil {
			t.Fatal(err)
		}
		read := func(who pacing.Caller) error {
			_, err := chat.ThreadClient(made.Thread.ID).GetProperties(pacing.WithCaller(t.Context(), who), nil)
			return err
		}
		var running sync.WaitGroup
		for n := range 300 {
			running.Go(func() {
				insist(t, func() error { return read(pacing.Caller{Thread: thread(n), Background: true}) })
			})
		}
		synctest.Wait()
		for range 5 {
			start := time.Now()
			insist(t, func() error { return read(pacing.Caller{Thread: "edited"}) })
			if took := time.Since(start); took > 0 {
				t.Errorf("an edit waited %s behind resyncs", took)
			}
		}
		running.Wait()
		s.checkRefused(t)
	})
}
