// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package shards

import (
	"errors"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/acs-operator/acs-chat-operator/controllers/lease"
)

// Shards with namespaces of their own do not wait for each other.
func TestShardsApart(t *testing.T) {
	inWorld(t, func(w *world) {
		began := time.Now()
		a, b := w.lead("a", "a-1", "y", "x", "y"), w.lead("b", "b-1", "z")
		a.holds("x", "y")
		b.holds("z")
		w.wants("a: x,y by a-1", "b: z by b-1")
		if since, ok := a.Held().Since("x"); !ok || !since.Equal(began) {
			w.Errorf("a works in x since %v, %t", since, ok)
		}
		if _, ok := a.Held().Since("z"); ok {
			w.Error("a works in z")
		}
	})
}

// A process that holds all that it wants asks nothing and writes nothing. A new leader writes once.
func TestNothingAtRest(t *testing.T) {
	inWorld(t, func(w *world) {
		first := w.lead("a", "a-1", "x")
		reads, writes := w.reads, w.writes
		w.pass(time.Hour)
		if w.reads != reads || w.writes != writes || writes != 1 {
			w.Errorf("%d reads and %d writes at rest, %d writes before", w.reads-reads, w.writes-writes, writes)
		}
		first.end()
		w.lead("a", "a-2", "x").holds("x")
		w.wants("a: x by a-2")
		w.pass(time.Hour)
		if w.writes != 2 {
			w.Errorf("two leaders wrote %d times", w.writes)
		}
	})
}

// A process that waits writes nothing, and logs once for what it waits and for whom.
func TestWaiting(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.lead("a", "a-1", "x", "y")
		b := w.lead("b", "b-1", "y", "z")
		writes := w.writes
		for range 100 {
			w.pass(lease.RenewInterval)
			w.hold("a", "a-1")
		}
		b.holds("z")
		if w.writes != writes {
			w.Errorf("%d writes while it waits", w.writes-writes)
		}
		if len(b.log) != 2 || !strings.Contains(b.log[1], "--watch-namespaces") || !strings.Contains(b.log[1], `"holders"="y: a"`) {
			w.Errorf("the log is %q", b.log)
		}
		a.end()
		w.pass(askInterval)
		b.holds("y", "z")
		if len(b.log) != 3 {
			w.Errorf("the log is %q", b.log)
		}
		if since, _ := b.Held().Since("y"); time.Since(since) > askInterval {
			w.Errorf("b works in y since %v", since)
		}
		if got := strings.Join(b.acquired, " then "); got != "z then y" {
			w.Errorf("acquired %s", got)
		}
		reads := w.reads
		w.pass(time.Hour)
		if w.reads != reads {
			w.Errorf("%d reads at rest", w.reads-reads)
		}
	})
}

// A namespace is moved: its new shard waits until the old one has a leader that does not want it.
func TestMove(t *testing.T) {
	inWorld(t, func(w *world) {
		first := w.lead("a", "a-1", "x", "y")
		b := w.lead("b", "b-1", "y", "z")
		first.end()
		second := w.lead("a", "a-2", "x")
		w.wants("a: x by a-2", "b: z by b-1")
		second.holds("x")
		b.holds("z")
		w.pass(askInterval)
		b.holds("y", "z")
		w.wants("a: x by a-2", "b: y,z by b-1")
	})
}

// A claim of all namespaces contradicts every other one.
func TestAllNamespaces(t *testing.T) {
	t.Run("a list waits for all", func(t *testing.T) {
		inWorld(t, func(w *world) {
			first := w.lead("a", "a-1")
			b := w.lead("b", "b-1", "y")
			b.holds()
			w.wants("a: * by a-1")
			if _, ok := first.Held().Since("anything"); !ok {
				w.Error("a does not work in all namespaces")
			}
			first.end()
			w.lead("a", "a-2", "x").holds("x")
			w.pass(askInterval)
			b.holds("y")
			w.wants("a: x by a-2", "b: y by b-1")
		})
	})
	t.Run("all wait for a list", func(t *testing.T) {
		inWorld(t, func(w *world) {
			former := w.lead("a", "a-1", "x")
			b := w.lead("b", "b-1", "y")
			former.end()
			a := w.lead("a", "a-2")
			began := time.Now()
			a.holds("x") // which it had
			w.wants("a: x by a-2", "b: y by b-1")
			b.end()
			w.pass(askInterval)
			a.holds(All, "x")
			w.wants("a: * by a-2")
			if since, ok := a.Held().Since("x"); !ok || !since.Equal(began) {
				w.Errorf("it works in x since %v", since)
			}
			if since, ok := a.Held().Since("y"); !ok || !since.After(began) {
				w.Errorf("it works in y since %v", since)
			}
		})
	})
	t.Run("all wait for all", func(t *testing.T) {
		inWorld(t, func(w *world) {
			w.lead("a", "a-1")
			w.lead("b", "b-1").holds()
		})
	})
}

// A shard that had all namespaces may start again, even with a pause. Then a list takes over.
func TestDeadShardOfAll(t *testing.T) {
	inWorld(t, func(w *world) {
		b := w.lead("b", "b-1", "y")
		b.end()
		w.lead("a", "a-1").end()
		w.wants("a: * by a-1")
		b = w.lead("b", "b-2", "y")
		w.pass(lease.Duration - askInterval)
		a := w.lead("a", "a-2")
		b.holds()
		a.holds(All)
		a.end()
		w.pass(lease.Duration + 2*askInterval)
		b.holds("y")
		w.wants("b: y by b-2")
	})
}

// The claims of a leader that died are taken over once its lease was seen unchanged for its whole
// duration, whatever time the lease shows. Other claims of the dead shard stay.
func TestDeadShard(t *testing.T) {
	inWorld(t, func(w *world) {
		w.lead("a", "a-1", "x", "y").stop()
		b := w.lead("b", "b-1", "y")
		w.pass(askInterval / 2)
		for range 10 {
			w.pass(lease.RenewInterval)
			w.hold("a", "a-1")
		}
		// b sees the last renewal after half of askInterval, and asks again after each askInterval.
		w.pass(askInterval/2 + lease.Duration)
		b.holds()
		w.pass(askInterval)
		b.holds("y")
		w.wants("a: x by a-1", "b: y by b-1")
	})
}

// A lease that somebody deleted is made again by its leader. It counts as gone only after the time
// of a lease.
func TestDeletedLease(t *testing.T) {
	inWorld(t, func(w *world) {
		w.lead("a", "a-1", "x")
		b := w.lead("b", "b-1", "x")
		remove := func() {
			if err := w.api.Delete(w.Context(), &coordinationv1.Lease{ObjectMeta: leaseMeta("a")}); err != nil {
				w.Fatal(err)
			}
		}
		w.pass(lease.Duration - askInterval)
		remove()
		w.pass(2 * askInterval)
		w.hold("a", "a-1")
		w.pass(lease.Duration - askInterval)
		b.holds()
		remove()
		w.pass(lease.Duration + 2*askInterval)
		b.holds("x")
	})
}

// A shard gets a new leader after another one has seen it without, and before that one writes.
// Exactly one of both works.
func TestNewLeaderDuringTakeover(t *testing.T) {
	inWorld(t, func(w *world) {
		w.lead("a", "a-1", "x").end()
		resume := w.hang()
		b := w.lead("b", "b-1", "x") // has seen the lease without a holder
		a := w.lead("a", "a-2", "x")
		resume(nil)
		w.pass(askInterval)
		a.holds("x")
		b.holds()
		w.wants("a: x by a-2")
	})
}

// Two shards that begin together both write, and one of them again.
func TestBeginTogether(t *testing.T) {
	for _, shared := range []bool{false, true} {
		t.Run(map[bool]string{false: "apart", true: "same namespace"}[shared], func(t *testing.T) {
			inWorld(t, func(w *world) {
				other := map[bool]string{false: "y", true: "x"}[shared]
				resume := w.hang()
				a := w.lead("a", "a-1", "x")
				w.lead("b", "b-1", other).holds(other)
				resume(nil)
				w.pass(askInterval)
				if shared {
					a.holds()
					w.wants("b: x by b-1")
					return
				}
				a.holds("x")
				w.wants("a: x by a-1", "b: y by b-1")
			})
		})
	}
}

// A write that arrived, and whose answer was lost, counts.
func TestLostAnswer(t *testing.T) {
	inWorld(t, func(w *world) {
		resume := w.hang()
		a := w.lead("a", "a-1", "x")
		w.lead("a", "a-1", "x").stop() // the same write, which arrives
		resume(errors.New("connection reset"))
		a.holds()
		w.pass(askInterval)
		a.holds("x")
		if w.writes != 2 {
			w.Errorf("%d writes", w.writes)
		}
	})
}

// A missing permission is reported with the remedy, once, and nothing is worked on until it is
// there.
func TestMissingPermission(t *testing.T) {
	inWorld(t, func(w *world) {
		w.setAnswer(func() error {
			return apierrors.NewForbidden(coordinationv1.Resource("leases"), ObjectName, errors.New("no"))
		})
		a := w.lead("a", "a-1", "x")
		w.pass(time.Minute)
		a.holds()
		if len(a.log) != 1 || !strings.Contains(a.log[0], "let the operator get, create and update leases in namespace system, which --leader-elect needs") {
			w.Errorf("the log is %q", a.log)
		}
		w.setAnswer(nil)
		w.pass(askInterval)
		a.holds("x")
	})
}

// The claims leave the annotations of others alone.
func TestOtherAnnotations(t *testing.T) {
	inWorld(t, func(w *world) {
		object := &coordinationv1.Lease{ObjectMeta: leaseMeta(ObjectName)}
		object.Annotations = map[string]string{"team": "chat"}
		if err := w.api.Create(w.Context(), object); err != nil {
			w.Fatal(err)
		}
		w.lead("a", "a-1", "x").holds("x")
		if err := w.api.Get(w.Context(), w.key(ObjectName), object); err != nil {
			w.Fatal(err)
		}
		if object.Annotations["team"] != "chat" || len(object.Annotations) != 3 {
			w.Errorf("the annotations are %v", object.Annotations)
		}
	})
}
