// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"slices"

	"k8s.io/apimachinery/pkg/types"
)

// askedInTurn is how many reconciles that somebody asked for go before one that only looks for
// drift, while both wait.
const askedInTurn = 4

// lines are the reconciles that wait at an endpoint.
type lines struct {
	// background holds those that only look for drift.
	asked, background line
	// served counts the ones that somebody asked for since the last other one.
	served int
}

func (l *lines) isEmpty() bool { return l.asked.isEmpty() && l.background.isEmpty() }

// add puts a reconcile at the end, unless it waits already, and returns about how many wait before
// it. One that waits in the background changes its line once somebody asks for it.
func (l *lines) add(key types.NamespacedName, isBackground bool) (ahead int) {
	if isBackground && !l.asked.holds(key) {
		return l.asked.len() + l.background.add(key)
	}
	l.background.remove(key)
	return l.asked.add(key)
}

// pop takes out the next reconcile. There must be one.
func (l *lines) pop() types.NamespacedName {
	if !l.asked.isEmpty() && (l.served < askedInTurn || l.background.isEmpty()) {
		l.served++
		return l.asked.pop()
	}
	l.served = 0
	return l.background.pop()
}

func (l *lines) remove(key types.NamespacedName) {
	l.asked.remove(key)
	l.background.remove(key)
}

// line holds reconciles in order. Namespaces take turns, and in a namespace the one that came first
// is first. No step costs more the more of them wait in a namespace.
type line struct {
	turns   []string
	waiting map[string]*turn
	// places holds the number of each reconcile in its namespace.
	places map[types.NamespacedName]int
}

// turn are the reconciles of one namespace. keys may have some that do not wait any more.
type turn struct {
	keys []types.NamespacedName
	// first is the number of the first one, and count how many wait.
	first, count int
}

func (l *line) isEmpty() bool { return len(l.places) == 0 }

func (l *line) len() int { return len(l.places) }

func (l *line) holds(key types.NamespacedName) bool {
	_, ok := l.places[key]
	return ok
}

// add puts a reconcile at the end, unless it waits already. It returns about how many wait before
// it.
func (l *line) add(key types.NamespacedName) (ahead int) {
	if l.places == nil {
		l.places, l.waiting = map[types.NamespacedName]int{}, map[string]*turn{}
	}
	same := l.waiting[key.Namespace]
	if same == nil {
		same = &turn{}
		l.waiting[key.Namespace] = same
		l.turns = append(l.turns, key.Namespace)
	}
	number, ok := l.places[key]
	if !ok {
		number = same.first + len(same.keys)
		l.places[key] = number
		same.keys = append(same.keys, key)
		same.count++
	}
	place := number - same.first
	for _, namespace := range l.turns {
		ahead += min(l.waiting[namespace].count, place+1)
	}
	return ahead - 1
}

// pop takes out the first reconcile. There must be one.
func (l *line) pop() types.NamespacedName {
	namespace := l.turns[0]
	same := l.waiting[namespace]
	for {
		key, number := same.keys[0], same.first
		same.keys, same.first = same.keys[1:], same.first+1
		if l.places[key] != number || !l.holds(key) {
			continue
		}
		delete(l.places, key)
		l.turns = l.turns[1:]
		if same.count--; same.count > 0 {
			l.turns = append(l.turns, namespace)
		} else {
			delete(l.waiting, namespace)
		}
		return key
	}
}

func (l *line) remove(key types.NamespacedName) {
	if !l.holds(key) {
		return
	}
	delete(l.places, key)
	same := l.waiting[key.Namespace]
	if same.count--; same.count == 0 {
		delete(l.waiting, key.Namespace)
		l.turns = slices.DeleteFunc(l.turns, func(namespace string) bool { return namespace == key.Namespace })
	}
}
