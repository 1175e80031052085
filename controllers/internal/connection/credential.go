// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

const (
	// secretTimeout bounds the read of a Secret: an API server that cannot decrypt it may not answer at all.
	secretTimeout = 10 * time.Second
	// secretPause is how long a pass waits that needs the Secret while another one reads it.
	secretPause = 250 * time.Millisecond
	// maxConnectionString bounds what is read of a Secret.
	MaxConnectionString = 4096
)

// credentialOrigin says where a credential comes from: the ChatConnection, and the part of its spec.
type credentialOrigin struct {
	uid    types.UID
	source string
}

func originOf(conn *chatv1alpha1.ChatConnection) credentialOrigin {
	return credentialOrigin{uid: conn.UID, source: credentialSource(conn)}
}

// credentialReading is what the last look at the origin of a credential brought.
type credentialReading struct {
	origin     credentialOrigin
	generation int64
	// next is when to look again where nobody asks, failures how many looks in a row failed for want of the
	// API server.
	next     time.Time
	failures int
	// problem is why the look brought no credential. The clients before it stay: they finish deletions.
	problem error
	// told says that the reconcile of the ChatConnection knows.
	told bool
}

// unreadableError says that the Kubernetes API server did not show a Secret. What is in it is not known, so
// what was in it before still counts.
type unreadableError struct {
	name string
	err  error
}

func (e *unreadableError) Error() string { return "get Secret " + e.name + ": " + e.err.Error() }
func (e *unreadableError) Unwrap() error { return e.err }

func (e *unreadableError) Outcome() outcome.Outcome {
	var status apierrors.APIStatus
	if !errors.As(e.err, &status) {
		return outcome.Outcome{Reason: chatv1alpha1.ReasonServiceUnavailable, After: UnreadyInterval,
			Message: fmt.Sprintf("The Kubernetes API server did not answer when asked for Secret %s; the operator tries again.", e.name)}
	}
	if o := outcome.ClassifyKubernetes(status, e); !o.Quiet {
		return o
	}
	gist := fmt.Sprintf("The Kubernetes API server could not show Secret %s (%d", e.name, status.Status().Code)
	return outcome.Outcome{Reason: chatv1alpha1.ReasonServiceUnavailable, After: UnreadyInterval, StablePrefix: gist,
		Message: gist + ": " + outcome.Sanitize(e.err.Error(), 2*outcome.MaxMessage) + "); the operator tries again."}
}

// isLasting says that the API server refuses to show the Secret, rather than being in trouble.
func (e *unreadableError) isLasting() bool { return e.Outcome().Stalled }

// isRead says whether nothing is known that calls for another look at the credential.
func (s *Connection) isRead(conn *chatv1alpha1.ChatConnection) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.read.origin == originOf(conn) && !s.stale && (s.Identity != nil || s.read.problem != nil)
}

// isDue says whether it is time for another look at the credential: however many wait for it, it is not read
// more often than a connection that is not Ready is looked at.
func (s *Connection) isDue(conn *chatv1alpha1.ChatConnection) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.read.origin != originOf(conn) || s.read.generation != conn.Generation || s.stale || !time.Now().Before(s.read.next)
}

// hasCredential says whether there is a credential from where the connection says.
func (s *Connection) hasCredential(conn *chatv1alpha1.ChatConnection) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Identity != nil && s.loaded == originOf(conn)
}

// usable says why nothing can be sent for a connection; nil where something can. While its Secret cannot be
// read, the credential that was read before goes on.
func (s *Connection) Usable(conn *chatv1alpha1.ChatConnection) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, unreadable := errors.AsType[*unreadableError](s.read.problem)
	if s.read.problem != nil && (!unreadable || s.Identity == nil || s.loaded != originOf(conn)) {
		return s.read.problem
	}
	if !s.RefusedAt.IsZero() {
		return s.refusal
	}
	return nil
}

// beginReading lets one pass at a time read the credential.
func (s *Connection) beginReading() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reading {
		return false
	}
	s.reading = true
	return true
}

func (s *Connection) endReading() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reading = false
}

// refresh reads the credential and makes new clients where it differs; what is wrong with it is kept in the
// session. No lock is held while the API server is asked. The error says that nothing was read.
func (s *Registry) refresh(ctx context.Context, conn *chatv1alpha1.ChatConnection, found *Connection) error {
	if !found.beginReading() {
		return &outcome.Wait{Quiet: true, After: secretPause}
	}
	defer found.endReading()
	var secret acs.Secret
	var err error
	if conn.Spec.Entra == nil && conn.Spec.ConnectionStringSecretRef != nil {
		secret, err = s.readSecret(ctx, conn)
	}
	// A process that stops has learned nothing.
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	found.mu.Lock()
	defer found.mu.Unlock()
	if err == nil {
		err = s.load(conn, found, secret)
	}
	if err == nil {
		found.loaded = originOf(conn)
		found.Gate.share(s.reachability(found.Endpoint))
	}
	found.stale = false
	found.read = found.read.followed(conn, err, time.Now())
	return nil
}

// followed is the reading that comes after r. Trouble of the API server is waited out in growing steps, as it
// may be over in a second.
func (r credentialReading) followed(conn *chatv1alpha1.ChatConnection, problem error, now time.Time) credentialReading {
	next := credentialReading{origin: originOf(conn), generation: conn.Generation, next: now.Add(UnreadyInterval), problem: problem,
		told: problem == nil}
	if unreadable, ok := errors.AsType[*unreadableError](problem); ok && !unreadable.isLasting() {
		next.failures = min(r.failures+1, 10)
		next.next = now.Add(min(time.Second<<r.failures, UnreadyInterval))
	}
	return next
}

// load makes clients of what was read. The caller holds the lock of the session.
func (s *Registry) load(conn *chatv1alpha1.ChatConnection, found *Connection, secret acs.Secret) error {
	if conn.Spec.Entra != nil {
		return s.loadEntra(conn, found)
	}
	// The schema asks for one of the two; an object of an older schema may lack both.
	if conn.Spec.ConnectionStringSecretRef == nil {
		return &outcome.Stalled{Reason: chatv1alpha1.ReasonInvalidConnectionString, Message: "spec.connectionStringSecretRef or spec.entra must be set."}
	}
	parsed, err := acs.ParseConnectionString(secret.Reveal())
	if err != nil {
		return &outcome.Stalled{Reason: chatv1alpha1.ReasonInvalidConnectionString,
			Message: fmt.Sprintf("Secret %s, key %s: %s.", conn.Spec.ConnectionStringSecretRef.Name, secretKey(conn), outcome.Sanitize(err.Error(), outcome.MaxMessage))}
	}
	if err := s.checkEndpoint(conn, parsed.Endpoint); err != nil {
		return err
	}
	return found.Use(parsed.Endpoint, parsed.AccessKey.Reveal(), func() (*acs.IdentityClient, error) {
		return acs.NewIdentityClientWithAccessKey(parsed.Endpoint, parsed.AccessKey, ClientOptions(s.Transport, s.Timeout, found))
	})
}

// loadEntra uses the operator's own identity, which only some namespaces may.
func (s *Registry) loadEntra(conn *chatv1alpha1.ChatConnection, found *Connection) error {
	if !slices.Contains(s.EntraNamespaces, conn.Namespace) {
		return &outcome.Stalled{Reason: chatv1alpha1.ReasonNamespaceNotAllowed,
			Message: fmt.Sprintf("Namespace %s may not use the operator's own identity; its flag --entra-namespaces names those that may.", conn.Namespace)}
	}
	entra := conn.Spec.Entra
	endpoint, err := acs.ParseEndpoint(entra.Endpoint)
	if err != nil {
		return &outcome.Stalled{Reason: chatv1alpha1.ReasonInvalidConnectionString, Message: fmt.Sprintf("spec.entra.endpoint: %s.", outcome.Sanitize(err.Error(), outcome.MaxMessage))}
	}
	if err := s.checkEndpoint(conn, endpoint); err != nil {
		return err
	}
	return found.Use(endpoint, "entra "+entra.ClientID+" "+entra.TenantID, func() (*acs.IdentityClient, error) {
		credential, err := newEntraCredential(s.Transport, s.Timeout, entra)
		if err != nil {
			return nil, &outcome.Stalled{Reason: chatv1alpha1.ReasonAuthenticationFailed,
				Message: "The operator has no workload identity: " + outcome.Sanitize(err.Error(), outcome.MaxMessage)}
		}
		return acs.NewIdentityClient(endpoint, credential, ClientOptions(s.Transport, s.Timeout, found))
	})
}

// use makes new clients where endpoint or credential differ from those in use. Tokens that an old
// credential issued go with it.
func (s *Connection) Use(endpoint, secret string, identity func() (*acs.IdentityClient, error)) error {
	sum := sha256.Sum256([]byte(endpoint + "\n" + secret))
	credential := hex.EncodeToString(sum[:])
	if s.Identity != nil && s.credential == credential {
		return nil
	}
	client, err := identity()
	if err != nil {
		if stalled, ok := errors.AsType[*outcome.Stalled](err); ok {
			return stalled
		}
		return &outcome.Stalled{Reason: chatv1alpha1.ReasonInvalidConnectionString, Message: outcome.Sanitize(err.Error(), outcome.MaxMessage)}
	}
	if s.Endpoint != endpoint {
		s.spares = nil
	}
	s.Endpoint, s.credential, s.Identity = endpoint, credential, client
	s.users = map[string]*User{}
	s.RefusedAt, s.held = time.Time{}, nil
	return nil
}

func (s *Registry) readSecret(ctx context.Context, conn *chatv1alpha1.ChatConnection) (acs.Secret, error) {
	name, key := conn.Spec.ConnectionStringSecretRef.Name, secretKey(conn)
	secret := &corev1.Secret{}
	bounded, cancel := context.WithTimeout(ctx, secretTimeout)
	defer cancel()
	err := s.Reader.Get(bounded, types.NamespacedName{Namespace: conn.Namespace, Name: name}, secret)
	if apierrors.IsNotFound(err) {
		return acs.Secret{}, &outcome.Wait{Reason: chatv1alpha1.ReasonSecretNotFound, After: UnreadyInterval,
			Message: fmt.Sprintf("Secret %s does not exist in namespace %s.", name, conn.Namespace)}
	}
	if err != nil {
		return acs.Secret{}, &unreadableError{name: name, err: err}
	}
	value, ok := secret.Data[key]
	if !ok {
		return acs.Secret{}, &outcome.Wait{Reason: chatv1alpha1.ReasonSecretNotFound, After: UnreadyInterval,
			Message: fmt.Sprintf("Secret %s has no key %s.", name, key)}
	}
	if len(value) > MaxConnectionString {
		return acs.Secret{}, &outcome.Stalled{Reason: chatv1alpha1.ReasonInvalidConnectionString,
			Message: fmt.Sprintf("Secret %s, key %s: longer than %d bytes, which no connection string is.", name, key, MaxConnectionString)}
	}
	return acs.NewSecret(string(value)), nil
}

// checkEndpoint refuses hosts that are not allowed, and an endpoint that is not the one that the
// service users of the connection belong to.
func (s *Registry) checkEndpoint(conn *chatv1alpha1.ChatConnection, endpoint string) error {
	if err := s.AllowedEndpoints.Check(endpoint); err != nil {
		return err
	}
	if before := recordedEndpoint(conn); before != "" && before != endpoint {
		return &outcome.Stalled{Reason: chatv1alpha1.ReasonInvalidConnectionString,
			Message: fmt.Sprintf("The endpoint changed from %s to %s. The threads of this connection live at the former: restore it, or create another ChatConnection.",
				outcome.Sanitize(before, outcome.MaxMessage), outcome.Sanitize(endpoint, outcome.MaxMessage))}
	}
	return nil
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

// recordedEndpoint is the endpoint that the service users of a connection belong to. Without users the status
// shows an endpoint that may be a mistake.
func recordedEndpoint(conn *chatv1alpha1.ChatConnection) string {
	if endpoint := conn.Annotations[chatv1alpha1.AnnotationEndpoint]; endpoint != "" {
		return endpoint
	}
	if len(conn.Status.ServiceUsers) == 0 {
		return ""
	}
	return conn.Status.Endpoint
}

// credentialRefusal is the 401 of ACS to the credential of a connection.
type credentialRefusal struct {
	// clock says that the clocks differ.
	clock string
}

func NewCredentialRefusal(err error) *credentialRefusal {
	return &credentialRefusal{clock: outcome.ClockHint(err)}
}

func (e *credentialRefusal) Error() string { return e.Outcome().Message }

func (e *credentialRefusal) Outcome() outcome.Outcome {
	const refuses = "ACS refuses the credential (401)."
	o := outcome.Outcome{Reason: chatv1alpha1.ReasonAuthenticationFailed, Stalled: true,
		Message: refuses + " Put the current connection string of the ACS resource into the Secret."}
	if e.clock != "" {
		o.Message = refuses + " " + e.clock
		// By how much may differ from pass to pass by the rounding.
		o.StablePrefix = refuses + " The clock of ACS"
	}
	return o
}

var _, _, _ outcome.Classified = (*unreadableError)(nil), (*credentialRefusal)(nil), (*entraError)(nil)
