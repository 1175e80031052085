// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// saveVersion changes with the format of SaveState.
const saveVersion = 1

// savedState is the whole state of the service. Quotas, faults and the stored requests are not part
// of it: they belong to a run.
type savedState struct {
	Version    int             `json:"version"`
	ResourceID string          `json:"resourceId"`
	AccessKey  string          `json:"accessKey"`
	Seed       string          `json:"seed"`
	Counter    uint64          `json:"counter"`
	ClockMoved time.Duration   `json:"clockMovedNanoseconds"`
	Users      []string        `json:"users"`
	Identities []savedIdentity `json:"identities"`
	Threads    []savedThread   `json:"threads"`
	Replays    []savedReplay   `json:"replays"`
}

type savedIdentity struct {
	ID        string       `json:"id"`
	Serial    uint64       `json:"serial"`
	DeletedOn *time.Time   `json:"deletedOn,omitempty"`
	Revoked   []revocation `json:"revoked,omitempty"`
}

type savedThread struct {
	Thread
	Policy   *int32              `json:"policy,omitempty"` // days, 0: kind none, absent: never set
	Activity int                 `json:"activity"`
	ActiveOn time.Time           `json:"activeOn"`
	Left     map[string][2]int64 `json:"left,omitempty"`
	Sequence int                 `json:"sequence"`
	Change   int64               `json:"change"` // version of the latest
	Messages []Message           `json:"messages"`
	Receipts []Receipt           `json:"receipts,omitempty"`
}

type savedReplay struct {
	User      string               `json:"user"`
	RequestID string               `json:"requestId"`
	ThreadID  string               `json:"threadId"`
	Invalid   []invalidParticipant `json:"invalid,omitempty"`
	At        time.Time            `json:"at"`
}

// SaveState writes the whole state of the service as JSON. It contains the access key, which also
// signs the tokens: every reader of the file can act as any user.
func (s *Server) SaveState(w io.Writer) error {
	saved := s.store.save()
	saved.AccessKey = s.AccessKey()
	saved.ClockMoved = time.Duration(s.moved.Load())
	if err := json.NewEncoder(w).Encode(saved); err != nil { //nolint:gosec // the key is part of the state on purpose
		return fmt.Errorf("write the state: %w", err)
	}
	return nil
}

func (st *store) save() savedState {
	st.lock()
	defer st.mu.Unlock()
	saved := savedState{
		Version: saveVersion, ResourceID: st.resourceID, Seed: st.seed, Counter: st.counter, Users: slices.Clone(st.users),
	}
	for _, key := range slices.Sorted(maps.Keys(st.identities)) {
		known := st.identities[key]
		saved.Identities = append(saved.Identities, savedIdentity{
			ID: known.id, Serial: known.serial, DeletedOn: clonePointer(known.deletedOn), Revoked: slices.Clone(known.revoked),
		})
	}
	for _, t := range st.order {
		saved.Threads = append(saved.Threads, t.save())
	}
	for key, first := range st.replays {
		saved.Replays = append(saved.Replays, savedReplay{
			User: key.user, RequestID: key.requestID, ThreadID: first.thread.ID, Invalid: slices.Clone(first.invalid), At: first.at,
		})
	}
	slices.SortFunc(saved.Replays, func(a, b savedReplay) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.RequestID, b.RequestID))
	})
	return saved
}

func (t *thread) save() savedThread {
	saved := savedThread{
		Thread: t.snapshot(), Activity: t.activity, ActiveOn: t.activeOn, Sequence: t.sequence, Change: t.version,
		Messages: make([]Message, len(t.messages)), Receipts: slices.Clone(t.receipts),
	}
	if t.retention != nil {
		days := t.retention.days
		saved.Policy = &days
	}
	for i, m := range t.messages {
		saved.Messages[i] = m.clone()
	}
	for key, part := range t.left {
		if saved.Left == nil {
			saved.Left = map[string][2]int64{}
		}
		saved.Left[key] = [2]int64{part.from, part.until}
	}
	return saved
}
