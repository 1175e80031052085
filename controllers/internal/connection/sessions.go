// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/directory"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

const (
	// readyInterval is how often a connection that is Ready is looked at, its Secret included.
	ReadyInterval = 5 * time.Minute
	// unreadyInterval is how often one that is not Ready is looked at.
	UnreadyInterval = 30 * time.Second
	// refusedInterval is the least time between two tries of a credential that ACS refused.
	RefusedInterval = time.Minute
)

// Sessions turns ChatConnections into clients of ACS. What it keeps lives in memory only: the
// credential, the tokens of the service users, and what is known of their threads.
type Sessions struct {
	// Reader reads from the API server: Secrets are never cached.
	Reader client.Reader
	// AllowedEndpoints says to which hosts credentials may be sent.
	AllowedEndpoints EndpointRules
	// EntraNamespaces are the namespaces that may use the operator's own identity.
	EntraNamespaces []string
	// Transport sends all calls to ACS.
	Transport *http.Client
	// Timeout of one try of a call.
	Timeout time.Duration
	// Pacing keeps calls within the quotas of ACS.
	Pacing bool

	mu       sync.Mutex
	sessions map[types.NamespacedName]*Session
	// endpoints says which of them answer.
	Endpoints map[string]*reachability
}

// reachability is whether an endpoint answers. Whoever names the same one shares it.
func (s *Sessions) reachability(endpoint string) *reachability {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Endpoints == nil {
		s.Endpoints = map[string]*reachability{}
	}
	if s.Endpoints[endpoint] == nil {
		s.Endpoints[endpoint] = &reachability{}
	}
	return s.Endpoints[endpoint]
}

// get returns the session of a connection, made if it is not there.
func (s *Sessions) Get(key types.NamespacedName) *Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sessions == nil {
		s.sessions = map[types.NamespacedName]*Session{}
	}
	if found, ok := s.sessions[key]; ok {
		return found
	}
	made := NewSession(pacing.NewPacer(s.Pacing))
	s.sessions[key] = made
	return made
}

func (s *Sessions) all() []*Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.sessions))
}

// relieve takes a ChatThread that is no more off whatever service user has it.
func (s *Sessions) Relieve(thread types.UID) {
	for _, found := range s.all() {
		if found.knows(thread) {
			found.Assign(thread, "")
			found.Pacer.GiveBack(thread)
		}
	}
}

// resyncFloor is how far apart resyncs must be at the service user that has the most threads.
func (s *Sessions) ResyncFloor() time.Duration {
	var floor time.Duration
	for _, found := range s.all() {
		for _, user := range found.UsersKnown() {
			floor = max(floor, found.ResyncFloor(user))
		}
	}
	return floor
}

// forget drops the session of a connection that no thread uses any more.
func (s *Sessions) Forget(key types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, key)
	used := map[*reachability]bool{}
	for _, other := range s.sessions {
		used[other.Gate.Reachability()] = true
	}
	maps.DeleteFunc(s.Endpoints, func(_ string, r *reachability) bool { return !used[r] })
}

// retained returns the session of a connection that may be gone, if it can still make calls.
func (s *Sessions) Retained(key types.NamespacedName) (*Session, bool) {
	s.mu.Lock()
	found, ok := s.sessions[key]
	s.mu.Unlock()
	if !ok {
		return nil, false
	}
	found.mu.Lock()
	defer found.mu.Unlock()
	return found, found.Identity != nil
}

// open returns the session of a connection with a credential that ACS has not refused. The Secret is
// read only where it was not before or the session is stale.
func (s *Sessions) Open(ctx context.Context, conn *chatv1alpha1.ChatConnection) (*Session, error) {
	found := s.Get(objects.KeyOf(conn))
	found.Pacer.Limit(pacing.QuotasOf(conn.Spec.Quotas))
	found.Heed(conn)
	if !found.isRead(conn) {
		// Who has a credential need not wait for another reconcile that reads it anew.
		if err := s.refresh(ctx, conn, found); err != nil && (!found.hasCredential(conn) || found.Usable(conn) != nil) {
			return found, err
		}
	}
	return found, found.Usable(conn)
}

// reopen reads the credential anew where that is due. One that was refused is tried again after a while, and
// when that is asked for.
func (s *Sessions) Reopen(ctx context.Context, conn *chatv1alpha1.ChatConnection) (*Session, error) {
	found := s.Get(objects.KeyOf(conn))
	found.Pacer.Limit(pacing.QuotasOf(conn.Spec.Quotas))
	found.Heed(conn)
	requested := objects.IsRequested(conn, conn.Status.LastHandledReconcileAt)
	if requested || found.isDue(conn) {
		if err := s.refresh(ctx, conn, found); err != nil {
			return found, err
		}
	}
	found.mu.Lock()
	defer found.mu.Unlock()
	found.read.told = true
	if found.read.problem != nil {
		return found, found.read.problem
	}
	if !found.RefusedAt.IsZero() && time.Since(found.RefusedAt) < RefusedInterval && !requested {
		return found, found.refusal
	}
	return found, nil
}

// isUntold says whether a connection has something to tell of its credential that its own reconcile has not
// seen yet.
func (s *Sessions) IsUntold(key types.NamespacedName) bool {
	found := s.Get(key)
	found.mu.Lock()
	defer found.mu.Unlock()
	return !found.read.told
}

// untilRead is how long the credential of a connection is not read again unless somebody asks for it.
func (s *Sessions) UntilRead(key types.NamespacedName) time.Duration {
	found := s.Get(key)
	found.mu.Lock()
	defer found.mu.Unlock()
	return time.Until(found.read.next)
}

// user returns a service user with its chat client.
func (s *Sessions) User(found *Session, id string) (*ServiceUser, error) {
	found.mu.Lock()
	defer found.mu.Unlock()
	key := acs.UserKey(id)
	if user, ok := found.users[key]; ok {
		return user, nil
	}
	return s.addUser(found, id, nil)
}

// addUser makes the chat client of a service user; first is a token that came with its creation. The
// caller holds the lock.
func (s *Sessions) addUser(found *Session, id string, first *acs.AccessToken) (*ServiceUser, error) {
	tokens := &tokenSource{identity: found.Identity, user: id}
	credential := acs.NewUserCredential(tokens.issue, &acs.UserCredentialOptions{Token: first})
	chat, err := acs.NewChatClient(found.Endpoint, credential, ClientOptions(s.Transport, s.Timeout, found, found.Pacer.Policy(id)))
	if err != nil {
		return nil, fmt.Errorf("make chat client: %w", err)
	}
	user := &ServiceUser{Id: id, tokens: tokens, Credential: credential, Chat: chat}
	found.users[acs.UserKey(id)] = user
	return user, nil
}

// created notes a service user that this process made: it has no threads, so none need be listed.
func (s *Sessions) Created(found *Session, id string, token *acs.AccessToken) error {
	found.Index.MarkListed(id, directory.ListTime{Begun: time.Now(), Ended: time.Now()})
	found.mu.Lock()
	defer found.mu.Unlock()
	_, err := s.addUser(found, id, token)
	return err
}
