// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package directory

import (
	"slices"
	"sort"
)

// unread holds the listed threads of a user whose stamp is not known, in the order in which they
// came. A set and a removal cost O(1). The threads are looked at in a circle that goes on where the
// last look ended, so those that ChatThreads claim are passed once in a round, not in each look.
type unread struct {
	at map[string]*unreadThread
	// order holds the threads of at by number, and some that are no longer there.
	order []*unreadThread
	// next is the number of the next thread that comes.
	next int64
	// here is the number of the thread that was last found unclaimed.
	here int64
	// claimed counts those that were claimed when they were last looked at. Claims are asked for
	// again whenever they matter: this is for messages only.
	claimed int
}

type unreadThread struct {
	id      string
	number  int64
	claimed bool
}

func newUnread() unread { return unread{at: map[string]*unreadThread{}} }

// set adds or removes a thread.
func (u *unread) set(id string, isUnread bool) {
	_, ok := u.at[id]
	switch {
	case ok == isUnread:
	case isUnread:
		found := &unreadThread{id: id, number: u.next}
		u.next++
		u.at[id] = found
		u.order = append(u.order, found)
		u.compact()
	default:
		u.note(id, false)
		delete(u.at, id)
		u.compact()
	}
}

// leastOrder is how long the order may be in any case.
const leastOrder = 64

// compact drops from the order the threads that were removed, once they are more than the others.
func (u *unread) compact() {
	if len(u.order) > max(2*len(u.at), leastOrder) {
		u.order = slices.DeleteFunc(u.order, func(t *unreadThread) bool { return u.at[t.id] != t })
	}
}

// note notes whether a thread was claimed when it was looked at.
func (u *unread) note(id string, claimed bool) {
	found, ok := u.at[id]
	if !ok || found.claimed == claimed {
		return
	}
	found.claimed = claimed
	if claimed {
		u.claimed++
	} else {
		u.claimed--
	}
}

// pending is how many threads were unclaimed when they were last looked at.
func (u *unread) pending() int { return len(u.at) - u.claimed }

// isPending reports whether a thread is unread, and was unclaimed when it was last looked at.
func (u *unread) isPending(id string) bool {
	found, ok := u.at[id]
	return ok && !found.claimed
}

// from returns the first thread with that number or a higher one, and below an end; nil for none.
func (u *unread) from(number, end int64) *unreadThread {
	first := sort.Search(len(u.order), func(i int) bool { return u.order[i].number >= number })
	for _, t := range u.order[first:] {
		switch {
		case t.number >= end:
			return nil
		case u.at[t.id] == t:
			return t
		}
	}
	return nil
}

// circle is a walk over the threads that are unread when it begins: from the one that was last
// found unclaimed to the last one, and then from the first one on. Threads may be added and removed
// meanwhile.
type circle struct {
	of *unread
	// began and end are the numbers at which the walk begins, and below which all threads are seen.
	began, end int64
	// next is the number from which on the walk goes on. isAgain says that it is past the last one.
	next    int64
	isAgain bool
}

func (u *unread) circle() *circle { return &circle{of: u, began: u.here, next: u.here, end: u.next} }

// step returns the next thread; false after the last one.
func (c *circle) step() (id string, ok bool) {
	end := c.end
	if c.isAgain {
		end = min(c.began, c.end)
	}
	if found := c.of.from(c.next, end); found != nil {
		c.next = found.number + 1
		return found.id, true
	}
	if c.isAgain {
		return "", false
	}
	c.isAgain, c.next = true, 0
	return c.step()
}

// stay has the next circle begin with the thread of the last step.
func (c *circle) stay() { c.of.here = c.next - 1 }
