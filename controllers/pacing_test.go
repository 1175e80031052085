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
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
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
	pacer     *pacing.Pacer
	chats     []*acs.ChatClient
	users     []string
}

func newPacedService(t *testing.T, users int) *pacedService {
	t.Helper()
	emu := emulator.New(emulator.Options{Quotas: true})
	s := &pacedService{t: t, transport: &inProcess{handler: emu}, pacer: pacing.New(true)}
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
		paced.PerRetryPolicies = append(paced.PerRetryPolicies, s.pacer.Policy(user.ID))
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
		wait, ok := errors.AsType[*outcome.Wait](err)
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
				session := connection.NewConnection(s.pacer)
				start := time.Now()
				var running sync.WaitGroup
				for n := range threads {
					running.Go(func() {
						who := pacing.Caller{Thread: types.UID(fmt.Sprint(n))}
						ctx := pacing.WithCaller(t.Context(), who)
						insist(t, func() error {
							chosen := session.Choose(who, s.users)
							if err := s.pacer.Room(who, chosen); err != nil {
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
				least := time.Duration(threads/(10*users)-1) * pacing.ShortWindow
				if took := time.Since(start); took > least*100/95+time.Second {
					t.Errorf("took %s; the quota allows %s", took, least)
				}
			})
		})
	}
}

// However much is asked for without end, drift is looked for as well; and the other way round.
func TestPacingStarvesNobody(t *testing.T) {
	t.Parallel()
	for name, endless := range map[string]bool{"edits without end": false, "resyncs without end": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := pacing.New(true)
				all := pacing.Keys(pacing.ClassReadThread, "user", "")
				read := func(who pacing.Caller) {
					insist(t, func() error { return p.Take(who, pacing.ClassReadThread, all) })
					p.Answered(who, all, nil)
				}
				ended := make(chan struct{})
				var running sync.WaitGroup
				for n := range 500 {
					running.Go(func() {
						for {
							read(pacing.Caller{Thread: types.UID(fmt.Sprint(n)), Background: endless})
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

// An early pass finds the slot that is held for it, with the same moment; what is not needed any more is
// given back.
func TestPacingHoldsSlots(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		p := pacing.New(true)
		p.SetQuotas(map[pacing.QuotaClass][]pacing.Quota{pacing.ClassCreateThread: {{Limit: 1, Window: pacing.ShortWindow}}})
		ask := func(thread types.UID) time.Duration {
			err := p.Room(pacing.Caller{Thread: thread}, "user")
			if wait, ok := errors.AsType[*outcome.Wait](err); ok {
				g.Expect(wait.Quiet).To(Equal(wait.After <= outcome.ShownWait))
				return wait.After
			}
			return 0
		}
		g.Expect(ask("a")).To(BeZero())
		g.Expect(ask("b")).To(Equal(pacing.ShortWindow))
		g.Expect(ask("c")).To(Equal(2 * pacing.ShortWindow))
		<-time.After(3 * time.Second)
		g.Expect(ask("b")).To(Equal(pacing.ShortWindow - 3*time.Second))
		g.Expect(ask("c")).To(Equal(2*pacing.ShortWindow - 3*time.Second))
		p.Release("b")
		g.Expect(ask("d")).To(BeNumerically("<=", 3*pacing.ShortWindow))
	})
}

// What ACS refuses is obeyed, and counts.
func TestPacingObeysRetryAfter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		p := pacing.New(true)
		all := pacing.Keys(pacing.ClassDeleteThread, "user", "")
		who := pacing.Caller{Thread: "a"}
		g.Expect(p.Take(who, pacing.ClassDeleteThread, all)).To(Succeed())
		answer := httptest.NewRecorder()
		answer.Header().Set("Retry-After", "7")
		answer.WriteHeader(http.StatusTooManyRequests)
		response := answer.Result()
		response.Body = io.NopCloser(response.Body)
		response.Request = httptest.NewRequestWithContext(t.Context(), http.MethodDelete, "https://contoso.communication.azure.com/chat/threads/a", nil)
		p.Answered(who, all, response)
		wait, ok := errors.AsType[*outcome.Wait](p.Take(who, pacing.ClassDeleteThread, all))
		g.Expect(ok).To(BeTrue())
		g.Expect(wait.After).To(Equal(7 * time.Second))
		// Also once other threads need nothing any more, and no slot is left.
		<-time.After(5 * time.Second)
		p.Bucket(all[0]).Taken = nil
		p.Release(who.Thread)
		p.Release("another")
		wait, _ = errors.AsType[*outcome.Wait](p.Take(who, pacing.ClassDeleteThread, all))
		g.Expect(wait).NotTo(BeNil())
		g.Expect(wait.After).To(Equal(2 * time.Second))
	})
}

// A look for drift that waits is not told of: the thread is as it was.
func TestPacingOfDriftIsQuiet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		p := pacing.New(true)
		p.SetQuotas(map[pacing.QuotaClass][]pacing.Quota{pacing.ClassReadThread: {{Limit: 2, Window: pacing.ShortWindow}}})
		all := pacing.Keys(pacing.ClassReadThread, "user", "")
		g.Expect(p.Take(pacing.Caller{Thread: "a", Background: true}, pacing.ClassReadThread, all)).To(Succeed())
		wait, ok := errors.AsType[*outcome.Wait](p.Take(pacing.Caller{Thread: "b", Background: true}, pacing.ClassReadThread, all))
		g.Expect(ok).To(BeTrue())
		g.Expect(wait.After).To(Equal(pacing.ShortWindow))
		g.Expect(wait.Quiet).To(BeTrue())
		g.Expect(p.Take(pacing.Caller{Thread: "c"}, pacing.ClassReadThread, all)).To(Succeed(), "what was asked for has the rest of the budget")
		wait, _ = errors.AsType[*outcome.Wait](p.Take(pacing.Caller{Thread: "d"}, pacing.ClassReadThread, all))
		g.Expect(wait.Quiet).To(BeFalse())
	})
}

// The spec of a connection replaces the documented limits, and turning pacing off lifts them.
func TestQuotasOfConnection(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	minute := int32(7)
	quotas := pacing.QuotasFor(&chatv1alpha1.Quotas{ChangeMembers: &chatv1alpha1.Quota{Per10s: 3, PerMinute: &minute}, ReadThread: &chatv1alpha1.Quota{Per10s: 500}})
	g.Expect(quotas[pacing.ClassChangeMembers]).To(Equal([]pacing.Quota{{Limit: 3, Window: pacing.ShortWindow}, {Limit: 7, Window: pacing.LongWindow}}))
	g.Expect(quotas[pacing.ClassReadThread]).To(Equal([]pacing.Quota{{Limit: 500, Window: pacing.ShortWindow}}))
	g.Expect(quotas[pacing.ClassCreateThread]).To(Equal(pacing.DocumentedQuotas[pacing.ClassCreateThread]))
	off := pacing.New(false)
	for range 100 {
		g.Expect(off.Room(pacing.Caller{Thread: "a"}, "user")).To(Succeed())
	}
}
