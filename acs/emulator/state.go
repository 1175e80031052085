// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator

import (
	"maps"
	"slices"
	"time"
)

// epoch is the default shareHistoryTime of a member: the whole history.
var epoch = time.Unix(0, 0).UTC()

// Thread is a copy of a thread.
type Thread struct {
	ID              string            `json:"id"`
	Topic           string            `json:"topic"`
	CreatedOn       time.Time         `json:"createdOn"`
	CreatedBy       string            `json:"createdBy"`
	DeletedOn       *time.Time        `json:"deletedOn,omitempty"` // nil: not deleted
	Metadata        map[string]string `json:"metadata,omitempty"`
	RetentionDays   int32             `json:"retentionDays,omitempty"` // 0: none
	Members         []Member          `json:"members"`
	RepeatabilityID string            `json:"repeatabilityId,omitempty"` // of the request that created it
}

// Member is a copy of a participant of a thread.
type Member struct {
	ID               string            `json:"id"`
	DisplayName      string            `json:"displayName,omitempty"`
	ShareHistoryTime time.Time         `json:"shareHistoryTime"` // zero, when adding: the whole history
	Metadata         map[string]string `json:"metadata,omitempty"`
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

// Threads returns all threads in order of creation, deleted ones included.
func (s *Server) Threads() []Thread {
	s.store.lock()
	defer s.store.mu.Unlock()
	out := make([]Thread, len(s.store.order))
	for i, t := range s.store.order {
		out[i] = t.snapshot()
	}
	return out
}

// Thread returns one thread, deleted or not.
func (s *Server) Thread(id string) (Thread, bool) {
	s.store.lock()
	defer s.store.mu.Unlock()
	t, ok := s.store.threads[id]
	if !ok {
		return Thread{}, false
	}
	return t.snapshot(), true
}

// Messages returns the messages of a thread in order of creation, or nil if there is no such
// thread.
func (s *Server) Messages(threadID string) []Message {
	s.store.lock()
	defer s.store.mu.Unlock()
	t, ok := s.store.threads[threadID]
	if !ok {
		return nil
	}
	out := make([]Message, len(t.messages))
	for i, m := range t.messages {
		out[i] = m.clone()
		out[i].Participants = cloneMembers(m.Participants)
	}
	return out
}

// Receipts returns the read receipts of a thread, at most one of each user.
func (s *Server) Receipts(threadID string) []Receipt {
	s.store.lock()
	defer s.store.mu.Unlock()
	if t, ok := s.store.threads[threadID]; ok {
		return slices.Clone(t.receipts)
	}
	return nil
}

// AddMessage adds a message to a thread without a request, of any type and content, and returns its
// id. The server sets ID, Sequence, Changed and Version. It panics if there is no such thread.
func (s *Server) AddMessage(threadID string, m Message) int64 {
	id, ok := s.store.addMessage(threadID, m)
	if !ok {
		panic("emulator: no thread " + threadID)
	}
	return id
}

func (st *store) addMessage(threadID string, m Message) (id int64, ok bool) {
	now := st.lock()
	defer st.mu.Unlock()
	t, ok := st.threads[threadID]
	if !ok {
		return 0, false
	}
	m = m.clone()
	m.Participants = cloneMembers(m.Participants)
	written := t.write(m, now)
	st.touch(t, now)
	return written.ID, true
}

// Users returns the identities that were created and not deleted, in order.
func (s *Server) Users() []string {
	s.store.lock()
	defer s.store.mu.Unlock()
	return slices.Clone(s.store.users)
}

// CreateUser creates an identity without a request.
func (s *Server) CreateUser() string { return s.store.createIdentity() }

// CreateThread creates a thread without a request and returns its id. The creator is a member. It
// panics if there are too many members.
func (s *Server) CreateThread(createdBy, topic string, members ...Member) string {
	made, refusal := s.store.createThread(draft{creator: createdBy, topic: topic, members: members})
	if refusal != nil {
		panic("emulator: CreateThread: too many members")
	}
	return made.ID
}

// DeleteThread deletes a thread without a request. It does nothing for a deleted or unknown thread.
func (s *Server) DeleteThread(id string) {
	now := s.store.lock()
	defer s.store.mu.Unlock()
	if t, ok := s.store.threads[id]; ok {
		t.delete(now)
	}
}

// UpdateThread changes a thread without a request, without any check, and without the message about
// it to the members. Changes of ID, CreatedOn and RepeatabilityID are ignored. It panics if there
// is no such thread; change must not call the server.
func (s *Server) UpdateThread(id string, change func(*Thread)) {
	now := s.store.lock()
	defer s.store.mu.Unlock()
	t := s.store.mustFind(id)
	changed := t.snapshot()
	change(&changed)
	members := changed.Members
	changed.Members = nil
	changed.ID, changed.CreatedOn, changed.RepeatabilityID = t.ID, t.CreatedOn, t.RepeatabilityID
	changed.Metadata, changed.DeletedOn = maps.Clone(changed.Metadata), clonePointer(changed.DeletedOn)
	if changed.RetentionDays != t.RetentionDays {
		s.store.setRetention(t, &retention{days: changed.RetentionDays})
	}
	t.Thread = changed
	for _, m := range t.snapshot().Members {
		t.remove(m.ID)
	}
	for _, m := range members {
		s.store.join(t, m)
	}
	s.store.touch(t, now)
}

// AddMember adds a member to a thread without a request, or replaces it. It panics if there is no
// such thread.
func (s *Server) AddMember(threadID string, m Member) {
	now := s.store.lock()
	defer s.store.mu.Unlock()
	t := s.store.mustFind(threadID)
	if i := t.find(userKey(m.ID)); i >= 0 {
		t.members[i] = m.clone()
		return
	}
	s.store.join(t, m)
	s.store.touch(t, now)
}

// RemoveMember removes a member from a thread without a request. It does nothing if the member or
// the thread does not exist.
func (s *Server) RemoveMember(threadID, userID string) {
	s.store.lock()
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
