// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"errors"
	"sync"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/reach"
)

// credential is how a connection authenticates itself: the clients that were made from its Secret
// or identity, and the result of the last look there.
type credential struct {
	mu sync.Mutex
	// endpoint, fingerprint and identity belong to the credential that was read last and could be
	// used; nil and empty before the first one.
	endpoint    *endpoint
	fingerprint string
	identity    *acs.IdentityClient
	// users holds the clients of the service users, by key.
	users map[string]*User
	// loaded is where that credential came from, and read the result of the last look. isReading
	// says that a reconcile looks there now, stale asks for another look before the next use.
	loaded    origin
	read      reading
	isReading bool
	stale     bool
	// readAt is when the credential was last read without a problem.
	readAt time.Time
	// rejectedAt is when ACS last rejected the credential, zero while it does not, and rejection is
	// its answer.
	rejectedAt time.Time
	rejection  *rejectionError
}

// reading is the result of the last look at the origin of a credential.
type reading struct {
	origin     origin
	generation int64
	// next is when to look again if nobody asks, and failures how many looks in a row failed
	// because the API server did not answer.
	next     time.Time
	failures int
	// problem is why the look brought no credential. The clients before it stay: they finish
	// deletions.
	problem error
	// isReported says that the reconcile of the ChatConnection has seen it.
	isReported bool
}

// after returns the reading that follows r. Trouble of the API server is waited out in growing
// steps, because it may be over in a second.
func (r reading) after(conn *chatv1alpha1.ChatConnection, problem error, now time.Time) reading {
	next := reading{origin: originOf(conn), generation: conn.Generation, next: now.Add(UnreadyInterval), problem: problem, isReported: problem == nil}
	if unreadable, ok := errors.AsType[*unreadableError](problem); ok && !unreadable.isLasting() {
		next.failures = min(r.failures+1, 10)
		next.next = now.Add(min(time.Second<<r.failures, UnreadyInterval))
	}
	return next
}

// isRead reports whether nothing calls for another look at the credential.
func (c *credential) isRead(conn *chatv1alpha1.ChatConnection) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read.origin == originOf(conn) && !c.stale && (c.identity != nil || c.read.problem != nil)
}

// isDue reports whether it is time for another look at the credential. However many threads wait
// for it, it is not read more often than a connection that is not Ready is reconciled.
func (c *credential) isDue(conn *chatv1alpha1.ChatConnection) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read.origin != originOf(conn) || c.read.generation != conn.Generation || c.stale || !time.Now().Before(c.read.next)
}

// isFrom reports whether there is a credential from the place that the ChatConnection names.
func (c *credential) isFrom(conn *chatv1alpha1.ChatConnection) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.identity != nil && c.loaded == originOf(conn)
}

// isLoaded reports whether there is a credential, from any place.
func (c *credential) isLoaded() bool { return c.IdentityClient() != nil }

// usable returns why nothing can be sent for a connection, or nil. While its Secret cannot be read,
// the credential that was read before stays in use.
func (c *credential) usable(conn *chatv1alpha1.ChatConnection) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, unreadable := errors.AsType[*unreadableError](c.read.problem)
	if c.read.problem != nil && (!unreadable || c.identity == nil || c.loaded != originOf(conn)) {
		return c.read.problem
	}
	if !c.rejectedAt.IsZero() {
		return c.rejection
	}
	return nil
}

// report returns why the ChatConnection is not Ready, or nil. Its reconcile tries a credential that
// was rejected again after a while, or at once if that was requested.
func (c *credential) report(requested bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read.isReported = true
	if c.read.problem != nil {
		return c.read.problem
	}
	if !c.rejectedAt.IsZero() && time.Since(c.rejectedAt) < RefusedInterval && !requested {
		return c.rejection
	}
	return nil
}

// isUnreported reports whether the reconcile of the ChatConnection has not seen the last reading
// yet.
func (c *credential) isUnreported() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.read.isReported
}

// nextReading is when the credential is read again if nobody asks.
func (c *credential) nextReading() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read.next
}

// beginReading lets one reconcile at a time read the credential.
func (c *credential) beginReading() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.isReading {
		return false
	}
	c.isReading = true
	return true
}

// lastRead returns when the credential was last read without a problem; zero if it never was.
func (c *credential) lastRead() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.readAt
}

func (c *credential) endReading() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.isReading = false
}

// noteReading stores the result of a look at the credential.
func (c *credential) noteReading(conn *chatv1alpha1.ChatConnection, problem error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if problem == nil {
		c.loaded, c.readAt = originOf(conn), now
	}
	c.stale = false
	c.read = c.read.after(conn, problem, now)
}

// has reports whether the clients were made with a credential.
func (c *credential) has(m material) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.identity != nil && c.fingerprint == m.fingerprint
}

// replace puts new clients in place. Tokens that the former credential issued go with it.
func (c *credential) replace(at *endpoint, m material, identity *acs.IdentityClient) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endpoint, c.fingerprint, c.identity = at, m.fingerprint, identity
	c.users = map[string]*User{}
	c.rejectedAt = time.Time{}
}

// CredentialRejected stores that ACS rejected the credential, and returns the error that says so.
// Nothing is sent with the credential until it has changed or a while has passed, and the Secret is
// read at once.
func (c *credential) CredentialRejected(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rejectedAt, c.rejection = time.Now(), &rejectionError{clock: reach.ClockHint(err)}
	c.stale, c.read.isReported = true, false
	return c.rejection
}

// CredentialAccepted stores that ACS accepted the credential.
func (c *credential) CredentialAccepted() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rejectedAt = time.Time{}
}

// CurrentEndpoint returns the endpoint of the credential.
func (c *credential) CurrentEndpoint() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.endpoint == nil {
		return ""
	}
	return c.endpoint.url
}

// IdentityClient returns the client of the Identity service. Another credential has another client.
func (c *credential) IdentityClient() *acs.IdentityClient {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.identity
}

// reachedAt returns the endpoint of the credential, or nil.
func (c *credential) reachedAt() *endpoint {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.endpoint
}

// ownEndpoint returns the endpoint of the credential, which is made if there is none.
func (c *credential) ownEndpoint() *endpoint {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.endpoint == nil {
		c.endpoint = &endpoint{}
	}
	return c.endpoint
}

// askForTokens has tokens requested again that ACS did not issue.
func (c *credential) askForTokens() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, user := range c.users {
		user.tokens.askAgain()
	}
}

// rejectionError is the 401 of ACS to the credential of a connection.
type rejectionError struct {
	// clock says that the clocks differ.
	clock string
}

func (e *rejectionError) Error() string { return e.Outcome().Message }

// Outcome names the remedy.
func (e *rejectionError) Outcome() outcome.Outcome {
	const refuses = "ACS refuses the credential (401)."
	o := outcome.Outcome{Reason: chatv1alpha1.ReasonAuthenticationFailed, Stalled: true,
		Message: refuses + " Put the current connection string of the ACS resource into the Secret."}
	if e.clock != "" {
		o.Message = refuses + " " + e.clock
		// The minutes may differ between reconciles because they are rounded.
		o.StablePrefix = refuses + " The clock of ACS"
	}
	return o
}

var _, _, _ outcome.Classified = (*unreadableError)(nil), (*rejectionError)(nil), (*entraError)(nil)
