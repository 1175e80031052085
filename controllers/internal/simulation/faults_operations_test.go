// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/operatortest"
)

// faultedOperation is an operation of the service, with a user action that needs it.
type faultedOperation struct {
	name      string
	operation string
	// begin creates the initial objects. act is the action that needs the operation.
	begin, act func(*world)
	// target returns the thread or user that meets the fault; nil means all calls of the operation.
	target func(*world) string
	// hall is set if there is another thread of the same connection. sharesQuota is set if ACS counts
	// the calls of that thread together with those that meet the fault.
	hall, sharesQuota bool
	// notFoundTrusted is set if the operator finally trusts the answer that there is no such thread.
	notFoundTrusted bool
	// expected maps faults to the condition of ChatThread room during the fault, and connection to
	// that of the connection. Other faults are in the tables for all operations.
	expected, connection map[string]string
}

var roomsThread = func(w *world) string { return w.storedThread("room").Status.ThreadID }

var faultedOperations = []faultedOperation{
	{name: "create thread", operation: "ChatClient.CreateThread", hall: true,
		begin: beginHall, act: makeRoom, expected: shownOnCreate},
	{name: "list threads", operation: "ChatClient.ListThreads", hall: true, sharesQuota: true,
		begin: beginHall, act: func(w *world) { w.restart(); makeRoom(w) }, expected: shownOnSearch},
	{name: "get properties", operation: "ThreadClient.GetProperties", hall: true, sharesQuota: true, target: roomsThread,
		begin: beginRoom, act: retitleRoom},
	{name: "get properties in a search", operation: "ThreadClient.GetProperties", hall: true, sharesQuota: true, target: roomsThread,
		begin: beginOldRoom, act: loseRoom, expected: with(shownOnOneDenial, map[string]string{"400": showsUnavailable, "413": showsUnavailable})},
	{name: "get properties in a deletion", operation: "ThreadClient.GetProperties", hall: true, sharesQuota: true, target: roomsThread,
		begin: beginRoom, act: deleteRoom, expected: with(shownOnOneDenial, map[string]string{"content type": showsGone})},
	{name: "list participants", operation: "ThreadClient.ListParticipants", hall: true, target: roomsThread,
		begin: beginRoom, act: addToRoom},
	{name: "update properties", operation: "ThreadClient.UpdateProperties", hall: true, target: roomsThread,
		begin: beginRoom, act: retitleRoom, expected: shownOnWrite},
	{name: "add participants", operation: "ThreadClient.AddParticipants", hall: true, target: roomsThread,
		begin: beginRoom, act: addToRoom, expected: shownOnAdd},
	{name: "remove participant", operation: "ThreadClient.RemoveParticipant", hall: true, target: roomsThread,
		begin: beginRoom, act: removeFromRoom, expected: shownOnWrite},
	{name: "delete thread", operation: "ChatClient.DeleteThread", hall: true, target: roomsThread,
		begin: beginRoom, act: deleteRoom, expected: shownOnDelete, notFoundTrusted: true},
	{name: "create user", operation: "IdentityClient.CreateUser",
		begin: func(*world) {}, act: func(w *world) { w.connect(1); makeRoom(w) }, expected: shownWithoutUser, connection: connectionOnCreateUser},
	{name: "create another user", operation: "IdentityClient.CreateUser", hall: true,
		begin: beginHall, act: moreUsers, expected: shownWithOneUser, connection: connectionOnCreateUser},
	{name: "issue token", operation: "IdentityClient.IssueToken", hall: true,
		target: func(w *world) string { return w.storedThread("room").Status.ServiceUser },
		begin:  func(w *world) { beginTwoUsers(w) }, act: func(w *world) { w.restart(); retitleRoom(w) },
		expected: shownOnToken, connection: connectionOnToken},
}

// setUp adds a second ACS resource with a thread that no fault may affect, and creates the initial
// objects.
func (o faultedOperation) setUp(w *world) {
	w.network, w.canary, w.parallel = newNetwork(w), newCanary(), true
	w.canary.addSecret("access key", w.emulator.AccessKey())
	w.canary.addSecret("connection string", w.emulator.ConnectionString(defaultEndpoint))
	other := emulator.New(emulator.Options{Seed: "other", KeepRequests: -1})
	w.canary.addSecret("other access key", other.AccessKey())
	w.hosts = map[string]*emulator.Server{"fabrikam.communication.azure.com": other}
	w.create(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: testNamespace, Name: "other"},
		Data:       map[string][]byte{"connectionString": []byte(other.ConnectionString(otherEndpoint))},
	})
	conn := operatortest.Connection(testNamespace, "other")
	conn.Spec.ConnectionStringSecretRef.Name = "other"
	w.create(conn)
	thread := threadNamed("elsewhere", other.CreateUser())
	thread.Spec.ConnectionRef.Name = "other"
	w.create(thread)
	o.begin(w)
	w.run(setupTime)
}

func beginHall(w *world) {
	w.connect(1)
	w.create(threadNamed("hall", w.people[0]))
}

func beginRoom(w *world) {
	beginHall(w)
	w.create(threadNamed("room", w.people[:3]...))
}

// beginOldRoom waits until the service has forgotten the request that created the thread.
func beginOldRoom(w *world) {
	beginRoom(w)
	w.run(10 * time.Minute)
}

// beginTwoUsers gives each thread a service user of its own.
func beginTwoUsers(w *world) {
	w.connect(2)
	w.create(threadNamed("hall", w.people[0]))
	w.run(setupTime)
	w.create(threadNamed("room", w.people[:3]...))
}

func makeRoom(w *world) { w.create(threadNamed("room", w.people[:3]...)) }

func retitleRoom(w *world) {
	w.editRoom(func(t *chatv1alpha1.ChatThread) { t.Spec.Topic = "another" })
}

func addToRoom(w *world) {
	w.editRoom(func(t *chatv1alpha1.ChatThread) {
		t.Spec.Participants = threadNamed("", w.people...).Spec.Participants
	})
}

func removeFromRoom(w *world) {
	w.editRoom(func(t *chatv1alpha1.ChatThread) { t.Spec.Participants = t.Spec.Participants[:1] })
}

func deleteRoom(w *world) { w.remove(threadNamed("room")) }

// loseRoom has a new operator search for a thread whose status was lost.
func loseRoom(w *world) {
	w.restart()
	room := w.storedThread("room")
	// The default of the schema.
	room.Status = chatv1alpha1.ChatThreadStatus{ObservedGeneration: -1}
	if err := w.live.Status().Update(w.t.Context(), room); err != nil {
		w.t.Fatal(err)
	}
	w.record(room)
}

func moreUsers(w *world) {
	edit(w, operatortest.Connection(testNamespace, "default"), func(c *chatv1alpha1.ChatConnection) {
		three := int32(3)
		c.Spec.ServiceUsers.Count = &three
	})
	makeRoom(w)
}

// restart ends the operator. The next run starts another one.
func (w *world) restart() {
	w.process = nil
}

// storedThread returns a ChatThread as the API server has it, or nil if it is gone.
func (w *world) storedThread(name string) *chatv1alpha1.ChatThread {
	for _, obj := range w.stored(kindThread) {
		if thread, ok := obj.(*chatv1alpha1.ChatThread); ok && thread.Name == name {
			return thread
		}
	}
	return nil
}
