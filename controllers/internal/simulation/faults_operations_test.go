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

// faultedOperation is an operation of the service, with something that users do and that needs it.
type faultedOperation struct {
	name      string
	operation string
	// begin makes what is there before, act needs the operation.
	begin, act func(*simWorld)
	// target is what the fault is about; nil: all calls of the operation.
	target func(*simWorld) string
	// hall says that there is another thread of the same connection, and sharesQuota that ACS
	// counts its calls together with those of the fault.
	hall, sharesQuota bool
	// believed says that the answer that there is no such thread is believed, sooner or later.
	believed bool
	// expected says by fault what ChatThread room shows while it lasts, connection what the
	// connection shows. What is in neither is as in the tables for all.
	expected, connection map[string]string
}

var roomsThread = func(w *simWorld) string { return w.storedThread("room").Status.ThreadID }

var faultedOperations = []faultedOperation{
	{name: "create thread", operation: "ChatClient.CreateThread", hall: true,
		begin: beginHall, act: makeRoom, expected: whereCreated},
	{name: "list threads", operation: "ChatClient.ListThreads", hall: true, sharesQuota: true,
		begin: beginHall, act: func(w *simWorld) { w.restart(); makeRoom(w) }, expected: whereSearched},
	{name: "get properties", operation: "ThreadClient.GetProperties", hall: true, sharesQuota: true, target: roomsThread,
		begin: beginRoom, act: retitleRoom},
	{name: "get properties in a search", operation: "ThreadClient.GetProperties", hall: true, sharesQuota: true, target: roomsThread,
		begin: beginOldRoom, act: loseRoom, expected: with(whereBelied, map[string]string{"400": showsBroken, "413": showsBroken})},
	{name: "get properties in a deletion", operation: "ThreadClient.GetProperties", hall: true, sharesQuota: true, target: roomsThread,
		begin: beginRoom, act: deleteRoom, expected: with(whereBelied, map[string]string{"content type": showsGone})},
	{name: "list participants", operation: "ThreadClient.ListParticipants", hall: true, target: roomsThread,
		begin: beginRoom, act: joinRoom},
	{name: "update properties", operation: "ThreadClient.UpdateProperties", hall: true, target: roomsThread,
		begin: beginRoom, act: retitleRoom, expected: whereWritten},
	{name: "add participants", operation: "ThreadClient.AddParticipants", hall: true, target: roomsThread,
		begin: beginRoom, act: joinRoom, expected: whereAdded},
	{name: "remove participant", operation: "ThreadClient.RemoveParticipant", hall: true, target: roomsThread,
		begin: beginRoom, act: leaveRoom, expected: whereWritten},
	{name: "delete thread", operation: "ChatClient.DeleteThread", hall: true, target: roomsThread,
		begin: beginRoom, act: deleteRoom, expected: whereDeleted, believed: true},
	{name: "create user", operation: "IdentityClient.CreateUser",
		begin: func(*simWorld) {}, act: func(w *simWorld) { w.connect(1); makeRoom(w) }, expected: whereWithoutUser, connection: whereUserMade},
	{name: "create another user", operation: "IdentityClient.CreateUser", hall: true,
		begin: beginHall, act: moreUsers, expected: whereUsersSuffice, connection: whereUserMade},
	{name: "issue token", operation: "IdentityClient.IssueToken", hall: true,
		target: func(w *simWorld) string { return w.storedThread("room").Status.ServiceUser },
		begin:  func(w *simWorld) { beginTwoUsers(w) }, act: func(w *simWorld) { w.restart(); retitleRoom(w) },
		expected: whereTokenIssued, connection: whereTokenNeeded},
}

// begun adds a second ACS resource, whose thread nothing may harm, and plays what is there before.
func (o faultedOperation) begun(w *simWorld) {
	w.line, w.canary, w.parallel = newSimLine(w), newSimCanary(), true
	w.canary.learn("access key", w.emulator.AccessKey())
	w.canary.learn("connection string", w.emulator.ConnectionString(simEndpoint))
	other := emulator.New(emulator.Options{Seed: "other", KeepRequests: -1})
	w.canary.learn("other access key", other.AccessKey())
	w.hosts = map[string]*emulator.Server{"fabrikam.communication.azure.com": other}
	w.create(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: simNamespace, Name: "other"},
		Data:       map[string][]byte{"connectionString": []byte(other.ConnectionString(otherEndpoint))},
	})
	conn := operatortest.Connection(simNamespace, "other")
	conn.Spec.ConnectionStringSecretRef.Name = "other"
	w.create(conn)
	thread := simThreadNamed("elsewhere", other.CreateUser())
	thread.Spec.ConnectionRef.Name = "other"
	w.create(thread)
	o.begin(w)
	w.run(simBegin)
}

func beginHall(w *simWorld) {
	w.connect(1)
	w.create(simThreadNamed("hall", w.people[0]))
}

func beginRoom(w *simWorld) {
	beginHall(w)
	w.create(simThreadNamed("room", w.people[:3]...))
}

// beginOldRoom has the service forget the request that made the thread.
func beginOldRoom(w *simWorld) {
	beginRoom(w)
	w.run(10 * time.Minute)
}

// beginTwoUsers gives each thread a service user of its own.
func beginTwoUsers(w *simWorld) {
	w.connect(2)
	w.create(simThreadNamed("hall", w.people[0]))
	w.run(simBegin)
	w.create(simThreadNamed("room", w.people[:3]...))
}

func makeRoom(w *simWorld) { w.create(simThreadNamed("room", w.people[:3]...)) }

func retitleRoom(w *simWorld) {
	w.editRoom(func(t *chatv1alpha1.ChatThread) { t.Spec.Topic = "another" })
}

func joinRoom(w *simWorld) {
	w.editRoom(func(t *chatv1alpha1.ChatThread) {
		t.Spec.Participants = simThreadNamed("", w.people...).Spec.Participants
	})
}

func leaveRoom(w *simWorld) {
	w.editRoom(func(t *chatv1alpha1.ChatThread) { t.Spec.Participants = t.Spec.Participants[:1] })
}

func deleteRoom(w *simWorld) { w.remove(simThreadNamed("room")) }

// loseRoom has a new operator look for a thread whose status was lost.
func loseRoom(w *simWorld) {
	w.restart()
	room := w.storedThread("room")
	room.Status = chatv1alpha1.ChatThreadStatus{}
	if err := w.live.Status().Update(w.t.Context(), room); err != nil {
		w.t.Fatal(err)
	}
	w.record(room)
}

func moreUsers(w *simWorld) {
	simEdit(w, operatortest.Connection(simNamespace, "default"), func(c *chatv1alpha1.ChatConnection) {
		three := int32(3)
		c.Spec.ServiceUsers.Count = &three
	})
	makeRoom(w)
}

// restart ends the operator and starts another one.
func (w *simWorld) restart() {
	w.process = nil
}

// storedThread is a ChatThread as the API server has it; nil where it is gone.
func (w *simWorld) storedThread(name string) *chatv1alpha1.ChatThread {
	for _, obj := range w.stored(simThread) {
		if thread, ok := obj.(*chatv1alpha1.ChatThread); ok && thread.Name == name {
			return thread
		}
	}
	return nil
}
