// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

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

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

// The operator waits for a quota with nothing sent and nothing stored, and says until when.
func TestOperatorKeepsToTheQuota(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{Quotas: true})
	w.ready()
	threads := make([]*chatv1alpha1.ChatThread, 14)
	for i := range threads {
		threads[i] = w.newThread(fmt.Sprintf("paced-%d", i))
		w.create(threads[i])
	}
	var waiting *chatv1alpha1.ChatThread
	w.Eventually(func() bool {
		for _, thread := range threads {
			w.get(thread)
			if _, reason := objects.ReadyReason(thread); reason == chatv1alpha1.ReasonWaitingForQuota {
				waiting = thread
			}
		}
		return waiting != nil
	}).Should(BeTrue())
	w.Expect(objects.HasFinalizer(waiting)).To(BeFalse())
	told := readyMessageOf(waiting)
	w.Expect(told).To(ContainSubstring("room again at 20"))
	edit(w, waiting, func(o *chatv1alpha1.ChatThread) {
		objects.SetAnnotation(o, chatv1alpha1.AnnotationReconcileRequestedAt, "early")
	})
	w.Eventually(func() string { w.get(waiting); return waiting.Status.LastHandledReconcileAt }).Should(Equal("early"))
	w.Expect(readyMessageOf(waiting)).To(Or(Equal(told), Not(ContainSubstring("room again"))))
	for _, thread := range threads {
		w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
		w.Expect(w.writesSoFar(thread)).To(BeNumerically("<=", 5))
	}
	for _, request := range w.emulator.Requests() {
		w.Expect(request.Status).NotTo(Equal(http.StatusTooManyRequests), string(request.Operation))
	}
	w.Expect(w.emulator.Threads()).To(HaveLen(len(threads)))
}

// Who waits for a slot chooses anew where there are more users, in the order in which they came; who may have
// sent a create keeps its user and its slot.
func TestWaitersChooseAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		p := pacing.New(true)
		p.SetQuotas(map[pacing.QuotaClass][]pacing.Quota{pacing.ClassCreateThread: {{Limit: 1, Window: pacing.ShortWindow}}})
		found := connection.NewConnection(p)
		ask := func(n int, pool ...string) (user string, wait time.Duration) {
			who := pacing.Caller{Thread: types.UID(fmt.Sprint(n))}
			user = found.Choose(who, pool)
			if asked, ok := errors.AsType[*outcome.Wait](p.Room(who, user)); ok {
				return user, asked.After
			}
			g.Expect(p.Take(who, pacing.ClassCreateThread, pacing.Keys(pacing.ClassCreateThread, user, ""))).To(Succeed())
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
		g.Expect(wait).To(Equal(3 * pacing.ShortWindow))
	})
}

// More threads than the read quota allows stretch the resync.
func TestResyncStretch(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	found := connection.NewConnection(pacing.New(true))
	for n := range 6000 {
		found.Assign(types.UID(fmt.Sprint(n)), "user")
	}
	floor := found.ResyncFloor("user")
	g.Expect(floor).To(Equal(6000 * pacing.ShortWindow * 10 / 9 / 40))
	memory := &threadMemory{begun: time.Now(), nextResync: time.Now().Add(defaultResync)}
	memory.stretch(floor, defaultResync)
	g.Expect(memory.nextResync).To(BeTemporally("~", memory.begun.Add(floor), floor/10+time.Second))
	stretched := memory.nextResync
	memory.stretch(floor, defaultResync)
	g.Expect(memory.nextResync).To(Equal(stretched), "a pass in between does not put it off again")
	memory = &threadMemory{begun: time.Now(), nextResync: stretched}
	memory.stretch(time.Minute, defaultResync)
	g.Expect(memory.nextResync).To(Equal(stretched))
}

// A thread that waits to be looked at for drift waits no longer once it is edited.
func TestPacingOfAnEditAmidResyncs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		p := pacing.New(true)
		all := pacing.Keys(pacing.ClassReadThread, "user", "")
		wait := func(who pacing.Caller) time.Duration {
			err, _ := errors.AsType[*outcome.Wait](p.Take(who, pacing.ClassReadThread, all))
			if err == nil {
				return 0
			}
			return err.After
		}
		for n := range 40 {
			g.Expect(wait(pacing.Caller{Thread: types.UID(fmt.Sprint("read ", n)), Background: true})).To(BeZero())
			p.Answered(pacing.Caller{Background: true}, all, nil)
		}
		for n := range 80 {
			wait(pacing.Caller{Thread: types.UID(fmt.Sprint("waits ", n)), Background: true})
		}
		edited := pacing.Caller{Thread: "edited", Background: true}
		g.Expect(wait(edited)).To(Equal(3 * pacing.ShortWindow))
		g.Expect(wait(edited)).To(Equal(3*pacing.ShortWindow), "an early pass finds its slot")
		edited.Background = false
		g.Expect(wait(edited)).To(BeZero())
		g.Expect(p.Bucket(all[0]).Waiting).To(HaveLen(80), "the slot that it had is given back")
	})
}

// Who looks for drift leaves room for who was edited.
func TestPacingLetsEditsOvertake(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newPacedService(t, 1)
		made, err := s.chats[0].CreateThread(pacing.WithCaller(t.Context(), pacing.Caller{Thread: "edited"}), "read", nil)
		if err != nil {
			t.Fatal(err)
		}
		read := func(who pacing.Caller) error {
			_, err := s.chats[0].ThreadClient(made.Thread.ID).GetProperties(pacing.WithCaller(t.Context(), who), nil)
			return err
		}
		var running sync.WaitGroup
		for n := range 300 {
			running.Go(func() {
				insist(t, func() error { return read(pacing.Caller{Thread: types.UID(fmt.Sprint(n)), Background: true}) })
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
		if refused := s.transport.refused.Load(); refused > 0 {
			t.Errorf("%d calls were answered with 429", refused)
		}
	})
}

// A request on a ChatConnection is heeded once, however many threads see it before it is answered.
func TestRequestIsHeededOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newThrottledPacer(t)
		conn := newConnection("a", "default")
		objects.SetAnnotation(conn, chatv1alpha1.AnnotationReconcileRequestedAt, "now")
		s := connection.NewConnection(p.Pacer)
		s.Heed(conn)
		p.Expect(p.ask(pacing.Caller{Thread: "a"})).To(Succeed())
		p.Answered(pacing.Caller{Thread: "a"}, p.all, throttledBy(t, 86400)) //nolint:bodyclose // it has none
		s.Heed(conn)
		p.Expect(p.waits(pacing.Caller{Thread: "a"}).After).To(Equal(10 * time.Minute))
	})
}
