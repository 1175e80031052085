// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/acstest"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

// service answers calls of two connections to one endpoint, in fake time.
type service struct {
	*WithT
	t *testing.T
	// takes is how long it takes to answer; a call is canceled before that if it has less time.
	takes         atomic.Int64
	calls         atomic.Int32
	first, second *Connection
	chat          *acs.ChatClient
	identity      *acs.IdentityClient
}

func newService(t *testing.T) *service {
	t.Helper()
	s := &service{WithT: NewWithT(t), t: t, first: NewConnection(pacing.New(true)), second: NewConnection(pacing.New(true))}
	transport := &http.Client{Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
		s.calls.Add(1)
		if err := acstest.Delay(req.Context(), time.Duration(s.takes.Load())); err != nil {
			return nil, err
		}
		return &http.Response{StatusCode: http.StatusForbidden, Header: http.Header{"Ms-Cv": {"a"}}, Body: http.NoBody, Request: req}, nil
	})}
	s.second.endpoint = s.first.ownEndpoint()
	const url = "https://contoso.communication.azure.com"
	var err error
	s.chat, err = acs.NewChatClient(url, acs.NewStaticUserCredential("token"),
		ClientOptions(transport, 10*time.Second, s.first, s.first.Pacer.Policy("user")))
	s.Expect(err).NotTo(HaveOccurred())
	s.identity, err = acs.NewIdentityClientFromConnectionString("endpoint="+url+"/;accesskey=a2V5", ClientOptions(transport, 10*time.Second, s.second))
	s.Expect(err).NotTo(HaveOccurred())
	return s
}

// read reads a thread, and counts the tries.
func (s *service) read(ctx context.Context) (tries int32, err error) {
	counted, sent := pacing.WithAttempts(ctx)
	_, err = s.chat.ThreadClient("19:a").GetProperties(counted, nil)
	return int32(sent.Count), err //nolint:gosec // a few
}

func (s *service) issue(ctx context.Context) error {
	_, err := s.identity.IssueToken(ctx, "8:acs:a", []acs.TokenScope{acs.ScopeChat}, nil)
	return err
}

// While an endpoint does not answer, one call at a time probes it, of any connection and kind. The
// others are not sent. An answer opens it for all.
func TestOneCallProbesAnEndpoint(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.takes.Store(int64(time.Minute))
		tries, err := s.read(t.Context())
		s.Expect(errors.Is(err, context.DeadlineExceeded)).To(BeTrue(), "%v", err)
		s.Expect(tries).To(Equal(int32(2)))
		s.calls.Store(0)
		var running sync.WaitGroup
		var refused atomic.Int32
		for range 20 {
			running.Go(func() {
				tries, err := s.read(t.Context())
				if errors.Is(err, ErrAwaitsProbe) && tries == 0 {
					refused.Add(1)
				}
			})
			running.Go(func() {
				if errors.Is(s.issue(t.Context()), ErrAwaitsProbe) {
					refused.Add(1)
				}
			})
		}
		synctest.Wait()
		s.Expect(s.calls.Load()).To(Equal(int32(1)))
		s.Expect(refused.Load()).To(Equal(int32(39)))
		for _, found := range []*Connection{s.first, s.second} {
			o := outcome.Classify(found.Enter(t.Context()))
			s.Expect(o.Reason).To(Equal(chatv1alpha1.ReasonServiceUnavailable))
			s.Expect(o.Message).To(Equal("ACS does not answer; the operator tries again."))
			s.Expect(o.After).To(Equal(5 * time.Second))
		}
		running.Wait()
		s.takes.Store(0)
		s.Expect(acs.HasStatus(s.issue(t.Context()), http.StatusForbidden)).To(BeTrue())
		s.Expect(s.first.Enter(t.Context())).To(Succeed())
		for range 20 {
			running.Go(func() {
				if _, err := s.read(t.Context()); !acs.HasStatus(err, http.StatusForbidden) {
					t.Error(err)
				}
			})
		}
		running.Wait()
	})
}

// A call whose second try finds a probe under way ends as its first try did: something may have
// been done.
func TestRetryBehindAProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.takes.Store(int64(time.Minute))
		var running sync.WaitGroup
		var sent atomic.Int32
		for range 4 {
			running.Go(func() {
				tries, err := s.read(t.Context())
				sent.Add(tries)
				if errors.Is(err, ErrAwaitsProbe) || !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
			})
		}
		running.Wait()
		s.Expect(sent.Load()).To(Equal(int32(5)), "all tries were sent, and one retry")
	})
}

// A probe without room for its call, or that is called off, lets another one probe.
func TestProbeThatIsNotSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.takes.Store(int64(time.Minute))
		s.first.Pacer.SetQuotas(pacing.QuotasFor(&chatv1alpha1.Quotas{ReadThread: &chatv1alpha1.Quota{Per10s: 1}}))
		_, err := s.read(t.Context())
		s.Expect(err).To(HaveOccurred())
		_, err = s.read(t.Context())
		s.Expect(outcome.Classify(err).Reason).To(Equal(chatv1alpha1.ReasonWaitingForQuota))
		s.Expect(s.second.Enter(t.Context())).To(Succeed())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		cancel()
		s.Expect(s.issue(ctx)).To(MatchError(context.Canceled))
		s.Expect(s.second.Enter(t.Context())).To(Succeed())
		s.takes.Store(0)
		s.Expect(acs.HasStatus(s.issue(t.Context()), http.StatusForbidden)).To(BeTrue())
	})
}

// An endpoint is slow as soon as a call takes more than a second, and for a while after that.
func TestSlowEndpoint(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		at := s.first.ownEndpoint()
		isSlow := func(want bool) {
			t.Helper()
			s.Expect(at.isSlow(time.Now())).To(Equal(want))
		}
		s.takes.Store(int64(time.Second))
		s.Expect(acs.HasStatus(s.issue(t.Context()), http.StatusForbidden)).To(BeTrue())
		isSlow(false)
		s.takes.Store(int64(9 * time.Second))
		var running sync.WaitGroup
		running.Go(func() { _ = s.issue(t.Context()) })
		<-time.After(time.Second)
		isSlow(false)
		<-time.After(time.Millisecond)
		isSlow(true)
		running.Wait()
		<-time.After(slowMemory - time.Millisecond)
		isSlow(true)
		<-time.After(time.Millisecond)
		isSlow(false)
	})
}
