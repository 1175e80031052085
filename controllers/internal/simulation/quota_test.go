// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/operatortest"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

// withQuotas is the service with its quotas.
var withQuotas = emulator.Options{Quotas: true}

// newQuotaWorld returns a world with a connection that has one service user.
func newQuotaWorld(t *testing.T, maxReconciles int) *world {
	t.Helper()
	w := newWorld(t, withQuotas, 1, 1)
	w.maxReconciles = maxReconciles
	w.connect(1)
	w.run(time.Minute)
	return w
}

func threadNumber(n int) *chatv1alpha1.ChatThread {
	return threadNamed(fmt.Sprintf("room-%05d", n))
}

func (w *world) createThreads(from, to int) {
	for n := from; n < to; n++ {
		w.create(threadNumber(n))
	}
}

// runUntil runs until a condition holds, and returns the time that it took.
func (w *world) runUntil(most time.Duration, so func() bool) time.Duration {
	w.t.Helper()
	start := time.Now()
	for !so() {
		if time.Since(start) > most {
			w.t.Fatalf("the condition does not hold after %s", most)
		}
		w.run(time.Second)
	}
	return time.Since(start)
}

// notReady counts the ChatThreads that are not as declared.
func (w *world) notReady() int {
	count := 0
	for _, obj := range w.stored(kindThread) {
		if _, reason := objects.ReadyReason(obj); reason != chatv1alpha1.ReasonSucceeded || operatortest.ObservedGeneration(obj) != obj.GetGeneration() {
			count++
		}
	}
	return count
}

func (w *world) refusedCalls() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.refused
}

// A bulk apply uses 95 % of the budget, although reconciles start late and calls take time. A
// thread that waits is reconciled once more, when its slot comes, and shows one wait.
func TestSimQuotaBulk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const threads, users, perWindow = 1920, 32, 320
		w := newWorld(t, withQuotas, 1, 1)
		w.maxReconciles, w.parallel = 3*threads, true
		w.late = func() { <-time.After(time.Duration(w.chance(int64(100 * time.Millisecond)))) }
		w.outage = func(*http.Request) (*http.Response, error) {
			<-time.After(time.Duration(w.chance(int64(200 * time.Millisecond))))
			return nil, nil //nolint:nilnil // only a delay
		}
		w.connect(users)
		w.run(time.Minute)
		var lock sync.Mutex
		waits := map[string]int{}
		w.watch = func(e watchEvent) {
			lock.Lock()
			defer lock.Unlock()
			before, isChange := e.old.(*chatv1alpha1.ChatThread)
			now, isThread := e.now.(*chatv1alpha1.ChatThread)
			if !isChange || !isThread || equality.Semantic.DeepEqual(before.Status, now.Status) {
				return
			}
			if _, reason := objects.ReadyReason(now); reason == chatv1alpha1.ReasonWaitingForQuota {
				waits[e.key.Name]++
			}
		}
		reconciles := w.process.reconciles
		w.createThreads(0, threads)
		burst := w.runUntil(time.Minute, func() bool { return w.notReady() <= threads-perWindow })
		took := w.runUntil(5*time.Minute, func() bool { return w.notReady() == 0 })
		most := slices.Max(slices.Collect(maps.Values(waits)))
		perThread := float64(w.process.reconciles-reconciles) / threads
		least := (threads/perWindow - 1) * pacing.ShortWindow
		t.Logf("%d threads took %s and %s, the quota allows %s: %d %%; %.2f reconciles a thread; %d waited, with at most %d writes", threads, burst, took,
			least, 100*least/took, perThread, len(waits), most)
		if took > least*100/95 {
			t.Errorf("took %s after the burst, the quota allows %s", took, least)
		}
		if perThread > 2.2 || most > 1 {
			t.Errorf("%.2f reconciles a thread, want 1 for the declaration and 1.2 for its slot; up to %d waits shown", perThread, most)
		}
		if refused := w.refusedCalls(); refused > 0 {
			t.Errorf("%d calls were answered with 429", refused)
		}
		if made := len(w.emulator.Threads()); made != threads {
			t.Errorf("%d threads were created for %d", made, threads)
		}
	})
}

// An operator that starts while the quota is used up does not know that. It waits as the answers
// request, and after that no call is refused.
func TestSimQuotaRestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const threads = 300
		w := newQuotaWorld(t, 20000)
		w.createThreads(0, threads)
		w.runUntil(10*time.Minute, func() bool { return w.notReady() <= threads/2 })
		if refused := w.refusedCalls(); refused > 0 {
			t.Errorf("%d calls were answered with 429 before the restart", refused)
		}
		w.process = newProcess(w, 0)
		w.run(quotaWindow)
		first := w.refusedCalls()
		took := w.runUntil(15*time.Minute, func() bool { return w.notReady() == 0 })
		t.Logf("%d calls were refused in the first window after the restart; all threads were ready %s later", first, took)
		if later := w.refusedCalls(); later > first {
			t.Errorf("%d calls were refused after the first window", later-first)
		}
		if made := len(w.emulator.Threads()); made != threads {
			t.Errorf("%d threads were created for %d", made, threads)
		}
		w.checkOrphans()
	})
}

// More service users, and larger quotas, count at once for the threads that already wait.
func TestSimQuotaRaised(t *testing.T) {
	t.Parallel()
	perWindow := func(threads int32) *chatv1alpha1.Quotas {
		return &chatv1alpha1.Quotas{CreateThread: &chatv1alpha1.Quota{Per10s: threads}}
	}
	for name, c := range map[string]struct {
		threads      int
		before, edit func(*chatv1alpha1.ChatConnection)
		// most is the longest time for the remaining threads.
		most time.Duration
	}{
		"service users": {threads: 60, before: func(*chatv1alpha1.ChatConnection) {}, most: 2 * quotaWindow,
			edit: func(conn *chatv1alpha1.ChatConnection) { conn.Spec.ServiceUsers.Count = new(int32(4)) }},
		"quotas": {threads: 8, before: func(conn *chatv1alpha1.ChatConnection) { conn.Spec.Quotas = perWindow(1) }, most: quotaWindow,
			edit: func(conn *chatv1alpha1.ChatConnection) { conn.Spec.Quotas = perWindow(8) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newQuotaWorld(t, 20000)
				edit(w, operatortest.Connection(testNamespace, "default"), c.before)
				w.run(time.Second)
				w.createThreads(0, c.threads)
				w.run(2 * time.Second)
				edit(w, operatortest.Connection(testNamespace, "default"), c.edit)
				took := w.runUntil(10*time.Minute, func() bool { return w.notReady() == 0 })
				t.Logf("took %s", took)
				if took > c.most {
					t.Errorf("the threads that waited took %s, want at most %s", took, c.most)
				}
				if refused := w.refusedCalls(); refused > 0 {
					t.Errorf("%d calls were answered with 429", refused)
				}
			})
		})
	}
}

// A thread that waited and then needs no slot leaves it to the next one.
func TestSimQuotaGivenBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newQuotaWorld(t, 2000)
		edit(w, operatortest.Connection(testNamespace, "default"), func(conn *chatv1alpha1.ChatConnection) {
			conn.Spec.Quotas = &chatv1alpha1.Quotas{CreateThread: &chatv1alpha1.Quota{Per10s: 1}}
		})
		w.run(time.Second)
		w.createThreads(0, 2)
		w.run(2 * time.Second)
		edit(w, threadNumber(1), func(o *chatv1alpha1.ChatThread) { o.Spec.ManagementPolicy = chatv1alpha1.ManagementObserve })
		w.run(time.Second)
		w.createThreads(2, 3)
		took := w.runUntil(time.Minute, func() bool { return w.notReady() == 1 })
		if took > pacing.ShortWindow {
			t.Errorf("took %s: the thread waited for the slot of another one", took)
		}
	})
}

// quotaWindow is a little longer than a window of the quotas.
const quotaWindow = pacing.ShortWindow + time.Second

// Another client of the same service user takes half of the budget. The operator delays the refused
// creates, and finishes in little more than twice the time.
func TestSimQuotaShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const threads = 200
		w := newQuotaWorld(t, 20000)
		other := w.useQuota(5)
		w.createThreads(0, threads)
		took := w.runUntil(30*time.Minute, func() bool { return w.notReady() == 0 })
		refused := w.refusedCalls()
		t.Logf("%d threads took %s; %d calls of the operator were refused; the other client created %d", threads, took, refused, other())
		if least := threads / 5 * pacing.ShortWindow; took > least*5/2 {
			t.Errorf("took %s; half of the quota allows %s", took, least)
		}
		if refused == 0 || refused > threads {
			t.Errorf("%d calls were refused", refused)
		}
		mine := map[string]int{}
		for _, thread := range w.threads() {
			mine[thread.Metadata[chatv1alpha1.StampUID]]++
		}
		delete(mine, "")
		for uid, count := range mine {
			if count != 1 {
				t.Errorf("%d threads for %s", count, uid)
			}
		}
		if len(mine) != threads {
			t.Errorf("threads of %d resources, want %d", len(mine), threads)
		}
	})
}

// useQuota starts another client that creates threads as the service user, at a number per window.
// The result returns the number that it has created so far.
func (w *world) useQuota(perWindow int) (made func() int) {
	w.t.Helper()
	user := w.serviceUsers()[0]
	options := &acs.ClientOptions{ClientOptions: azcore.ClientOptions{
		Transport: handlerTransport{w.emulator}, Retry: policy.RetryOptions{MaxRetries: -1},
	}}
	identity, err := acs.NewIdentityClientFromConnectionString(w.emulator.ConnectionString(defaultEndpoint), options)
	if err != nil {
		w.t.Fatal(err)
	}
	chat, err := acs.NewChatClient(defaultEndpoint, acs.NewUserCredential(func(ctx context.Context) (acs.AccessToken, error) {
		issued, err := identity.IssueToken(ctx, user, []acs.TokenScope{acs.ScopeChat}, nil)
		return issued.AccessToken, err
	}, nil), options)
	if err != nil {
		w.t.Fatal(err)
	}
	var count atomic.Int32
	go func() {
		for w.t.Context().Err() == nil {
			if _, err := chat.CreateThread(w.t.Context(), "of somebody else", nil); err == nil {
				count.Add(1)
			}
			select {
			case <-w.t.Context().Done():
			case <-time.After(pacing.ShortWindow / time.Duration(perWindow)):
			}
		}
	}()
	return func() int { return int(count.Load()) }
}
