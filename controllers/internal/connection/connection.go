// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/directory"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

// session is one connection as the operator uses it.
type Connection struct {
	Gate      *Breaker
	Pacer     *pacing.Pacer
	Directory *directory.Directory

	mu       sync.Mutex
	Endpoint string
	// credential identifies the credential that the clients were made with.
	credential string
	Identity   *acs.IdentityClient
	users      map[string]*User
	// loaded is where the credential came from, read what the last look there brought. reading says that a
	// pass looks there now, stale asks for another look before the next use.
	loaded  credentialOrigin
	read    credentialReading
	reading bool
	stale   bool
	// refusedAt is when ACS last refused the credential, zero while it does not, and refusal what it said.
	RefusedAt time.Time
	refusal   *credentialRefusal
	// held is what ACS refused the connection of a generation, and heldAt when.
	held           error
	heldAt         time.Time
	heldGeneration int64
	// heeded is the last request, and heededGeneration the last generation, that ended waits.
	heeded           string
	heededGeneration int64
	// creation holds back the next try to create a service user.
	creation userCreation
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
	Recreations []time.Time
	// brake counts deletions for spec.maxDeletions.
	brake deletionBrake
}

func NewConnection(pacer *pacing.Pacer) *Connection {
	return &Connection{
		Gate: &Breaker{}, Pacer: pacer, Directory: directory.New(),
		users: map[string]*User{}, threads: map[types.UID]string{}, loads: map[string]int{}, free: map[types.UID]bool{},
	}
}

// serviceUser is one acting user with its tokens.
type User struct {
	ID         string
	tokens     *tokenSource
	Credential *acs.UserCredential
	Chat       *acs.ChatClient
}

// lister is the user for lists of its threads.
func (u *User) Lister() directory.Lister { return directory.Lister{ID: u.ID, Chat: u.Chat} }

// heed ends what is waited for where somebody asks for it on the ChatConnection, or declares it otherwise.
func (s *Connection) Heed(conn *chatv1alpha1.ChatConnection) {
	s.mu.Lock()
	requested := objects.IsRequested(conn, conn.Status.LastHandledReconcileAt) && s.heeded != objects.ReconcileRequested(conn)
	changed := s.heededGeneration != conn.Generation
	if requested {
		s.heeded = objects.ReconcileRequested(conn)
	}
	s.heededGeneration = conn.Generation
	if requested || changed {
		s.creation = userCreation{}
	}
	s.mu.Unlock()
	switch {
	case requested:
		s.TryAtOnce()
	case changed:
		s.askForTokens()
	}
}

// tryAtOnce ends the waits that ACS asked for, as a person does not want to wait: one call of each kind finds
// out whether it still asks.
func (s *Connection) TryAtOnce() {
	s.Pacer.Unblock()
	s.askForTokens()
}

// askForTokens has tokens asked for that ACS did not issue.
func (s *Connection) askForTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, user := range s.users {
		user.tokens.askAgain()
	}
}

// refused notes that ACS refused the credential: nothing is sent with it until it has changed or a
// while has gone by, and the Secret is read at once.
func (s *Connection) CredentialRejected(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.RefusedAt, s.refusal = time.Now(), NewCredentialRefusal(err)
	s.stale, s.read.told = true, false
}

// accepted notes that ACS took the credential.
func (s *Connection) CredentialAccepted() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.RefusedAt = time.Time{}
}

// holdBack notes what ACS refused the connection, so that it is not asked again at once.
func (s *Connection) NoteRefusal(generation int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held, s.heldAt, s.heldGeneration = err, time.Now(), generation
}

// heldBack is what ACS refused the connection a short while ago; nil where it may be asked.
func (s *Connection) LastRefusal(generation int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.heldGeneration != generation || time.Since(s.heldAt) >= RefusedInterval {
		return nil
	}
	return s.held
}

// knowUsers notes which service users may act; deletions need them when the connection is gone.
func (s *Connection) KnowUsers(ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known = ids
}

func (s *Connection) UsersKnown() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known
}

// assign notes which service user a thread has; an empty one takes the note back.
func (s *Connection) Assign(thread types.UID, user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.free, thread)
	if user == "" {
		delete(s.brake.held, thread)
	}
	s.reassign(thread, acs.UserKey(user))
}

// knows says whether anything is remembered of a thread.
func (s *Connection) knows(thread types.UID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, assigned := s.threads[thread]
	return assigned || s.free[thread] || s.brake.held[thread]
}

// carry moves a thread to a user, or to none. The caller holds the lock.
func (s *Connection) reassign(thread types.UID, user string) {
	before := s.threads[thread]
	if before == user {
		return
	}
	if s.loads[before]--; s.loads[before] <= 0 {
		delete(s.loads, before)
	}
	delete(s.threads, thread)
	if user != "" {
		s.threads[thread] = user
		s.loads[user]++
	}
}

// chooseUser returns the user of the pool that can create a thread first, and of several the one with
// the fewest threads. The thread keeps the user that was chosen for it once, as long as the pool is the same.
func (s *Connection) Choose(who pacing.Caller, pool []string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.pool, pool) {
		s.pool = pool
		for _, waiting := range s.Pacer.Withdraw(func(thread types.UID) bool { return s.free[thread] }) {
			s.reassign(waiting.Thread, "")
			s.choose(waiting, pool)
		}
	}
	return s.choose(who, pool)
}

// choose does what chooseUser says for one thread. The caller holds the lock.
func (s *Connection) choose(who pacing.Caller, pool []string) string {
	at := slices.IndexFunc(pool, func(user string) bool { return acs.UserKey(user) == s.threads[who.Thread] })
	if at < 0 {
		waits := s.Pacer.Waits(who, pool)
		for i, user := range pool {
			if at < 0 || cmp.Or(cmp.Compare(waits[i], waits[at]), cmp.Compare(s.loads[acs.UserKey(user)], s.loads[acs.UserKey(pool[at])])) < 0 {
				at = i
			}
		}
	}
	chosen := pool[at]
	s.free[who.Thread] = true
	s.reassign(who.Thread, acs.UserKey(chosen))
	// The slot is held before the next thread chooses: otherwise all would see the same user free.
	s.Pacer.Reserve(who, chosen)
	return chosen
}

// resyncFloor is how far apart resyncs must be so that those of all threads of a user have room.
func (s *Connection) ResyncFloor(user string) time.Duration {
	s.mu.Lock()
	threads := s.loads[acs.UserKey(user)]
	s.mu.Unlock()
	return s.Pacer.Interval(threads)
}

// mayRecreate says whether another thread of the connection may be created anew, and counts it.
func (s *Connection) MayRecreate(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Recreations = slices.DeleteFunc(s.Recreations, func(at time.Time) bool { return now.Sub(at) > RecreationWindow })
	if len(s.Recreations) >= MaxRecreations {
		return false
	}
	s.Recreations = append(s.Recreations, now)
	return true
}

// keepSpare keeps a service user that was created and could not be stored.
func (s *Connection) KeepSpare(user acs.CreateUserResponse) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spares = append(s.spares, user)
}

func (s *Connection) TakeSpare() (acs.CreateUserResponse, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.spares) == 0 {
		return acs.CreateUserResponse{}, false
	}
	spare := s.spares[0]
	s.spares = s.spares[1:]
	return spare, true
}

func (s *Connection) CurrentEndpoint() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Endpoint
}

func (s *Connection) IdentityClient() *acs.IdentityClient {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Identity
}

// maxRecreations threads of one connection are created anew within recreationWindow: a fault of
// the service that answers 404 must not double every room.
const MaxRecreations = 3

const RecreationWindow = 10 * time.Minute
