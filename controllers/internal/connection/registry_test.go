// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/acstest"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/directory"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
)

func TestSessionsGet(t *testing.T) {
	t.Parallel()
	all := &Registry{}
	key := types.NamespacedName{Namespace: "ns", Name: "a"}
	if _, usable := all.GetForDeletion(key); usable {
		t.Error("a session that was never opened can make calls")
	}
	found := all.ByKey(key)
	if all.ByKey(key) != found || all.ByKey(types.NamespacedName{Namespace: "other", Name: "a"}) == found {
		t.Error("not one session for each connection")
	}
	if _, usable := all.GetForDeletion(key); usable {
		t.Error("a session without a credential can make calls")
	}
	all.Forget(key)
	if all.ByKey(key) == found {
		t.Error("a session that was dropped is back")
	}
}

func TestSessionsOpenReadsTheSecretOnce(t *testing.T) {
	t.Parallel()
	w := newSecretWorld(t, firstString)
	open := func(step string, reads int) *Connection {
		t.Helper()
		w.reader.reads = 0
		found, err := w.registry.Get(t.Context(), w.conn)
		if err != nil {
			t.Fatalf("%s: %v", step, err)
		}
		if w.reader.reads != reads {
			t.Errorf("%s: the Secret was read %d times, want %d", step, w.reader.reads, reads)
		}
		return found
	}
	found := open("first", 1)
	identity := found.IdentityClient()
	if open("again", 0) != found || found.CurrentEndpoint() != "https://contoso.communication.azure.com" {
		t.Errorf("endpoint %s", found.CurrentEndpoint())
	}
	w.conn.Spec.ServiceUsers = &chatv1alpha1.ServiceUsers{}
	open("another spec, the same Secret", 0)
	w.conn.UID = "c2"
	open("a namesake", 1)
	if found.IdentityClient() != identity {
		t.Error("the same credential made new clients")
	}
	w.conn.Spec.ConnectionStringSecretRef.Key = "connectionString"
	open("another key", 1)
	w.rotate(t, secondString)
	open("rotated, not noticed yet", 0)
	w.ask("rotated")
	if _, err := w.registry.Refresh(t.Context(), w.conn); err != nil || found.IdentityClient() == identity {
		t.Errorf("a rotated key was not taken up: %v", err)
	}
}

func TestSessionsAfterARefusal(t *testing.T) {
	t.Parallel()
	w := newSecretWorld(t, firstString)
	found, err := w.registry.Get(t.Context(), w.conn)
	acstest.MustSucceed(t, err)
	_ = found.CredentialRejected(nil)
	w.reader.reads = 0
	for range 2 {
		if _, err := w.registry.Get(t.Context(), w.conn); reasonOf(err) != chatv1alpha1.ReasonAuthenticationFailed {
			t.Errorf("the refused credential: %v", err)
		}
	}
	if w.reader.reads != 1 {
		t.Errorf("the Secret was read %d times after the refusal, want once", w.reader.reads)
	}
	if _, err := w.registry.Refresh(t.Context(), w.conn); reasonOf(err) != chatv1alpha1.ReasonAuthenticationFailed {
		t.Errorf("tried again at once: %v", err)
	}
	asked := w.conn.DeepCopy()
	objects.SetAnnotation(asked, chatv1alpha1.AnnotationReconcileRequestedAt, "now")
	if _, err := w.registry.Refresh(t.Context(), asked); err != nil {
		t.Errorf("not tried again when asked: %v", err)
	}
	found.rejectedAt = time.Now().Add(-2 * RefusedInterval)
	if _, err := w.registry.Refresh(t.Context(), w.conn); err != nil {
		t.Errorf("not tried again after a while: %v", err)
	}
	if _, err := w.registry.Get(t.Context(), w.conn); err == nil {
		t.Error("threads use the credential before the connection has tried it")
	}
	found.CredentialAccepted()
	if _, err := w.registry.Get(t.Context(), w.conn); err != nil {
		t.Errorf("the credential was accepted: %v", err)
	}

	_ = found.CredentialRejected(nil)
	w.rotate(t, secondString)
	if _, err := w.registry.Get(t.Context(), w.conn); err != nil {
		t.Errorf("a rotated key is used at once: %v", err)
	}
}

func TestSessionsRefuse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		secret string
		change func(*secretWorld)
		want   string
	}{
		"no Secret":    {want: chatv1alpha1.ReasonSecretNotFound},
		"no such key":  {secret: firstString, want: chatv1alpha1.ReasonSecretNotFound, change: func(w *secretWorld) { w.conn.Spec.ConnectionStringSecretRef.Key = "other" }},
		"no reference": {secret: firstString, want: chatv1alpha1.ReasonInvalidConnectionString, change: func(w *secretWorld) { w.conn.Spec.ConnectionStringSecretRef = nil }},
		"junk":         {secret: "junk", want: chatv1alpha1.ReasonInvalidConnectionString},
		"too long":     {secret: firstString + strings.Repeat(" ", maxConnectionString), want: chatv1alpha1.ReasonInvalidConnectionString},
		"http":         {secret: strings.Replace(firstString, "https", "http", 1), want: chatv1alpha1.ReasonEndpointNotAllowed},
		"another host": {secret: strings.Replace(firstString, "azure.com", "evil.org", 1), want: chatv1alpha1.ReasonEndpointNotAllowed},
		"endpoint has changed": {secret: firstString, want: chatv1alpha1.ReasonInvalidConnectionString, change: func(w *secretWorld) {
			objects.SetAnnotation(w.conn, chatv1alpha1.AnnotationEndpoint, "https://x.communication.azure.com")
		}},
		"endpoint, as in status": {secret: firstString, want: chatv1alpha1.ReasonInvalidConnectionString, change: func(w *secretWorld) {
			w.conn.Status.Endpoint, w.conn.Status.ServiceUsers = "https://x.communication.azure.com", []chatv1alpha1.ServiceUserID{"8:acs:a"}
		}},
		"endpoint in status, of no user": {secret: firstString, change: func(w *secretWorld) { w.conn.Status.Endpoint = "https://x.communication.azure.com" }},
		"the endpoint of before": {secret: firstString, change: func(w *secretWorld) {
			objects.SetAnnotation(w.conn, chatv1alpha1.AnnotationEndpoint, "https://contoso.communication.azure.com")
		}},
		"not a namespace for it": {want: chatv1alpha1.ReasonNamespaceNotAllowed, change: func(w *secretWorld) {
			w.conn.Spec.Entra = &chatv1alpha1.EntraIdentity{Endpoint: "https://contoso.communication.azure.com"}
		}},
		"identity, another host": {want: chatv1alpha1.ReasonEndpointNotAllowed, change: func(w *secretWorld) {
			w.conn.Spec.Entra = &chatv1alpha1.EntraIdentity{Endpoint: "https://evil.org"}
			w.registry.EntraNamespaces = []string{w.conn.Namespace}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newSecretWorld(t, c.secret)
			if c.change != nil {
				c.change(w)
			}
			_, err := w.registry.Get(t.Context(), w.conn)
			if got := reasonOf(err); got != c.want {
				t.Fatalf("reason %q of %v, want %q", got, err, c.want)
			}
			// Threads ask often: they get the same answer without another read.
			w.reader.reads = 0
			_, again := w.registry.Get(t.Context(), w.conn)
			if reasonOf(again) != c.want || w.reader.reads != 0 {
				t.Errorf("the second time %v, after %d reads", again, w.reader.reads)
			}
			if err != nil && strings.Contains(err.Error(), "Zmlyc3Qta2V5") {
				t.Errorf("%v shows the key", err)
			}
		})
	}
}

// The credential of before stays for deletions when the Secret has gone.
func TestSessionsRetainWhatTheyHad(t *testing.T) {
	t.Parallel()
	w := newSecretWorld(t, firstString)
	found, err := w.registry.Get(t.Context(), w.conn)
	acstest.MustSucceed(t, err)
	acstest.MustSucceed(t, w.reader.Delete(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.conn.Namespace, Name: "acs"}}))
	w.ask("deleted")
	if _, err := w.registry.Refresh(t.Context(), w.conn); reasonOf(err) != chatv1alpha1.ReasonSecretNotFound {
		t.Errorf("error %v", err)
	}
	if retained, usable := w.registry.GetForDeletion(objects.KeyOf(w.conn)); retained != found || !usable {
		t.Error("the session cannot make calls any more")
	}
}

// One service user has one client, and a key that changes brings new ones.
func TestSessionsUser(t *testing.T) {
	t.Parallel()
	w := newSecretWorld(t, firstString)
	found, err := w.registry.Get(t.Context(), w.conn)
	acstest.MustSucceed(t, err)
	user := func(id string) *User {
		t.Helper()
		got, err := w.registry.User(found, id)
		acstest.MustSucceed(t, err)
		return got
	}
	first := user("8:acs:A")
	if user("8:ACS:a") != first || user("8:acs:b") == first {
		t.Error("not one client for each user")
	}
	acstest.MustSucceed(t, w.registry.Created(found, "8:acs:c", nil))
	query := directory.Query{Users: []string{"8:acs:A", "8:ACS:C"}, ListsOnly: true}
	if outdated, _ := found.Directory.Search(query); !cmp.Equal(outdated, []string{"8:acs:A"}) {
		t.Errorf("the threads of %v are still to be listed", outdated)
	}
	w.rotate(t, secondString)
	w.ask("rotated")
	if _, err := w.registry.Refresh(t.Context(), w.conn); err != nil {
		t.Fatal(err)
	}
	if user("8:acs:A") == first {
		t.Error("the client of the old key is still in use")
	}
}

// Connections that are gone leave nothing behind, even if they are asked for later.
func TestConnectionsThatAreGone(t *testing.T) {
	t.Parallel()
	w := newSecretWorld(t, firstString)
	for n := range 100 {
		conn := w.conn.DeepCopy()
		conn.Name, conn.UID = fmt.Sprint(n), types.UID(fmt.Sprint(n))
		if n%2 == 0 {
			conn.Spec.ConnectionStringSecretRef.Name = "none"
		}
		key := objects.KeyOf(conn)
		found, err := w.registry.Get(t.Context(), conn)
		if (n%2 == 0) != (err != nil) {
			t.Fatal(err)
		}
		found.Assign("thread", "8:acs:a")
		w.registry.Forget(key)
		w.registry.ForgetThread("thread")
		if !w.registry.IsUnreported(key) || w.registry.UntilRead(key) != 0 {
			t.Error("a connection that is gone is remembered")
		}
		if gone, usable := w.registry.GetForDeletion(key); gone != nil || usable {
			t.Error("a connection that is gone can make calls")
		}
	}
	if len(w.registry.connections) != 0 || len(w.registry.endpoints) != 0 {
		t.Errorf("%d connections and %d endpoints are left", len(w.registry.connections), len(w.registry.endpoints))
	}
}
