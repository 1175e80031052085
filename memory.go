// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// memoryInterval is how often the work of the process is judged.
	memoryInterval = 10 * time.Second
	// busyRate is how many bytes a process allocates in a second that has much to do.
	busyRate = 4 << 20
	// busyPercent and calmPercent are by how much the heap may grow before garbage is collected. Much
	// work is done faster with more memory. The rest of the time the process is to be small, and to
	// collect costs next to nothing.
	busyPercent = 100
	calmPercent = 25
)

// memoryKeeper returns memory once the work is done for which it was needed.
type memoryKeeper struct {
	allocated uint64
	isBusy    bool
}

// keepMemory keeps the process as small as its work allows, until the context ends. It leaves a
// process alone that was started with GOGC.
func keepMemory(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	k := &memoryKeeper{isBusy: true}
	ticker := time.NewTicker(memoryInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		switch wasBusy := k.isBusy; {
		case k.judge(allocatedBytes()) == wasBusy:
		case k.isBusy:
			debug.SetGCPercent(busyPercent)
		default:
			debug.SetGCPercent(calmPercent)
			debug.FreeOSMemory()
		}
	}
}

// judge reports whether there was much to do in the last interval. allocated is the sum of all
// allocations so far.
func (k *memoryKeeper) judge(allocated uint64) bool {
	k.isBusy = allocated-k.allocated > uint64(busyRate*memoryInterval/time.Second)
	k.allocated = allocated
	return k.isBusy
}

func allocatedBytes() uint64 {
	samples := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64()
}
