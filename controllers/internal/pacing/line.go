// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package pacing

import (
	"container/heap"
	"time"
)

// state is how far a place has come.
type state int

const (
	// waiting places are in a line.
	waiting state = iota
	// granted places have a slot, which is held until their caller uses it.
	granted
	// lapsed places had a slot that their caller did not use in time. They come first once it asks.
	lapsed
	// underway places are calls without an answer.
	underway
)

// place is the place of one caller at one limit.
type place struct {
	who   Caller
	limit *limit
	state state
	// unpaced calls are sent without a slot.
	unpaced bool
	// round and seq order the places of a line; index is where the heap has it.
	round, seq int64
	index      int
	// shown is the moment that messages name. It is a prediction, made once.
	shown time.Time
	// until is the end of a slot that is held.
	until time.Time
}

func (p *place) kind() kind { return kindOf(p.who) }

// line holds the places of one kind that wait for a limit. Namespaces take turns: a place belongs
// to a round, and each namespace has one place in a round. So a thread waits for one place of each
// other namespace, however many threads these have. Each operation costs O(log n).
type line struct {
	places     places
	namespaces map[string]*turns
	tally      tally
}

// turns are the places of one namespace in a line: how many, and the round of the last.
type turns struct {
	waiting int
	last    int64
}

func (l *line) len() int { return len(l.places) }

// round is the round that is served now.
func (l *line) round() int64 {
	if len(l.places) == 0 {
		return 0
	}
	return l.places[0].round
}

// next is the round of the next place of a namespace.
func (l *line) next(namespace string) int64 {
	if t := l.namespaces[namespace]; t != nil {
		return max(l.round(), t.last+1)
	}
	return l.round()
}

// add puts a place where it is the turn of its namespace.
func (l *line) add(p *place) { l.insert(p, l.next(p.who.Namespace)) }

// addFirst puts a place before all others.
func (l *line) addFirst(p *place) {
	if len(l.places) > 0 {
		p.seq = l.places[0].seq - 1
	}
	l.insert(p, l.round())
}

func (l *line) insert(p *place, round int64) {
	p.state, p.round = waiting, round
	if l.namespaces == nil {
		l.namespaces = map[string]*turns{}
	}
	t := l.namespaces[p.who.Namespace]
	if t == nil {
		t = &turns{}
		l.namespaces[p.who.Namespace] = t
	}
	t.waiting++
	t.last = max(t.last, round)
	if !l.tally.holds(round) {
		l.tally.reset(l.places, l.round(), round)
	}
	l.tally.add(round, 1)
	heap.Push(&l.places, p)
}

func (l *line) remove(p *place) {
	heap.Remove(&l.places, p.index)
	if len(l.places) == 0 {
		*l = line{}
		return
	}
	l.tally.add(p.round, -1)
	t := l.namespaces[p.who.Namespace]
	if t.waiting--; t.waiting == 0 {
		delete(l.namespaces, p.who.Namespace)
	} else if t.last == p.round {
		t.last--
	}
}

// ahead is how many places come before the next one of a namespace.
func (l *line) ahead(namespace string) int { return l.tally.upTo(l.next(namespace)) }

// aheadOf is how many places come before one, at most.
func (l *line) aheadOf(p *place) int { return max(l.tally.upTo(p.round)-1, 0) }

// places are a heap in the order in which they are served.
type places []*place

func (h places) Len() int { return len(h) }
func (h places) Less(i, j int) bool {
	if h[i].round != h[j].round {
		return h[i].round < h[j].round
	}
	return h[i].seq < h[j].seq
}
func (h places) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *places) Push(x any) {
	p, _ := x.(*place)
	p.index = len(*h)
	*h = append(*h, p)
}
func (h *places) Pop() any {
	last := len(*h) - 1
	p := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return p
}

// tally counts places by round, and sums the counts, in O(log n): a Fenwick tree over the rounds
// from first on.
type tally struct {
	first int64
	tree  []int
}

const leastRounds = 64

func (t *tally) holds(round int64) bool { return round-t.first < int64(len(t.tree)) }

// reset has the tally begin with a round, with room for twice the rounds in use. So many must pass
// before the next reset that its cost does not count.
func (t *tally) reset(all places, first, last int64) {
	t.first, t.tree = first, make([]int, max(leastRounds, 2*(last-first+1)))
	for _, p := range all {
		t.add(p.round, 1)
	}
}

func (t *tally) add(round int64, n int) {
	for i := int(round-t.first) + 1; i <= len(t.tree); i += i & -i {
		t.tree[i-1] += n
	}
}

// upTo counts the places of all rounds up to one.
func (t *tally) upTo(round int64) int {
	sum := 0
	for i := min(int(round-t.first)+1, len(t.tree)); i > 0; i -= i & -i {
		sum += t.tree[i-1]
	}
	return sum
}
