// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"
)

const maxMembers = 250

// store is what the service holds. Its methods check everything before they change anything,
// and what they give out is a copy.
type store struct {
	resourceID string
	window     time.Duration // of repeatability
	listDelay  time.Duration
	deleted    DeletedThreads

	mu         sync.Mutex
	seed       string // of ids
	counter    uint64 // of ids
	identities map[string]*identity
	users      []string // identities in order of creation
	threads    map[string]*thread
	order      []*thread            // in order of creation
	byUser     map[string][]*thread // every thread the user is or was in, in order of creation
	replays    map[replayKey]replay
}

type identity struct {
	id     string
	serial uint64 // of the latest token
}

// thread is a thread as the store holds it. Thread.Members is unused: see members.
type thread struct {
	Thread
	seq       int
	retention *retention
	members   []Member        // in order of joining
	known     map[string]bool // by user key: true for a member, false for a former one
}

type retention struct{ days int32 } // 0: kind none

type replayKey struct{ user, requestID string }

// replay is what the first request with an id made, and when.
type replay struct {
	thread  *thread
	invalid []invalidParticipant
	at      time.Time
}

func newStore(options Options) *store {
	return &store{
		resourceID: options.ResourceID, seed: options.Seed, window: options.RepeatabilityWindow,
		listDelay: options.ListDelay, deleted: options.DeletedThreads,
		identities: map[string]*identity{}, threads: map[string]*thread{},
		byUser: map[string][]*thread{}, replays: map[replayKey]replay{},
	}
}

// digest makes the next id: the same in every run with the same resource and seed.
func (st *store) digest(kind string) [sha256.Size]byte {
	st.counter++
	return sha256.Sum256(fmt.Appendf(nil, "%s%s/%s/%d", st.seed, st.resourceID, kind, st.counter))
}

func (st *store) createIdentity() string {
	st.mu.Lock()
	defer st.mu.Unlock()
	digest := st.digest("user")
	h := hex.EncodeToString(digest[:16])
	id := "8:acs:" + st.resourceID + "_" + strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
	st.identities[userKey(id)] = &identity{id: id}
	st.users = append(st.users, id)
	return id
}

// nextToken gives the id of an identity and the serial number for its next token.
func (st *store) nextToken(id string) (user string, serial uint64, ok bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	known := st.identities[userKey(id)]
	if known == nil {
		return "", 0, false
	}
	known.serial++
	return known.id, known.serial, true
}

// tokenIsGood reports whether the identity exists and has been issued such a token.
func (st *store) tokenIsGood(id string, serial uint64) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	known := st.identities[userKey(id)]
	return known != nil && serial > 0 && serial <= known.serial
}

// draft is a thread about to be created, its members already judged.
type draft struct {
	creator   string
	requestID string
	topic     string
	metadata  map[string]string
	retention *retention
	members   []Member
	invalid   []invalidParticipant
}

// created is a copy of a thread and who could not be added to it.
type created struct {
	properties
	invalid []invalidParticipant
}

// properties is a thread without its members.
type properties struct {
	Thread
	retention *retention
}

// createThread makes a thread, or gives the one the same user made with the same request id:
// as it is now, whatever the body says, and even if it was deleted (azure-sdk-for-java#47688).
func (st *store) createThread(d draft, now time.Time) (created, *apiError) {
	st.mu.Lock()
	defer st.mu.Unlock()
	key := replayKey{userKey(d.creator), d.requestID}
	if first, ok := st.replays[key]; ok && d.requestID != "" && (st.window == 0 || now.Sub(first.at) < st.window) {
		return created{first.thread.properties(), slices.Clone(first.invalid)}, nil
	}
	// The creator joins by itself, and has a name only when it lists itself.
	members := d.members
	if !slices.ContainsFunc(members, func(m Member) bool { return userKey(m.ID) == userKey(d.creator) }) {
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
		seq: len(st.order), known: map[string]bool{},
	}
	if d.retention != nil {
		t.setRetention(d.retention)
	}
	st.threads[t.ID] = t
	st.order = append(st.order, t)
	for _, m := range members {
		st.join(t, m)
	}
	if d.requestID != "" {
		st.replays[key] = replay{thread: t, invalid: slices.Clone(d.invalid), at: now}
	}
	return created{t.properties(), d.invalid}, nil
}

// canonical is the id in the case the service issued it in.
func (st *store) canonical(id string) string {
	if known := st.identities[userKey(id)]; known != nil {
		return known.id
	}
	return id
}

// access gives a thread that exists and that the user is in. With DeletedMarked it may be deleted.
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
	st.mu.Lock()
	defer st.mu.Unlock()
	t, refusal := st.access(id, user)
	if refusal != nil {
		return properties{}, refusal
	}
	return t.properties(), nil
}

func (st *store) deleteThread(id, user string, now time.Time) *apiError {
	st.mu.Lock()
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

// patch is what an update changes; nil and absent keys change nothing.
type patch struct {
	topic     *string
	metadata  map[string]string
	retention *retention
}

// updateThread merges metadata key by key, as recorded. An empty value stays, empty.
func (st *store) updateThread(id, user string, p patch) *apiError {
	st.mu.Lock()
	defer st.mu.Unlock()
	t, refusal := st.live(id, user)
	if refusal != nil {
		return refusal
	}
	merged := maps.Clone(t.Metadata)
	if merged == nil && p.metadata != nil {
		merged = map[string]string{}
	}
	maps.Copy(merged, p.metadata)
	if metadataTooLarge(merged) {
		return badRequest("")
	}
	t.Metadata = merged
	if p.topic != nil {
		t.Topic = *p.topic
	}
	if p.retention != nil {
		t.setRetention(p.retention)
	}
	return nil
}

func (t *thread) setRetention(r *retention) {
	t.retention, t.RetentionDays = r, r.days
}

func (t *thread) properties() properties {
	copied := t.Thread
	copied.Metadata = maps.Clone(t.Metadata)
	copied.DeletedOn = clonePointer(t.DeletedOn)
	return properties{Thread: copied, retention: clonePointer(t.retention)}
}

// listThreads gives the threads the user is or was in, deleted ones included, newest first:
// those created before the one with the number below, at most size, and whether there are more.
func (st *store) listThreads(user string, below, size int, from, now time.Time) (page []properties, next int, more bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	list := st.byUser[userKey(user)]
	i := sort.Search(len(list), func(i int) bool { return list[i].seq >= below }) - 1
	for ; i >= 0; i-- {
		t := list[i]
		if t.CreatedOn.Before(from) {
			break // those that follow are older still
		}
		if now.Before(t.CreatedOn.Add(st.listDelay)) {
			continue
		}
		if len(page) == size {
			return page, next, true
		}
		page, next = append(page, t.properties()), t.seq
	}
	return page, 0, false
}
