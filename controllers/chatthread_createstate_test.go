// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"
	"time"
)

// While a create may be outstanding, the operator searches for its thread, in lists that begin some
// time after the create.
func TestCreateState(t *testing.T) {
	t.Parallel()
	started := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	sent := started.Add(time.Hour)
	const after = 10 * time.Second
	for name, c := range map[string]struct {
		happened func(*createState)
		nothing  bool
		from     time.Time
	}{
		"the process started":                    {func(*createState) {}, false, started},
		"this process stored the finalizer":      {func(c *createState) { c.finalizerStored() }, true, started},
		"ACS certainly refused the create":       {func(c *createState) { c.finalizerStored(); c.failed(true, sent) }, true, started},
		"the create had no answer":               {func(c *createState) { c.finalizerStored(); c.failed(false, sent) }, false, sent},
		"no answer, then a refusal":              {func(c *createState) { c.finalizerStored(); c.failed(false, sent); c.failed(true, sent.Add(1)) }, false, sent},
		"no answer, then the finalizer again":    {func(c *createState) { c.finalizerStored(); c.failed(false, sent); c.finalizerStored() }, false, sent},
		"a refusal, after another process began": {func(c *createState) { c.failed(true, sent) }, false, started},
		"the thread is gone":                     {func(c *createState) { c.finalizerStored(); c.lost("19:gone") }, false, started},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state := createState{}
			c.happened(&state)
			if got := state.nothingSent(); got != c.nothing {
				t.Errorf("nothing was sent: %v, want %v", got, c.nothing)
			}
			if got := state.searchFrom(started, after); !got.Equal(c.from.Add(after)) {
				t.Errorf("lists begin at %v, want %v", got, c.from.Add(after))
			}
			if state.isFormer("19:gone") != (name == "the thread is gone") {
				t.Error("the former threads are others")
			}
		})
	}
}
