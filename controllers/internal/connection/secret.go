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
	// secretTimeout bounds the read of a Secret: an API server that cannot decrypt it may not
	// answer.
	secretTimeout = 10 * time.Second
	// secretPause is how long a reconcile waits that needs the Secret while another one reads it.
	secretPause = 250 * time.Millisecond
	// maxConnectionString is the length of the longest value that counts as a connection string.
	maxConnectionString = 4096
)

// origin says where a credential comes from: the ChatConnection, and the part of its spec.
type origin struct {
	uid    types.UID
	source string
}

func originOf(conn *chatv1alpha1.ChatConnection) origin {
	return origin{uid: conn.UID, source: sourceOf(conn)}
}

// sourceOf identifies the Secret or identity that a ChatConnection names.
func sourceOf(conn *chatv1alpha1.ChatConnection) string {
	if entra := conn.Spec.Entra; entra != nil {
		return fmt.Sprintf("entra %+v", *entra)
	}
	if ref := conn.Spec.ConnectionStringSecretRef; ref != nil {
		return fmt.Sprintf("secret %+v", *ref)
	}
	return ""
}

// material is a credential that was read, and not used yet.
type material struct {
	endpoint string
	// fingerprint identifies the credential without revealing it.
	fingerprint string
	identity    func(*acs.ClientOptions) (*acs.IdentityClient, error)
}

func newMaterial(endpoint, secret string, identity func(*acs.ClientOptions) (*acs.IdentityClient, error)) material {
	sum := sha256.Sum256([]byte(endpoint + "\n" + secret))
	return material{endpoint: endpoint, fingerprint: hex.EncodeToString(sum[:]), identity: identity}
}

// refresh reads the credential, and makes new clients if it differs. The connection remembers the
// problem of a credential; the error says that nothing was read.
func (r *Registry) refresh(ctx context.Context, conn *chatv1alpha1.ChatConnection, c *Connection) error {
	if !c.beginReading() {
		return &outcome.Wait{Quiet: true, After: secretPause}
	}
	defer c.endReading()
	read, err := r.readCredential(ctx, conn)
	// A process that stops has learned nothing.
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	if err == nil {
		err = r.use(c, read)
	}
	c.noteReading(conn, err)
	return nil
}

// readCredential returns the credential that the spec names, if it may be used.
func (r *Registry) readCredential(ctx context.Context, conn *chatv1alpha1.ChatConnection) (material, error) {
	switch {
	case conn.Spec.Entra != nil:
		return r.readEntra(conn)
	case conn.Spec.ConnectionStringSecretRef != nil:
		return r.readConnectionString(ctx, conn)
	default:
		// The schema asks for one of the two; an object of an older schema may lack both.
		return material{}, &outcome.Stalled{Reason: chatv1alpha1.ReasonInvalidConnectionString,
			Message: "spec.connectionStringSecretRef or spec.entra must be set."}
	}
}

func (r *Registry) readConnectionString(ctx context.Context, conn *chatv1alpha1.ChatConnection) (material, error) {
	secret, err := r.readSecret(ctx, conn)
	if err != nil {
		return material{}, err
	}
	parsed, err := acs.ParseConnectionString(secret.Reveal())
	if err != nil {
		return material{}, invalid("Secret %s, key %s: %s.",
			conn.Spec.ConnectionStringSecretRef.Name, secretKey(conn), outcome.Sanitize(err.Error(), outcome.MaxMessage))
	}
	if err := r.checkEndpoint(conn, parsed.Endpoint); err != nil {
		return material{}, err
	}
	return newMaterial(parsed.Endpoint, parsed.AccessKey.Reveal(), func(options *acs.ClientOptions) (*acs.IdentityClient, error) {
		return acs.NewIdentityClientWithAccessKey(parsed.Endpoint, parsed.AccessKey, options)
	}), nil
}

// readEntra returns the operator's own identity, which only some namespaces may use.
func (r *Registry) readEntra(conn *chatv1alpha1.ChatConnection) (material, error) {
	if !slices.Contains(r.EntraNamespaces, conn.Namespace) {
		return material{}, &outcome.Stalled{Reason: chatv1alpha1.ReasonNamespaceNotAllowed, Message: fmt.Sprintf(
			"Namespace %s may not use the operator's own identity; its flag --entra-namespaces names those that may.", conn.Namespace)}
	}
	entra := conn.Spec.Entra
	endpoint, err := acs.ParseEndpoint(entra.Endpoint)
	if err != nil {
		return material{}, invalid("spec.entra.endpoint: %s.", outcome.Sanitize(err.Error(), outcome.MaxMessage))
	}
	if err := r.checkEndpoint(conn, endpoint); err != nil {
		return material{}, err
	}
	return newMaterial(endpoint, "entra "+entra.ClientID+" "+entra.TenantID, func(options *acs.ClientOptions) (*acs.IdentityClient, error) {
		credential, err := newEntraCredential(r.Transport, r.Timeout, entra)
		if err != nil {
			return nil, &outcome.Stalled{Reason: chatv1alpha1.ReasonAuthenticationFailed,
				Message: "The operator has no workload identity: " + outcome.Sanitize(err.Error(), outcome.MaxMessage)}
		}
		return acs.NewIdentityClient(endpoint, credential, options)
	}), nil
}

// invalid is the error for a connection string or endpoint that cannot be used.
func invalid(format string, args ...any) error {
	return &outcome.Stalled{Reason: chatv1alpha1.ReasonInvalidConnectionString, Message: fmt.Sprintf(format, args...)}
}

func (r *Registry) readSecret(ctx context.Context, conn *chatv1alpha1.ChatConnection) (acs.Secret, error) {
	name, key := conn.Spec.ConnectionStringSecretRef.Name, secretKey(conn)
	secret := &corev1.Secret{}
	bounded, cancel := context.WithTimeout(ctx, secretTimeout)
	defer cancel()
	err := r.Reader.Get(bounded, types.NamespacedName{Namespace: conn.Namespace, Name: name}, secret)
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
	if len(value) > maxConnectionString {
		return acs.Secret{}, invalid("Secret %s, key %s: longer than %d bytes, which no connection string is.", name, key, maxConnectionString)
	}
	return acs.NewSecret(string(value)), nil
}

func secretKey(conn *chatv1alpha1.ChatConnection) string {
	if key := conn.Spec.ConnectionStringSecretRef.Key; key != "" {
		return key
	}
	return "connectionString"
}

// checkEndpoint refuses hosts that are not allowed, and an endpoint other than the one that the
// service users of the connection belong to.
func (r *Registry) checkEndpoint(conn *chatv1alpha1.ChatConnection, endpoint string) error {
	if err := r.AllowedEndpoints.Check(endpoint); err != nil {
		return err
	}
	if before := recordedEndpoint(conn); before != "" && before != endpoint {
		return invalid("The endpoint changed from %s to %s. "+
			"The threads of this connection live at the former: restore it, or create another ChatConnection.",
			outcome.Sanitize(before, outcome.MaxMessage), outcome.Sanitize(endpoint, outcome.MaxMessage))
	}
	return nil
}

// recordedEndpoint is the endpoint that the service users of a connection belong to. Without users,
// status shows an endpoint that may be a mistake.
func recordedEndpoint(conn *chatv1alpha1.ChatConnection) string {
	if endpoint := conn.Annotations[chatv1alpha1.AnnotationEndpoint]; endpoint != "" {
		return endpoint
	}
	if len(conn.Status.ServiceUsers) == 0 {
		return ""
	}
	return conn.Status.Endpoint
}

// unreadableError says that the Kubernetes API server did not show a Secret. Its content is not
// known, so the content that was read before still counts.
type unreadableError struct {
	name string
	err  error
}

func (e *unreadableError) Error() string { return "get Secret " + e.name + ": " + e.err.Error() }
func (e *unreadableError) Unwrap() error { return e.err }

// Outcome quotes the answer of the API server.
func (e *unreadableError) Outcome() outcome.Outcome {
	var status apierrors.APIStatus
	if !errors.As(e.err, &status) {
		return outcome.Outcome{Reason: chatv1alpha1.ReasonServiceUnavailable, After: UnreadyInterval, Message: fmt.Sprintf(
			"The Kubernetes API server did not answer when asked for Secret %s; the operator tries again.", e.name)}
	}
	if o := outcome.Classify(fmt.Errorf("get Secret %s: %w", e.name, e.err)); !o.Quiet {
		return o
	}
	gist := fmt.Sprintf("The Kubernetes API server could not show Secret %s (%d", e.name, status.Status().Code)
	return outcome.Outcome{Reason: chatv1alpha1.ReasonServiceUnavailable, After: UnreadyInterval, StablePrefix: gist,
		Message: gist + ": " + outcome.Sanitize(e.err.Error(), 2*outcome.MaxMessage) + "); the operator tries again."}
}

// isLasting reports whether the API server refuses to show the Secret, rather than being in
// trouble.
func (e *unreadableError) isLasting() bool { return e.Outcome().Stalled }
