// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package directory

import "iter"

// stamps holds a stamp of each thread, by thread id and by owner. Anybody may stamp any number of
// threads with one owner, so the threads of an owner are a linked list: a change costs O(1).
type stamps struct {
	byID    map[string]*linkedStamp
	byOwner map[string]*linkedStamp
}

// linkedStamp is a stamp between two others of the same owner.
type linkedStamp struct {
	Stamp
	before, after *linkedStamp
}

func newStamps() stamps {
	return stamps{byID: map[string]*linkedStamp{}, byOwner: map[string]*linkedStamp{}}
}

// of returns the stamp of a thread.
func (s *stamps) of(id string) (Stamp, bool) {
	found, ok := s.byID[id]
	if !ok {
		return Stamp{}, false
	}
	return found.Stamp, true
}

// ofOwner returns the stamps with an owner, in no order.
func (s *stamps) ofOwner(owner string) iter.Seq[Stamp] {
	return func(yield func(Stamp) bool) {
		for found := s.byOwner[owner]; found != nil; found = found.after {
			if !yield(found.Stamp) {
				return
			}
		}
	}
}

// put replaces the stamp of a thread.
func (s *stamps) put(stamp Stamp) {
	s.drop(stamp.ID)
	first := s.byOwner[stamp.Owner]
	put := &linkedStamp{Stamp: stamp, after: first}
	if first != nil {
		first.before = put
	}
	s.byID[stamp.ID], s.byOwner[stamp.Owner] = put, put
}

// drop removes the stamp of a thread.
func (s *stamps) drop(id string) {
	found, ok := s.byID[id]
	if !ok {
		return
	}
	delete(s.byID, id)
	if found.after != nil {
		found.after.before = found.before
	}
	switch {
	case found.before != nil:
		found.before.after = found.after
	case found.after != nil:
		s.byOwner[found.Owner] = found.after
	default:
		delete(s.byOwner, found.Owner)
	}
}
