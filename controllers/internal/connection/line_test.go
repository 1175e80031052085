// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"
)

func named(namespaceAndName string) types.NamespacedName {
	namespace, name, _ := strings.Cut(namespaceAndName, "/")
	return types.NamespacedName{Namespace: namespace, Name: name}
}

// popAll takes out all reconciles in their order.
func (l *lines) popAll() string {
	var order []string
	for !l.isEmpty() {
		order = append(order, l.pop().String())
	}
	return strings.Join(order, " ")
}

// Reconciles that somebody asked for come first, but not always. In each line the namespaces take
// turns.
func TestLines(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fill func(*lines)
		want string
	}{
		"namespaces take turns": {func(l *lines) {
			for _, key := range []string{"a/1", "a/2", "a/3", "b/1", "c/1"} {
				l.add(named(key), false)
			}
		}, "a/1 b/1 c/1 a/2 a/3"},
		"asked for come first": {func(l *lines) {
			l.add(named("a/drift"), true)
			l.add(named("a/edit"), false)
		}, "a/edit a/drift"},
		"one in five looks for drift": {func(l *lines) {
			l.add(named("a/x"), true)
			l.add(named("a/y"), true)
			for n := range 9 {
				l.add(named(fmt.Sprint("a/", n)), false)
			}
		}, "a/0 a/1 a/2 a/3 a/x a/4 a/5 a/6 a/7 a/y a/8"},
		"asked for meanwhile": {func(l *lines) {
			for _, key := range []string{"a/1", "a/2", "a/3"} {
				l.add(named(key), true)
			}
			l.add(named("a/2"), false)
			l.add(named("a/2"), true)
		}, "a/2 a/1 a/3"},
		"left": {func(l *lines) {
			for _, key := range []string{"a/1", "a/2", "a/3", "b/1", "b/2"} {
				l.add(named(key), false)
			}
			for _, key := range []string{"a/1", "b/1", "b/2", "c/1"} {
				l.remove(named(key))
			}
			l.add(named("a/1"), false)
			l.add(named("b/2"), false)
		}, "a/2 b/2 a/3 a/1"},
		"twice": {func(l *lines) {
			l.add(named("a/1"), false)
			l.add(named("a/2"), false)
			l.add(named("a/1"), false)
		}, "a/1 a/2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var l lines
			c.fill(&l)
			if got := l.popAll(); got != c.want {
				t.Errorf("the order is %s, want %s", got, c.want)
			}
			if len(l.asked.waiting)+len(l.background.waiting) > 0 || len(l.asked.turns)+len(l.background.turns) > 0 {
				t.Error("something is left of it")
			}
		})
	}
}

// A reconcile is told about how many wait before it.
func TestLinesAhead(t *testing.T) {
	t.Parallel()
	var l lines
	for i, c := range []struct {
		key          string
		isBackground bool
		want         int
	}{
		{"a/1", true, 0}, {"a/2", true, 1}, {"b/1", true, 1}, {"a/2", true, 2}, {"a/edit", false, 0}, {"a/1", true, 2}, {"a/2", false, 1},
	} {
		if got := l.add(named(c.key), c.isBackground); got != c.want {
			t.Errorf("%d: %s has %d before it, want %d", i, c.key, got, c.want)
		}
	}
}
