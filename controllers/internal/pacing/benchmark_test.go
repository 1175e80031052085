// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package pacing_test

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

// manyWaiting is the number of threads that wait beside the one of a benchmark.
const manyWaiting = 10_000

// Each call to ACS pays for take and answer, each call without room for ask, and each reconcile
// that ends well for release.
func BenchmarkPacing(b *testing.B) {
	b.Run("take and answer", func(b *testing.B) {
		p := pacing.New(true)
		// So much is not used up in a benchmark, though the limit has a list of all calls of a window.
		p.SetQuotas(reads(1 << 30))
		u, who := newUser(b, p), pacing.Caller{Thread: "a", Namespace: "ns", Name: "a"}
		unpaced := newUser(b, pacing.New(false))
		own := func(u *user) {
			if err := u.read(who); err != nil {
				b.Fatal(err)
			}
		}
		b.Run("call", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				own(u)
			}
		})
		// The difference to this one is the pacer's part.
		b.Run("call without pacer", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				own(unpaced)
			}
		})
	})
	b.Run(fmt.Sprintf("ask/waiting=%d", manyWaiting), func(b *testing.B) {
		p := crowd(manyWaiting)
		who := pacing.Caller{Thread: "1", Namespace: "1"}
		b.ReportAllocs()
		for b.Loop() {
			if p.Room(who, "user") == nil {
				b.Fatal("there is room")
			}
		}
	})
	b.Run(fmt.Sprintf("release/waiting=%d", manyWaiting), func(b *testing.B) {
		p := crowd(manyWaiting)
		b.ReportAllocs()
		for n := 0; b.Loop(); n++ {
			who := pacing.Caller{Thread: types.UID(fmt.Sprint("new ", n)), Namespace: fmt.Sprint(n % 7)}
			p.Reserve(who, "user")
			p.Release(who.Thread)
		}
	})
}
