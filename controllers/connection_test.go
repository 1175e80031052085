// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

func withCount(count int32) func(*chatv1alpha1.ChatConnection) {
	return func(conn *chatv1alpha1.ChatConnection) {
		conn.Spec.ServiceUsers = &chatv1alpha1.ServiceUsers{Count: &count}
	}
}

func withPinned(ids ...string) func(*chatv1alpha1.ChatConnection) {
	return func(conn *chatv1alpha1.ChatConnection) {
		conn.Spec.ServiceUsers = &chatv1alpha1.ServiceUsers{}
		for _, id := range ids {
			conn.Spec.ServiceUsers.IDs = append(conn.Spec.ServiceUsers.IDs, chatv1alpha1.ServiceUserID(id))
		}
	}
}

// Service users are created once, recorded before they are used, and their record only grows.
func TestServiceUsersAreRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.ready(withCount(2))
	made := w.emulator.Users()
	w.Expect(made).To(HaveLen(2))
	w.Expect([]string(connection.UsersOf(conn).Recorded())).To(Equal(made))
	w.Expect(conn.Annotations[chatv1alpha1.AnnotationEndpoint]).To(Equal(w.server.URL))
	w.Expect(conn.Status.Endpoint).To(Equal(w.server.URL))
	w.Expect(conn.Status.ServiceUsers).To(HaveLen(2))
	w.Expect(w.message(conn)).To(And(ContainSubstring("spec.serviceUsers.ids"), ContainSubstring(made[0]), ContainSubstring(made[1])))

	// Threads are spread over them.
	for _, name := range []string{"a", "b", "c", "d"} {
		thread := w.newThread(name)
		w.create(thread)
		w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	}
	counts := map[string]int{}
	for _, thread := range w.threads() {
		counts[thread.CreatedBy]++
	}
	w.Expect(counts).To(Equal(map[string]int{made[0]: 2, made[1]: 2}))

	// A record that somebody drops is restored from status; nobody is created for it.
	edit(w, conn, func(o *chatv1alpha1.ChatConnection) { delete(o.Annotations, chatv1alpha1.AnnotationServiceUsers) })
	w.Eventually(func() []string { w.get(conn); return connection.UsersOf(conn).Recorded() }).Should(Equal(made))
	w.Expect(w.emulator.Users()).To(HaveLen(2))

	edit(w, conn, func(o *chatv1alpha1.ChatConnection) { *o.Spec.ServiceUsers.Count = 3 })
	w.Eventually(func() []string { w.get(conn); return connection.UsersOf(conn).Recorded() }).Should(HaveLen(3))
	edit(w, conn, func(o *chatv1alpha1.ChatConnection) { *o.Spec.ServiceUsers.Count = 1 })
	w.awaitReason(conn, chatv1alpha1.ReasonSucceeded)
	w.Expect(connection.UsersOf(conn).Recorded()).To(HaveLen(3))
	w.Expect([]string(connection.UsersOf(conn).ForNewThreads())).To(Equal(made[:1]))
}

// What somebody wrote into the record of service users, and status does not take, keeps nothing else out
// of the status.
func TestJunkAmongRecordedUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.connect(func(conn *chatv1alpha1.ChatConnection) {
		objects.SetAnnotation(conn, chatv1alpha1.AnnotationServiceUsers, "no id of a user")
	})
	w.start()
	w.awaitReason(conn, chatv1alpha1.ReasonAuthenticationFailed)
	w.Expect(conn.Status.ServiceUsers).To(BeEmpty())
	edit(w, conn, func(o *chatv1alpha1.ChatConnection) {
		delete(o.Annotations, chatv1alpha1.AnnotationServiceUsers)
		objects.SetAnnotation(o, chatv1alpha1.AnnotationReconcileRequestedAt, "corrected")
	})
	w.awaitReason(conn, chatv1alpha1.ReasonSucceeded)
}

// Pinned users are used as they are; the display name stands in the threads.
func TestPinnedServiceUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	pinned := w.emulator.CreateUser()
	conn := w.ready(withPinned(pinned), func(conn *chatv1alpha1.ChatConnection) { conn.Spec.ServiceUsers.DisplayName = "Concierge" })
	w.Expect(w.emulator.Users()).To(Equal([]string{pinned}))
	w.Expect(w.message(conn)).NotTo(ContainSubstring("spec.serviceUsers.ids"))
	thread := w.newThread("pinned", w.users(2)...)
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	remote := w.remote(thread)
	w.Expect(remote.CreatedBy).To(Equal(pinned))
	for _, m := range remote.Members {
		if m.ID == pinned {
			w.Expect(m.DisplayName).To(Equal("Concierge"))
		}
	}
	w.Expect(thread.Status.ServiceUser).To(Equal(pinned))

	unknown := newConnection(w.namespace, "unknown")
	withPinned("8:acs:" + emulator.DefaultResourceID + "_00000000-0000-4000-8000-00000000dead")(unknown)
	w.create(unknown)
	w.awaitReason(unknown, chatv1alpha1.ReasonInvalidRequest)
	w.Expect(w.message(unknown)).To(ContainSubstring("spec.serviceUsers.ids"))
}

// What is wrong with a connection string is said with the part and the remedy, and no value of it.
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

// A Secret that comes late, a key that is rotated: no restart is needed.
func TestSecretComesAndChanges(t *testing.T) {
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

	w.emulator.RotateAccessKey()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "acs"}}
	edit(w, secret, func(o *corev1.Secret) { o.Data["connectionString"] = []byte(w.emulator.ConnectionString(w.server.URL)) })
	edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Topic = "after the rotation" })
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.remote(thread).Topic).To(Equal("after the rotation"))

	// A key that is rotated before its Secret is: told on the connection, healed by the Secret.
	w.emulator.RotateAccessKey()
	edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Topic = "again" })
	w.awaitReason(conn, chatv1alpha1.ReasonAuthenticationFailed)
	w.awaitReason(thread, chatv1alpha1.ReasonConnectionNotReady)
	edit(w, secret, func(o *corev1.Secret) { o.Data["connectionString"] = []byte(w.emulator.ConnectionString(w.server.URL)) })
	askConnection(w, conn, "2")
	w.awaitReason(conn, chatv1alpha1.ReasonSucceeded)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.emulator.Users()).To(HaveLen(2), "one member and one service user")
}

func askConnection(w *world, conn *chatv1alpha1.ChatConnection, value string) {
	w.t.Helper()
	edit(w, conn, func(o *chatv1alpha1.ChatConnection) {
		objects.SetAnnotation(o, chatv1alpha1.AnnotationReconcileRequestedAt, value)
	})
	w.Eventually(func() string { w.get(conn); return conn.Status.LastHandledReconcileAt }).Should(Equal(value))
}

// A Secret that names another endpoint would lose every thread: nothing is sent to it.
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
	// The running operator knows only the first host; a second one, started anew, both.
	askConnection(w, conn, "1")
	w.awaitReason(conn, chatv1alpha1.ReasonEndpointNotAllowed)
	w.start()
	askConnection(w, conn, "2")
	w.Eventually(func() string { w.get(conn); return readyMessageOf(conn) }).Should(Or(
		ContainSubstring("changed from "+w.server.URL+" to "+other.server.URL), ContainSubstring("may not talk to")))
	w.Expect(other.emulator.Requests()).To(BeEmpty())
}

// A connection stays while threads use it, and makes no new ones.
func TestConnectionInUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.ready()
	thread := w.newThread("user")
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.delete(conn)
	w.awaitReason(conn, chatv1alpha1.ReasonInUse)
	w.Expect(w.message(conn)).To(ContainSubstring("1 ChatThread;"))
	late := w.newThread("late")
	w.create(late)
	w.awaitReason(late, chatv1alpha1.ReasonConnectionNotReady)
	w.Expect(w.threads()).To(HaveLen(1))
	w.delete(thread)
	w.awaitGone(thread)
	w.awaitGone(conn)
	w.awaitReason(late, chatv1alpha1.ReasonConnectionNotFound)
	w.delete(late)
	w.awaitGone(late)
	w.Expect(w.threads()).To(BeEmpty())
}

// Who stored its finalizer in the moment in which its connection was deleted, and has nothing at ACS, does not
// hold it.
func TestConnectionIsNotHeldForNothing(t *testing.T) {
	t.Parallel()
	for name, nothing := range map[string]bool{"nothing was sent": true, "a create may have been sent": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			conn := w.connect(func(conn *chatv1alpha1.ChatConnection) { conn.Finalizers = []string{chatv1alpha1.Finalizer} })
			cached := conn.DeepCopy()
			w.delete(conn)
			thread := w.newThread("late")
			thread.Finalizers = []string{chatv1alpha1.Finalizer}
			w.create(thread)
			memory := &threadMemory{}
			if nothing {
				memory.create.finalizerStored()
			}
			s := situation{run: run{thread: thread, before: thread.DeepCopy(), memory: memory}, link: link{conn: cached}}
			o := outcome.Classify((&ChatThreadReconciler{Client: admin, APIReader: admin, Store: objects.NewStore(admin, admin)}).checkConnectionNotDeleting(t.Context(), s))
			w.Expect(o.Reason).To(Equal(chatv1alpha1.ReasonConnectionNotReady))
			w.get(thread)
			w.Expect(objects.HasFinalizer(thread)).To(Equal(!nothing))
			for _, obj := range []client.Object{thread, conn} {
				edit(w, obj, func(o client.Object) { o.SetFinalizers(nil) })
			}
		})
	}
}

// Other namespaces use a connection only where it lets them, and lose it with that.
func TestAllowedNamespaces(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	guest := w.newNamespace()
	w.options.WatchNamespaces = append(w.options.WatchNamespaces, guest)
	conn := w.ready()
	thread := w.newThread("guest", w.users(1)...)
	thread.Namespace = guest
	thread.Spec.ConnectionRef = chatv1alpha1.ConnectionReference{Name: "default", Namespace: w.namespace}
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonNamespaceNotAllowed)
	w.Expect(objects.HasFinalizer(thread)).To(BeFalse())
	w.Expect(w.threads()).To(BeEmpty())

	edit(w, conn, func(o *chatv1alpha1.ChatConnection) {
		o.Spec.AllowedNamespaces = &chatv1alpha1.AllowedNamespaces{From: chatv1alpha1.NamespacesFromSelector,
			Selector: &chatv1alpha1.LabelSelector{MatchLabels: map[string]chatv1alpha1.LabelValue{"kubernetes.io/metadata.name": chatv1alpha1.LabelValue(guest)}}}
	})
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	edit(w, conn, func(o *chatv1alpha1.ChatConnection) {
		o.Spec.AllowedNamespaces = &chatv1alpha1.AllowedNamespaces{From: chatv1alpha1.NamespacesFromSame}
	})
	w.awaitReason(thread, chatv1alpha1.ReasonNamespaceNotAllowed)
	edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Topic = "not sent" })
	w.awaitReason(thread, chatv1alpha1.ReasonNamespaceNotAllowed)
	w.Expect(w.threads()[0].Topic).NotTo(Equal("not sent"))
	w.delete(thread)
	w.awaitGone(thread)
	w.Expect(w.threads()).To(BeEmpty())
}

// A namespace that may not use a connection cannot have it delete what it did not make.
func TestForeignNamespaceCannotDelete(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	guest := w.newNamespace()
	w.options.WatchNamespaces = append(w.options.WatchNamespaces, guest)
	conn := w.ready()
	victim := w.newThread("victim")
	w.create(victim)
	w.awaitReason(victim, chatv1alpha1.ReasonSucceeded)
	forged := w.newThread("victim")
	forged.Namespace = guest
	forged.Finalizers = []string{chatv1alpha1.Finalizer}
	forged.Annotations = map[string]string{chatv1alpha1.AnnotationServiceUser: connection.UsersOf(conn).Recorded()[0]}
	forged.Spec.ThreadID = victim.Status.ThreadID
	forged.Spec.DeletionPolicy = chatv1alpha1.DeletionDelete
	forged.Spec.ConnectionRef = chatv1alpha1.ConnectionReference{Name: "default", Namespace: w.namespace}
	w.create(forged)
	w.delete(forged)
	w.awaitGone(forged)
	w.Expect(w.threads()).To(HaveLen(1))
	w.Expect(w.remote(victim).Metadata[chatv1alpha1.StampUID]).To(Equal(string(victim.UID)))
}

// The operator's own identity is not for every namespace.
func TestEntraNamespaces(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.start()
	conn := newConnection(w.namespace, "entra")
	conn.Spec = chatv1alpha1.ChatConnectionSpec{Entra: &chatv1alpha1.EntraIdentity{Endpoint: w.server.URL}}
	w.create(conn)
	w.awaitReason(conn, chatv1alpha1.ReasonNamespaceNotAllowed)
	w.Expect(w.message(conn)).To(ContainSubstring("--entra-namespaces"))
	w.Expect(w.emulator.Requests()).To(BeEmpty())
}

// A service user that cannot be stored is not lost, and none is used that is not stored.
func TestServiceUserIsStoredBeforeUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.emulator.Inject(emulator.Fault{Operation: emulator.OperationIssueToken, Status: http.StatusServiceUnavailable, Times: 2})
	conn := w.ready(withCount(2))
	for _, request := range w.emulator.Requests() {
		if request.Operation == emulator.OperationCreateThread {
			t.Errorf("a thread was created before the connection was ready")
		}
	}
	w.Expect(w.emulator.Users()).To(HaveLen(2))
	w.Expect(client.ObjectKeyFromObject(conn).Name).To(Equal("default"))
}

// A credential that ACS refused is tried again when a person asks for it, and not after a minute only.
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
