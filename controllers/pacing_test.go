// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// inProcess calls the emulator without a socket, so that time can be moved.
type inProcess struct {
	handler http.Handler
	refused atomic.Int32
}

func (p *inProcess) Do(req *http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	served := req.Clone(req.Context())
	served.RequestURI = req.URL.RequestURI()
	if served.Body == nil {
		served.Body = http.NoBody
	}
	p.handler.ServeHTTP(recorder, served)
	response := recorder.Result()
	response.Request = req
	if response.StatusCode == http.StatusTooManyRequests {
		p.refused.Add(1)
	}
	return response, nil
}

// pacedService is a service with quotas, and users whose calls are paced.
type pacedService struct {
	t         *testing.T
	transport *inProcess
	pacer     *pacer
	chats     []*acs.ChatClient
	users     []string
}

func newPacedService(t *testing.T, users int) *pacedService {
	t.Helper()
	emu := emulator.New(emulator.Options{Quotas: true})
	s := &pacedService{t: t, transport: &inProcess{handler: emu}, pacer: newPacer(true)}
	const endpoint = "https://contoso.communication.azure.com"
	options := &acs.ClientOptions{ClientOptions: azcore.ClientOptions{Transport: s.transport}}
	identity, err := acs.NewIdentityClientFromConnectionString(emu.ConnectionString(endpoint), options)
	if err != nil {
		t.Fatal(err)
	}
	for range users {
		user, err := identity.CreateUser(t.Context(), &acs.CreateUserOptions{TokenScopes: []acs.TokenScope{acs.ScopeChat}})
		if err != nil {
			t.Fatal(err)
		}
		paced := &acs.ClientOptions{ClientOptions: azcore.ClientOptions{Transport: s.transport}}
		paced.PerRetryPolicies = append(paced.PerRetryPolicies, s.pacer.policy(user.ID))
		credential := acs.NewUserCredential(func(ctx context.Context) (acs.AccessToken, error) {
			issued, err := identity.IssueToken(ctx, user.ID, []acs.TokenScope{acs.ScopeChat}, nil)
			return issued.AccessToken, err
		}, &acs.UserCredentialOptions{Token: user.Token})
		chat, err := acs.NewChatClient(endpoint, credential, paced)
		if err != nil {
			t.Fatal(err)
		}
		s.chats, s.users = append(s.chats, chat), append(s.users, user.ID)
	}
	return s
}

// insist repeats a call whenever its slot has come, as the work queue does.
func insist(t *testing.T, call func() error) {
	t.Helper()
	for {
		err := call()
		if err == nil {
			return
		}
		wait, ok := errors.AsType[*outcome.WaitError](err)
		if !ok {
			t.Error(err)
			return
		}
		<-time.After(wait.After)
	}
}

// 600 threads are created without one 429, and the budget is used to the full.
func TestPacingOfCreates(t *testing.T) {
	t.Parallel()
	for _, users := range []int{1, 10} {
		t.Run(fmt.Sprintf("%d users", users), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const threads = 600
				s := newPacedService(t, users)
				session := newSession(s.pacer)
				start := time.Now()
				var running sync.WaitGroup
				for n := range threads {
					running.Go(func() {
						who := pass{thread: types.UID(fmt.Sprint(n))}
						ctx := withPass(t.Context(), who)
						insist(t, func() error {
							chosen := session.chooseUser(who, s.users)
							if err := s.pacer.holdCreate(who, chosen); err != nil {
								return err
							}
							for i, user := range s.users {
								if user == chosen {
									_, err := s.chats[i].CreateThread(ctx, "paced", nil)
									return err
								}
							}
							return nil
						})
					})
				}
				running.Wait()
				if refused := s.transport.refused.Load(); refused > 0 {
					t.Errorf("%d calls were answered with 429", refused)
				}
				// The first window is a burst: after it, 10 a user in any 10 seconds.
				least := time.Duration(threads/(10*users)-1) * shortWindow
				if took := time.Since(start); took > least*100/95+time.Second {
					t.Errorf("took %s; the quota allows %s", took, least)
				}
			})
		})
	}
}

// Who looks for drift leaves room for who was edited.
func TestPacingLetsEditsOvertake(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newPacedService(t, 1)
		made, err := s.chats[0].CreateThread(withPass(t.Context(), pass{thread: "edited"}), "read", nil)
		if err != nil {
			t.Fatal(err)
		}
		read := func(who pass) error {
			_, err := s.chats[0].ThreadClient(made.Thread.ID).GetProperties(withPass(t.Context(), who), nil)
			return err
		}
		var running sync.WaitGroup
		for n := range 300 {
			running.Go(func() {
				insist(t, func() error { return read(pass{thread: types.UID(fmt.Sprint(n)), background: true}) })
			})
		}
		synctest.Wait()
		for range 5 {
			start := time.Now()
			insist(t, func() error { return read(pass{thread: "edited"}) })
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

// However much is asked for without end, drift is looked for as well; and the other way round.
func TestPacingStarvesNobody(t *testing.T) {
	t.Parallel()
	for name, endless := range map[string]bool{"edits without end": false, "resyncs without end": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPacer(true)
				all := keys(classReadThread, "user", "")
				read := func(who pass) {
					insist(t, func() error { return p.take(who, classReadThread, all) })
					p.answered(who, all, nil)
				}
				ended := make(chan struct{})
				var running sync.WaitGroup
				for n := range 500 {
					running.Go(func() {
						for {
							read(pass{thread: types.UID(fmt.Sprint(n)), background: endless})
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
					few.Go(func() { read(pass{thread: types.UID(fmt.Sprint("few ", n)), background: !endless}) })
				}
				few.Wait()
				if took := time.Since(start); took > 4*shortWindow {
					t.Errorf("30 reads took %s; a fifth of the quota allows 10 in %s", took, shortWindow)
				}
				close(ended)
				running.Wait()
			})
		})
	}
}

// A thread that waits to be looked at for drift waits no longer once it is edited.
func TestPacingOfAnEditAmidResyncs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		p := newPacer(true)
		all := keys(classReadThread, "user", "")
		wait := func(who pass) time.Duration {
			err, _ := errors.AsType[*outcome.WaitError](p.take(who, classReadThread, all))
			if err == nil {
				return 0
			}
			return err.After
		}
		for n := range 40 {
			g.Expect(wait(pass{thread: types.UID(fmt.Sprint("read ", n)), background: true})).To(BeZero())
			p.answered(pass{background: true}, all, nil)
		}
		for n := range 80 {
			wait(pass{thread: types.UID(fmt.Sprint("waits ", n)), background: true})
		}
		edited := pass{thread: "edited", background: true}
		g.Expect(wait(edited)).To(Equal(3 * shortWindow))
		g.Expect(wait(edited)).To(Equal(3*shortWindow), "an early pass finds its slot")
		edited.background = false
		g.Expect(wait(edited)).To(BeZero())
		g.Expect(p.bucket(all[0]).waiting).To(HaveLen(80), "the slot that it had is given back")
	})
}

// An early pass finds the slot that is held for it, with the same moment; what is not needed any more is
// given back.
func TestPacingHoldsSlots(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		p := newPacer(true)
		p.limit(map[quotaClass][]quota{classCreateThread: {{1, shortWindow}}})
		ask := func(thread types.UID) time.Duration {
			err := p.holdCreate(pass{thread: thread}, "user")
			if wait, ok := errors.AsType[*outcome.WaitError](err); ok {
				g.Expect(wait.Quiet).To(Equal(wait.After <= outcome.ShownWait))
				return wait.After
			}
			return 0
		}
		g.Expect(ask("a")).To(BeZero())
		g.Expect(ask("b")).To(Equal(shortWindow))
		g.Expect(ask("c")).To(Equal(2 * shortWindow))
		<-time.After(3 * time.Second)
		g.Expect(ask("b")).To(Equal(shortWindow - 3*time.Second))
		g.Expect(ask("c")).To(Equal(2*shortWindow - 3*time.Second))
		p.giveBack("b")
		g.Expect(ask("d")).To(BeNumerically("<=", 3*shortWindow))
	})
}

// Who waits for a slot chooses anew where there are more users, in the order in which they came; who may have
// sent a create keeps its user and its slot.
func TestWaitersChooseAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		p := newPacer(true)
		p.limit(map[quotaClass][]quota{classCreateThread: {{1, shortWindow}}})
		found := newSession(p)
		ask := func(n int, pool ...string) (user string, wait time.Duration) {
			who := pass{thread: types.UID(fmt.Sprint(n))}
			user = found.chooseUser(who, pool)
			if asked, ok := errors.AsType[*outcome.WaitError](p.holdCreate(who, user)); ok {
				return user, asked.After
			}
			g.Expect(p.take(who, classCreateThread, keys(classCreateThread, user, ""))).To(Succeed())
			return user, 0
		}
		for n := range 8 {
			_, wait := ask(n, "a")
			g.Expect(wait).To(Equal(time.Duration(n) * shortWindow))
		}
		found.assign("3", "a")
		var waits []time.Duration
		for _, n := range []int{7, 6, 5, 4, 2, 1} {
			_, wait := ask(n, "a", "b", "c")
			waits = append(waits, wait)
		}
		g.Expect(waits).To(Equal([]time.Duration{2 * shortWindow, 2 * shortWindow, shortWindow, shortWindow, 0, 0}))
		user, wait := ask(3, "a", "b", "c")
		g.Expect(user).To(Equal("a"))
		g.Expect(wait).To(Equal(3 * shortWindow))
	})
}

// What ACS refuses is obeyed, and counts.
func TestPacingObeysRetryAfter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		p := newPacer(true)
		all := keys(classDeleteThread, "user", "")
		who := pass{thread: "a"}
		g.Expect(p.take(who, classDeleteThread, all)).To(Succeed())
		answer := httptest.NewRecorder()
		answer.Header().Set("Retry-After", "7")
		answer.WriteHeader(http.StatusTooManyRequests)
		response := answer.Result()
		response.Body = io.NopCloser(response.Body)
		response.Request = httptest.NewRequestWithContext(t.Context(), http.MethodDelete, "https://contoso.communication.azure.com/chat/threads/a", nil)
		p.answered(who, all, response)
		wait, ok := errors.AsType[*outcome.WaitError](p.take(who, classDeleteThread, all))
		g.Expect(ok).To(BeTrue())
		g.Expect(wait.After).To(Equal(7 * time.Second))
		// Also once other threads need nothing any more, and no slot is left.
		<-time.After(5 * time.Second)
		p.bucket(all[0]).taken = nil
		p.giveBack(who.thread)
		p.giveBack("another")
		wait, _ = errors.AsType[*outcome.WaitError](p.take(who, classDeleteThread, all))
		g.Expect(wait).NotTo(BeNil())
		g.Expect(wait.After).To(Equal(2 * time.Second))
	})
}

// A look for drift that waits is not told of: the thread is as it was.
func TestPacingOfDriftIsQuiet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		p := newPacer(true)
		p.limit(map[quotaClass][]quota{classReadThread: {{2, shortWindow}}})
		all := keys(classReadThread, "user", "")
		g.Expect(p.take(pass{thread: "a", background: true}, classReadThread, all)).To(Succeed())
		wait, ok := errors.AsType[*outcome.WaitError](p.take(pass{thread: "b", background: true}, classReadThread, all))
		g.Expect(ok).To(BeTrue())
		g.Expect(wait.After).To(Equal(shortWindow))
		g.Expect(wait.Quiet).To(BeTrue())
		g.Expect(p.take(pass{thread: "c"}, classReadThread, all)).To(Succeed(), "what was asked for has the rest of the budget")
		wait, _ = errors.AsType[*outcome.WaitError](p.take(pass{thread: "d"}, classReadThread, all))
		g.Expect(wait.Quiet).To(BeFalse())
	})
}

// More threads than the read quota allows stretch the resync.
func TestResyncStretch(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	found := newSession(newPacer(true))
	for n := range 6000 {
		found.assign(types.UID(fmt.Sprint(n)), "user")
	}
	floor := found.resyncFloor("user")
	g.Expect(floor).To(Equal(6000 * shortWindow * 10 / 9 / 40))
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

// The spec of a connection replaces the documented limits, and turning pacing off lifts them.
func TestQuotasOfConnection(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	minute := int32(7)
	quotas := quotasOf(&chatv1alpha1.Quotas{ChangeMembers: &chatv1alpha1.Quota{Per10s: 3, PerMinute: &minute}, ReadThread: &chatv1alpha1.Quota{Per10s: 500}})
	g.Expect(quotas[classChangeMembers]).To(Equal([]quota{{3, shortWindow}, {7, longWindow}}))
	g.Expect(quotas[classReadThread]).To(Equal([]quota{{500, shortWindow}}))
	g.Expect(quotas[classCreateThread]).To(Equal(documentedQuotas[classCreateThread]))
	off := newPacer(false)
	for range 100 {
		g.Expect(off.holdCreate(pass{thread: "a"}, "user")).To(Succeed())
	}
}

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
			if _, reason := readyReason(thread); reason == chatv1alpha1.ReasonWaitingForQuota {
				waiting = thread
			}
		}
		return waiting != nil
	}).Should(BeTrue())
	w.Expect(hasFinalizer(waiting)).To(BeFalse())
	told := readyMessageOf(waiting)
	w.Expect(told).To(ContainSubstring("room again at 20"))
	edit(w, waiting, func(o *chatv1alpha1.ChatThread) {
		setAnnotation(o, chatv1alpha1.AnnotationReconcileRequestedAt, "early")
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
