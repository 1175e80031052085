// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import "testing"

// A process is busy in an interval in which it allocates much.
func TestMemoryKeeper(t *testing.T) {
	t.Parallel()
	k := &memoryKeeper{}
	for _, interval := range []struct {
		allocates uint64
		want      bool
	}{{100 << 20, true}, {1 << 20, false}, {0, false}, {40 << 20, false}, {41 << 20, true}, {40 << 20, false}} {
		if got := k.judge(k.allocated + interval.allocates); got != interval.want {
			t.Errorf("%d MiB in an interval: busy is %t, want %t", interval.allocates>>20, got, interval.want)
		}
	}
}

// The sum of all allocations grows.
func TestAllocatedBytes(t *testing.T) {
	t.Parallel()
	before := allocatedBytes()
	kept := make([]byte, 8<<20)
	if after := allocatedBytes(); after-before < uint64(len(kept)) {
		t.Errorf("grew by %d bytes, want at least %d", after-before, len(kept))
	}
}
