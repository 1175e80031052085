// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package peak_test

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/acs-operator/acs-chat-operator/controllers/internal/peak"
)

// The highest value counts for the window, and not much longer.
func TestPeak(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	start := time.Unix(1_800_000_000, 0)
	p := peak.Over(time.Minute)
	g.Expect(p.Value(start)).To(BeZero())
	p.Note(start, 3)
	p.Note(start.Add(time.Second), 2)
	p.Note(start.Add(30*time.Second), 1)
	for after, want := range map[time.Duration]float64{
		0: 3, time.Second: 3, time.Minute: 3, 71 * time.Second: 1, 90 * time.Second: 1, 2 * time.Minute: 0, time.Hour: 0,
	} {
		g.Expect(p.Value(start.Add(after))).To(Equal(want), after.String())
	}
}

// A value does not come back when its place in the ring is used again.
func TestPeakForgets(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	start := time.Unix(1_800_000_000, 0)
	p := peak.Over(time.Minute)
	p.Note(start, 9)
	for i := range 100 {
		now := start.Add(time.Duration(i+7) * 10 * time.Second)
		p.Note(now, 1)
		g.Expect(p.Value(now)).To(Equal(1.0))
	}
}

// Neither a note nor a look makes garbage.
func TestPeakAllocatesNothing(t *testing.T) {
	g := NewWithT(t)
	p := peak.Over(time.Minute)
	now := time.Now()
	g.Expect(testing.AllocsPerRun(100, func() {
		p.Note(now, 1)
		p.Value(now)
	})).To(BeZero())
}
