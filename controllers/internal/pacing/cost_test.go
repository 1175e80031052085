// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package pacing_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

// crowd is a pacer for which many threads wait, of a few namespaces. A create has so little room
// that none comes to its turn.
func crowd(waiting int) *pacing.Pacer {
	p := pacing.New(true)
	p.SetQuotas(creates(1))
	for n := range waiting {
		_ = p.Room(pacing.Caller{Thread: thread(n), Namespace: fmt.Sprint(n % 7)}, "user")
	}
	return p
}

// take has one more thread come, choose and leave, and one that waits come again.
func take(p *pacing.Pacer, n int) {
	who := pacing.Caller{Thread: types.UID(fmt.Sprint("new ", n)), Namespace: fmt.Sprint(n % 5)}
	_ = p.Waits(who, []string{"user"})
	_ = p.Room(who, "user")
	_ = p.Room(pacing.Caller{Thread: "1", Namespace: "1"}, "user")
	p.Release(who.Thread)
}

func BenchmarkTake(b *testing.B) {
	for _, waiting := range []int{1_000, 50_000} {
		b.Run(fmt.Sprintf("%d waiting", waiting), func(b *testing.B) {
			p := crowd(waiting)
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				take(p, n)
			}
		})
	}
}

// A call costs no more time and no more memory the more threads wait.
func TestCostIsIndependentOfThoseThatWait(t *testing.T) { //nolint:paralleltest // other tests would take its time
	const few, many, calls = 500, 50_000, 2_000
	cost := func(p *pacing.Pacer) (time.Duration, uint64) {
		best := time.Hour
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for round := range 5 {
			start := time.Now()
			for n := range calls {
				take(p, round*calls+n)
			}
			best = min(best, time.Since(start))
		}
		runtime.ReadMemStats(&after)
		return best, after.TotalAlloc - before.TotalAlloc
	}
	timeOfFew, memoryOfFew := cost(crowd(few))
	timeOfMany, memoryOfMany := cost(crowd(many))
	t.Logf("%d calls: %s and %d bytes with %d waiting, %s and %d bytes with %d", calls, timeOfFew, memoryOfFew, few, timeOfMany, memoryOfMany, many)
	// A walk over those that wait would cost 100 times as much.
	if timeOfMany > 10*timeOfFew || memoryOfMany > 2*memoryOfFew {
		t.Errorf("with %d times as many waiting, the time is %.1f-fold, the memory %.1f-fold", many/few,
			float64(timeOfMany)/float64(timeOfFew), float64(memoryOfMany)/float64(memoryOfFew))
	}
}

// Threads that are gone are forgotten, and so are limits that nobody uses.
func TestMemoryIsGivenBack(t *testing.T) { //nolint:paralleltest // other tests would allocate
	p := pacing.New(true)
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	use := func(from, to int) {
		for n := from; n < to; n++ {
			who := pacing.Caller{Thread: thread(n), Namespace: fmt.Sprint(n)}
			_ = p.Room(who, "user")
			_, _ = p.RoomForMembers(who, fmt.Sprint("thread ", n), 1)
			p.Release(who.Thread)
		}
	}
	use(0, 1_000)
	before := heap()
	use(1_000, 100_000)
	if grown := int64(heap()) - int64(before); grown > 500_000 { //nolint:gosec // a heap is no larger
		t.Errorf("%d bytes stay of 99,000 threads", grown)
	}
	runtime.KeepAlive(p)
}
