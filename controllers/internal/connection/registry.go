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
type Registry struct {
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
	// Wake is called with each ChatThread that waited for a quota and now has room.
	Wake func(types.NamespacedName)

	mu       sync.Mutex
	sessions map[types.NamespacedName]*Connection
	// endpoints says which of them answer.
	Endpoints map[string]*reachability
}

// reachability is whether an endpoint answers. Whoever names the same one shares it.
func (s *Registry) reachability(endpoint string) *reachability {
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
func (s *Registry) ByKey(key types.NamespacedName) *Connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sessions == nil {
		s.sessions = map[types.NamespacedName]*Connection{}
	}
	if found, ok := s.sessions[key]; ok {
		return found
	}
	made := NewConnection(pacing.New(s.Pacing))
	made.Pacer.Wake = s.Wake
	s.sessions[key] = made
	return made
}

func (s *Registry) all() []*Connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.sessions))
}

// relieve takes a ChatThread that is no more off whatever service user has it.
func (s *Registry) ForgetThread(thread types.UID) {
	for _, found := range s.all() {
		if found.knows(thread) {
			found.Assign(thread, "")
		}
		found.Pacer.Release(thread)
	}
}

// resyncFloor is how far apart resyncs must be at the service user that has the most threads.
func (s *Registry) ResyncFloor() time.Duration {
	var floor time.Duration
	for _, found := range s.all() {
		for _, user := range found.UsersKnown() {
			floor = max(floor, found.ResyncFloor(user))
		}
	}
	return floor
}

// forget drops the session of a connection that no thread uses any more.
func (s *Registry) Forget(key types.NamespacedName) {
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
func (s *Registry) GetForDeletion(key types.NamespacedName) (*Connection, bool) {
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
func (s *Registry) Get(ctx context.Context, conn *chatv1alpha1.ChatConnection) (*Connection, error) {
	found := s.ByKey(objects.KeyOf(conn))
	found.Pacer.SetQuotas(pacing.QuotasFor(conn.Spec.Quotas))
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
func (s *Registry) Refresh(ctx context.Context, conn *chatv1alpha1.ChatConnection) (*Connection, error) {
	found := s.ByKey(objects.KeyOf(conn))
	found.Pacer.SetQuotas(pacing.QuotasFor(conn.Spec.Quotas))
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
func (s *Registry) IsUntold(key types.NamespacedName) bool {
	found := s.ByKey(key)
	found.mu.Lock()
	defer found.mu.Unlock()
	return !found.read.told
}

// untilRead is how long the credential of a connection is not read again unless somebody asks for it.
func (s *Registry) UntilRead(key types.NamespacedName) time.Duration {
	found := s.ByKey(key)
	found.mu.Lock()
	defer found.mu.Unlock()
	return time.Until(found.read.next)
}

// user returns a service user with its chat client.
func (s *Registry) User(found *Connection, id string) (*User, error) {
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
func (s *Registry) addUser(found *Connection, id string, first *acs.AccessToken) (*User, error) {
	tokens := &tokenSource{identity: found.Identity, user: id}
	credential := acs.NewUserCredential(tokens.issue, &acs.UserCredentialOptions{Token: first})
	chat, err := acs.NewChatClient(found.Endpoint, credential, ClientOptions(s.Transport, s.Timeout, found, found.Pacer.Policy(id)))
	if err != nil {
		return nil, fmt.Errorf("make chat client: %w", err)
	}
	user := &User{ID: id, tokens: tokens, Credential: credential, Chat: chat}
	found.users[acs.UserKey(id)] = user
	return user, nil
}

// created notes a service user that this process made: it has no threads, so none need be listed.
func (s *Registry) Created(found *Connection, id string, token *acs.AccessToken) error {
	found.Directory.Created(id, time.Now())
	found.mu.Lock()
	defer found.mu.Unlock()
	_, err := s.addUser(found, id, token)
	return err
}
