// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

// throttledBy is a 429 with a Retry-After of some seconds.
func throttledBy(t *testing.T, seconds int) *http.Response {
	t.Helper()
	answer := httptest.NewRecorder()
	answer.Header().Set("Retry-After", fmt.Sprint(seconds))
	answer.WriteHeader(http.StatusTooManyRequests)
	response := answer.Result()
	response.Request = httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://contoso.communication.azure.com/chat/threads/a", nil)
	return response
}

// throttledPacer is a pacer after a 429 that asks for a wait of a day.
type throttledPacer struct {
	*WithT
	*pacing.Pacer
	t   *testing.T
	all []pacing.BucketKey
}

func newThrottledPacer(t *testing.T) *throttledPacer {
	t.Helper()
	p := &throttledPacer{WithT: NewWithT(t), Pacer: pacing.New(true), t: t, all: pacing.Keys(pacing.ClassReadThread, "user", "")}
	p.Expect(p.ask(pacing.Caller{Thread: "a"})).To(Succeed())
	p.Answered(pacing.Caller{Thread: "a"}, p.all, throttledBy(t, 86400)) //nolint:bodyclose // it has none
	return p
}

func (p *throttledPacer) ask(who pacing.Caller) error {
	return p.Take(who, pacing.ClassReadThread, p.all)
}

// waits asks for a call that has to wait.
func (p *throttledPacer) waits(who pacing.Caller) *outcome.Wait {
	p.t.Helper()
	wait, ok := errors.AsType[*outcome.Wait](p.ask(who))
	p.Expect(ok).To(BeTrue(), "the call was let through")
	return wait
}

// Whatever ACS asks for, after ten minutes one call tries; the others wait until it is answered.
func TestOneCallTriesAfterALongWait(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer *http.Response
		then   func(p *throttledPacer)
	}{
		"ACS takes calls again": {&http.Response{StatusCode: http.StatusOK}, func(p *throttledPacer) {
			p.Expect(p.ask(pacing.Caller{Thread: "b"})).To(Succeed())
			p.Expect(p.ask(pacing.Caller{Thread: "c"})).To(Succeed())
		}},
		"ACS still refuses": {throttledBy(t, 86400), func(p *throttledPacer) { //nolint:bodyclose // it has none
			p.Expect(p.waits(pacing.Caller{Thread: "b"}).After).To(Equal(10 * time.Minute))
		}},
		"no answer comes": {nil, func(p *throttledPacer) {
			p.Expect(p.ask(pacing.Caller{Thread: "b"})).To(Succeed())
			p.Expect(p.waits(pacing.Caller{Thread: "c"}).Quiet).To(BeTrue())
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newThrottledPacer(t)
				end := time.Now().Add(10 * time.Minute)
				wait := p.waits(pacing.Caller{Thread: "b"})
				p.Expect(wait.Reason).To(Equal(chatv1alpha1.ReasonThrottled))
				p.Expect(wait.Message).To(ContainSubstring("goes on at " + end.UTC().Format(time.RFC3339)))
				p.Expect(wait.Quiet).To(BeFalse())
				<-time.After(wait.After)
				p.Expect(p.ask(pacing.Caller{Thread: "a"})).To(Succeed())
				other := p.waits(pacing.Caller{Thread: "b"})
				p.Expect(other.After).To(And(BeNumerically(">", 0), BeNumerically("<=", time.Second)))
				p.Expect(other.Quiet).To(BeTrue())
				p.Answered(pacing.Caller{Thread: "a"}, p.all, c.answer)
				c.then(p)
			})
		})
	}
}

// A call that never ends does not keep the others waiting.
func TestTryThatNeverEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newThrottledPacer(t)
		<-time.After(10 * time.Minute)
		p.Expect(p.ask(pacing.Caller{Thread: "a"})).To(Succeed())
		<-time.After(pacing.LongestCall)
		p.Expect(p.ask(pacing.Caller{Thread: "b"})).To(Succeed())
	})
}

// What looks for drift says that it cannot, once that takes longer than a resync.
func TestLongWaitOfDriftIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newThrottledPacer(t)
		p.Expect(p.waits(pacing.Caller{Thread: "b", Background: true, Patience: time.Minute}).Quiet).To(BeFalse())
		p.Expect(p.waits(pacing.Caller{Thread: "c", Background: true, Patience: time.Hour}).Quiet).To(BeTrue())
		// It stands in line behind others, and waits for ACS all the same.
		p.SetQuotas(map[pacing.QuotaClass][]pacing.Quota{pacing.ClassReadThread: {{Limit: 1, Window: pacing.ShortWindow}}})
		p.Answered(pacing.Caller{Thread: "a"}, p.all, throttledBy(t, 86400)) //nolint:bodyclose // it has none
		_ = p.waits(pacing.Caller{Thread: "d"})
		p.Expect(p.waits(pacing.Caller{Thread: "e", Background: true, Patience: time.Minute}).Quiet).To(BeFalse())
	})
}

// New quotas and requests end the wait: one call tries at once.
func TestWaitEndsWhenAsked(t *testing.T) {
	t.Parallel()
	for name, ask := range map[string]func(*connection.Connection){
		"new quotas": func(s *connection.Connection) {
			s.Pacer.SetQuotas(map[pacing.QuotaClass][]pacing.Quota{pacing.ClassReadThread: {{Limit: 40, Window: pacing.ShortWindow}}})
		},
		"a request on the ChatThread": func(s *connection.Connection) {
			thread := &chatv1alpha1.ChatThread{}
			objects.SetAnnotation(thread, chatv1alpha1.AnnotationReconcileRequestedAt, "now")
			_, err := situation{run: run{thread: thread, before: thread.DeepCopy(), memory: &threadMemory{}}, link: link{session: s}}.enter()
			if err != nil {
				panic(err)
			}
		},
		"a request on the ChatConnection": func(s *connection.Connection) {
			conn := newConnection("a", "default")
			objects.SetAnnotation(conn, chatv1alpha1.AnnotationReconcileRequestedAt, "now")
			s.Heed(conn)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newThrottledPacer(t)
				_ = p.waits(pacing.Caller{Thread: "a"})
				_ = p.waits(pacing.Caller{Thread: "b"})
				ask(connection.NewConnection(p.Pacer))
				p.Expect(p.ask(pacing.Caller{Thread: "b"})).To(Succeed())
				p.Expect(p.waits(pacing.Caller{Thread: "a"}).Quiet).To(BeTrue())
			})
		})
	}
}

// Who was refused and who waits behind it tell the same moment. Where ACS asks for short waits again and again,
// nobody names one: the status would be written each time.
func TestThrottledMessages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		seconds := 600
		transport := &http.Client{Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
			response := throttledBy(t, seconds)
			response.Request = req
			return response, nil
		})}
		found := connection.NewConnection(pacing.New(true))
		chat, err := acs.NewChatClient("https://contoso.communication.azure.com", acs.NewStaticUserCredential("token"),
			connection.ClientOptions(transport, time.Second, found, found.Pacer.Policy("user")))
		g.Expect(err).NotTo(HaveOccurred())
		read := func(thread string) string {
			_, err := chat.ThreadClient(thread).GetProperties(pacing.WithCaller(t.Context(), pacing.Caller{Thread: "a"}), nil)
			return outcome.Classify(outcome.CallFailed("read the thread", err)).Message
		}
		<-time.After(999 * time.Millisecond)
		first := read("a")
		g.Expect(first).To(ContainSubstring("goes on at "))
		<-time.After(time.Minute)
		g.Expect(read("b")).To(Equal(first))
		<-time.After(20 * time.Minute)
		seconds = 20
		g.Expect(read("a")).To(And(ContainSubstring("goes on at "), Not(Equal(first))))
		for range 3 {
			<-time.After(20 * time.Second)
			g.Expect(read("a")).To(ContainSubstring("goes on when it allows"))
			g.Expect(read("b")).To(ContainSubstring("goes on when it allows"))
		}
	})
}
