// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package pacing_test

import (
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

// woken is a pacer with one read in 10 seconds, which notes the threads that it wakes.
type woken struct {
	*WithT
	*user
	pacer *pacing.Pacer
	mu    sync.Mutex
	names []string
}

func newWoken(t *testing.T) *woken {
	t.Helper()
	p := pacing.New(true)
	p.SetQuotas(reads(1))
	w := &woken{WithT: NewWithT(t), user: newUser(t, p), pacer: p}
	p.Wake = func(key types.NamespacedName) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.names = append(w.names, key.Name)
	}
	return w
}

// expect checks which threads were woken since the last call.
func (w *woken) expect(names ...string) {
	w.tb.Helper()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.Expect(w.names).To(HaveExactElements(anys(names)...))
	w.names = nil
}

func anys(names []string) []any {
	all := make([]any, 0, len(names))
	for _, name := range names {
		all = append(all, name)
	}
	return all
}

// A thread is woken when it has a slot, and not before.
func TestThreadsAreWokenInTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWoken(t)
		w.Expect(w.read(caller("a"))).To(Succeed())
		first, second := waitOf(w.read(caller("b"))), waitOf(w.read(caller("c")))
		w.Expect(first.After).To(BeNumerically(">", pacing.ShortWindow), "the reconcile without a wake is a fall-back")
		w.Expect(second.After).To(BeNumerically(">", 2*pacing.ShortWindow))
		<-time.After(pacing.ShortWindow - time.Nanosecond)
		w.expect()
		<-time.After(time.Nanosecond)
		w.expect("b")
		w.Expect(w.read(caller("c"))).NotTo(Succeed(), "the slot is that of b")
		w.Expect(w.read(caller("b"))).To(Succeed())
		w.expect()
		<-time.After(pacing.ShortWindow)
		w.expect("c")
	})
}

// A thread that comes late to its moment keeps its slot for 30 seconds. Then the next one has it,
// and the late one comes first when it asks.
func TestLateThreadsKeepTheirPlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWoken(t)
		w.Expect(w.read(caller("n/a"))).To(Succeed())
		for _, name := range []string{"n/b", "n/c", "n/d"} {
			w.Expect(w.read(caller(name))).NotTo(Succeed())
		}
		<-time.After(pacing.ShortWindow)
		w.expect("n/b")
		<-time.After(29 * time.Second)
		w.expect()
		w.Expect(w.read(caller("n/b"))).To(Succeed())
		<-time.After(pacing.ShortWindow)
		w.expect("n/c")
		<-time.After(5 * time.Second)
		for _, name := range []string{"n/e", "n/f"} {
			w.Expect(w.read(caller(name))).NotTo(Succeed())
		}
		<-time.After(25 * time.Second)
		w.expect("n/d")
		w.Expect(w.read(caller("n/c"))).NotTo(Succeed())
		w.Expect(w.read(caller("n/d"))).To(Succeed())
		<-time.After(pacing.ShortWindow)
		w.expect("n/c")
	})
}

// A thread that is gone gives its slot to the next one at once.
func TestReleasedSlotWakesTheNext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWoken(t)
		w.Expect(w.read(caller("a"))).To(Succeed())
		w.Expect(w.read(caller("b"))).NotTo(Succeed())
		w.Expect(w.read(caller("c"))).NotTo(Succeed())
		<-time.After(pacing.ShortWindow)
		w.expect("b")
		w.pacer.Release("b")
		w.expect("c")
	})
}

// A slot that is held for a thread which waits for another one first is not kept from the others.
func TestThreadsWaitForOneSlotAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWoken(t)
		w.Expect(w.read(caller("a"))).To(Succeed())
		w.Expect(w.read(caller("b"))).NotTo(Succeed())
		w.Expect(w.read(caller("c"))).NotTo(Succeed())
		for n := range 10 {
			w.Expect(w.call(caller("other"), "ChatClient.DeleteThread")).To(Succeed(), "call %d", n)
		}
		<-time.After(pacing.ShortWindow - time.Second)
		for n := range 10 {
			_ = w.call(pacing.Caller{Thread: thread(n)}, "ChatClient.DeleteThread")
		}
		<-time.After(time.Second)
		w.expect("b")
		w.Expect(w.call(caller("b"), "ChatClient.DeleteThread")).NotTo(Succeed())
		w.expect("c")
	})
}

// The moment that a thread shows stays the same, though slots come later than predicted.
func TestShownMomentStays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWoken(t)
		end := w.begin(caller("a"))
		shown := waitOf(w.read(caller("b"))).Message
		<-time.After(4 * time.Second)
		end(ok)
		w.Expect(waitOf(w.read(caller("b"))).Message).To(Equal(shown))
		<-time.After(8 * time.Second)
		wait := waitOf(w.read(caller("b")))
		w.Expect(wait.Message).To(Equal(shown))
		w.Expect(wait.Quiet).To(BeTrue())
		<-time.After(2 * time.Second)
		w.expect("b")
		// Unless it is long past.
		end = w.begin(caller("b"))
		shown = waitOf(w.read(caller("c"))).Message
		<-time.After(69 * time.Second)
		w.Expect(waitOf(w.read(caller("c"))).Message).To(Equal(shown))
		<-time.After(2 * time.Second)
		w.Expect(waitOf(w.read(caller("c"))).Message).NotTo(Equal(shown))
		end(ok)
	})
}

// New quotas wake the threads that they have room for.
func TestNewQuotasWake(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWoken(t)
		w.Expect(w.read(caller("a"))).To(Succeed())
		for _, name := range []string{"b", "c", "d"} {
			w.Expect(w.read(caller(name))).NotTo(Succeed())
		}
		w.pacer.SetQuotas(reads(3))
		w.expect("b", "c")
	})
}

// When ACS takes calls again, the threads that waited are woken: one first, the others once it was
// answered.
func TestOneThreadIsWokenToTry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWoken(t)
		w.pacer.SetQuotas(reads(10))
		restore := w.answerWith(func() reply { return reply{status: http.StatusTooManyRequests, after: 60} })
		wait := waitOf(w.read(caller("a")))
		w.Expect(wait.Message).To(ContainSubstring("continues at "))
		restore()
		w.Expect(w.read(caller("b"))).NotTo(Succeed())
		w.Expect(w.read(caller("c"))).NotTo(Succeed())
		<-time.After(time.Minute)
		w.expect("a")
		end := w.begin(caller("a"))
		w.expect()
		end(ok)
		w.expect("b", "c")
	})
}

// A call that waits for no quota leaves the place of its thread in line. If it is refused, its
// thread comes again when ACS allows: nobody wakes it for such a call.
func TestUnpacedCallsKeepTheWake(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWoken(t)
		restore := w.answerWith(func() reply { return reply{status: http.StatusTooManyRequests, after: 3} })
		w.Expect(waitOf(w.read(caller("a"))).After).To(BeNumerically(">", 3*time.Second))
		unpaced := waitOf(w.callIn(pacing.WithoutPacing(t.Context()), caller("a"), "ThreadClient.GetProperties"))
		w.Expect(unpaced.After).To(Equal(3 * time.Second))
		restore()
		w.Expect(w.callIn(pacing.WithoutPacing(t.Context()), caller("a"), "ThreadClient.GetProperties")).To(Succeed())
		<-time.After(pacing.ShortWindow)
		w.expect("a")
	})
}
