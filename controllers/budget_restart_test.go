// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// restarts are the states in which a process finds the ChatThreads of one service user when it
// starts.
var restarts = map[string]func(tb testing.TB, o *memoryOperator, threads int) []ctrl.Request{
	// All have a thread, and the quota has room to read a few.
	"stored": func(tb testing.TB, o *memoryOperator, threads int) []ctrl.Request {
		tb.Helper()
		requests := make([]ctrl.Request, threads)
		for n := range requests {
			requests[n] = o.thread(tb, fmt.Sprint("19:", n))
		}
		return requests
	},
	// A create of each may have been sent, and no thread is listed.
	"unsure": func(tb testing.TB, o *memoryOperator, threads int) []ctrl.Request {
		tb.Helper()
		requests := make([]ctrl.Request, threads)
		for n := range requests {
			requests[n] = o.thread(tb, fmt.Sprint("19:", n), withoutStatus)
		}
		return requests
	},
	// A create of each may have been sent, and as many threads are listed whose stamps the quota has
	// no room to read.
	"unsure beside unread": func(tb testing.TB, o *memoryOperator, threads int) []ctrl.Request {
		tb.Helper()
		requests := make([]ctrl.Request, threads)
		listed := make([]string, threads)
		for n := range requests {
			requests[n] = o.thread(tb, fmt.Sprint("19:", n), withoutStatus)
			listed[n] = fmt.Sprintf(`{"id":"foreign-%d","topic":"a"}`, n)
		}
		o.service.listed = `{"value":[` + strings.Join(listed, ",") + `]}`
		return requests
	},
}

func withoutStatus(thread *chatv1alpha1.ChatThread) { thread.Status = chatv1alpha1.ChatThreadStatus{} }

// restart has the operator reconcile each ChatThread, read the lists that they ask for, and
// reconcile each again, as if the list had woken it. It returns the time and the bytes for each.
func (o *memoryOperator) restart(tb testing.TB, requests []ctrl.Request) (took time.Duration, bytes uint64) {
	tb.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	for range 2 {
		for _, request := range requests {
			_, _ = o.threads.Reconcile(tb.Context(), request)
		}
		conn := types.NamespacedName{Namespace: benchmarkNamespace, Name: "default"}
		if _, err := o.listing.Reconcile(tb.Context(), ctrl.Request{NamespacedName: listingKey(conn, benchmarkUser)}); err != nil {
			tb.Fatal(err)
		}
	}
	took = time.Since(start)
	runtime.ReadMemStats(&after)
	count := len(requests)
	return took / time.Duration(count), (after.TotalAlloc - before.TotalAlloc) / uint64(count)
}

// The first reconciles of all ChatThreads of one service user after a start, with the quotas as
// documented: two of each. It reports time and allocations for each ChatThread.
func BenchmarkRestart(b *testing.B) {
	for name, find := range restarts {
		for _, threads := range []int{1_000, 4_000} {
			b.Run(fmt.Sprintf("%s/threads=%d", name, threads), func(b *testing.B) {
				for b.Loop() {
					o := newMemoryOperator(b, nil)
					took, bytes := o.restart(b, find(b, o, threads))
					b.ReportMetric(float64(took.Nanoseconds()), "ns/thread")
					b.ReportMetric(float64(bytes), "alloc-B/thread")
				}
			})
		}
	}
}

// A restart allocates as much for each ChatThread if there are four times as many.
func TestRestartIsLinear(t *testing.T) { //nolint:paralleltest // it counts allocations
	for name, find := range restarts {
		t.Run(name, func(t *testing.T) { //nolint:paralleltest // as above
			bytes := func(threads int) uint64 {
				o := newMemoryOperator(t, nil)
				_, bytes := o.restart(t, find(t, o, threads))
				return bytes
			}
			few, many := bytes(400), bytes(1_600)
			t.Logf("%d bytes for each of 400 ChatThreads, %d for each of 1,600", few, many)
			if many > few*5/4 {
				t.Errorf("%d bytes for each of 400 ChatThreads, %d for each of 1,600", few, many)
			}
		})
	}
}
