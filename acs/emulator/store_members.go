// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator

import (
	"slices"
	"sort"
)

// join adds a member; one who is there already stays as it is.
func (st *store) join(t *thread, m Member) {
	key := userKey(m.ID)
	member, before := t.known[key]
	if member {
		return
	}
	m = m.clone()
	m.ID = st.canonical(m.ID)
	t.members = append(t.members, m)
	t.known[key] = true
	if before {
		return
	}
	// Nearly always the newest thread, so this is an append.
	list := st.byUser[key]
	at := sort.Search(len(list), func(i int) bool { return list[i].seq > t.seq })
	st.byUser[key] = slices.Insert(list, at, t)
}

// find gives the position of a member, or -1.
func (t *thread) find(key string) int {
	return slices.IndexFunc(t.members, func(m Member) bool { return userKey(m.ID) == key })
}

// listMembers gives at most size members after the first skip, and whether there are more.
func (st *store) listMembers(id, user string, skip, size int) (page []Member, more bool, refusal *apiError) {
	st.mu.Lock()
	defer st.mu.Unlock()
	t, refusal := st.live(id, user)
	if refusal != nil {
		return nil, false, refusal
	}
	start := min(skip, len(t.members))
	end := min(start+size, len(t.members))
	return cloneMembers(t.members[start:end]), end < len(t.members), nil
}

// addMembers adds those who are not there yet. A thread may have 250 members; that a call
// which would go beyond it fails as a whole is not recorded.
func (st *store) addMembers(id, user string, members []Member) *apiError {
	st.mu.Lock()
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
	for _, m := range members {
		st.join(t, m)
	}
	return nil
}

// removeMember takes somebody out, the caller itself too. Nobody to take out is no error.
func (st *store) removeMember(id, user, member string) *apiError {
	st.mu.Lock()
	defer st.mu.Unlock()
	t, refusal := st.live(id, user)
	if refusal != nil {
		return refusal
	}
	t.remove(member)
	return nil
}

func (t *thread) remove(member string) {
	key := userKey(member)
	if t.known[key] {
		i := t.find(key)
		t.members = slices.Delete(t.members, i, i+1)
		t.known[key] = false
	}
}
