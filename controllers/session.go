// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs"
)

// session is one connection as the operator uses it.
type session struct {
	gate       *breaker
	discretion *discretion
	pacer      *pacer
	index      *threadIndex

	mu       sync.Mutex
	uid      types.UID
	endpoint string
	// credential identifies the credential that the clients were made with.
	credential string
	identity   *acs.IdentityClient
	users      map[string]*serviceUser
	// source is the part of the spec that the credential came from.
	source string
	// stale asks for the Secret to be read before the next use.
	stale bool
	// refusedAt is when ACS last refused the credential; zero while it does not.
	refusedAt time.Time
	// held is what ACS refused the connection of a generation, and heldAt when.
	held           error
	heldAt         time.Time
	heldGeneration int64
	// problem is why the last reading of the credential failed. The clients before it stay: they
	// finish deletions.
	problem error
	// spares are service users that were created and could not be stored yet.
	spares []acs.CreateUserResponse
	// known are the service users that may act, as they were last seen.
	known []string
	// threads holds the service user of each ChatThread, by key, and loads how many each user has.
	threads map[types.UID]string
	loads   map[string]int
	// free are threads for which nothing was sent yet: another user of the pool may still make them.
	free map[types.UID]bool
	// pool are the users that the last thread could choose from.
	pool []string
	// recreations holds when threads of this connection were created anew.
	recreations []time.Time
}

func newSession(pacer *pacer) *session {
	return &session{
		gate: &breaker{}, discretion: &discretion{}, pacer: pacer, index: newThreadIndex(),
		users: map[string]*serviceUser{}, threads: map[types.UID]string{}, loads: map[string]int{}, free: map[types.UID]bool{},
	}
}

// serviceUser is one acting user with its tokens.
type serviceUser struct {
	id         string
	credential *acs.UserCredential
	chat       *acs.ChatClient
}

// refused notes that ACS refused the credential: nothing is sent with it until it has changed or a
// while has gone by, and the Secret is read at once.
func (found *session) refused() {
	found.mu.Lock()
	defer found.mu.Unlock()
	found.refusedAt = time.Now()
	found.stale = true
}

// accepted notes that ACS took the credential.
func (found *session) accepted() {
	found.mu.Lock()
	defer found.mu.Unlock()
	found.refusedAt = time.Time{}
}

// holdBack notes what ACS refused the connection, so that it is not asked again at once.
func (found *session) holdBack(generation int64, err error) {
	found.mu.Lock()
	defer found.mu.Unlock()
	found.held, found.heldAt, found.heldGeneration = err, time.Now(), generation
}

// heldBack is what ACS refused the connection a short while ago; nil where it may be asked.
func (found *session) heldBack(generation int64) error {
	found.mu.Lock()
	defer found.mu.Unlock()
	if found.heldGeneration != generation || time.Since(found.heldAt) >= refusedInterval {
		return nil
	}
	return found.held
}

// knowUsers notes which service users may act; deletions need them when the connection is gone.
func (found *session) knowUsers(ids []string) {
	found.mu.Lock()
	defer found.mu.Unlock()
	found.known = ids
}

func (found *session) usersKnown() []string {
	found.mu.Lock()
	defer found.mu.Unlock()
	return found.known
}

// assign notes which service user a thread has; an empty one takes the note back.
func (found *session) assign(thread types.UID, user string) {
	found.mu.Lock()
	defer found.mu.Unlock()
	delete(found.free, thread)
	found.carry(thread, userKey(user))
}

// carry moves a thread to a user, or to none. The caller holds the lock.
func (found *session) carry(thread types.UID, user string) {
	before := found.threads[thread]
	if before == user {
		return
	}
	if found.loads[before]--; found.loads[before] <= 0 {
		delete(found.loads, before)
	}
	delete(found.threads, thread)
	if user != "" {
		found.threads[thread] = user
		found.loads[user]++
	}
}

// chooseUser returns the user of the pool that can create a thread first, and of several the one with
// the fewest threads. The thread keeps the user that was chosen for it once, as long as the pool is the same.
func (found *session) chooseUser(who pass, pool []string) string {
	found.mu.Lock()
	defer found.mu.Unlock()
	if !slices.Equal(found.pool, pool) {
		found.pool = pool
		for _, waiting := range found.pacer.takeWaitingCreates(func(thread types.UID) bool { return found.free[thread] }) {
			found.carry(waiting.thread, "")
			found.choose(waiting, pool)
		}
	}
	return found.choose(who, pool)
}

// choose does what chooseUser says for one thread. The caller holds the lock.
func (found *session) choose(who pass, pool []string) string {
	// Moments are compared by whole seconds.
	wait := func(user string) time.Duration {
		return max(time.Until(found.pacer.earliestCreate(who, user)), 0).Truncate(time.Second)
	}
	chosen := slices.MinFunc(pool, func(a, b string) int {
		return cmp.Or(cmp.Compare(wait(a), wait(b)), cmp.Compare(found.loads[userKey(a)], found.loads[userKey(b)]))
	})
	for _, user := range pool {
		if userKey(user) == found.threads[who.thread] {
			chosen = user
		}
	}
	found.free[who.thread] = true
	found.carry(who.thread, userKey(chosen))
	// The slot is held before the next thread chooses: otherwise all would see the same user free.
	found.pacer.reserveCreate(who, chosen)
	return chosen
}

// resyncFloor is how far apart resyncs must be so that those of all threads of a user have room.
func (found *session) resyncFloor(user string) time.Duration {
	found.mu.Lock()
	threads := found.loads[userKey(user)]
	found.mu.Unlock()
	return found.pacer.readInterval(threads)
}

// mayRecreate says whether another thread of the connection may be created anew, and counts it.
func (found *session) mayRecreate(now time.Time) bool {
	found.mu.Lock()
	defer found.mu.Unlock()
	found.recreations = slices.DeleteFunc(found.recreations, func(at time.Time) bool { return now.Sub(at) > recreationWindow })
	if len(found.recreations) >= maxRecreations {
		return false
	}
	found.recreations = append(found.recreations, now)
	return true
}

// keepSpare keeps a service user that was created and could not be stored.
func (found *session) keepSpare(user acs.CreateUserResponse) {
	found.mu.Lock()
	defer found.mu.Unlock()
	found.spares = append(found.spares, user)
}

func (found *session) takeSpare() (acs.CreateUserResponse, bool) {
	found.mu.Lock()
	defer found.mu.Unlock()
	if len(found.spares) == 0 {
		return acs.CreateUserResponse{}, false
	}
	spare := found.spares[0]
	found.spares = found.spares[1:]
	return spare, true
}

func (found *session) currentEndpoint() string {
	found.mu.Lock()
	defer found.mu.Unlock()
	return found.endpoint
}

func (found *session) identityClient() *acs.IdentityClient {
	found.mu.Lock()
	defer found.mu.Unlock()
	return found.identity
}
