// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator

import "slices"

// join adds a member; an existing one stays unchanged. After adding all members, the caller must
// touch the thread, so that it gets into their lists.
func (st *store) join(t *thread, m Member) {
	key := userKey(m.ID)
	if t.known[key] {
		return
	}
	m = m.clone()
	m.ID = st.canonical(m.ID)
	t.members = append(t.members, m)
	t.known[key] = true
	delete(t.left, key)
}

// find returns the position of a member, or -1.
func (t *thread) find(key string) int {
	return slices.IndexFunc(t.members, func(m Member) bool { return userKey(m.ID) == key })
}

// listMembers returns at most size members after the first skip, and whether there are more.
func (st *store) listMembers(id, user string, skip, size int) (page []Member, more bool, refusal *apiError) {
	st.lock()
	defer st.mu.Unlock()
	t, refusal := st.live(id, user)
	if refusal != nil {
		return nil, false, refusal
	}
	start := min(skip, len(t.members))
	end := min(start+size, len(t.members))
	return cloneMembers(t.members[start:end]), end < len(t.members), nil
}

// addMembers adds the users that are not yet members. A thread may have 250 members. It is not
// recorded that a call beyond this limit fails as a whole.
func (st *store) addMembers(id, user string, members []Member) *apiError {
	now := st.lock()
	defer st.mu.Unlock()
	t, refusal := st.live(id, user)
	if refusal != nil {
		return refusal
	}
	total := len(t.members)
	for _, m := range members {
		if !t.known[userKey(m.ID)] {
			total++
		}
	}
	if total > maxMembers {
		return badRequest("")
	}
	before := len(t.members)
	for _, m := range members {
		st.join(t, m)
	}
	if len(t.members) > before {
		t.announce(participantAdded, st.canonical(user), t.members[before:], now)
		st.touch(t, now)
	}
	return nil
}

// removeMember removes a member, which may be the caller itself. Removing a user that is not a
// member is not an error.
func (st *store) removeMember(id, user, member string) *apiError {
	now := st.lock()
	defer st.mu.Unlock()
	t, refusal := st.live(id, user)
	if refusal != nil {
		return refusal
	}
	if gone := t.remove(member); gone != nil {
		t.announce(participantRemoved, st.canonical(user), gone, now)
		st.touch(t, now)
	}
	return nil
}

// remove removes a member and returns it, or nil if there is none.
func (t *thread) remove(member string) []Member {
	key := userKey(member)
	if !t.known[key] {
		return nil
	}
	i := t.find(key)
	gone := []Member{t.members[i]}
	t.members = slices.Delete(t.members, i, i+1)
	t.known[key] = false
	if t.left == nil {
		t.left = map[string]period{}
	}
	t.left[key] = period{from: gone[0].ShareHistoryTime.UnixMilli(), until: t.version}
	return gone
}
