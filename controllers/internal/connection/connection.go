// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package connection turns ChatConnections into clients of ACS.
//
// A [Registry] holds one [Connection] for each ChatConnection. It reads the Secret, checks the
// endpoint, makes the clients and the tokens of the service users, and assigns a service user to
// each thread. It also keeps ACS resources that are down or slow from holding up the others: one
// call at a time probes an endpoint that does not answer, and no endpoint takes more than its share
// of the workers. All of it lives in memory only.
//
// The package writes nothing to Kubernetes and reads nothing but Secrets. It creates no threads and
// decides nothing about one; packages pacing and directory hold the quotas and the known threads of
// a connection.
package connection

import (
	"context"
	"sync"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/directory"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

// Connection is a ChatConnection as the operator uses it. Each of its parts has a lock of its own,
// which is never held while the API server or ACS is asked.
type Connection struct {
	// Pacer keeps the calls within the quotas of ACS.
	Pacer *pacing.Pacer
	// Directory knows the threads that the service users created.
	Directory *directory.Directory

	credential
	assignments
	creation userCreation
	deletionBrake
	recreations
	custody
	lastRead usersRead

	mu sync.Mutex
	// heeded is the last request, and heededGeneration the last generation, that ended waits.
	heeded           string
	heededGeneration int64
	// known are the service users that may act, as they were last seen.
	known UserIDs
}

// NewConnection returns a connection without a credential.
func NewConnection(pacer *pacing.Pacer) *Connection {
	return &Connection{Pacer: pacer, Directory: directory.New(), assignments: newAssignments(pacer)}
}

// User is a service user, with the client that acts for it.
type User struct {
	ID         string
	Credential *acs.UserCredential
	Chat       *acs.ChatClient

	tokens *tokenSource
}

// Lister returns the client that lists the threads of the user.
func (u *User) Lister() directory.Lister { return directory.Lister{ID: u.ID, Chat: u.Chat} }

// Heed ends waits once the ChatConnection has a new spec or a new request.
func (c *Connection) Heed(conn *chatv1alpha1.ChatConnection) {
	requested, changed := c.isAsked(conn)
	if requested || changed {
		c.creation.tryAgain()
		c.askForTokens()
	}
	if requested {
		c.Pacer.Unblock()
	}
}

// isAsked reports whether a request or a generation of the ChatConnection is seen for the first
// time.
func (c *Connection) isAsked(conn *chatv1alpha1.ChatConnection) (requested, changed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	request := objects.ReconcileRequested(conn)
	requested = objects.IsRequested(conn, conn.Status.LastHandledReconcileAt) && c.heeded != request
	changed = c.heededGeneration != conn.Generation
	if requested {
		c.heeded = request
	}
	c.heededGeneration = conn.Generation
	return requested, changed
}

// TryAtOnce ends the waits that ACS asked for, because a person does not want to wait: one call of
// each kind finds out whether ACS still asks for them.
func (c *Connection) TryAtOnce() {
	c.Pacer.Unblock()
	c.askForTokens()
}

// UsersOf reads the service users of a ChatConnection, once for each version of it. All callers
// share the lists, so nobody may change them.
func (c *Connection) UsersOf(conn *chatv1alpha1.ChatConnection) Users { return c.lastRead.of(conn) }

// KnowUsers stores which service users may act. Deletions need them once the ChatConnection is
// gone.
func (c *Connection) KnowUsers(ids UserIDs) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known = ids
}

// UsersKnown returns the service users that may act, as they were last seen.
func (c *Connection) UsersKnown() UserIDs {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known
}

// Enter has a reconcile begin to call ACS: it takes one of the workers that the endpoint may have.
// It fails at once, with a wait, while there is none. It also fails while another call probes the
// endpoint, except for a ChatConnection, which often needs no call.
func (c *Connection) Enter(ctx context.Context) error {
	at := c.reachedAt()
	if at == nil {
		return nil
	}
	v, isBegun := ctx.Value(visitKey{}).(*visit)
	if !isBegun || !v.isOfConnection {
		if err := at.checkProbe(); err != nil {
			return err
		}
	}
	if !isBegun {
		return nil
	}
	v.isBackground = pacing.CallerOf(ctx).Background
	return v.enter(at)
}
