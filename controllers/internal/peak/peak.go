// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package peak keeps the highest of the values that were noted lately, for metrics: a scrape must
// show a peak since the last scrape too.
//
// It keeps no single values, so a note and a look cost the same however many there were.
package peak

import (
	"sync"
	"time"
)

// slots is the number of parts of a window. A value counts for the window, and for up to one part
// more.
const slots = 6

// Peak is the highest value within a window of time. Its methods may be called from any goroutine.
type Peak struct {
	part time.Duration

	mu sync.Mutex
	// highest holds the highest value of each part of the window, and numbers which part that is.
	highest [slots + 1]float64
	numbers [slots + 1]int64
}

// Over returns a Peak for a window.
func Over(window time.Duration) *Peak { return &Peak{part: window / slots} }

// Note notes a value, which must not be negative.
func (p *Peak) Note(now time.Time, value float64) {
	number := now.UnixNano() / int64(p.part)
	i := number % int64(len(p.highest))
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.numbers[i] != number {
		p.numbers[i], p.highest[i] = number, 0
	}
	p.highest[i] = max(p.highest[i], value)
}

// Value returns the highest value of the window, or zero if there was none.
func (p *Peak) Value(now time.Time) float64 {
	number := now.UnixNano() / int64(p.part)
	p.mu.Lock()
	defer p.mu.Unlock()
	highest := 0.0
	for i := range p.highest {
		if p.numbers[i] <= number && number-p.numbers[i] <= slots {
			highest = max(highest, p.highest[i])
		}
	}
	return highest
}
