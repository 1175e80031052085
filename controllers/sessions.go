// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

const (
	// readyInterval is how often a connection that is Ready is looked at, its Secret included.
	readyInterval = 5 * time.Minute
	// unreadyInterval is how often one that is not Ready is looked at.
	unreadyInterval = 30 * time.Second
	// refusedInterval is the least time between two tries of a credential that ACS refused.
	refusedInterval = time.Minute
	// maxConnectionString bounds what is read of a Secret.
	maxConnectionString = 4096
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
	made := newSession(newPacer(s.Pacing))
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
		found.assign(thread, "")
		found.pacer.giveBack(thread)
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
	found := s.get(keyOf(conn))
	found.pacer.limit(quotasOf(conn.Spec.Quotas))
	found.mu.Lock()
	defer found.mu.Unlock()
	if found.uid != conn.UID || found.source != credentialSource(conn) || found.stale || found.identity == nil && found.problem == nil {
		s.refresh(ctx, conn, found)
	}
	if found.problem != nil {
		return found, found.problem
	}
	if !found.refusedAt.IsZero() {
		return found, &stalledError{chatv1alpha1.ReasonAuthenticationFailed, authenticationFailedMessage}
	}
	return found, nil
}

const authenticationFailedMessage = "ACS refuses the credential (401). Put the current connection string of the ACS resource into the Secret."

// reopen reads the credential anew. A credential that was refused is tried again after a while, and when that
// is asked for.
func (s *Sessions) reopen(ctx context.Context, conn *chatv1alpha1.ChatConnection) (*session, error) {
	found := s.get(keyOf(conn))
	found.mu.Lock()
	defer found.mu.Unlock()
	s.refresh(ctx, conn, found)
	if found.problem != nil {
		return found, found.problem
	}
	if !found.refusedAt.IsZero() && time.Since(found.refusedAt) < refusedInterval && !isRequested(conn, conn.Status.LastHandledReconcileAt) {
		return found, &stalledError{chatv1alpha1.ReasonAuthenticationFailed, authenticationFailedMessage}
	}
	return found, nil
}

// refresh reads the credential and makes new clients where it differs. The caller holds the lock.
func (s *Sessions) refresh(ctx context.Context, conn *chatv1alpha1.ChatConnection, found *session) {
	found.problem = s.load(ctx, conn, found)
	// A read that failed for want of the API server says nothing: the next use reads again.
	found.stale = found.problem != nil && classify(found.problem).quiet
	if !found.stale {
		found.uid, found.source = conn.UID, credentialSource(conn)
	}
}

func (s *Sessions) load(ctx context.Context, conn *chatv1alpha1.ChatConnection, found *session) error {
	if conn.Spec.Entra != nil {
		return s.loadEntra(conn, found)
	}
	// The schema asks for one of the two; an object of an older schema may lack both.
	if conn.Spec.ConnectionStringSecretRef == nil {
		return &stalledError{chatv1alpha1.ReasonInvalidConnectionString, "spec.connectionStringSecretRef or spec.entra must be set."}
	}
	secret, err := s.readSecret(ctx, conn)
	if err != nil {
		return err
	}
	parsed, err := acs.ParseConnectionString(secret.Reveal())
	if err != nil {
		return &stalledError{chatv1alpha1.ReasonInvalidConnectionString,
			fmt.Sprintf("Secret %s, key %s: %s.", conn.Spec.ConnectionStringSecretRef.Name, secretKey(conn), cut(err.Error(), maxMessage))}
	}
	if err := s.checkEndpoint(conn, parsed.Endpoint); err != nil {
		return err
	}
	found.discretion.keep(parsed.AccessKey.Reveal())
	return found.use(parsed.Endpoint, parsed.AccessKey.Reveal(), func() (*acs.IdentityClient, error) {
		return acs.NewIdentityClientWithAccessKey(parsed.Endpoint, parsed.AccessKey, clientOptions(s.Transport, s.Timeout, found))
	})
}

// loadEntra uses the operator's own identity, which only some namespaces may.
func (s *Sessions) loadEntra(conn *chatv1alpha1.ChatConnection, found *session) error {
	if !slices.Contains(s.EntraNamespaces, conn.Namespace) {
		return &stalledError{chatv1alpha1.ReasonNamespaceNotAllowed,
			fmt.Sprintf("Namespace %s may not use the operator's own identity; its flag --entra-namespaces names those that may.", conn.Namespace)}
	}
	entra := conn.Spec.Entra
	endpoint, err := acs.ParseEndpoint(entra.Endpoint)
	if err != nil {
		return &stalledError{chatv1alpha1.ReasonInvalidConnectionString, fmt.Sprintf("spec.entra.endpoint: %s.", cut(err.Error(), maxMessage))}
	}
	if err := s.checkEndpoint(conn, endpoint); err != nil {
		return err
	}
	return found.use(endpoint, "entra "+entra.ClientID+" "+entra.TenantID, func() (*acs.IdentityClient, error) {
		credential, err := azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
			ClientOptions: azcore.ClientOptions{Transport: s.Transport},
			ClientID:      entra.ClientID,
			TenantID:      entra.TenantID,
		})
		if err != nil {
			return nil, &stalledError{chatv1alpha1.ReasonAuthenticationFailed,
				"The operator has no workload identity: " + cut(err.Error(), maxMessage)}
		}
		return acs.NewIdentityClient(endpoint, credential, clientOptions(s.Transport, s.Timeout, found))
	})
}

// use makes new clients where endpoint or credential differ from those in use. Tokens that an old
// credential issued go with it.
func (s *session) use(endpoint, secret string, identity func() (*acs.IdentityClient, error)) error {
	sum := sha256.Sum256([]byte(endpoint + "\n" + secret))
	credential := hex.EncodeToString(sum[:])
	if s.identity != nil && s.credential == credential {
		return nil
	}
	client, err := identity()
	if err != nil {
		if stalled, ok := errors.AsType[*stalledError](err); ok {
			return stalled
		}
		return &stalledError{chatv1alpha1.ReasonInvalidConnectionString, cut(err.Error(), maxMessage)}
	}
	if s.endpoint != endpoint {
		s.spares = nil
	}
	s.endpoint, s.credential, s.identity = endpoint, credential, client
	s.users = map[string]*serviceUser{}
	s.refusedAt, s.held = time.Time{}, nil
	return nil
}

func (s *Sessions) readSecret(ctx context.Context, conn *chatv1alpha1.ChatConnection) (acs.Secret, error) {
	name, key := conn.Spec.ConnectionStringSecretRef.Name, secretKey(conn)
	secret := &corev1.Secret{}
	err := s.Reader.Get(ctx, types.NamespacedName{Namespace: conn.Namespace, Name: name}, secret)
	if apierrors.IsNotFound(err) {
		return acs.Secret{}, &waitError{reason: chatv1alpha1.ReasonSecretNotFound, after: unreadyInterval,
			message: fmt.Sprintf("Secret %s does not exist in namespace %s.", name, conn.Namespace)}
	}
	if err != nil {
		return acs.Secret{}, fmt.Errorf("get Secret %s: %w", name, err)
	}
	value, ok := secret.Data[key]
	if !ok {
		return acs.Secret{}, &waitError{reason: chatv1alpha1.ReasonSecretNotFound, after: unreadyInterval,
			message: fmt.Sprintf("Secret %s has no key %s.", name, key)}
	}
	if len(value) > maxConnectionString {
		return acs.Secret{}, &stalledError{chatv1alpha1.ReasonInvalidConnectionString,
			fmt.Sprintf("Secret %s, key %s: longer than %d bytes, which no connection string is.", name, key, maxConnectionString)}
	}
	return acs.NewSecret(string(value)), nil
}

// checkEndpoint refuses hosts that are not allowed, and an endpoint that is not the one that the
// service users of the connection belong to.
func (s *Sessions) checkEndpoint(conn *chatv1alpha1.ChatConnection, endpoint string) error {
	if err := s.AllowedEndpoints.check(endpoint); err != nil {
		return err
	}
	if before := recordedEndpoint(conn); before != "" && before != endpoint {
		return &stalledError{chatv1alpha1.ReasonInvalidConnectionString,
			fmt.Sprintf("The endpoint changed from %s to %s. The threads of this connection live at the former: restore it, or create another ChatConnection.",
				cut(before, maxMessage), cut(endpoint, maxMessage))}
	}
	return nil
}

// user returns a service user with its chat client.
func (s *Sessions) user(found *session, id string) (*serviceUser, error) {
	found.mu.Lock()
	defer found.mu.Unlock()
	key := userKey(id)
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
	chat, err := acs.NewChatClient(found.endpoint, credential, clientOptions(s.Transport, s.Timeout, found, found.pacer.policy(id)))
	if err != nil {
		return nil, fmt.Errorf("make chat client: %w", err)
	}
	user := &serviceUser{id: id, credential: credential, chat: chat}
	found.users[userKey(id)] = user
	return user, nil
}

// created notes a service user that this process made: it has no threads, so none need be listed.
func (s *Sessions) created(found *session, id string, token *acs.AccessToken) error {
	found.index.markListed(id, listTime{begun: time.Now(), ended: time.Now()})
	found.mu.Lock()
	defer found.mu.Unlock()
	_, err := s.addUser(found, id, token)
	return err
}

func secretKey(conn *chatv1alpha1.ChatConnection) string {
	if key := conn.Spec.ConnectionStringSecretRef.Key; key != "" {
		return key
	}
	return "connectionString"
}

// credentialSource identifies where a connection has its credential from.
func credentialSource(conn *chatv1alpha1.ChatConnection) string {
	if entra := conn.Spec.Entra; entra != nil {
		return fmt.Sprintf("entra %+v", *entra)
	}
	if ref := conn.Spec.ConnectionStringSecretRef; ref != nil {
		return fmt.Sprintf("secret %+v", *ref)
	}
	return ""
}

// recordedEndpoint is the endpoint that the service users of a connection belong to.
func recordedEndpoint(conn *chatv1alpha1.ChatConnection) string {
	if endpoint := conn.Annotations[chatv1alpha1.AnnotationEndpoint]; endpoint != "" {
		return endpoint
	}
	return conn.Status.Endpoint
}
