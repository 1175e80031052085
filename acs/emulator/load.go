// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator

import (
	"cmp"
	"container/heap"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
)

// LoadState replaces the whole state of the service, the access key included, with one that
// SaveState has written. If it returns an error, nothing has changed.
func (s *Server) LoadState(r io.Reader) error {
	decoder := json.NewDecoder(r)
	decoder.DisallowUnknownFields()
	var saved savedState
	if err := decoder.Decode(&saved); err != nil {
		return fmt.Errorf("read the state: %w", err)
	}
	switch {
	case saved.Version != saveVersion:
		return fmt.Errorf("read the state: it has version %d, not %d", saved.Version, saveVersion)
	case saved.ResourceID != s.options.ResourceID:
		return fmt.Errorf("read the state: it is of the resource %.40q", saved.ResourceID)
	case saved.AccessKey == "" || saved.ClockMoved < 0:
		return errors.New("read the state: it has no access key, or a clock that went back")
	}
	loaded := newStore(s.options, s.now)
	if err := loaded.fill(saved); err != nil {
		return fmt.Errorf("read the state: %w", err)
	}
	if err := s.keys.set(saved.AccessKey); err != nil {
		return fmt.Errorf("read the state: the access key: %w", err)
	}
	s.moved.Store(int64(saved.ClockMoved))
	s.store.replace(loaded)
	return nil
}

// Reset removes all threads, identities, requests, faults and uses of quotas, and undoes
// AdvanceClock. The access key stays. Ids are not reused.
func (s *Server) Reset() {
	empty := newStore(s.options, s.now)
	s.store.mu.Lock()
	empty.seed, empty.counter = s.store.seed, s.store.counter
	s.store.mu.Unlock()
	s.moved.Store(0)
	s.store.replace(empty)
	s.quotas.reset()
	s.ClearFaults()
	s.ResetRequests()
}

// replace takes over the content of another store, which nothing else refers to.
func (st *store) replace(other *store) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.seed, st.counter, st.activity = other.seed, max(st.counter, other.counter), other.activity
	st.identities, st.users = other.identities, other.users
	st.threads, st.order, st.byUser = other.threads, other.order, other.byUser
	st.replays, st.agenda = other.replays, other.agenda
}

// fill puts a saved state into an empty store. It refuses a state that this package did not write.
func (st *store) fill(saved savedState) error {
	st.seed, st.counter = saved.Seed, saved.Counter
	for _, one := range saved.Identities {
		known := &identity{id: one.ID, serial: one.Serial, deletedOn: one.DeletedOn, revoked: one.Revoked}
		st.identities[userKey(one.ID)] = known
		if one.DeletedOn != nil {
			// A repeated departure does no harm: the user has no threads left.
			heap.Push(&st.agenda, appointment{at: one.DeletedOn.Add(st.revocation), user: known})
		}
	}
	for _, user := range saved.Users {
		if st.existing(user) == nil {
			return fmt.Errorf("the user %.80q is no identity", user)
		}
		st.users = append(st.users, user)
	}
	for _, one := range saved.Threads {
		t, err := one.thread()
		if err != nil {
			return fmt.Errorf("thread %.80q: %w", one.ID, err)
		}
		if st.threads[t.ID] != nil {
			return fmt.Errorf("thread %.80q is there twice", t.ID)
		}
		st.threads[t.ID] = t
		st.order = append(st.order, t)
		if one.Policy != nil {
			st.setRetention(t, &retention{days: *one.Policy})
		}
	}
	for _, one := range saved.Replays {
		t := st.threads[one.ThreadID]
		if t == nil {
			return fmt.Errorf("the request %.80q is of no thread", one.RequestID)
		}
		st.replays[replayKey{one.User, one.RequestID}] = replay{thread: t, invalid: one.Invalid, at: one.At}
	}
	return st.feed()
}

// feed builds the lists of the users.
func (st *store) feed() error {
	for _, t := range slices.SortedFunc(slices.Values(st.order), func(a, b *thread) int { return cmp.Compare(a.activity, b.activity) }) {
		if t.activity <= st.activity {
			return fmt.Errorf("thread %.80q: its activity is that of another", t.ID)
		}
		st.activity = t.activity
		for key := range t.known {
			if st.byUser[key] == nil {
				st.byUser[key] = &threadFeed{}
			}
			st.byUser[key].push(t)
		}
	}
	return nil
}

// thread converts a saved thread, without its policy.
func (saved savedThread) thread() (*thread, error) {
	t := &thread{
		Thread: saved.Thread, activity: saved.Activity, activeOn: saved.ActiveOn, sequence: saved.Sequence, version: saved.Change,
		members: cloneMembers(saved.Members), known: make(map[string]bool, len(saved.Members)), receipts: saved.Receipts,
	}
	t.Members = nil
	if !threadForm.MatchString(t.ID) {
		return nil, errors.New("the id is none")
	}
	for key, part := range saved.Left {
		if t.left == nil {
			t.left = map[string]period{}
		}
		t.known[key], t.left[key] = false, period{from: part[0], until: part[1]}
	}
	for _, m := range t.members {
		key := userKey(m.ID)
		if _, twice := t.known[key]; twice {
			return nil, fmt.Errorf("the member %.80q is there twice", m.ID)
		}
		t.known[key] = true
	}
	versions := make(map[int64]bool, len(saved.Messages))
	for _, m := range saved.Messages {
		if m.ID <= t.lastMessage() || m.Version < m.ID || m.Version > t.version || versions[m.Version] {
			return nil, fmt.Errorf("the message %d is out of order", m.ID)
		}
		versions[m.Version] = true
		copied := m.clone()
		t.messages = append(t.messages, &copied)
	}
	t.changes = slices.SortedFunc(slices.Values(t.messages), func(a, b *Message) int { return cmp.Compare(a.Version, b.Version) })
	t.Metadata = maps.Clone(t.Metadata)
	return t, nil
}
