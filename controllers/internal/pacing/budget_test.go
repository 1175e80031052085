// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package pacing_test

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

// 600 threads are created without one 429, and the budget is used to the full.
func TestBudgetOfCreatesIsUsed(t *testing.T) {
	t.Parallel()
	for _, users := range []int{1, 10} {
		t.Run(fmt.Sprintf("%d users", users), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const threads = 600
				s := newService(t, users)
				session := connection.NewConnection(s.pacer)
				start := time.Now()
				var running sync.WaitGroup
				for n := range threads {
					running.Go(func() {
						who := pacing.Caller{Thread: thread(n)}
						ctx := pacing.WithCaller(t.Context(), who)
						insist(t, func() error {
							chosen := session.Choose(who, s.users)
							if err := s.pacer.Room(who, chosen); err != nil {
								return err
							}
							_, err := s.chats[chosen].CreateThread(ctx, "paced", nil)
							return err
						})
					})
				}
				running.Wait()
				s.checkRefused(t)
				// The first window is a burst: after it, 10 a user in any 10 seconds.
				least := time.Duration(threads/(10*users)-1) * pacing.ShortWindow
				if took := time.Since(start); took > least*100/95+time.Second {
					t.Errorf("took %s; the quota allows %s", took, least)
				}
			})
		})
	}
}

// The limit of the resource holds for all users together, and is used.
func TestBudgetOfResourceIsUsed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const threads, users, limit = 7500, 100, 3000
		p := pacing.New(true)
		p.SetQuotas(creates(100))
		c := newController(t, p, threads)
		start := time.Now()
		var running sync.WaitGroup
		var mu sync.Mutex
		sent := map[time.Duration]int{}
		for n := range users {
			u := newUserNamed(t, p, fmt.Sprint("user ", n))
			for m := range threads / users {
				running.Go(func() {
					c.run(t, caller(fmt.Sprint(n, " ", m)), func(who pacing.Caller) error { return u.call(who, "ChatClient.CreateThread") })
					mu.Lock()
					defer mu.Unlock()
					sent[time.Since(start).Truncate(time.Minute)]++
				})
			}
		}
		running.Wait()
		NewWithT(t).Expect(sent).To(Equal(map[time.Duration]int{0: limit, time.Minute: limit, 2 * time.Minute: threads - 2*limit}))
	})
}

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

// The table of the shares: how many calls of a kind have room in a window, and how many while the other kind waits.
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

// A call without an answer counts from now on: the next one waits for the oldest answer, not for one that is
// still to come.
func TestBudgetCountsFromTheAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		p := pacing.New(true)
		p.SetQuotas(reads(2))
		u := newUser(t, p)
		first := u.begin(pacing.Caller{Thread: "a"})
		second := u.begin(pacing.Caller{Thread: "b"})
		<-time.After(time.Second)
		second(ok)
		<-time.After(8 * time.Second)
		g.Expect(waitOf(u.read(pacing.Caller{Thread: "next"})).After).To(Equal(2 * time.Second))
		<-time.After(time.Second)
		first(ok)
		g.Expect(waitOf(u.read(pacing.Caller{Thread: "next"})).After).To(Equal(time.Second))
		g.Expect(waitOf(u.read(pacing.Caller{Thread: "one more"})).After).To(Equal(10 * time.Second))
	})
}

// An early reconcile finds the place of its thread, with the same moment. A place that is not needed any more is
// given back.
func TestWaitingThreadsKeepTheirPlaces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		p := pacing.New(true)
		p.SetQuotas(creates(1))
		ask := func(thread types.UID) time.Duration {
			wait := waitOf(p.Room(pacing.Caller{Thread: thread}, "user"))
			if wait == nil {
				return 0
			}
			g.Expect(wait.Quiet).To(Equal(wait.After <= outcome.ShownWait))
			return wait.After
		}
		g.Expect(ask("a")).To(BeZero())
		g.Expect(ask("b")).To(Equal(pacing.ShortWindow))
		g.Expect(ask("c")).To(Equal(2 * pacing.ShortWindow))
		p.Release("b")
		p.Release("a")
		g.Expect(ask("c")).To(BeZero())
		g.Expect(ask("d")).To(Equal(pacing.ShortWindow))
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

// A thread that waits for a look for drift waits no longer once it is edited, and its place is given back.
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

// The spec of a connection replaces the documented limits, and pacing can be turned off.
func TestQuotasOfConnection(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	minute := int32(7)
	p := pacing.New(true)
	p.SetQuotas(pacing.QuotasFor(&chatv1alpha1.Quotas{ChangeMembers: &chatv1alpha1.Quota{Per10s: 5, PerMinute: &minute}, ReadThread: &chatv1alpha1.Quota{Per10s: 500}}))
	u := newUser(t, p)
	g.Expect(roomFor(u, false, 600)).To(Equal(500))
	sent := 0
	for u.call(pacing.Caller{Thread: "a"}, "ThreadClient.AddParticipants") == nil {
		sent++
	}
	g.Expect(sent).To(Equal(5))
	for n := range 12 {
		if p.Room(pacing.Caller{Thread: thread(n)}, "user") == nil {
			sent++
		}
	}
	g.Expect(sent).To(Equal(15), "a class that the spec does not name keeps its documented limit")
	off := newUser(t, pacing.New(false))
	g.Expect(roomFor(off, false, 100)).To(Equal(100))
}

// Changes of members wait until as many have room as are wanted, or a whole window.
func TestRoomForMembers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		p := pacing.New(true)
		u, who := newUser(t, p), pacing.Caller{Thread: "a", Name: "a"}
		for range 4 {
			g.Expect(u.call(who, "ThreadClient.RemoveParticipant")).To(Succeed())
		}
		room, err := p.RoomForMembers(who, "a", 6)
		g.Expect(room, err).To(Equal(6))
		for _, wanted := range []int{7, 20} {
			_, err = p.RoomForMembers(who, "a", wanted)
			g.Expect(waitOf(err).After).To(Equal(pacing.ShortWindow))
		}
		<-time.After(pacing.ShortWindow)
		room, err = p.RoomForMembers(who, "a", 20)
		g.Expect(room, err).To(Equal(10))
	})
}

// A try that has no room ends the call as the one before did, which is backed off from.
func TestRetryWithoutRoomShowsTheFailure(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		limit int32
		tries int
	}{"room for both": {2, 2}, "room for one": {1, 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				found := connection.NewConnection(pacing.New(true))
				found.Pacer.SetQuotas(reads(c.limit))
				tries := 0
				transport := &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
					tries++
					return &http.Response{StatusCode: http.StatusServiceUnavailable, Body: http.NoBody}, nil
				})}
				chat, err := acs.NewChatClient(endpoint, acs.NewStaticUserCredential("token"),
					connection.ClientOptions(transport, time.Second, found, found.Pacer.Policy("user")))
				if err != nil {
					t.Fatal(err)
				}
				ctx := pacing.WithCaller(t.Context(), pacing.Caller{Thread: "a"})
				if _, err = chat.ThreadClient("19:a").GetProperties(ctx, nil); !acs.HasStatus(err, http.StatusServiceUnavailable) || tries != c.tries {
					t.Errorf("%d tries, error %v", tries, err)
				}
				wait := waitOf(newUser(t, found.Pacer).read(pacing.Caller{Thread: "b"}))
				if wait == nil || wait.After > pacing.ShortWindow {
					t.Errorf("the next waits %v: a slot is held for nobody", wait)
				}
			})
		})
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (r roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return r(req) }

// Threads that wait for a slot choose again when there are more users, in the order in which they came. A thread
// that may have sent a create keeps its user and its place.
func TestWaitersChooseAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		p := pacing.New(true)
		p.SetQuotas(creates(1))
		found := connection.NewConnection(p)
		ask := func(n int, pool ...string) (user string, wait time.Duration) {
			who := pacing.Caller{Thread: thread(n)}
			user = found.Choose(who, pool)
			if asked, ok := errors.AsType[*outcome.Wait](p.Room(who, user)); ok {
				return user, asked.After
			}
			return user, 0
		}
		for n := range 8 {
			_, wait := ask(n, "a")
			g.Expect(wait).To(Equal(time.Duration(n) * pacing.ShortWindow))
		}
		found.Assign("3", "a")
		var waits []time.Duration
		for _, n := range []int{7, 6, 5, 4, 2, 1} {
			_, wait := ask(n, "a", "b", "c")
			waits = append(waits, wait)
		}
		g.Expect(waits).To(Equal([]time.Duration{2 * pacing.ShortWindow, 2 * pacing.ShortWindow, pacing.ShortWindow, pacing.ShortWindow, 0, 0}))
		user, wait := ask(3, "a", "b", "c")
		g.Expect(user).To(Equal("a"))
		g.Expect(wait).To(BeNumerically("<=", 3*pacing.ShortWindow))
	})
}
