// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/tracing"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

const (
	// ReadyInterval is how often a connection that is Ready is reconciled, and its Secret read.
	ReadyInterval = 5 * time.Minute
	// UnreadyInterval is how often a connection that is not Ready is reconciled.
	UnreadyInterval = 30 * time.Second
	// RefusedInterval is the shortest time between two tries of something that ACS refused.
	RefusedInterval = time.Minute
)

// Registry holds a Connection for each ChatConnection.
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
	// Tracing makes spans of calls; the zero value makes none.
	Tracing tracing.Provider
	// Pacing keeps calls within the quotas of ACS.
	Pacing bool
	// Workers is how many reconciles each controller makes at once. No endpoint takes more than its
	// share of them; zero sets no limit.
	Workers int
	// Wake and WakeConnection enqueue a ChatThread or ChatConnection that waited for a worker
	// or for a quota.
	Wake, WakeConnection func(types.NamespacedName)

	threadWorkers, connectionWorkers, listingWorkers workers

	// mu may be held while the lock of a connection is taken, never the other way round.
	mu          sync.Mutex
	connections map[types.NamespacedName]*Connection
	// endpoints holds the endpoints that connections name. Connections to the same one share it.
	endpoints map[string]*endpoint
}

// ByKey returns the Connection of a ChatConnection. It is made if it does not exist.
func (r *Registry) ByKey(key types.NamespacedName) *Connection {
	r.mu.Lock()
	defer r.mu.Unlock()
	if found, ok := r.connections[key]; ok {
		return found
	}
	if r.connections == nil {
		r.connections = map[types.NamespacedName]*Connection{}
	}
	made := NewConnection(pacing.New(r.Pacing))
	made.Pacer.Wake = r.Wake
	r.connections[key] = made
	return made
}

// existing returns the Connection of a ChatConnection, or nil. Questions must not make one: the
// ChatConnection may be gone for good.
func (r *Registry) existing(key types.NamespacedName) *Connection {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.connections[key]
}

func (r *Registry) all() []*Connection {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Values(r.connections))
}

// Get returns the Connection of a ChatConnection, with a credential that ACS has not refused. The
// Secret is read only if it was not read before, or if ACS rejected its credential since.
func (r *Registry) Get(ctx context.Context, conn *chatv1alpha1.ChatConnection) (*Connection, error) {
	found := r.opened(conn)
	if !found.isRead(conn) {
		// A thread with a credential need not wait for another reconcile that reads it again.
		if err := r.refresh(ctx, conn, found); err != nil && (!found.isFrom(conn) || found.usable(conn) != nil) {
			return found, err
		}
	}
	return found, found.usable(conn)
}

// Refresh returns the Connection of a ChatConnection for its own reconcile, and reads the
// credential again when that is due or requested.
func (r *Registry) Refresh(ctx context.Context, conn *chatv1alpha1.ChatConnection) (*Connection, error) {
	found := r.opened(conn)
	requested := objects.IsRequested(conn, conn.Status.LastHandledReconcileAt)
	if requested || found.isDue(conn) {
		if err := r.refresh(ctx, conn, found); err != nil {
			return found, err
		}
	}
	return found, found.report(requested)
}

// opened returns the Connection of a ChatConnection as its spec asks for.
func (r *Registry) opened(conn *chatv1alpha1.ChatConnection) *Connection {
	found := r.ByKey(objects.KeyOf(conn))
	found.Pacer.SetQuotas(pacing.QuotasFor(conn.Spec.Quotas))
	found.Heed(conn)
	return found
}

// GetForDeletion returns the Connection of a ChatConnection that may be gone, or nil. It reports
// whether the Connection can still make calls.
func (r *Registry) GetForDeletion(key types.NamespacedName) (found *Connection, usable bool) {
	found = r.existing(key)
	return found, found != nil && found.isLoaded()
}

// IsUnreported reports whether the reconcile of a ChatConnection has something to show of its
// credential that it has not seen yet.
func (r *Registry) IsUnreported(key types.NamespacedName) bool {
	found := r.existing(key)
	return found == nil || found.isUnreported()
}

// UntilRead is how long the credential of a ChatConnection is not read again unless somebody asks.
func (r *Registry) UntilRead(key types.NamespacedName) time.Duration {
	found := r.existing(key)
	if found == nil {
		return 0
	}
	return time.Until(found.nextReading())
}

// Forget drops the Connection of a ChatConnection that no thread uses any more.
func (r *Registry) Forget(key types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.connections, key)
	used := map[*endpoint]bool{}
	for _, other := range r.connections {
		used[other.reachedAt()] = true
	}
	maps.DeleteFunc(r.endpoints, func(_ string, e *endpoint) bool { return !used[e] })
}

// ForgetThread drops a ChatThread that is gone from the connection that has it.
func (r *Registry) ForgetThread(thread types.UID) {
	for _, found := range r.all() {
		found.deletionBrake.forget(thread)
		found.assignments.forget(thread)
		found.Pacer.Release(thread)
	}
}

// ResyncFloor is the shortest resync interval for which the service user with the most threads has
// room.
func (r *Registry) ResyncFloor() time.Duration {
	var floor time.Duration
	for _, found := range r.all() {
		for _, user := range found.UsersKnown() {
			floor = max(floor, found.ResyncFloor(user))
		}
	}
	return floor
}

// OldestRead returns the oldest of the times at which the credentials of connections were last
// read; zero if none was read.
func (r *Registry) OldestRead() time.Time {
	var oldest time.Time
	for _, found := range r.all() {
		if at := found.credential.lastRead(); !at.IsZero() && (oldest.IsZero() || at.Before(oldest)) {
			oldest = at
		}
	}
	return oldest
}

// Services returns how many ACS resources connections name, by whether they answer.
func (r *Registry) Services() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	counts := map[string]int{serviceAnswers: 0, serviceUnreachable: 0, serviceUnknown: 0}
	for _, at := range r.endpoints {
		counts[at.state()]++
	}
	return counts
}

// clientOptions are the options of every client that the registry makes.
func (r *Registry) clientOptions(at *endpoint, first ...policy.Policy) *acs.ClientOptions {
	options := clientOptions(r.Transport, r.Timeout, at, first...)
	options.TracingProvider = r.Tracing
	return options
}

// use makes the clients of a credential, unless they exist. The endpoint is found and put in place
// in one step, so that connections to the same one share it.
func (r *Registry) use(c *Connection, m material) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.has(m) {
		return nil
	}
	at, ok := r.endpoints[m.endpoint]
	if !ok {
		at = &endpoint{url: m.endpoint}
	}
	if err := c.use(at, m, r.clientOptions(at)); err != nil {
		return err
	}
	if r.endpoints == nil {
		r.endpoints = map[string]*endpoint{}
	}
	r.endpoints[m.endpoint] = at
	return nil
}

// use makes the clients of a credential.
func (c *Connection) use(at *endpoint, m material, options *acs.ClientOptions) error {
	identity, err := m.identity(options)
	if err != nil {
		if stalled, ok := errors.AsType[*outcome.Stalled](err); ok {
			return stalled
		}
		return invalid("%s", outcome.Sanitize(err.Error(), outcome.MaxMessage))
	}
	if c.CurrentEndpoint() != m.endpoint {
		c.creation.dropSpares()
	}
	c.replace(at, m, identity)
	return nil
}

// Use has a connection without a Registry call ACS with clients that the caller makes.
func (c *Connection) Use(url, secret string, identity func() (*acs.IdentityClient, error)) error {
	return c.use(&endpoint{url: url}, newMaterial(url, secret, func(*acs.ClientOptions) (*acs.IdentityClient, error) { return identity() }), nil)
}

// User returns a service user with its chat client.
func (r *Registry) User(found *Connection, id string) (*User, error) {
	found.credential.mu.Lock()
	defer found.credential.mu.Unlock()
	if user, ok := found.users[acs.UserKey(id)]; ok {
		return user, nil
	}
	return r.addUser(found, id, nil)
}

// addUser makes the chat client of a service user; first is a token that came with its creation.
// The caller holds the lock of the credential.
func (r *Registry) addUser(found *Connection, id string, first *acs.AccessToken) (*User, error) {
	tokens := &tokenSource{identity: found.identity, user: id}
	credential := acs.NewUserCredential(tokens.issue, &acs.UserCredentialOptions{Token: first})
	chat, err := acs.NewChatClient(found.endpoint.url, credential, r.clientOptions(found.endpoint, found.Pacer.Policy(id)))
	if err != nil {
		return nil, fmt.Errorf("make chat client: %w", err)
	}
	user := &User{ID: id, tokens: tokens, Credential: credential, Chat: chat}
	found.users[acs.UserKey(id)] = user
	return user, nil
}

// Created adds a service user that this process created: it has no threads, so none need be listed.
func (r *Registry) Created(found *Connection, id string, token *acs.AccessToken) error {
	found.Directory.Created(id, time.Now())
	found.credential.mu.Lock()
	defer found.credential.mu.Unlock()
	_, err := r.addUser(found, id, token)
	return err
}
