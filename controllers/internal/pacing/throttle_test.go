// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package pacing_test

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

const day = 86400

// throttled is a user that must wait for a day by an answer of ACS.
type throttled struct {
	*WithT
	*user
	pacer *pacing.Pacer
}

func newThrottled(t *testing.T) *throttled {
	t.Helper()
	p := pacing.New(true)
	u := &throttled{NewWithT(t), newUser(t, p), p}
	_ = u.refuse(day)
	return u
}

// refuse has ACS refuse a call.
func (u *throttled) refuse(seconds int) *outcome.Wait {
	u.tb.Helper()
	sent := false
	restore := u.answerWith(func() reply {
		sent = true
		return reply{status: http.StatusTooManyRequests, after: seconds}
	})
	defer restore()
	wait := waitOf(u.ask("a"))
	u.Expect(sent).To(BeTrue(), "the call has no room")
	return wait
}

func (u *throttled) ask(name string) error { return u.read(nameless(name)) }

// waits asks for a call that has to wait.
func (u *throttled) waits(who pacing.Caller) *outcome.Wait {
	u.tb.Helper()
	wait := waitOf(u.read(who))
	u.Expect(wait).NotTo(BeNil(), "the call was let through")
	return wait
}

// ACS is obeyed, and its refusal counts.
func TestRetryAfterIsObeyed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := pacing.New(true)
		u := &throttled{NewWithT(t), newUser(t, p), p}
		u.Expect(u.refuse(7).After).To(Equal(7 * time.Second))
		u.Expect(u.waits(nameless("a")).After).To(Equal(7 * time.Second))
		// Also when other threads need nothing any more.
		<-time.After(5 * time.Second)
		p.Release(nameless("a").Thread)
		p.Release("another")
		u.Expect(u.waits(nameless("a")).After).To(Equal(2 * time.Second))
		<-time.After(2 * time.Second)
		u.Expect(u.ask("a")).To(Succeed())
		u.Expect(roomFor(u.user, false, 100)).To(Equal(48))
	})
}

// Even if ACS asks for a longer wait, one call tries after ten minutes; the others wait for its
// answer.
func TestOneCallTriesAfterALongWait(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer reply
		then   func(u *throttled)
	}{
		"ACS takes calls again": {answer: ok, then: func(u *throttled) {
			u.Expect(u.ask("b")).To(Succeed())
			u.Expect(u.ask("c")).To(Succeed())
		}},
		"ACS still refuses": {answer: reply{status: http.StatusTooManyRequests, after: day}, then: func(u *throttled) {
			u.Expect(u.waits(nameless("b")).After).To(Equal(10 * time.Minute))
		}},
		"no answer comes": {answer: reply{err: errors.New("connection reset by peer")}, then: func(u *throttled) {
			end := u.begin(nameless("b"))
			u.Expect(u.waits(nameless("c")).Quiet).To(BeTrue())
			end(ok)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				u := newThrottled(t)
				until := time.Now().Add(10 * time.Minute)
				wait := u.waits(nameless("b"))
				u.Expect(wait.Reason).To(Equal(chatv1alpha1.ReasonThrottled))
				u.Expect(wait.Message).To(ContainSubstring("continues at " + until.UTC().Format(time.RFC3339)))
				u.Expect(wait.Quiet).To(BeFalse())
				<-time.After(wait.After)
				end := u.begin(nameless("a"))
				other := u.waits(nameless("b"))
				u.Expect(other.After).To(And(BeNumerically(">", 0), BeNumerically("<=", time.Second)))
				u.Expect(other.Quiet).To(BeTrue())
				end(c.answer)
				c.then(u)
			})
		})
	}
}

// A try without an end does not keep the others waiting.
func TestTryWithoutAnEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		u := newThrottled(t)
		<-time.After(10 * time.Minute)
		end := u.begin(nameless("a"))
		u.Expect(u.waits(nameless("b")).Quiet).To(BeTrue())
		<-time.After(time.Minute)
		u.Expect(u.ask("b")).To(Succeed())
		end(ok)
	})
}

// A thread that looks for drift shows that it cannot, once that takes longer than a resync.
func TestLongWaitOfDriftIsShown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		u := newThrottled(t)
		u.Expect(u.waits(pacing.Caller{Thread: "b", Background: true, Patience: time.Minute}).Quiet).To(BeFalse())
		u.Expect(u.waits(pacing.Caller{Thread: "c", Background: true, Patience: time.Hour}).Quiet).To(BeTrue())
		// It stands in line behind others, and waits for ACS all the same.
		u.pacer.SetQuotas(reads(1))
		<-time.After(pacing.ShortWindow)
		_ = u.refuse(day)
		_ = u.waits(pacing.Caller{Thread: "d"})
		u.Expect(u.waits(pacing.Caller{Thread: "e", Background: true, Patience: time.Minute}).Quiet).To(BeFalse())
	})
}

// requested is a ChatConnection with a request.
func requested() *chatv1alpha1.ChatConnection {
	return &chatv1alpha1.ChatConnection{ObjectMeta: metav1.ObjectMeta{
		Annotations: map[string]string{chatv1alpha1.AnnotationReconcileRequestedAt: "now"},
	}}
}

// New quotas and requests end the wait: one call tries at once.
func TestWaitEndsWhenAsked(t *testing.T) {
	t.Parallel()
	for name, ask := range map[string]func(*connection.Connection){
		"new quotas":                      func(s *connection.Connection) { s.Pacer.SetQuotas(reads(40)) },
		"a request on the ChatThread":     func(s *connection.Connection) { s.TryAtOnce() },
		"a request on the ChatConnection": func(s *connection.Connection) { s.Heed(requested()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				u := newThrottled(t)
				_ = u.waits(nameless("a"))
				_ = u.waits(nameless("b"))
				ask(connection.NewConnection(u.pacer))
				// The thread that asks tries, even if another one is next in turn.
				end := u.begin(nameless("b"))
				u.Expect(u.waits(nameless("a")).Quiet).To(BeTrue())
				end(ok)
				u.Expect(u.ask("a")).To(Succeed())
			})
		})
	}
}

// A request on a ChatConnection is heeded once, however many threads see it before it is answered.
func TestRequestIsHeededOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		u := newThrottled(t)
		s := connection.NewConnection(u.pacer)
		s.Heed(requested())
		_ = u.refuse(day)
		s.Heed(requested())
		u.Expect(u.waits(nameless("a")).After).To(Equal(10 * time.Minute))
	})
}

// The thread that was refused and those behind it show the same moment. If ACS asks for short waits
// again and again, none shows one: the status would be written each time.
func TestThrottledMessages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		seconds := 600
		transport := &http.Client{Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
			return reply{status: http.StatusTooManyRequests, after: seconds}.response(req)
		})}
		found := connection.NewConnection(pacing.New(true))
		chat, err := acs.NewChatClient(endpoint, acs.NewStaticUserCredential("token"),
			connection.ClientOptions(transport, time.Second, found, found.Pacer.Policy("user")))
		g.Expect(err).NotTo(HaveOccurred())
		read := func(thread string) string {
			_, err := chat.ThreadClient(thread).GetProperties(pacing.WithCaller(t.Context(), pacing.Caller{Thread: "a"}), nil)
			return outcome.Classify(outcome.CallFailed("read the thread", err)).Message
		}
		<-time.After(999 * time.Millisecond)
		first := read("a")
		g.Expect(first).To(ContainSubstring("continues at "))
		<-time.After(time.Minute)
		g.Expect(read("b")).To(Equal(first))
		<-time.After(20 * time.Minute)
		seconds = 20
		g.Expect(read("a")).To(And(ContainSubstring("continues at "), Not(Equal(first))))
		for range 3 {
			<-time.After(20 * time.Second)
			g.Expect(read("a")).To(ContainSubstring("continues when it allows"))
			g.Expect(read("b")).To(ContainSubstring("continues when it allows"))
		}
	})
}
