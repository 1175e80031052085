// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

func TestChooseUser(t *testing.T) {
	t.Parallel()
	found := new(Registry).ByKey(types.NamespacedName{Name: "a"})
	pool := []string{"8:acs:A", "8:acs:b", "8:acs:c"}
	take := func(thread types.UID, want string) {
		t.Helper()
		for range 2 { // the choice for a thread stays
			if got := found.Choose(pacing.Caller{Thread: thread}, pool); got != want {
				t.Errorf("thread %s is given to %s, want %s", thread, got, want)
			}
		}
	}
	take("t1", "8:acs:A")
	take("t2", "8:acs:b")
	take("t3", "8:acs:c")
	take("t4", "8:acs:A")
	// Threads of users that left the pool do not count.
	found.Assign("t5", "8:acs:gone")
	found.Assign("t6", "8:ACS:B")
	take("t7", "8:acs:c")
	found.Assign("t1", "")
	found.Assign("t4", "")
	take("t8", "8:acs:A")
	take("t9", "8:acs:A")
	// Every retry takes the same.
	take("t2", "8:acs:b")
	// A thread that changes hands is counted once.
	found.Assign("t9", "8:acs:c")
	take("t9", "8:acs:c")
	take("t10", "8:acs:A")
	// One whose user left the pool gets another.
	take("t5", "8:acs:A")
}

func TestMayRecreate(t *testing.T) {
	t.Parallel()
	found := new(Registry).ByKey(types.NamespacedName{Name: "a"})
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		thread      types.UID
		incarnation int64
		at          time.Duration
		want        bool
	}{
		{"a", 0, 0, true},
		{"b", 0, time.Minute, true},
		// A try that is repeated counts once.
		{"b", 0, time.Minute + time.Second, true},
		{"b", 0, time.Minute + 2*time.Second, true},
		{"b", 1, 2 * time.Minute, true},
		{"c", 0, 3 * time.Minute, false},
		{"b", 1, 3 * time.Minute, true},
		{"c", 0, 10 * time.Minute, false},
		{"c", 0, 10*time.Minute + time.Second, true}, // the first is out of the window; refused creations do not count
		{"d", 0, 10*time.Minute + time.Second, false},
		{"d", 0, 11*time.Minute + 3*time.Second, true},
		{"e", 0, 11*time.Minute + 4*time.Second, false},
		{"e", 0, time.Hour, true},
	} {
		if got := found.MayRecreate(c.thread, c.incarnation, start.Add(c.at)); got != c.want {
			t.Errorf("%s/%d after %s: %v, want %v", c.thread, c.incarnation, c.at, got, c.want)
		}
	}
	if len(found.last) != 1 {
		t.Errorf("%d moments are kept", len(found.last))
	}
}
