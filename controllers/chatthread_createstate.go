// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"time"
)

// createState knows whether a create may have been sent whose end this process does not know.
// Between the finalizer and a stored thread id, every process must assume that, except the one that
// sent nothing. One rule follows, and is above all others: as long as a create may be outstanding,
// its thread is searched for.
//
//	event                                                nothingSent
//	the process started, or another one led before       false
//	this process stored the finalizer                    true, unless a create had no answer before
//	ACS certainly refused every create since             true
//	a create had no answer, or an inconclusive one       false
//	the thread is gone, and the next one is to be made   false
type createState struct {
	// settled is set if this process stored the finalizer, and ACS certainly refused every create
	// since.
	settled bool
	// unanswered is when a create was last sent without a certain answer; zero if never.
	unanswered time.Time
	// former are the threads of earlier incarnations.
	former map[string]bool
	// replayed is set if ACS answered the last create with an earlier thread.
	replayed bool
}

// finalizerStored notes that this process stored the finalizer. Nothing was sent before, unless
// somebody removed the finalizer of a ChatThread whose create had no answer.
func (c *createState) finalizerStored() { c.settled = !c.isUnanswered() }

// isUnanswered reports whether a create of this process ever had no certain answer. It does not
// depend on the finalizer, which somebody may have removed since.
func (c *createState) isUnanswered() bool { return !c.unanswered.IsZero() }

// failed notes that a create failed. The failure is certain only if ACS refused every try of it.
func (c *createState) failed(certain bool, now time.Time) {
	if !certain {
		c.settled, c.unanswered = false, now
	}
}

// nothingSent reports whether no create is outstanding.
func (c *createState) nothingSent() bool { return c.settled }

// searchFrom returns the earliest beginning of a list that shows all threads created so far: some
// time after the last create without an answer, of this process or of an earlier one.
func (c *createState) searchFrom(started time.Time, after time.Duration) time.Time {
	return later(started, c.unanswered).Add(after)
}

// lost notes that a thread no longer exists, and that another one replaces it.
func (c *createState) lost(threadID string) {
	c.settled = false
	if c.former == nil {
		c.former = map[string]bool{}
	}
	c.former[threadID] = true
}

// isFormer reports whether a thread belongs to an earlier incarnation.
func (c *createState) isFormer(threadID string) bool { return c.former[threadID] }

// later returns the later of two moments.
func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
