// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
)

func waiterNamed(namespace, name string) types.NamespacedName {
	return types.NamespacedName{Namespace: namespace, Name: name}
}

// Namespaces take turns, and one that left loses its turn.
func TestLine(t *testing.T) {
	t.Parallel()
	l := &line{}
	add := func(namespace, name string, want int) {
		t.Helper()
		if ahead := l.add(waiterNamed(namespace, name)); ahead != want {
			t.Errorf("%d wait before %s/%s, want %d", ahead, namespace, name, want)
		}
	}
	add("a", "1", 0)
	add("a", "2", 1)
	add("a", "3", 2)
	add("b", "1", 1)
	add("a", "1", 1)
	add("b", "2", 3)
	add("b", "1", 1)
	add("c", "1", 2)
	l.remove(waiterNamed("c", "1"))
	l.remove(waiterNamed("c", "1"))
	l.remove(waiterNamed("a", "2"))
	add("a", "3", 3)
	var order []string
	for !l.isEmpty() {
		order = append(order, l.pop().String())
	}
	if diff := cmp.Diff([]string{"a/1", "b/1", "a/3", "b/2"}, order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	add("b", "3", 0)
}

// A reconcile costs no more the more others wait: neither one that waits already and asks again,
// nor one that ends without asking.
func TestLineCostsTheSame(t *testing.T) { //nolint:paralleltest // other tests would take its time
	cost := func(waiting int) time.Duration {
		l := &line{}
		for n := range waiting {
			l.add(waiterNamed(fmt.Sprint("ns", n%5), fmt.Sprint(n)))
		}
		last, gone := waiterNamed(fmt.Sprint("ns", (waiting-1)%5), fmt.Sprint(waiting-1)), waiterNamed("ns1", "gone")
		best := time.Hour
		for range 20 {
			start := time.Now()
			for range 500 {
				l.add(last)
				l.remove(gone)
				l.remove(last)
				l.add(last)
			}
			best = min(best, time.Since(start))
		}
		return best
	}
	// A look at all that wait would cost a hundred times as much.
	if few, many := cost(300), cost(30_000); many > 10*few {
		t.Errorf("with a hundred times as many waiting, %s became %s", few, many)
	}
}
