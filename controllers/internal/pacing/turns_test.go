// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package pacing_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

// Namespaces take turns: however many threads of one wait for reads, a thread of another one waits
// for one slot.
func TestNamespacesTakeTurnsAtReads(t *testing.T) {
	t.Parallel()
	for name, background := range map[string]bool{"edits": false, "resyncs": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := pacing.New(true)
				p.SetQuotas(reads(1))
				u, c := newUser(t, p), newController(t, p, 1000)
				var mu sync.Mutex
				var order []string
				var running sync.WaitGroup
				start := func(name string) {
					running.Go(func() {
						who := caller(name)
						who.Background = background
						c.run(t, who, u.read)
						mu.Lock()
						defer mu.Unlock()
						order = append(order, name)
						p.Release(who.Thread)
					})
				}
				for n := range 600 {
					start(fmt.Sprint("a/", n))
				}
				<-time.After(time.Second)
				synctest.Wait()
				mu.Lock()
				before := len(order)
				mu.Unlock()
				for _, name := range []string{"b/one", "c/one", "c/two"} {
					start(name)
					synctest.Wait()
				}
				running.Wait()
				for name, most := range map[string]int{"b/one": 1, "c/one": 2, "c/two": 4} {
					if place := slices.Index(order, name) - before; place > most {
						t.Errorf("%s came after %d others", name, place)
					}
				}
			})
		})
	}
}

// So it is for creates, with service users that namespaces share.
func TestNamespacesTakeTurnsAtCreates(t *testing.T) {
	t.Parallel()
	for _, users := range []int{1, 8} {
		t.Run(fmt.Sprintf("%d users", users), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newService(t, users)
				session, c := connection.NewConnection(s.pacer), newController(t, s.pacer, 1000)
				var mu sync.Mutex
				created := map[string]time.Duration{}
				begin := time.Now()
				var running sync.WaitGroup
				start := func(name string) {
					running.Go(func() {
						c.run(t, caller(name), func(who pacing.Caller) error {
							chosen := session.Choose(who, s.users)
							if err := s.pacer.Room(who, chosen); err != nil {
								return err
							}
							_, err := s.chats[chosen].CreateThread(pacing.WithCaller(t.Context(), who), "paced", nil)
							return err
						})
						mu.Lock()
						defer mu.Unlock()
						created[name] = time.Since(begin)
						s.pacer.Release(types.UID(name))
					})
				}
				for n := range 600 {
					start(fmt.Sprint("a/", n))
				}
				<-time.After(time.Second)
				start("b/one")
				<-time.After(pacing.ShortWindow)
				start("b/two")
				running.Wait()
				s.checkRefused(t)
				if created["b/one"] > pacing.ShortWindow || created["b/two"] > 2*pacing.ShortWindow {
					t.Errorf("b waited until %s and %s; the first windows end after %s and %s", created["b/one"], created["b/two"],
						pacing.ShortWindow, 2*pacing.ShortWindow)
				}
			})
		})
	}
}

// A thread shows a moment that takes the turns of the namespaces into account.
func TestMomentsFollowTheTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		p := pacing.New(true)
		p.SetQuotas(creates(2))
		wait := func(namespace string, n int) time.Duration {
			who := pacing.Caller{Thread: types.UID(fmt.Sprint(namespace, n)), Namespace: namespace}
			if wait := waitOf(p.Room(who, "user")); wait != nil {
				return wait.After
			}
			return 0
		}
		for n := range 100 {
			g.Expect(wait("a", n)).To(Equal(time.Duration(n/2) * pacing.ShortWindow))
		}
		for n := range 10 {
			g.Expect(wait("b", n)).To(Equal(time.Duration(n+1)*pacing.ShortWindow), "b has one slot of two")
		}
		p.Release("b9")
		g.Expect(wait("b", 10)).To(Equal(10*pacing.ShortWindow), "the place of a thread that is gone")
		g.Expect(wait("c", 0)).To(Equal(2*pacing.ShortWindow), "c comes behind one thread each of a and b")
		g.Expect(wait("a", 100)).To(Equal((99 + 11) / 2 * pacing.ShortWindow))
	})
}

// At the limit of the resource, service users take turns.
func TestUsersTakeTurnsAtTheResource(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		p := pacing.New(true)
		p.SetQuotas(creates(5000))
		const limit, window = 3000, time.Minute
		few := 0
		p.Wake = func(key types.NamespacedName) {
			if key.Namespace == "few" {
				few++
			}
		}
		create := func(user, namespace string, n int) *outcome.Wait {
			name := fmt.Sprint(namespace, "/", n)
			return waitOf(newUserNamed(t, p, user).call(caller(name), "ChatClient.CreateThread"))
		}
		for n := range limit {
			g.Expect(create("a", "many", n)).To(BeNil())
		}
		first := create("a", "many", limit)
		g.Expect(first.Message).To(ContainSubstring("again at " + time.Now().Add(window).UTC().Format(time.RFC3339)))
		for n := range limit - 1 {
			g.Expect(create("a", "many", limit+1+n).Message).To(Equal(first.Message))
		}
		g.Expect(create("a", "many", 2*limit).Message).To(ContainSubstring("again at " + time.Now().Add(2*window).UTC().Format(time.RFC3339)))
		for n := range 100 {
			_ = create("b", "few", n)
		}
		<-time.After(window)
		synctest.Wait()
		g.Expect(few).To(Equal(100))
	})
}
