// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"cmp"
	"maps"
	"net/http"
	"strconv"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/plan"
)

// Memory keeps the results of calls on the members of one thread between reconciles. Its maps are
// by user key, and made when they are first needed: most threads never need them. Without a Memory,
// the operator only tries something once more.
type Memory struct {
	// Refused are the users that ACS refused, until TryAgain.
	Refused map[string]plan.Refusal
	// Malformed are ids that made a whole call fail, with the answer. They are sent in a call of their
	// own.
	Malformed map[string]plan.Refusal
	// Renewed holds the declaration and the stamp for which a member was added again.
	Renewed map[string]string

	// kept are the members that are in the thread as declared before, because ACS refused the present
	// declaration. added counts how often ACS answered that it added a member that was not listed
	// since. created are members that were added once, when the thread was created.
	kept    map[string]plan.Refusal
	added   map[string]int
	created []string
}

// TryAgain clears the refused users, so that they are tried again.
func (m *Memory) TryAgain() { m.Refused = nil }

// set puts a value into a map, and makes the map if there is none.
func set[V any](m *map[string]V, key string, value V) {
	if *m == nil {
		*m = map[string]V{}
	}
	(*m)[key] = value
}

// NoteRefused notes that ACS refused a member.
func (m *Memory) NoteRefused(member plan.Member, code, message string) {
	set(&m.Refused, member.Key(), plan.Refusal{Participant: member.Participant, Generation: member.Generation, Code: code, Message: message})
}

// NoteMalformed notes ids that made a whole call fail, with the message of ACS on each of them, or
// else on the call.
func (m *Memory) NoteMalformed(members []plan.Member, err error, said map[string]string) {
	message := "the id is malformed"
	if detail, ok := acs.Detail(err); ok && detail.Message != "" {
		message = outcome.Sanitize(detail.Message, outcome.MaxMessage)
	}
	for _, member := range members {
		m.NoteRefused(member, strconv.Itoa(http.StatusBadRequest), cmp.Or(outcome.Sanitize(said[member.Key()], outcome.MaxMessage), message))
		set(&m.Malformed, member.Key(), m.Refused[member.Key()])
	}
}

// NoteCreated notes that ACS answered that it created a thread with members.
func (m *Memory) NoteCreated(members []plan.Member) {
	m.countCreated()
	for _, member := range members {
		m.created = append(m.created, member.Key())
	}
}

// NoteAdded notes that ACS answered that it added a member, and returns how often it did since the
// member was listed.
func (m *Memory) NoteAdded(member plan.Member) int {
	m.countCreated()
	set(&m.added, member.Key(), m.added[member.Key()]+1)
	return m.added[member.Key()]
}

// NoteListed notes that ACS lists members.
func (m *Memory) NoteListed(members []plan.ObservedMember) {
	m.countCreated()
	for _, member := range members {
		delete(m.added, member.Key())
	}
	if len(m.added) == 0 {
		m.added = nil
	}
}

// countCreated counts the members that were added when the thread was created.
func (m *Memory) countCreated() {
	for _, key := range m.created {
		set(&m.added, key, m.added[key]+1)
	}
	m.created = nil
}

// Recall copies the results of earlier calls: members that ACS refused and that are not tried
// again. A member that is as declared, or has left, may have to be added again for the same reason
// later. The plan decides which member that differs is not renewed again. A refusal of that member
// stays, also after other edits.
func (m *Memory) Recall(todo plan.Members, results plan.Results) {
	maps.DeleteFunc(m.Renewed, func(key, _ string) bool { return !todo.Differing[key] })
	maps.DeleteFunc(m.kept, func(key string, _ plan.Refusal) bool { return !todo.Differing[key] })
	for _, member := range todo.Skipped {
		results.Refused[member.Key()] = m.Refused[member.Key()]
	}
	for _, member := range todo.Joined {
		if refusal, isKept := m.kept[member.Key()]; isKept {
			refusal.Participant, refusal.Generation = member.Participant, member.Generation
			results.Refused[member.Key()] = refusal
		}
	}
}
