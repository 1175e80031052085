// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/operatortest"
)

// An operator that starts reads the threads that are as declared one after the other, over
// minutes, and writes nothing. An edit of one of them does not wait.
func TestSimRestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const threads, spread = 3000, 3 * time.Minute
		w := newWorld(t, emulator.Options{}, 1, 1)
		w.maxReconciles = 20 * threads
		w.connect(1)
		w.run(time.Minute)
		edit(w, operatortest.Connection(testNamespace, "default"), func(conn *chatv1alpha1.ChatConnection) {
			many := &chatv1alpha1.Quota{Per10s: 10000}
			conn.Spec.Quotas = &chatv1alpha1.Quotas{ReadThread: many, ListMembers: many, UpdateThread: many}
		})
		w.run(time.Second)
		w.seedThreads(threads)
		reads := &readLog{byThread: map[string][]time.Time{}}
		w.onCall = reads.note
		writes := 0
		w.watch = func(watchEvent) { writes++ }
		w.process = newProcess(w, 0)
		start := time.Now()

		w.run(time.Second)
		if first := len(reads.byThread); first > threads/100 {
			t.Errorf("%d of %d threads were read in the first second", first, threads)
		}
		room := threadNumber(threads / 2)
		before := writes
		edit(w, room, func(t *chatv1alpha1.ChatThread) { t.Spec.Topic = "edited" })
		if took := w.runUntil(time.Minute, w.isReady(room.Name)); took > time.Second {
			t.Errorf("the first edit took %s", took)
		}
		edits := writes - before
		w.run(spread/2 - time.Since(start))
		if half := len(reads.byThread); half < threads*9/20 || half > threads*11/20 {
			t.Errorf("%d of %d threads were read after half of the time", half, threads)
		}
		w.run(spread + time.Second - time.Since(start))
		if all := len(reads.byThread); all != threads {
			t.Errorf("%d of %d threads were read in the end", all, threads)
		}
		if writes != edits {
			t.Errorf("%d writes besides those of the edit", writes-edits)
		}
	})
}
