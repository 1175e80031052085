// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

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
	readyInterval = 5 * time.Minute
	// unreadyInterval is how often one that is not Ready is looked at.
	unreadyInterval = 30 * time.Second
	// refusedInterval is the least time between two tries of a credential that ACS refused.
	refusedInterval = time.Minute
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
	sessions map[types.NamespacedName]*session
	// endpoints says which of them answer.
	endpoints map[string]*reachability
}

// reachability is whether an endpoint answers. Whoever names the same one shares it.
func (s *Sessions) reachability(endpoint string) *reachability {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.endpoints == nil {
		s.endpoints = map[string]*reachability{}
	}
	if s.endpoints[endpoint] == nil {
		s.endpoints[endpoint] = &reachability{}
	}
	return s.endpoints[endpoint]
}

// get returns the session of a connection, made if it is not there.
func (s *Sessions) get(key types.NamespacedName) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sessions == nil {
		s.sessions = map[types.NamespacedName]*session{}
	}
	if found, ok := s.sessions[key]; ok {
		return found
	}
	made := newSession(pacing.NewPacer(s.Pacing))
	s.sessions[key] = made
	return made
}

func (s *Sessions) all() []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.sessions))
}

// relieve takes a ChatThread that is no more off whatever service user has it.
func (s *Sessions) relieve(thread types.UID) {
	for _, found := range s.all() {
		if found.knows(thread) {
			found.assign(thread, "")
			found.pacer.GiveBack(thread)
		}
	}
}

// resyncFloor is how far apart resyncs must be at the service user that has the most threads.
func (s *Sessions) resyncFloor() time.Duration {
	var floor time.Duration
	for _, found := range s.all() {
		for _, user := range found.usersKnown() {
			floor = max(floor, found.resyncFloor(user))
		}
	}
	return floor
}

// forget drops the session of a connection that no thread uses any more.
func (s *Sessions) forget(key types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, key)
	used := map[*reachability]bool{}
	for _, other := range s.sessions {
		used[other.gate.reachability()] = true
	}
	maps.DeleteFunc(s.endpoints, func(_ string, r *reachability) bool { return !used[r] })
}

// retained returns the session of a connection that may be gone, if it can still make calls.
func (s *Sessions) retained(key types.NamespacedName) (*session, bool) {
	s.mu.Lock()
	found, ok := s.sessions[key]
	s.mu.Unlock()
	if !ok {
		return nil, false
	}
	found.mu.Lock()
	defer found.mu.Unlock()
	return found, found.identity != nil
}

// open returns the session of a connection with a credential that ACS has not refused. The Secret is
// read only where it was not before or the session is stale.
func (s *Sessions) open(ctx context.Context, conn *chatv1alpha1.ChatConnection) (*session, error) {
	found := s.get(objects.KeyOf(conn))
	found.pacer.Limit(pacing.QuotasOf(conn.Spec.Quotas))
	found.heed(conn)
	if !found.isRead(conn) {
		// Who has a credential need not wait for another reconcile that reads it anew.
		if err := s.refresh(ctx, conn, found); err != nil && (!found.hasCredential(conn) || found.usable(conn) != nil) {
			return found, err
		}
	}
	return found, found.usable(conn)
}

// reopen reads the credential anew where that is due. One that was refused is tried again after a while, and
// when that is asked for.
func (s *Sessions) reopen(ctx context.Context, conn *chatv1alpha1.ChatConnection) (*session, error) {
	found := s.get(objects.KeyOf(conn))
	found.pacer.Limit(pacing.QuotasOf(conn.Spec.Quotas))
	found.heed(conn)
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
	if !found.refusedAt.IsZero() && time.Since(found.refusedAt) < refusedInterval && !requested {
		return found, found.refusal
	}
	return found, nil
}

// isUntold says whether a connection has something to tell of its credential that its own reconcile has not
// seen yet.
func (s *Sessions) isUntold(key types.NamespacedName) bool {
	found := s.get(key)
	found.mu.Lock()
	defer found.mu.Unlock()
	return !found.read.told
}

// untilRead is how long the credential of a connection is not read again unless somebody asks for it.
func (s *Sessions) untilRead(key types.NamespacedName) time.Duration {
	found := s.get(key)
	found.mu.Lock()
	defer found.mu.Unlock()
	return time.Until(found.read.next)
}

// user returns a service user with its chat client.
func (s *Sessions) user(found *session, id string) (*serviceUser, error) {
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
func (s *Sessions) addUser(found *session, id string, first *acs.AccessToken) (*serviceUser, error) {
	tokens := &tokenSource{identity: found.identity, user: id}
	credential := acs.NewUserCredential(tokens.issue, &acs.UserCredentialOptions{Token: first})
	chat, err := acs.NewChatClient(found.endpoint, credential, clientOptions(s.Transport, s.Timeout, found, found.pacer.Policy(id)))
	if err != nil {
		return nil, fmt.Errorf("make chat client: %w", err)
	}
	user := &serviceUser{id: id, tokens: tokens, credential: credential, chat: chat}
	found.users[acs.UserKey(id)] = user
	return user, nil
}

// created notes a service user that this process made: it has no threads, so none need be listed.
func (s *Sessions) created(found *session, id string, token *acs.AccessToken) error {
	found.index.MarkListed(id, directory.ListTime{Begun: time.Now(), Ended: time.Now()})
	found.mu.Lock()
	defer found.mu.Unlock()
	_, err := s.addUser(found, id, token)
	return err
}
