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

// A call without an answer counts from now on: the next one waits for the oldest answer, not for
// one that is still to come.
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

// An early reconcile finds the place of its thread, with the same moment. A place that is not
// needed any more is given back.
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

// Threads that wait for a slot choose again when there are more users, in the order in which they
// came. A thread that may have sent a create keeps its user and its place.
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
