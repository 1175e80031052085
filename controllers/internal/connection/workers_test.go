// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/acstest"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

// shop is a controller with workers, in fake time. Each reconcile makes two calls.
type shop struct {
	*WithT
	t        *testing.T
	registry *Registry
	free     chan struct{}
	running  sync.WaitGroup

	mu sync.Mutex
	// queued are the objects that wait for a worker, in order, and jobs those that are not done.
	queued []types.NamespacedName
	jobs   map[types.NamespacedName]job
	// done is how long each took, order the order of their ends, and asked the number of
	// reconciles.
	done  map[types.NamespacedName]time.Duration
	order []types.NamespacedName
	asked int
}

// job is an object, and the resource that it is about.
type job struct {
	*resource
	begun time.Time
}

// resource is an ACS resource that takes a time for each answer.
type resource struct {
	found *Connection
	chat  *acs.ChatClient
	takes atomic.Int64
}

func newShop(t *testing.T) *shop {
	t.Helper()
	const workers = 16
	s := &shop{WithT: NewWithT(t), t: t, free: make(chan struct{}, workers), jobs: map[types.NamespacedName]job{}, done: map[types.NamespacedName]time.Duration{}}
	s.registry = &Registry{Workers: workers, Wake: s.wake}
	return s
}

func (s *shop) resource(url string, takes time.Duration) *resource {
	s.t.Helper()
	r := &resource{found: NewConnection(pacing.New(false))}
	r.takes.Store(int64(takes))
	r.found.ownEndpoint().url = url
	transport := &http.Client{Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
		if err := acstest.Delay(req.Context(), time.Duration(r.takes.Load())); err != nil {
			return nil, err
		}
		return &http.Response{StatusCode: http.StatusForbidden, Header: http.Header{"Ms-Cv": {"a"}}, Body: http.NoBody, Request: req}, nil
	})}
	var err error
	r.chat, err = acs.NewChatClient("https://contoso.communication.azure.com", acs.NewStaticUserCredential("token"),
		ClientOptions(transport, 10*time.Second, r.found))
	s.Expect(err).NotTo(HaveOccurred())
	return r
}

// add enqueues a new object.
func (s *shop) add(namespace, name string, about *resource) types.NamespacedName {
	key := types.NamespacedName{Namespace: namespace, Name: name}
	s.mu.Lock()
	s.jobs[key] = job{about, time.Now()}
	s.mu.Unlock()
	s.wake(key)
	return key
}

func (s *shop) wake(key types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.jobs[key]; ok && !slices.Contains(s.queued, key) {
		s.queued = append(s.queued, key)
	}
}

// run works for some time.
func (s *shop) run(duration time.Duration) {
	for end := time.Now().Add(duration); time.Now().Before(end); <-time.After(time.Millisecond) {
		s.mu.Lock()
		for len(s.queued) > 0 && len(s.free) < cap(s.free) {
			key := s.queued[0]
			s.queued = s.queued[1:]
			s.free <- struct{}{}
			s.running.Go(func() { s.reconcile(key) })
		}
		s.mu.Unlock()
	}
}

// stop drops the reconciles that are not done.
func (s *shop) stop() {
	s.mu.Lock()
	clear(s.jobs)
	s.queued = nil
	s.mu.Unlock()
	s.running.Wait()
}

func (s *shop) reconcile(key types.NamespacedName) {
	defer func() { <-s.free }()
	ctx, end := s.registry.BeginThread(s.t.Context(), key)
	defer end()
	s.mu.Lock()
	s.asked++
	one, ok := s.jobs[key]
	s.mu.Unlock()
	if !ok {
		return
	}
	if err := one.work(ctx); err != nil {
		wait := cmp.Or(outcome.Classify(err).After, time.Second)
		time.AfterFunc(wait, func() { s.wake(key) })
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done[key] = time.Since(one.begun)
	s.order = append(s.order, key)
	delete(s.jobs, key)
}

func (r *resource) work(ctx context.Context) error {
	if err := r.found.Enter(ctx); err != nil {
		return err
	}
	for range 2 {
		_, err := r.chat.ThreadClient("19:a").GetProperties(ctx, nil)
		if !acs.HasStatus(err, http.StatusForbidden) {
			return outcome.CallFailed("read the thread", err)
		}
	}
	return nil
}

// Neither resources that hang or are slow, nor one that begins to hang with many reconciles under
// way, keep an edit elsewhere waiting. A resource that waits is not reconciled all the time.
func TestWorkersOfOthersAreFree(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		// resources are as many as are bad; they begin to be so at the same time.
		resources   int
		first, then time.Duration
	}{
		"one hangs":            {1, time.Minute, time.Minute},
		"one is slow":          {1, 9 * time.Second, 9 * time.Second},
		"three hang":           {3, time.Minute, time.Minute},
		"three are slow":       {3, 9 * time.Second, 9 * time.Second},
		"one begins to hang":   {1, 100 * time.Millisecond, time.Minute},
		"two begin to hang":    {2, 100 * time.Millisecond, time.Minute},
		"one slows down":       {1, 100 * time.Millisecond, 9 * time.Second},
		"one slows down a bit": {1, 100 * time.Millisecond, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newShop(t)
				bad := make([]*resource, c.resources)
				for i := range bad {
					bad[i] = s.resource(fmt.Sprint("bad ", i), c.first)
				}
				const rooms = 1000
				for n := range rooms {
					s.add("bad", fmt.Sprint(n), bad[n%len(bad)])
				}
				s.run(time.Second)
				for _, one := range bad {
					one.takes.Store(int64(c.then))
				}
				healthy := s.resource("healthy", 100*time.Millisecond)
				for n := range 60 {
					edit := s.add("good", fmt.Sprint("edit ", n), healthy)
					s.run(500 * time.Millisecond)
					s.mu.Lock()
					if _, ok := s.done[edit]; !ok {
						t.Errorf("edit %d is not done", n)
					}
					s.mu.Unlock()
				}
				// While a resource is down, each thread looks every 5 s whether it answers.
				if perSecond := (s.asked - rooms) / 30; perSecond > 2*rooms/5 {
					t.Errorf("%d reconciles a second", perSecond)
				}
				s.stop()
			})
		})
	}
}

// Resources that begin to hang at the same time, when many threads come, leave workers to others.
func TestResourcesHangTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		healthy := s.resource("healthy", 10*time.Millisecond)
		for _, name := range []string{"one", "two", "three"} {
			about := s.resource(name, 10*time.Millisecond)
			s.add(name, "first", about)
			s.run(100 * time.Millisecond)
			about.takes.Store(int64(10 * time.Second))
			for n := range 100 {
				s.add(name, fmt.Sprint(n), about)
			}
		}
		s.run(100 * time.Millisecond)
		edit := s.add("good", "edit", healthy)
		s.run(500 * time.Millisecond)
		s.mu.Lock()
		_, done := s.done[edit]
		s.mu.Unlock()
		s.Expect(done).To(BeTrue(), "the edit found a worker")
		s.stop()
	})
}

// A resource that gets slow gives back the workers beyond its share at once, and goes on with its
// share.
func TestSlowResourceGivesWorkersBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		about := s.resource("busy", 100*time.Millisecond)
		for n := range 1000 {
			s.add("many", fmt.Sprint(n), about)
		}
		s.run(5 * time.Second)
		s.Expect(len(s.free)).To(Equal(12), "a quarter is free for others")
		s.Expect(len(s.order)).To(BeNumerically(">", 12*22))
		about.takes.Store(int64(5 * time.Second))
		s.run(7 * time.Second)
		s.Expect(len(s.free)).To(Equal(4))
		before := len(s.order)
		s.run(40 * time.Second)
		s.Expect(len(s.order) - before).To(BeNumerically("~", 4*4, 4))
		s.stop()
	})
}

// The namespaces at a resource take turns, and in each the one that came first is first.
func TestWorkersAreTakenInTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		about := s.resource("busy", 20*time.Millisecond)
		for n := range 300 {
			s.add("many", fmt.Sprint(n), about)
		}
		few := make([]types.NamespacedName, 0, 5)
		for n := range 5 {
			few = append(few, s.add("few", fmt.Sprint(n), about))
		}
		s.run(2 * time.Second)
		s.Expect(s.order).To(HaveLen(305))
		for _, key := range few {
			s.Expect(s.done[key]).To(BeNumerically("<", 200*time.Millisecond))
		}
		// Those that come at the same time have no order.
		for i, key := range slices.DeleteFunc(slices.Clone(s.order), func(key types.NamespacedName) bool { return key.Namespace == "few" }) {
			s.Expect(strconv.Atoi(key.Name)).To(BeNumerically("~", i, 24))
		}
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
		// A quarter of the workers is one.
		found.ownEndpoint().slowUntil = time.Now().Add(time.Hour)
		enter := func(name string) (end func(), err error) {
			ctx, end := r.BeginThread(t.Context(), types.NamespacedName{Namespace: "a", Name: name})
			return end, found.Enter(ctx)
		}
		end, err := enter("a")
		g.Expect(err).NotTo(HaveOccurred())
		for _, name := range []string{"b", "c", "d"} {
			endOther, err := enter(name)
			g.Expect(outcome.Classify(err).Quiet).To(BeTrue())
			endOther()
		}
		end()
		g.Expect(woken).To(Equal([]string{"b"}))
		// The next reconcile of b needs no call.
		_, end = r.BeginThread(t.Context(), types.NamespacedName{Namespace: "a", Name: "b"})
		end()
		g.Expect(woken).To(Equal([]string{"b", "c"}))
		end, err = enter("d")
		end()
		g.Expect(err).To(HaveOccurred(), "the place is kept for c")
		<-time.After(callGrace + time.Millisecond)
		end, err = enter("d")
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
		end, err = enter("e")
		g.Expect(err).NotTo(HaveOccurred())
		end()
		g.Expect(r.threadWorkers.rooms).To(BeEmpty())
	})
}

// If a resource gets slow, a reconcile beyond its share ends before its next call. A call passes
// that must not wait, as people are out of a thread meanwhile, and its reconcile keeps its place.
func TestCallsWithoutPacingDoNotGiveWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		about := s.resource("busy", time.Millisecond)
		begin := func(n int) (context.Context, func()) {
			ctx, end := s.registry.BeginThread(t.Context(), types.NamespacedName{Namespace: "a", Name: fmt.Sprint(n)})
			s.Expect(about.found.Enter(ctx)).To(Succeed())
			return ctx, end
		}
		call := func(ctx context.Context) error {
			_, err := about.chat.ThreadClient("19:a").GetProperties(ctx, nil)
			return err
		}
		const share, beyond = 4, 2
		first, endFirst := begin(0)
		defer endFirst()
		all := []context.Context{first}
		// The resource may exceed its share by one for each reconcile that ends.
		for n := range beyond {
			ctx, end := begin(1 + n)
			s.Expect(acs.HasStatus(call(ctx), http.StatusForbidden)).To(BeTrue())
			end()
		}
		for n := 1; n < share+beyond; n++ {
			ctx, end := begin(n)
			defer end()
			all = append(all, ctx)
		}
		about.found.ownEndpoint().slowUntil = time.Now().Add(time.Hour)
		for range 2 {
			err := call(pacing.WithoutPacing(all[0]))
			s.Expect(acs.HasStatus(err, http.StatusForbidden)).To(BeTrue(), "%v", err)
		}
		s.Expect(s.registry.threadWorkers.room(about.found.ownEndpoint()).staying()).To(Equal(share + beyond))
		err := call(all[0])
		s.Expect(outcome.Classify(err).Quiet).To(BeTrue(), "a call that may wait gives way: %v", err)
	})
}
