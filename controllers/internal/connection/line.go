// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"container/list"

	"k8s.io/apimachinery/pkg/types"
)

// line holds the reconciles that wait at an endpoint. Namespaces take turns, and in a namespace the
// one that came first is first. Each operation costs O(1): a restart puts thousands into a line.
type line struct {
	// turns are the queues of the namespaces in the order of their turns.
	turns  list.List
	queues map[string]*queue
	count  int
}

// queue holds the reconciles of a namespace that wait, in their order.
type queue struct {
	namespace string
	turn      *list.Element
	waiting   list.List
	at        map[types.NamespacedName]*list.Element
	next      int
}

// waiter is a reconcile that waits. Its number counts those that came before it to its queue.
type waiter struct {
	key    types.NamespacedName
	number int
}

func (l *line) isEmpty() bool { return l.count == 0 }

// add puts a reconcile at the end, unless it waits already. It returns how many wait before it, at
// most.
func (l *line) add(key types.NamespacedName) (ahead int) {
	q := l.queues[key.Namespace]
	if q == nil {
		q = &queue{namespace: key.Namespace, at: map[types.NamespacedName]*list.Element{}}
		q.turn = l.turns.PushBack(q)
		if l.queues == nil {
			l.queues = map[string]*queue{}
		}
		l.queues[key.Namespace] = q
	}
	at, ok := q.at[key]
	if !ok {
		at = q.waiting.PushBack(waiter{key, q.next})
		q.at[key] = at
		q.next++
		l.count++
	}
	// Numbers of reconciles that left the queue are not given again.
	place := min(numberOf(at)-numberOf(q.waiting.Front()), q.waiting.Len()-1)
	return min((place+1)*l.turns.Len(), l.count) - 1
}

func numberOf(at *list.Element) int {
	w, _ := at.Value.(waiter)
	return w.number
}

// pop takes out the first reconcile. There must be one.
func (l *line) pop() types.NamespacedName {
	q, _ := l.turns.Front().Value.(*queue)
	l.turns.MoveToBack(q.turn)
	first, _ := q.waiting.Front().Value.(waiter)
	l.remove(first.key)
	return first.key
}

func (l *line) remove(key types.NamespacedName) {
	q := l.queues[key.Namespace]
	if q == nil || q.at[key] == nil {
		return
	}
	q.waiting.Remove(q.at[key])
	delete(q.at, key)
	l.count--
	if q.waiting.Len() == 0 {
		l.turns.Remove(q.turn)
		delete(l.queues, key.Namespace)
	}
}
