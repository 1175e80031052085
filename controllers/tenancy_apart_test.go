// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
)

// canary is in all data of the host that nobody else may read.
const canary = "canary"

// tenants are a host, with the namespace and ACS resource of the world, and a guest in the same
// cluster with its own ACS resource.
type tenants struct {
	*world
	guest *world
	// closed is for the host alone, open for all. Both use the host's ACS resource.
	closed, open *chatv1alpha1.ChatConnection
	// private is a room over the closed connection, lent one over the open one.
	private, lent *chatv1alpha1.ChatThread
	// released is the id of a room that the host released.
	released string
	secrets  []string
}

// intrusion is an object that the guest writes in its own namespace.
type intrusion struct {
	name string
	// try returns the object and the expected reason.
	try func(*tenants) (client.Object, string)
	// calls are all calls that the host's ACS resource may receive for it.
	calls []emulator.Operation
	// byClosed allows these calls to the users of the closed connection.
	byClosed bool
}

func newTenants(t *testing.T) *tenants {
	t.Helper()
	n := &tenants{world: newWorld(t, emulator.Options{}), guest: newWorld(t, emulator.Options{ResourceID: "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"})}
	n.options.WatchNamespaces = append(n.options.WatchNamespaces, n.guest.namespace)
	n.options.AllowedEndpoints = append(n.options.AllowedEndpoints, n.guest.options.AllowedEndpoints...)
	n.open = newConnection(n.namespace, "open")
	n.open.Spec.AllowedNamespaces = &chatv1alpha1.AllowedNamespaces{From: chatv1alpha1.NamespacesFromAll}
	picky := newConnection(n.namespace, "picky")
	picky.Spec.AllowedNamespaces = &chatv1alpha1.AllowedNamespaces{From: chatv1alpha1.NamespacesFromSelector,
		Selector: &chatv1alpha1.LabelSelector{MatchLabels: map[string]chatv1alpha1.LabelValue{"team": "blue"}}}
	n.closed = n.ready()
	n.create(n.open, picky)
	n.awaitReason(n.open, chatv1alpha1.ReasonSucceeded)
	n.awaitReason(picky, chatv1alpha1.ReasonSucceeded)

	n.secrets = append(n.users(2), canary)
	n.private, n.lent = n.room("private", "default"), n.room("lent", "open")
	former := n.room("former", "open")
	n.released = former.Status.ThreadID
	n.delete(former)
	n.awaitGone(former)
	return n
}

// room creates a thread of the host.
func (n *tenants) room(name, connection string) *chatv1alpha1.ChatThread {
	n.t.Helper()
	room := n.newThread(name, n.secrets[:2]...)
	room.Spec.Topic, room.Spec.Participants[0].DisplayName = canary, canary
	room.Spec.Metadata = map[string]chatv1alpha1.MetadataValue{"plan": canary}
	room.Spec.ConnectionRef.Name, room.Spec.DeletionPolicy = connection, chatv1alpha1.DeletionRetain
	n.create(room)
	n.awaitReason(room, chatv1alpha1.ReasonSucceeded)
	return room
}

// thread creates a thread of the guest over a connection of the host.
func (n *tenants) thread(name, connection string, change ...func(*chatv1alpha1.ChatThread)) *chatv1alpha1.ChatThread {
	thread := n.guest.newThread(name)
	thread.Spec.ConnectionRef = chatv1alpha1.ConnectionReference{Name: connection, Namespace: n.namespace}
	for _, f := range change {
		f(thread)
	}
	n.create(thread)
	return thread
}

// connection creates a connection of the guest with its own Secret.
func (n *tenants) connection(name, connectionString string, change ...func(*chatv1alpha1.ChatConnection)) *chatv1alpha1.ChatConnection {
	n.create(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: n.guest.namespace, Name: name},
		StringData: map[string]string{"connectionString": connectionString},
	})
	conn := newConnection(n.guest.namespace, name)
	conn.Spec.ConnectionStringSecretRef.Name = name
	for _, f := range change {
		f(conn)
	}
	n.create(conn)
	return conn
}

func (n *tenants) ownString() string { return n.guest.emulator.ConnectionString(n.guest.server.URL) }

// forged creates a thread of the guest with metadata and a status that claim a thread of the host.
// Only a user that may write the status can do this.
func (n *tenants) forged(name, conn, id string) *chatv1alpha1.ChatThread {
	n.t.Helper()
	thread := n.thread(name, conn, observing, func(o *chatv1alpha1.ChatThread) {
		o.Finalizers = []string{chatv1alpha1.Finalizer}
		o.Annotations = map[string]string{chatv1alpha1.AnnotationServiceUser: connection.UsersOf(n.open).Recorded()[0]}
		o.Spec.DeletionPolicy = chatv1alpha1.DeletionDelete
	})
	before := thread.DeepCopy()
	thread.Status.ThreadID, thread.Status.ServiceUser = id, connection.UsersOf(n.open).Recorded()[0]
	n.Expect(admin.Status().Patch(n.t.Context(), thread, client.MergeFrom(before))).To(Succeed())
	edit(n.world, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.ManagementPolicy = chatv1alpha1.ManagementManage })
	return thread
}

func adopts(id string) func(*chatv1alpha1.ChatThread) {
	return func(o *chatv1alpha1.ChatThread) { o.Spec.ThreadID = id }
}

// No object in a namespace gives access to a credential, a service user or a thread of another
// namespace, or to their content.
func TestNamespacesApart(t *testing.T) {
	t.Parallel()
	n := newTenants(t)
	for _, c := range intrusions {
		t.Run(c.name, func(t *testing.T) {
			inner := *n
			inner.world, inner.guest = n.within(t), n.guest.within(t)
			inner.suffer(c)
		})
	}
}

// suffer makes the guest try and undo the intrusion, and checks the host.
func (n *tenants) suffer(c intrusion) {
	n.t.Helper()
	before, versions := n.emulator.Threads(), n.versions()
	n.emulator.ResetRequests()
	obj, reason := c.try(n)
	if reason != "" {
		n.awaitReason(obj.(objects.Conditioned), reason) //nolint:errcheck,forcetypeassert // has conditions
		n.checkSilence()
		n.delete(obj)
		n.awaitGone(obj)
	}
	n.checkSilence()
	for _, request := range n.emulator.Requests() {
		n.Expect(c.calls).To(ContainElement(request.Operation), "%s %s by %s", request.Method, request.Path, request.User)
		if !c.byClosed {
			n.Expect(connection.UsersOf(n.closed).Recorded()).NotTo(ContainElement(request.User), "%s %s", request.Method, request.Path)
		}
	}
	if diff := cmp.Diff(before, n.emulator.Threads()[:len(before)]); diff != "" {
		n.t.Errorf("the host's threads (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(versions, n.versions()); diff != "" {
		n.t.Errorf("the host's objects were written (-before +after):\n%s", diff)
	}
}

// versions returns the versions of the host's objects.
func (n *tenants) versions() map[string]string {
	n.t.Helper()
	versions := map[string]string{}
	for _, obj := range []client.Object{n.closed, n.open, n.private, n.lent} {
		n.get(obj)
		versions[obj.GetName()] = obj.GetResourceVersion()
	}
	return versions
}

// checkSilence fails the test if an object or event of the guest contains a secret of the host.
func (n *tenants) checkSilence() {
	n.t.Helper()
	for _, list := range []client.ObjectList{
		&chatv1alpha1.ChatConnectionList{}, &chatv1alpha1.ChatThreadList{}, &chatv1alpha1.ChatParticipantList{}, &eventsv1.EventList{},
	} {
		n.Expect(admin.List(n.t.Context(), list, client.InNamespace(n.guest.namespace))).To(Succeed())
		text, err := json.Marshal(list)
		n.Expect(err).NotTo(HaveOccurred())
		for _, secret := range n.secrets {
			if at := strings.Index(string(text), secret); at >= 0 {
				n.t.Errorf("%T shows %s: …%s", list, secret, text[max(at-200, 0):at])
			}
		}
	}
}

// onlyRead are the calls that are needed to find the owner of a thread.
var onlyRead = []emulator.Operation{emulator.OperationGetThread, emulator.OperationListThreads}

var intrusions = []intrusion{
	{name: "another's connection", try: func(n *tenants) (client.Object, string) {
		return n.thread("closed", "default"), chatv1alpha1.ReasonNamespaceNotAllowed
	}},
	{name: "another's connection, observed", try: func(n *tenants) (client.Object, string) {
		return n.thread("closed", "default", observing, adopts(n.private.Status.ThreadID)), chatv1alpha1.ReasonNamespaceNotAllowed
	}},
	{name: "a selector that does not match", try: func(n *tenants) (client.Object, string) {
		return n.thread("picky", "picky"), chatv1alpha1.ReasonNamespaceNotAllowed
	}},
	{name: "another's thread by its name", try: func(n *tenants) (client.Object, string) {
		participant := n.guest.newParticipant("intruder", n.private.Name, n.guest.emulator.CreateUser())
		n.create(participant)
		return participant, chatv1alpha1.ReasonThreadNotFound
	}},
	{name: "adoption", try: func(n *tenants) (client.Object, string) {
		return n.thread("thief", "open", adopts(n.lent.Status.ThreadID)), chatv1alpha1.ReasonOwnedByAnother
	}, calls: onlyRead},
	{name: "adoption, observed", try: func(n *tenants) (client.Object, string) {
		return n.thread("spy", "open", observing, adopts(n.lent.Status.ThreadID)), chatv1alpha1.ReasonOwnedByAnother
	}, calls: onlyRead},
	{name: "adoption of a released thread", try: func(n *tenants) (client.Object, string) {
		return n.thread("heir", "open", adopts(n.released)), chatv1alpha1.ReasonOwnedByAnother
	}, calls: onlyRead},
	{name: "adoption of a thread of another connection", try: func(n *tenants) (client.Object, string) {
		return n.thread("stranger", "open", adopts(n.private.Status.ThreadID)), chatv1alpha1.ReasonAccessLost
	}, calls: onlyRead},
	{name: "forged status", try: func(n *tenants) (client.Object, string) {
		return n.forged("forged", "open", n.lent.Status.ThreadID), chatv1alpha1.ReasonOwnedByAnother
	}, calls: onlyRead},
	{name: "forged status, of a released thread", try: func(n *tenants) (client.Object, string) {
		return n.forged("forged-heir", "open", n.released), chatv1alpha1.ReasonOwnedByAnother
	}, calls: onlyRead},
	{name: "forged status, over another's connection", try: func(n *tenants) (client.Object, string) {
		return n.forged("forged-closed", "default", n.private.Status.ThreadID), chatv1alpha1.ReasonNamespaceNotAllowed
	}, calls: onlyRead, byClosed: true},
	{name: "annotations of another's thread", try: func(n *tenants) (client.Object, string) {
		n.connection("own", n.ownString())
		thread := n.guest.newThread("copied")
		thread.Annotations = n.private.Annotations
		thread.Spec.ConnectionRef.Name = "own"
		n.create(thread)
		return thread, chatv1alpha1.ReasonSucceeded
	}},
	{name: "name and annotations of another's thread, over an open connection", try: func(n *tenants) (client.Object, string) {
		return n.thread(n.private.Name, "open", func(o *chatv1alpha1.ChatThread) { o.Annotations = n.private.Annotations }), chatv1alpha1.ReasonSucceeded
	}, calls: append(onlyRead, emulator.OperationCreateThread, emulator.OperationDeleteThread)},
	{name: "service users of another's connection", try: func(n *tenants) (client.Object, string) {
		return n.connection("users", n.ownString(), func(conn *chatv1alpha1.ChatConnection) {
			conn.Annotations = map[string]string{chatv1alpha1.AnnotationServiceUsers: n.closed.Annotations[chatv1alpha1.AnnotationServiceUsers]}
		}), chatv1alpha1.ReasonAuthenticationFailed
	}},
	{name: "endpoint of another's connection", try: func(n *tenants) (client.Object, string) {
		return n.connection("endpoint", n.ownString(), func(conn *chatv1alpha1.ChatConnection) {
			conn.Annotations = n.closed.Annotations
		}), chatv1alpha1.ReasonInvalidConnectionString
	}},
	{name: "pinned users of another's connection", try: func(n *tenants) (client.Object, string) {
		return n.connection("pinned", n.ownString(), withPinned(connection.UsersOf(n.closed).Recorded()...)), chatv1alpha1.ReasonInvalidRequest
	}},
	{name: "another's endpoint with an own key", try: func(n *tenants) (client.Object, string) {
		return n.connection("key", strings.Replace(n.ownString(), n.guest.server.URL, n.server.URL, 1)), chatv1alpha1.ReasonAuthenticationFailed
	}, calls: []emulator.Operation{emulator.OperationCreateUser}},
	{name: "another's Secret by its name", try: func(n *tenants) (client.Object, string) {
		conn := newConnection(n.guest.namespace, "default")
		n.create(conn)
		return conn, chatv1alpha1.ReasonSecretNotFound
	}},
	{name: "metadata that claims a thread", try: func(n *tenants) (client.Object, string) {
		thread := n.guest.newThread("stamped")
		thread.Spec.Metadata = map[string]chatv1alpha1.MetadataValue{chatv1alpha1.StampOwner: chatv1alpha1.MetadataValue(n.namespace + "/next")}
		err := admin.Create(n.t.Context(), thread)
		n.Expect(err).To(MatchError(ContainSubstring("acsOperator")))
		return thread, ""
	}},
}
