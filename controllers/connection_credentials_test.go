// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/acstest"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// An invalid connection string is reported with its faulty part and the remedy, but with none of
// its values.
func TestBadConnections(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.start()
	key := base64.StdEncoding.EncodeToString([]byte("a key that must not be shown"))
	for name, c := range map[string]struct {
		value, reason, says string
	}{
		"no-endpoint":  {"accesskey=" + key, chatv1alpha1.ReasonInvalidConnectionString, "endpoint"},
		"no-key":       {"endpoint=" + w.server.URL, chatv1alpha1.ReasonInvalidConnectionString, "accesskey"},
		"twice":        {"endpoint=" + w.server.URL + ";accesskey=" + key + ";accesskey=" + key, chatv1alpha1.ReasonInvalidConnectionString, "twice"},
		"not-base64":   {"endpoint=" + w.server.URL + ";accesskey=%%%", chatv1alpha1.ReasonInvalidConnectionString, "base64"},
		"empty":        {"", chatv1alpha1.ReasonInvalidConnectionString, "missing"},
		"too-long":     {strings.Repeat("x", 5000), chatv1alpha1.ReasonInvalidConnectionString, "longer"},
		"plain-http":   {"endpoint=" + strings.Replace(w.server.URL, "https", "http", 1) + ";accesskey=" + key, chatv1alpha1.ReasonEndpointNotAllowed, "https"},
		"foreign-host": {"endpoint=https://evil.example.org/;accesskey=" + key, chatv1alpha1.ReasonEndpointNotAllowed, "--allowed-endpoint-suffixes"},
		"user-info":    {"endpoint=https://a:b@127.0.0.1/;accesskey=" + key, chatv1alpha1.ReasonInvalidConnectionString, "endpoint"},
		"wrong-key":    {"endpoint=" + w.server.URL + ";accesskey=" + key, chatv1alpha1.ReasonAuthenticationFailed, "401"},
	} {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name}, StringData: map[string]string{"connectionString": c.value}}
		conn := newConnection(w.namespace, name)
		conn.Spec.ConnectionStringSecretRef.Name = name
		w.create(secret, conn)
		w.awaitReason(conn, c.reason)
		w.Expect(w.message(conn)).To(And(ContainSubstring(c.says), Not(ContainSubstring(key))), name)
	}
}

// A late Secret needs no restart.
func TestSecretComes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := newConnection(w.namespace, "default")
	thread := w.newThread("waits", w.users(1)...)
	w.create(conn, thread)
	w.start()
	w.awaitReason(conn, chatv1alpha1.ReasonSecretNotFound)
	w.awaitReason(thread, chatv1alpha1.ReasonConnectionNotReady)
	w.createSecret()
	askConnection(w, conn, "1")
	w.awaitReason(conn, chatv1alpha1.ReasonSucceeded)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.emulator.Users()).To(HaveLen(2), "one member and one service user")
}

// A rotated key needs no restart. The thread never waited for its connection, so that no second
// pass over it meets the old key.
func TestKeyRotation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.ready()
	thread := w.readyThread("general", w.users(1)...)

	w.emulator.RotateAccessKey()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "acs"}}
	edit(w, secret, func(o *corev1.Secret) { o.Data["connectionString"] = []byte(w.emulator.ConnectionString(w.server.URL)) })
	edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Topic = "after the rotation" })
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.remote(thread).Topic).To(Equal("after the rotation"))

	// If the key is rotated before its Secret, the connection reports it, until the Secret has the
	// new key.
	w.emulator.RotateAccessKey()
	edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Topic = "again" })
	w.awaitReason(conn, chatv1alpha1.ReasonAuthenticationFailed)
	w.awaitReason(thread, chatv1alpha1.ReasonConnectionNotReady)
	edit(w, secret, func(o *corev1.Secret) { o.Data["connectionString"] = []byte(w.emulator.ConnectionString(w.server.URL)) })
	askConnection(w, conn, "1")
	w.awaitReason(conn, chatv1alpha1.ReasonSucceeded)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.emulator.Users()).To(HaveLen(2), "one member and one service user")
}

// No call goes to another endpoint that a Secret names, since all threads would be lost there.
func TestEndpointChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.ready()
	other := newWorld(t, emulator.Options{})
	w.options.AllowedEndpoints = append(w.options.AllowedEndpoints, other.options.AllowedEndpoints...)
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "acs"}}
	edit(w, secret, func(o *corev1.Secret) {
		o.Data["connectionString"] = []byte(other.emulator.ConnectionString(other.server.URL))
	})
	// The running operator allows only the first host. A second one, started later, allows both.
	askConnection(w, conn, "1")
	w.awaitReason(conn, chatv1alpha1.ReasonEndpointNotAllowed)
	w.start()
	askConnection(w, conn, "2")
	w.Eventually(func() string { w.get(conn); return readyMessageOf(conn) }).Should(Or(
		ContainSubstring("changed from "+w.server.URL+" to "+other.server.URL), ContainSubstring("may not talk to")))
	w.Expect(other.emulator.Requests()).To(BeEmpty())
}

// A credential that ACS refused is tried again at once if a person requests it.
func TestRefusedCredentialIsTriedWhenAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	remove := w.emulator.Inject(emulator.Fault{Operation: emulator.OperationCreateUser, Status: http.StatusUnauthorized})
	conn := w.connect()
	w.start()
	w.awaitReason(conn, chatv1alpha1.ReasonAuthenticationFailed)
	remove()
	edit(w, conn, func(o *chatv1alpha1.ChatConnection) {
		objects.SetAnnotation(o, chatv1alpha1.AnnotationReconcileRequestedAt, "now")
	})
	w.awaitReason(conn, chatv1alpha1.ReasonSucceeded)
	w.Expect(conn.Status.LastHandledReconcileAt).To(Equal("now"))
}

// A reconcile waits until the cache shows the operator's own writes to the connection, such as its
// service users.
func TestConnectionIsNotReadFromAnOldCache(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.connect()
	// The cache stays at this version.
	cached := conn.DeepCopy()
	r := &ChatThreadReconciler{Store: objects.NewStore(interceptor.NewClient(admin, interceptor.Funcs{
		Get: func(_ context.Context, _ client.WithWatch, _ client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
			cached.DeepCopyInto(obj.(*chatv1alpha1.ChatConnection)) //nolint:errcheck,forcetypeassert // nothing else is read
			return nil
		},
	}), admin)}
	read := func() outcome.Outcome {
		err := r.getConnection(t.Context(), objects.KeyOf(conn), &chatv1alpha1.ChatConnection{})
		return outcome.Classify(err)
	}
	w.Expect(read().Ready).To(BeTrue())
	w.Expect(r.Store.PatchMetadata(t.Context(), conn, func(obj client.Object) {
		objects.SetAnnotation(obj, chatv1alpha1.AnnotationServiceUsers, "8:acs:a")
	})).To(Succeed())
	w.Expect(read().Quiet).To(BeTrue())
	w.Expect(read().After).To(BeNumerically(">", 0))
}

// The status shows the endpoint of the spec before there is a service user, and the endpoint can be
// corrected.
func TestDeclaredEndpointIsShown(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	acstest.MustSucceed(t, os.WriteFile(token, []byte("the.projected.token"), 0o600))
	t.Setenv("AZURE_FEDERATED_TOKEN_FILE", token)
	t.Setenv("AZURE_CLIENT_ID", "00000000-0000-0000-0000-000000000003")
	t.Setenv("AZURE_TENANT_ID", "tenant")
	g := NewWithT(t)
	r := &ChatConnectionReconciler{Sessions: &connection.Registry{AllowedEndpoints: connection.EndpointRules(connection.DefaultEndpointSuffixes), EntraNamespaces: []string{"a"}, Timeout: time.Second,
		Transport: &http.Client{Transport: roundTrip(acstest.EntraAnswer(http.StatusBadRequest, acstest.EntraRefusal))}}} //nolint:bodyclose // a function that answers
	conn := newConnection("a", "default")
	for _, host := range []string{"https://typo.communication.azure.com", "https://contoso.communication.azure.com"} {
		conn.Generation++
		conn.Spec = chatv1alpha1.ChatConnectionSpec{Entra: &chatv1alpha1.EntraIdentity{Endpoint: host}}
		_, err := r.reconcile(t.Context(), conn)
		g.Expect(outcome.Classify(err).Reason).To(Equal(chatv1alpha1.ReasonAuthenticationFailed), "%v", err)
		g.Expect(conn.Status.Endpoint).To(Equal(host))
	}
}
