// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"sort"
	"time"
)

// The types of messages of the service itself, and those of users.
const (
	participantAdded   = "participantAdded"
	participantRemoved = "participantRemoved"
	topicUpdated       = "topicUpdated"
	textMessage        = "text"
	htmlMessage        = "html"
)

// Message is a copy of a message of a thread.
type Message struct {
	ID       int64  `json:"id,string"` // milliseconds since 1970; unique in the thread
	Type     string `json:"type"`
	Sequence int    `json:"sequence"` // at the time of sending
	// Changed is the sequence number of its latest change, and Version the time of that change, in
	// the form of ID.
	Changed int   `json:"changed"`
	Version int64 `json:"version,string"`

	Content      string            `json:"content,omitempty"`
	Attachments  []json.RawMessage `json:"attachments,omitempty"`
	Topic        string            `json:"topic,omitempty"`
	Participants []Member          `json:"participants,omitempty"`
	Initiator    string            `json:"initiator,omitempty"` // the user whose change the service reports

	Sender            string            `json:"sender,omitempty"` // empty: the service
	SenderDisplayName string            `json:"senderDisplayName,omitempty"`
	Metadata          map[string]string `json:"metadata,omitempty"`
	EditedOn          *time.Time        `json:"editedOn,omitempty"`
	DeletedOn         *time.Time        `json:"deletedOn,omitempty"`
}

func (m *Message) clone() Message {
	out := *m
	out.Attachments = slices.Clone(m.Attachments)
	out.Participants = slices.Clone(m.Participants) // members in messages never change
	out.Metadata = maps.Clone(m.Metadata)
	out.EditedOn, out.DeletedOn = clonePointer(m.EditedOn), clonePointer(m.DeletedOn)
	return out
}

// period is the part of a thread's history that a user may read, by the ids of its messages.
type period struct {
	from, until int64 // both inclusive
}

func (p period) has(m *Message) bool { return p.from <= m.ID && m.ID <= p.until }

// forever is later than every message.
const forever = 1<<63 - 1

// stamp returns the sequence number and the version of the next change.
func (t *thread) stamp(now time.Time) (sequence int, version int64) {
	t.sequence++
	t.version = max(now.UnixMilli(), t.version+1)
	return t.sequence, t.version
}

// write adds a message to the thread.
func (t *thread) write(m Message, now time.Time) *Message {
	m.Sequence, m.ID = t.stamp(now)
	m.Changed, m.Version = m.Sequence, m.ID
	t.messages = append(t.messages, &m)
	t.changes = append(t.changes, &m)
	return &m
}

// rewrite gives a message a new version, which moves it to the top of the list.
func (t *thread) rewrite(m *Message, now time.Time) {
	i := sort.Search(len(t.changes), func(i int) bool { return t.changes[i].Version >= m.Version })
	t.changes = append(slices.Delete(t.changes, i, i+1), m)
	m.Changed, m.Version = t.stamp(now)
}

// announce adds the message with which the service reports a change to the members.
func (t *thread) announce(kind, initiator string, members []Member, now time.Time) {
	m := Message{Type: kind, Initiator: initiator, Participants: slices.Clone(members)}
	if kind == topicUpdated {
		m.Topic = t.Topic
	}
	t.write(m, now)
}

// message returns the message with the id, or nil.
func (t *thread) message(id int64) *Message {
	i := sort.Search(len(t.messages), func(i int) bool { return t.messages[i].ID >= id })
	if i == len(t.messages) || t.messages[i].ID != id {
		return nil
	}
	return t.messages[i]
}

// readable returns a thread and the part of it that the user may read: for a former member the part
// until it left.
func (st *store) readable(id, user string) (*thread, period, *apiError) {
	t := st.threads[id]
	if t != nil && t.DeletedOn == nil {
		if old, ok := t.left[userKey(user)]; ok {
			return t, old, nil
		}
	}
	t, refusal := st.live(id, user)
	if refusal != nil {
		return nil, period{}, refusal
	}
	member := t.members[t.find(userKey(user))]
	return t, period{from: member.ShareHistoryTime.UnixMilli(), until: forever}, nil
}

// messageNotFound has a text of the emulator's own: no such response is recorded.
func messageNotFound() *apiError {
	return &apiError{status: http.StatusNotFound, code: "NotFound", message: "The specified message was not found."}
}

func (st *store) sendMessage(id, user string, m Message) (int64, *apiError) {
	now := st.lock()
	defer st.mu.Unlock()
	t, refusal := st.live(id, user)
	if refusal != nil {
		return 0, refusal
	}
	m.Sender = st.canonical(user)
	written := t.write(m, now)
	st.touch(t, now)
	return written.ID, nil
}

func (st *store) getMessage(id, user string, message int64) (Message, *apiError) {
	st.lock()
	defer st.mu.Unlock()
	t, part, refusal := st.readable(id, user)
	if refusal != nil {
		return Message{}, refusal
	}
	m := t.message(message)
	if m == nil || !part.has(m) {
		return Message{}, messageNotFound()
	}
	return m.clone(), nil
}

// listMessages returns at most size messages, the latest change first, with a version below the
// given one and not before from, and whether there are more.
func (st *store) listMessages(id, user string, below, from int64, size int) (page []Message, more bool, refusal *apiError) {
	now := st.lock()
	defer st.mu.Unlock()
	t, part, refusal := st.readable(id, user)
	if refusal != nil {
		return nil, false, refusal
	}
	if st.listDelay > 0 {
		below = min(below, now.Add(-st.listDelay).UnixMilli()+1)
	}
	i := sort.Search(len(t.changes), func(i int) bool { return t.changes[i].Version >= below }) - 1
	for ; i >= 0 && t.changes[i].Version >= from; i-- {
		if !part.has(t.changes[i]) {
			continue
		}
		if len(page) == size {
			return page, true, nil
		}
		page = append(page, t.changes[i].clone())
	}
	return page, false, nil
}

// own returns a message that the user sent. No other user may change it, and nobody may change a
// message of the service.
func (st *store) own(id, user string, message int64) (*thread, *Message, *apiError) {
	t, refusal := st.live(id, user)
	if refusal != nil {
		return nil, nil, refusal
	}
	m := t.message(message)
	switch {
	case m == nil:
		return nil, nil, messageNotFound()
	case userKey(m.Sender) != userKey(user):
		return nil, nil, forbidden()
	default:
		return t, m, nil
	}
}

// updateMessage merges metadata like that of threads. A deleted message cannot be changed; the
// service's refusal is not recorded.
func (st *store) updateMessage(id, user string, message int64, content *string, metadata map[string]string) *apiError {
	now := st.lock()
	defer st.mu.Unlock()
	t, m, refusal := st.own(id, user, message)
	switch {
	case refusal != nil:
		return refusal
	case m.DeletedOn != nil:
		return messageNotFound()
	case content == nil && metadata == nil:
		return nil
	}
	merged := mergeMetadata(m.Metadata, metadata)
	text := m.Content
	if content != nil {
		text = *content
	}
	if messageTooLarge(text, merged) {
		return tooLarge()
	}
	m.Content, m.Metadata = text, merged
	edited := now.UTC()
	m.EditedOn = &edited
	t.rewrite(m, now)
	return nil
}

// deleteMessage empties a message and marks it. Deleting it again changes nothing.
func (st *store) deleteMessage(id, user string, message int64) *apiError {
	now := st.lock()
	defer st.mu.Unlock()
	t, m, refusal := st.own(id, user, message)
	if refusal != nil || m.DeletedOn != nil {
		return refusal
	}
	deleted := now.UTC()
	m.Content, m.Attachments, m.Metadata = "", nil, nil
	m.DeletedOn = &deleted
	t.rewrite(m, now)
	return nil
}
