// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/acstest"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/directory"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

func TestMergeUsers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lists [][]string
		want  []string
	}{
		"none":                      {nil, nil},
		"empty ones":                {[][]string{nil, {}}, nil},
		"in order of first mention": {[][]string{{"c", "a"}, {"b", "a", "d"}}, []string{"c", "a", "b", "d"}},
		"twice in one":              {[][]string{{"a", "b", "a"}}, []string{"a", "b"}},
		"whatever the case":         {[][]string{{"8:acs:A"}, {"8:ACS:a", "8:acs:b"}}, []string{"8:acs:A", "8:acs:b"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, connection.MergeUsers(c.lists...)); diff != "" {
				t.Errorf("merged (-want +got):\n%s", diff)
			}
		})
	}
}

func TestServiceUserLists(t *testing.T) {
	t.Parallel()
	count := func(n int32) *chatv1alpha1.ServiceUsers { return &chatv1alpha1.ServiceUsers{Count: &n} }
	for name, c := range map[string]struct {
		annotation            string
		spec                  *chatv1alpha1.ServiceUsers
		recorded, known, pool []string
		wanted                int
	}{
		"a new connection":       {wanted: 1},
		"one":                    {annotation: "a", recorded: []string{"a"}, known: []string{"a"}, pool: []string{"a"}, wanted: 1},
		"blanks and empty parts": {annotation: " a ,, b,\t", spec: count(2), recorded: []string{"a", "b"}, known: []string{"a", "b"}, pool: []string{"a", "b"}, wanted: 2},
		"fewer than wanted":      {annotation: "a,b", spec: count(32), recorded: []string{"a", "b"}, known: []string{"a", "b"}, pool: []string{"a", "b"}, wanted: 32},
		"who left the pool still acts": {annotation: "a,b,c", spec: count(2),
			recorded: []string{"a", "b", "c"}, known: []string{"a", "b", "c"}, pool: []string{"a", "b"}, wanted: 2},
		"fewer than one": {annotation: "a,b", spec: count(-1), recorded: []string{"a", "b"}, known: []string{"a", "b"}, pool: []string{"a"}, wanted: 1},
		"too many":       {annotation: "a,b", spec: count(1 << 20), recorded: []string{"a", "b"}, known: []string{"a", "b"}, pool: []string{"a", "b"}, wanted: 32},
		"no count": {annotation: "a,b", spec: &chatv1alpha1.ServiceUsers{DisplayName: "Bot"},
			recorded: []string{"a", "b"}, known: []string{"a", "b"}, pool: []string{"a"}, wanted: 1},
		"pinned: new threads use only these": {annotation: "a,b", spec: &chatv1alpha1.ServiceUsers{IDs: []chatv1alpha1.ServiceUserID{"c", "b"}},
			recorded: []string{"a", "b"}, known: []string{"a", "b", "c"}, pool: []string{"c", "b"}, wanted: 1},
		"pinned, nothing recorded yet": {spec: &chatv1alpha1.ServiceUsers{IDs: []chatv1alpha1.ServiceUserID{"c"}},
			known: []string{"c"}, pool: []string{"c"}, wanted: 1},
		"pinned in another case": {annotation: "8:acs:A", spec: &chatv1alpha1.ServiceUsers{IDs: []chatv1alpha1.ServiceUserID{"8:acs:a"}},
			recorded: []string{"8:acs:A"}, known: []string{"8:acs:A"}, pool: []string{"8:acs:a"}, wanted: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := &chatv1alpha1.ChatConnection{Spec: chatv1alpha1.ChatConnectionSpec{ServiceUsers: c.spec}}
			if c.annotation != "" {
				objects.SetAnnotation(conn, chatv1alpha1.AnnotationServiceUsers, c.annotation)
			}
			// What is in status alone is no leave to act.
			conn.Status.ServiceUsers = []chatv1alpha1.ServiceUserID{"status"}
			for _, list := range []struct {
				name      string
				want, got []string
			}{
				{"recorded", c.recorded, connection.RecordedUsers(conn)}, {"known", c.known, connection.KnownUsers(conn)}, {"pool", c.pool, connection.PoolUsers(conn)},
			} {
				if diff := cmp.Diff(list.want, list.got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", list.name, diff)
				}
			}
			if got := connection.WantedUsers(conn); got != c.wanted {
				t.Errorf("wanted %d, want %d", got, c.wanted)
			}
		})
	}
}

// A hand that edits the annotation can name a user twice.
func TestRecordedUsersTwice(t *testing.T) {
	t.Parallel()
	two := int32(2)
	conn := &chatv1alpha1.ChatConnection{Spec: chatv1alpha1.ChatConnectionSpec{ServiceUsers: &chatv1alpha1.ServiceUsers{Count: &two}}}
	objects.SetAnnotation(conn, chatv1alpha1.AnnotationServiceUsers, "8:acs:a,8:ACS:A,8:acs:b")
	if diff := cmp.Diff([]string{"8:acs:a", "8:acs:b"}, connection.PoolUsers(conn)); diff != "" {
		t.Errorf("pool (-want +got):\n%s", diff)
	}
}

func TestChooseUser(t *testing.T) {
	t.Parallel()
	found := new(connection.Registry).ByKey(types.NamespacedName{Name: "a"})
	pool := []string{"8:acs:A", "8:acs:b", "8:acs:c"}
	take := func(thread types.UID, want string) {
		t.Helper()
		for range 2 { // what was chosen for a thread stays
			if got := found.Choose(pacing.Caller{Thread: thread}, pool); got != want {
				t.Errorf("thread %s is given to %s, want %s", thread, got, want)
			}
		}
	}
	take("t1", "8:acs:A")
	take("t2", "8:acs:b")
	take("t3", "8:acs:c")
	take("t4", "8:acs:A")
	// Threads of users that left the pool do not count.
	found.Assign("t5", "8:acs:gone")
	found.Assign("t6", "8:ACS:B")
	take("t7", "8:acs:c")
	found.Assign("t1", "")
	found.Assign("t4", "")
	take("t8", "8:acs:A")
	take("t9", "8:acs:A")
	// Every retry takes the same.
	take("t2", "8:acs:b")
	// A thread that changes hands is counted once.
	found.Assign("t9", "8:acs:c")
	take("t9", "8:acs:c")
	take("t10", "8:acs:A")
	// One whose user left the pool gets another.
	take("t5", "8:acs:A")
}

func TestMayRecreate(t *testing.T) {
	t.Parallel()
	found := new(connection.Registry).ByKey(types.NamespacedName{Name: "a"})
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		at   time.Duration
		want bool
	}{
		{0, true},
		{time.Minute, true},
		{2 * time.Minute, true},
		{3 * time.Minute, false},
		{10 * time.Minute, false},
		{10*time.Minute + time.Second, true}, // the first is out of the window; what was refused does not count
		{10*time.Minute + time.Second, false},
		{11*time.Minute + time.Second, true},
		{11*time.Minute + 2*time.Second, false},
		{time.Hour, true},
	} {
		if got := found.MayRecreate(start.Add(c.at)); got != c.want {
			t.Errorf("after %s: %v, want %v", c.at, got, c.want)
		}
	}
	if len(found.Recreations) != 1 {
		t.Errorf("%d moments are kept", len(found.Recreations))
	}
}

// A user that could not be stored is taken before another one is created.
func TestSpares(t *testing.T) {
	t.Parallel()
	found := new(connection.Registry).ByKey(types.NamespacedName{Name: "a"})
	if spare, ok := found.TakeSpare(); ok {
		t.Errorf("took %s of none", spare.ID)
	}
	found.KeepSpare(acs.CreateUserResponse{ID: "a"})
	found.KeepSpare(acs.CreateUserResponse{ID: "b"})
	for _, want := range []string{"a", "b"} {
		if spare, ok := found.TakeSpare(); !ok || spare.ID != want {
			t.Errorf("took %q, want %q", spare.ID, want)
		}
	}
}

func TestSessionsGet(t *testing.T) {
	t.Parallel()
	all := &connection.Registry{}
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

// countingReader counts reads of the API server.
type countingReader struct {
	client.Reader
	reads int
	err   error
	// wait is called before each.
	wait func()
}

func (r *countingReader) Get(ctx context.Context, key client.ObjectKey, obj client.Object, options ...client.GetOption) error {
	r.reads++
	if r.wait != nil {
		r.wait()
	}
	if r.err != nil {
		return r.err
	}
	return r.Reader.Get(ctx, key, obj, options...)
}

// secretWorld is a Secret, and a connection that names it, without an operator.
type secretWorld struct {
	sessions *connection.Registry
	reader   *countingReader
	conn     *chatv1alpha1.ChatConnection
}

func newSecretWorld(t *testing.T, connectionString string) *secretWorld {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "sessions-"}}
	acstest.MustSucceed(t, admin.Create(t.Context(), ns))
	w := &secretWorld{reader: &countingReader{Reader: admin}, conn: newConnection(ns.Name, "default")}
	w.conn.UID = "c1"
	w.sessions = &connection.Registry{Reader: w.reader, AllowedEndpoints: connection.EndpointRules(connection.DefaultEndpointSuffixes), Transport: &http.Client{}, Timeout: time.Second}
	if connectionString != "" {
		acstest.MustSucceed(t, admin.Create(t.Context(), &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: ns.Name, Name: "acs"}, StringData: map[string]string{"connectionString": connectionString},
		}))
	}
	return w
}

// rotate stores another connection string.
func (w *secretWorld) rotate(t *testing.T, connectionString string) {
	t.Helper()
	secret := &corev1.Secret{}
	acstest.MustSucceed(t, admin.Get(t.Context(), types.NamespacedName{Namespace: w.conn.Namespace, Name: "acs"}, secret))
	secret.StringData = map[string]string{"connectionString": connectionString}
	acstest.MustSucceed(t, admin.Update(t.Context(), secret))
}

// ask has the connection looked at now.
func (w *secretWorld) ask(value string) {
	objects.SetAnnotation(w.conn, chatv1alpha1.AnnotationReconcileRequestedAt, value)
}

const (
	firstString  = "endpoint=https://contoso.communication.azure.com/;accesskey=Zmlyc3Qta2V5"
	secondString = "endpoint=https://contoso.communication.azure.com/;accesskey=c2Vjb25kLWtleQ=="
)

// reasonOf is the reason that a failure shows, empty where there is none.
func reasonOf(err error) string {
	if err == nil {
		return ""
	}
	return outcome.Classify(err).Reason
}

func TestSessionsOpenReadsTheSecretOnce(t *testing.T) {
	t.Parallel()
	w := newSecretWorld(t, firstString)
	open := func(step string, reads int) *connection.Connection {
		t.Helper()
		w.reader.reads = 0
		found, err := w.sessions.Get(t.Context(), w.conn)
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
	if _, err := w.sessions.Refresh(t.Context(), w.conn); err != nil || found.IdentityClient() == identity {
		t.Errorf("a rotated key was not taken up: %v", err)
	}
}

func TestSessionsAfterARefusal(t *testing.T) {
	t.Parallel()
	w := newSecretWorld(t, firstString)
	found, err := w.sessions.Get(t.Context(), w.conn)
	acstest.MustSucceed(t, err)
	found.CredentialRejected(nil)
	w.reader.reads = 0
	for range 2 {
		if _, err := w.sessions.Get(t.Context(), w.conn); reasonOf(err) != chatv1alpha1.ReasonAuthenticationFailed {
			t.Errorf("the refused credential: %v", err)
		}
	}
	if w.reader.reads != 1 {
		t.Errorf("the Secret was read %d times after the refusal, want once", w.reader.reads)
	}
	if _, err := w.sessions.Refresh(t.Context(), w.conn); reasonOf(err) != chatv1alpha1.ReasonAuthenticationFailed {
		t.Errorf("tried again at once: %v", err)
	}
	asked := w.conn.DeepCopy()
	objects.SetAnnotation(asked, chatv1alpha1.AnnotationReconcileRequestedAt, "now")
	if _, err := w.sessions.Refresh(t.Context(), asked); err != nil {
		t.Errorf("not tried again when asked: %v", err)
	}
	found.RefusedAt = time.Now().Add(-2 * connection.RefusedInterval)
	if _, err := w.sessions.Refresh(t.Context(), w.conn); err != nil {
		t.Errorf("not tried again after a while: %v", err)
	}
	if _, err := w.sessions.Get(t.Context(), w.conn); err == nil {
		t.Error("threads use the credential before the connection has tried it")
	}
	found.CredentialAccepted()
	if _, err := w.sessions.Get(t.Context(), w.conn); err != nil {
		t.Errorf("the credential was accepted: %v", err)
	}

	found.CredentialRejected(nil)
	w.rotate(t, secondString)
	if _, err := w.sessions.Get(t.Context(), w.conn); err != nil {
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
		"too long":     {secret: firstString + strings.Repeat(" ", connection.MaxConnectionString), want: chatv1alpha1.ReasonInvalidConnectionString},
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
			w.sessions.EntraNamespaces = []string{w.conn.Namespace}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newSecretWorld(t, c.secret)
			if c.change != nil {
				c.change(w)
			}
			_, err := w.sessions.Get(t.Context(), w.conn)
			if got := reasonOf(err); got != c.want {
				t.Fatalf("reason %q of %v, want %q", got, err, c.want)
			}
			// Threads ask often: they get the same answer without another read.
			w.reader.reads = 0
			_, again := w.sessions.Get(t.Context(), w.conn)
			if reasonOf(again) != c.want || w.reader.reads != 0 {
				t.Errorf("the second time %v, after %d reads", again, w.reader.reads)
			}
			if err != nil && strings.Contains(err.Error(), "Zmlyc3Qta2V5") {
				t.Errorf("%v tells the key", err)
			}
		})
	}
}

// The credential of before stays for deletions when the Secret has gone.
func TestSessionsRetainWhatTheyHad(t *testing.T) {
	t.Parallel()
	w := newSecretWorld(t, firstString)
	found, err := w.sessions.Get(t.Context(), w.conn)
	acstest.MustSucceed(t, err)
	acstest.MustSucceed(t, admin.Delete(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.conn.Namespace, Name: "acs"}}))
	w.ask("deleted")
	if _, err := w.sessions.Refresh(t.Context(), w.conn); reasonOf(err) != chatv1alpha1.ReasonSecretNotFound {
		t.Errorf("error %v", err)
	}
	if retained, usable := w.sessions.GetForDeletion(objects.KeyOf(w.conn)); retained != found || !usable {
		t.Error("the session cannot make calls any more")
	}
}

// One service user has one client, and a key that changes brings new ones.
func TestSessionsUser(t *testing.T) {
	t.Parallel()
	w := newSecretWorld(t, firstString)
	found, err := w.sessions.Get(t.Context(), w.conn)
	acstest.MustSucceed(t, err)
	user := func(id string) *connection.User {
		t.Helper()
		got, err := w.sessions.User(found, id)
		acstest.MustSucceed(t, err)
		return got
	}
	first := user("8:acs:A")
	if user("8:ACS:a") != first || user("8:acs:b") == first {
		t.Error("not one client for each user")
	}
	acstest.MustSucceed(t, w.sessions.Created(found, "8:acs:c", nil))
	query := directory.Query{Users: []string{"8:acs:A", "8:ACS:C"}, ListsOnly: true}
	if unlisted, _ := found.Directory.Search(query); !cmp.Equal(unlisted, []string{"8:acs:A"}) {
		t.Errorf("the threads of %v are still to be listed", unlisted)
	}
	w.rotate(t, secondString)
	w.ask("rotated")
	if _, err := w.sessions.Refresh(t.Context(), w.conn); err != nil {
		t.Fatal(err)
	}
	if user("8:acs:A") == first {
		t.Error("the client of the old key is still in use")
	}
}
