// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator

import (
	"maps"
	"slices"
	"time"
)

// epoch is the shareHistoryTime of a member for whom none was given: all of the history.
var epoch = time.Unix(0, 0).UTC()

// Thread is a copy of a thread.
type Thread struct {
	ID              string
	Topic           string
	CreatedOn       time.Time
	CreatedBy       string
	DeletedOn       *time.Time // nil: not deleted
	Metadata        map[string]string
	RetentionDays   int32 // 0: none
	Members         []Member
	RepeatabilityID string // of the request that created it
}

// Member is a copy of a participant of a thread.
type Member struct {
	ID               string
	DisplayName      string
	ShareHistoryTime time.Time // zero, when given: all of the history
	Metadata         map[string]string
}

func (m Member) clone() Member {
	m.Metadata = maps.Clone(m.Metadata)
	if m.ShareHistoryTime.IsZero() {
		m.ShareHistoryTime = epoch
	}
	m.ShareHistoryTime = m.ShareHistoryTime.UTC().Truncate(time.Second)
	return m
}

func cloneMembers(members []Member) []Member {
	out := make([]Member, len(members))
	for i, m := range members {
		out[i] = m.clone()
	}
	return out
}

func clonePointer[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

func (t *thread) snapshot() Thread {
	out := t.properties().Thread
	out.Members = cloneMembers(t.members)
	return out
}

// Threads gives all threads in order of creation, deleted ones included.
func (s *Server) Threads() []Thread {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	out := make([]Thread, len(s.store.order))
	for i, t := range s.store.order {
		out[i] = t.snapshot()
	}
	return out
}

// Thread gives one thread, deleted or not.
func (s *Server) Thread(id string) (Thread, bool) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	t, ok := s.store.threads[id]
	if !ok {
		return Thread{}, false
	}
	return t.snapshot(), true
}

// Users gives the identities that were created, in order.
func (s *Server) Users() []string {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	return slices.Clone(s.store.users)
}

// CreateUser creates an identity without a request.
func (s *Server) CreateUser() string { return s.store.createIdentity() }

// CreateThread creates a thread without a request and gives its id. The creator is a member.
// It panics when there would be too many members.
func (s *Server) CreateThread(createdBy, topic string, members ...Member) string {
	made, refusal := s.store.createThread(draft{creator: createdBy, topic: topic, members: members}, s.options.Clock())
	if refusal != nil {
		panic("emulator: CreateThread: too many members")
	}
	return made.ID
}

// DeleteThread deletes a thread without a request. One that is deleted or unknown is left alone.
func (s *Server) DeleteThread(id string) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	if t, ok := s.store.threads[id]; ok {
		t.delete(s.options.Clock())
	}
}

// UpdateThread changes a thread without a request, and without any check. Changes of ID,
// CreatedOn and RepeatabilityID are ignored. It panics when there is no such thread; change
// must not call the server.
func (s *Server) UpdateThread(id string, change func(*Thread)) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	t := s.store.mustFind(id)
	changed := t.snapshot()
	change(&changed)
	members := changed.Members
	changed.Members = nil
	changed.ID, changed.CreatedOn, changed.RepeatabilityID = t.ID, t.CreatedOn, t.RepeatabilityID
	changed.Metadata, changed.DeletedOn = maps.Clone(changed.Metadata), clonePointer(changed.DeletedOn)
	if changed.RetentionDays != t.RetentionDays {
		t.setRetention(&retention{days: changed.RetentionDays})
	}
	t.Thread = changed
	t.members = nil
	for key := range t.known {
		t.known[key] = false
	}
	for _, m := range members {
		s.store.join(t, m)
	}
}

// AddMember adds somebody to a thread without a request; one who is there already is replaced.
// It panics when there is no such thread.
func (s *Server) AddMember(threadID string, m Member) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	t := s.store.mustFind(threadID)
	if i := t.find(userKey(m.ID)); i >= 0 {
		t.members[i] = m.clone()
		return
	}
	s.store.join(t, m)
}

// RemoveMember takes somebody out of a thread without a request. One who is not in it, and a
// thread that does not exist, are left alone.
func (s *Server) RemoveMember(threadID, userID string) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	if t, ok := s.store.threads[threadID]; ok {
		t.remove(userID)
	}
}

func (st *store) mustFind(id string) *thread {
	t, ok := st.threads[id]
	if !ok {
		panic("emulator: no thread " + id)
	}
	return t
}
