// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

const maxMembers = 250

// store is the state of the service. Its methods check everything before they change anything, and
// return copies.
type store struct {
	resourceID string
	window     time.Duration // of repeatability
	listDelay  time.Duration
	revocation time.Duration // until it takes effect
	deleted    DeletedThreads
	clock      func() time.Time

	mu         sync.Mutex
	seed       string // of ids
	counter    uint64 // of ids
	activity   int    // counts the changes that move threads up in lists
	identities map[string]*identity
	users      []string // identities in order of creation, without deleted ones
	threads    map[string]*thread
	order      []*thread              // in order of creation
	byUser     map[string]*threadFeed // all present and former threads of the user
	replays    map[replayKey]replay
	agenda     agenda
}

// thread is a thread in the store. Thread.Members is unused: see members.
type thread struct {
	Thread
	activity  int       // of the latest change that moved it up in lists
	activeOn  time.Time // time of that change
	retention *retention
	members   []Member          // in order of joining
	known     map[string]bool   // by user key: true for a member, false for a former one
	left      map[string]period // by user key: the part that former members may still read
	messages  []*Message        // by id
	changes   []*Message        // by version
	sequence  int               // of the latest change
	version   int64             // of the latest change
	receipts  []Receipt         // one of each user, in order of their first ones
}

type retention struct{ days int32 } // 0: kind none

type replayKey struct{ user, requestID string }

// replay is the result and the time of the first request with an id.
type replay struct {
	thread  *thread
	invalid []invalidParticipant
	at      time.Time
}

func newStore(options Options, clock func() time.Time) *store {
	return &store{
		clock: clock, resourceID: options.ResourceID, seed: options.Seed, window: options.RepeatabilityWindow,
		listDelay: options.ListDelay, revocation: options.RevocationDelay, deleted: options.DeletedThreads,
		identities: map[string]*identity{}, threads: map[string]*thread{},
		byUser: map[string]*threadFeed{}, replays: map[replayKey]replay{},
	}
}

// lock must begin every method: it first applies the changes that are due.
func (st *store) lock() time.Time {
	st.mu.Lock()
	now := st.clock()
	st.settle(now)
	return now
}

// digest returns the next id, which is the same in every run with the same resource and seed.
func (st *store) digest(kind string) [sha256.Size]byte {
	st.counter++
	return sha256.Sum256(fmt.Appendf(nil, "%s%s/%s/%d", st.seed, st.resourceID, kind, st.counter))
}

// draft is a thread to be created, with members that are already classified.
type draft struct {
	creator   string
	requestID string
	topic     string
	metadata  map[string]string
	retention *retention
	members   []Member
	invalid   []invalidParticipant
}

// created is a copy of a thread, and the users that could not be added to it.
type created struct {
	properties
	invalid []invalidParticipant
}

// properties is a thread without its members.
type properties struct {
	Thread
	retention *retention
}

// createThread creates a thread, or returns the one that the same user created with the same
// request id: in its present state, even if the body differs or the thread was deleted
// (azure-sdk-for-java#47688).
func (st *store) createThread(d draft) (created, *apiError) {
	now := st.lock()
	defer st.mu.Unlock()
	key := replayKey{userKey(d.creator), d.requestID}
	if first, ok := st.replays[key]; ok && d.requestID != "" && (st.window == 0 || now.Sub(first.at) < st.window) {
		return created{first.thread.properties(), slices.Clone(first.invalid)}, nil
	}
	// The creator is a member without being listed, but has a name only if it is listed.
	members := d.members
	if !slices.ContainsFunc(members, func(m Member) bool { return userKey(m.ID) == key.user }) {
		members = slices.Concat([]Member{{ID: d.creator, ShareHistoryTime: epoch}}, members)
	}
	if len(members) > maxMembers {
		return created{}, badRequest("")
	}
	digest := st.digest("thread")
	t := &thread{
		Thread: Thread{
			ID: "19:" + base64.RawURLEncoding.EncodeToString(digest[:]) + "1@thread.v2", Topic: d.topic,
			CreatedOn: now.UTC().Truncate(time.Second), CreatedBy: st.canonical(d.creator),
			Metadata: maps.Clone(d.metadata), RepeatabilityID: d.requestID,
		},
		known: make(map[string]bool, len(members)), members: make([]Member, 0, len(members)),
	}
	if d.retention != nil {
		st.setRetention(t, d.retention)
	}
	st.threads[t.ID] = t
	st.order = append(st.order, t)
	for _, m := range members {
		st.join(t, m)
	}
	t.announce(participantAdded, t.CreatedBy, t.members, now)
	t.announce(topicUpdated, t.CreatedBy, nil, now)
	st.touch(t, now)
	if d.requestID != "" {
		st.replays[key] = replay{thread: t, invalid: slices.Clone(d.invalid), at: now}
	}
	return created{t.properties(), d.invalid}, nil
}

// canonical returns the id in the case in which the service issued it.
func (st *store) canonical(id string) string {
	if known := st.identities[userKey(id)]; known != nil {
		return known.id
	}
	return id
}

// access returns an existing thread with the user in it. With DeletedMarked it may be deleted.
func (st *store) access(id, user string) (*thread, *apiError) {
	t := st.threads[id]
	switch {
	case t == nil, t.DeletedOn != nil && st.deleted == DeletedNotFound:
		return nil, threadNotFound(id)
	case !t.known[userKey(user)], t.DeletedOn != nil && st.deleted == DeletedForbidden:
		return nil, forbidden()
	default:
		return t, nil
	}
}

// live is access to a thread that is not deleted.
func (st *store) live(id, user string) (*thread, *apiError) {
	t, refusal := st.access(id, user)
	if refusal == nil && t.DeletedOn != nil {
		return nil, threadNotFound(id)
	}
	return t, refusal
}

func (st *store) thread(id, user string) (properties, *apiError) {
	st.lock()
	defer st.mu.Unlock()
	t, refusal := st.access(id, user)
	if refusal != nil {
		return properties{}, refusal
	}
	return t.properties(), nil
}

func (st *store) deleteThread(id, user string) *apiError {
	now := st.lock()
	defer st.mu.Unlock()
	t, refusal := st.access(id, user)
	if refusal != nil {
		return refusal
	}
	t.delete(now)
	return nil
}

func (t *thread) delete(now time.Time) {
	if t.DeletedOn == nil {
		at := now.UTC().Truncate(time.Second)
		t.DeletedOn = &at
	}
}

// patch is the content of an update; nil and absent keys change nothing.
type patch struct {
	topic     *string
	metadata  map[string]string
	retention *retention
}

// mergeMetadata changes metadata key by key.
func mergeMetadata(held, change map[string]string) map[string]string {
	merged := maps.Clone(held)
	if merged == nil && change != nil {
		merged = map[string]string{}
	}
	maps.Copy(merged, change)
	return merged
}

// updateThread merges metadata key by key, as recorded. An empty value is stored as an empty value.
func (st *store) updateThread(id, user string, p patch) *apiError {
	now := st.lock()
	defer st.mu.Unlock()
	t, refusal := st.live(id, user)
	if refusal != nil {
		return refusal
	}
	merged := mergeMetadata(t.Metadata, p.metadata)
	if metadataTooLarge(merged) {
		return badRequest("")
	}
	t.Metadata = merged
	if p.topic != nil && *p.topic != t.Topic {
		t.Topic = *p.topic
		t.announce(topicUpdated, st.canonical(user), nil, now)
		st.touch(t, now)
	}
	if p.retention != nil {
		st.setRetention(t, p.retention)
	}
	return nil
}

func (t *thread) properties() properties {
	copied := t.Thread
	copied.Metadata = maps.Clone(t.Metadata)
	copied.DeletedOn = clonePointer(t.DeletedOn)
	return properties{Thread: copied, retention: clonePointer(t.retention)}
}
