// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// After a restart the stamps of threads that nobody claims are read for all service users at once:
// those of two users take half as long as those of one.
func TestSimForeignThreadsOfSeveralUsers(t *testing.T) {
	t.Parallel()
	const threads = 600
	took := map[int32]time.Duration{}
	for _, users := range []int32{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, withQuotas, 1, 1)
			w.connect(users)
			w.run(time.Minute)
			for n := range threads {
				w.emulator.CreateThread(w.serviceUsers()[n%int(users)], fmt.Sprint("of nobody ", n))
			}
			w.process = newProcess(w, 0)
			w.create(threadNamed("new"))
			took[users] = w.runUntil(10*time.Minute, w.isReady("new"))
			if refused := w.refusedCalls(); refused > 0 {
				t.Errorf("%d calls were answered with 429", refused)
			}
		})
	}
	t.Logf("%d threads of one user took %s, of two %s", threads, took[1], took[2])
	if took[2] > took[1]*6/10 {
		t.Errorf("%d threads of one user took %s, of two %s", threads, took[1], took[2])
	}
}
