// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

// shop is a controller with workers, whose reconciles make one call each.
type shop struct {
	*WithT
	t        *testing.T
	registry *Registry
	free     chan struct{}
	running  sync.WaitGroup

	mu sync.Mutex
	// queued are the reconciles that wait for a worker, in order, and again those that come later.
	queued []job
	jobs   map[types.NamespacedName]job
	// done is how long each took to its end, and asked how often it was made.
	done  map[types.NamespacedName]time.Duration
	order []types.NamespacedName
	asked int
}

// job is an object, the connection that it uses, and how long its call takes.
type job struct {
	key   types.NamespacedName
	found *Connection
	takes func() time.Duration
	begun time.Time
}

func newShop(t *testing.T, workers int) *shop {
	t.Helper()
	s := &shop{WithT: NewWithT(t), t: t, free: make(chan struct{}, workers), jobs: map[types.NamespacedName]job{}, done: map[types.NamespacedName]time.Duration{}}
	s.registry = &Registry{Workers: workers, Wake: s.wake}
	return s
}

// connectionTo returns a connection to an endpoint.
func (s *shop) connectionTo(url string) *Connection {
	found := NewConnection(pacing.New(false))
	found.endpoint = &endpoint{url: url}
	return found
}

// add enqueues an object.
func (s *shop) add(namespace, name string, found *Connection, takes func() time.Duration) types.NamespacedName {
	key := types.NamespacedName{Namespace: namespace, Name: name}
	s.mu.Lock()
	s.jobs[key] = job{key, found, takes, time.Now()}
	s.mu.Unlock()
	s.wake(key)
	return key
}

func (s *shop) wake(key types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one, ok := s.jobs[key]; ok && !slices.ContainsFunc(s.queued, func(other job) bool { return other.key == key }) {
		s.queued = append(s.queued, one)
	}
}

// run works until a moment.
func (s *shop) run(duration time.Duration) {
	end := time.Now().Add(duration)
	for time.Now().Before(end) {
		s.mu.Lock()
		for len(s.queued) > 0 && len(s.free) < cap(s.free) {
			one := s.queued[0]
			s.queued = s.queued[1:]
			s.free <- struct{}{}
			s.running.Go(func() { s.reconcile(one) })
		}
		s.mu.Unlock()
		<-time.After(time.Millisecond)
	}
}

func (s *shop) reconcile(one job) {
	defer func() { <-s.free }()
	ctx, end := s.registry.BeginThread(s.t.Context(), one.key)
	defer end()
	s.mu.Lock()
	s.asked++
	s.mu.Unlock()
	if err := one.found.Enter(ctx); err != nil {
		o := outcome.Classify(err)
		if !errors.Is(err, ErrAwaitsProbe) && !o.Quiet {
			s.t.Error(err)
		}
		time.AfterFunc(o.After, func() { s.wake(one.key) })
		return
	}
	call := one.found.ownEndpoint().begin()
	takes := one.takes()
	if takes > 10*time.Second {
		<-time.After(10 * time.Second)
		call(context.DeadlineExceeded)
		time.AfterFunc(time.Second, func() { s.wake(one.key) })
		return
	}
	<-time.After(takes)
	call(nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done[one.key] = time.Since(one.begun)
	s.order = append(s.order, one.key)
	delete(s.jobs, one.key)
}

func takes(duration time.Duration) func() time.Duration {
	return func() time.Duration { return duration }
}

// Neither an endpoint that hangs, nor one that is slow, nor several of them keep an edit elsewhere waiting. What waits
// is not asked all the time.
func TestWorkersOfOthersAreFree(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		endpoints int
		took      time.Duration
	}{
		"one hangs": {1, time.Minute}, "one is slow": {1, 9 * time.Second}, "three hang": {3, time.Minute}, "three are slow": {3, 9 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newShop(t, 16)
				healthy := s.connectionTo("healthy")
				for n := range 600 {
					at := n % c.endpoints
					if n < c.endpoints {
						s.add("bad", fmt.Sprint("first of ", at), s.connectionTo(fmt.Sprint("bad ", at)), takes(c.took))
						continue
					}
					s.mu.Lock()
					found := s.jobs[types.NamespacedName{Namespace: "bad", Name: fmt.Sprint("first of ", at)}].found
					s.mu.Unlock()
					s.add("bad", fmt.Sprint(n), found, takes(c.took))
				}
				for n := range 30 {
					edit := s.add("good", fmt.Sprint("edit ", n), healthy, takes(100*time.Millisecond))
					s.run(time.Second)
					s.mu.Lock()
					took, ok := s.done[edit]
					s.mu.Unlock()
					if !ok || took > time.Second {
						t.Errorf("edit %d took %s", n, took)
					}
				}
				s.mu.Lock()
				asked := s.asked
				s.jobs = nil
				s.queued = nil
				s.mu.Unlock()
				if perSecond := (asked - 600) / 30; perSecond > 200 {
					t.Errorf("%d reconciles a second", perSecond)
				}
				s.running.Wait()
			})
		})
	}
}

// A fast endpoint uses its share to the full, the namespaces at it take turns, and each goes on in order.
func TestWorkersAreTakenInTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, 16)
		found := s.connectionTo("busy")
		for n := range 100 {
			s.add("many", fmt.Sprintf("%03d", n), found, takes(40*time.Millisecond))
		}
		few := make([]types.NamespacedName, 0, 5)
		for n := range 5 {
			few = append(few, s.add("few", fmt.Sprint(n), found, takes(40*time.Millisecond)))
		}
		s.run(2 * time.Second)
		s.Expect(s.order).To(HaveLen(105))
		for _, key := range few {
			s.Expect(s.done[key]).To(BeNumerically("<", 200*time.Millisecond))
		}
		// Those that come at the same time have no order.
		for i, key := range slices.DeleteFunc(slices.Clone(s.order), func(key types.NamespacedName) bool { return key.Namespace == "few" }) {
			s.Expect(strconv.Atoi(key.Name)).To(BeNumerically("~", i, 16))
		}
		longest := time.Duration(0)
		for _, took := range s.done {
			longest = max(longest, took)
		}
		s.Expect(longest).To(BeNumerically("<", 105*45/4*time.Millisecond), "four at a time")
		s.running.Wait()
		s.Expect(s.registry.threadWorkers.rooms).To(BeEmpty(), "nothing is left of it")
	})
}

// A reconcile that was woken and does not come, and one that ends otherwise, hold up nobody.
func TestPlacesThatAreNotTaken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		var woken []string
		r := &Registry{Workers: 4, Wake: func(key types.NamespacedName) { woken = append(woken, key.Name) }}
		found := NewConnection(pacing.New(false))
		found.ownEndpoint()
		enter := func(name string) (err error, end func()) {
			ctx, end := r.BeginThread(t.Context(), types.NamespacedName{Namespace: "a", Name: name})
			return found.Enter(ctx), end
		}
		err, end := enter("a")
		g.Expect(err).NotTo(HaveOccurred())
		for _, name := range []string{"b", "c", "d"} {
			err, endOther := enter(name)
			g.Expect(outcome.Classify(err).Quiet).To(BeTrue())
			endOther()
		}
		end()
		g.Expect(woken).To(Equal([]string{"b"}))
		// The next reconcile of b needs no call.
		_, end = r.BeginThread(t.Context(), types.NamespacedName{Namespace: "a", Name: "b"})
		end()
		g.Expect(woken).To(Equal([]string{"b", "c"}))
		err, end = enter("d")
		end()
		g.Expect(err).To(HaveOccurred(), "the place is kept for c")
		<-time.After(callGrace + time.Millisecond)
		err, end = enter("d")
		g.Expect(err).NotTo(HaveOccurred())
		// Other controllers have their own workers.
		ctx, endOther := r.BeginConnection(t.Context(), types.NamespacedName{Namespace: "a", Name: "conn"})
		g.Expect(found.Enter(ctx)).To(Succeed())
		endOther()
		func() {
			defer func() { g.Expect(recover()).NotTo(BeNil()) }()
			defer end()
			panic("in a reconcile")
		}()
		err, end = enter("e")
		g.Expect(err).NotTo(HaveOccurred())
		end()
		g.Expect(r.threadWorkers.rooms).To(BeEmpty())
	})
}
