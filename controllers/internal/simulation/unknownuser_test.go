// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// replaceConnection replaces the connection by one that does not know the former service user. It
// returns that user and the id of the thread.
func (w *world) replaceConnection() (lost, id string) {
	w.t.Helper()
	w.room(w.people...)
	lost, id = w.serviceUsers()[0], w.threads()[0].ID
	w.restart()
	vanish(w, defaultConnection())
	w.connect(1)
	return lost, id
}

// restores are ways in which a ChatThread of a lost cluster comes back, without its connection.
var restores = map[string]func(w *world, stored *chatv1alpha1.ChatThread){
	"of a backup": restoreRoom,
	"of a backup with status": func(w *world, stored *chatv1alpha1.ChatThread) {
		restoreRoom(w, stored)
		w.writeStatus(stored.Status)
	},
	"without its status": func(w *world, _ *chatv1alpha1.ChatThread) {
		w.writeStatus(chatv1alpha1.ChatThreadStatus{ObservedGeneration: -1})
	},
}

func restoreRoom(w *world, stored *chatv1alpha1.ChatThread) {
	vanish(w, threadNamed("room"))
	room := threadNamed("room", w.people...)
	room.Finalizers, room.Annotations = stored.Finalizers, stored.Annotations
	w.create(room)
}

// A ChatThread whose service user the connection does not know has no second thread created: its
// own one is in no list. It waits until a person pins the user, or states that there is none.
func TestSimUnknownServiceUser(t *testing.T) {
	t.Parallel()
	for name, restore := range restores {
		for _, isPinned := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, pinned later: %t", name, isPinned), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, emulator.Options{RepeatabilityWindow: time.Second}, 2, 1)
					w.room(w.people...)
					stored := w.storedThread("room")
					w.restart()
					vanish(w, defaultConnection())
					w.connect(1)
					restore(w, stored)
					w.run(time.Hour)
					w.showsRoom(showsAccessLost, stored.Status.ServiceUser, "spec.serviceUsers.ids", chatv1alpha1.AnnotationServiceUser)
					w.hasThreads(stored.Status.ThreadID)
					calls := map[string]int{}
					w.onCall = func(operation string, _ *url.URL) { calls[operation]++ }
					w.run(time.Hour)
					if len(calls) > 0 {
						t.Errorf("calls while a person must act: %v", calls)
					}
					if isPinned {
						w.pin(stored.Status.ServiceUser)
					} else {
						w.annotateRoom(chatv1alpha1.AnnotationServiceUser, "")
					}
					w.run(2 * time.Minute)
					w.showsRoom(showsReady)
					if got := w.storedThread("room").Status.ThreadID == stored.Status.ThreadID; got != isPinned {
						t.Errorf("the thread is the same: %t", got)
					}
					if len(w.threads()) > 2 || isPinned && len(w.threads()) > 1 {
						t.Errorf("the threads are %v", w.threads())
					}
				})
			})
		}
	}
}

// The deletion of a ChatThread whose service user the connection does not know does not end because
// other users find no thread. Once the user is pinned, the thread is deleted.
func TestSimDeletionWithUnknownServiceUser(t *testing.T) {
	t.Parallel()
	for _, isKnown := range []bool{false, true} {
		t.Run(fmt.Sprintf("id known: %t", isKnown), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{}, 2, 1)
				lost, id := w.replaceConnection()
				if !isKnown {
					w.writeStatus(chatv1alpha1.ChatThreadStatus{ObservedGeneration: -1})
				}
				w.deny(id, http.StatusNotFound)
				w.remove(threadNamed("room"))
				w.run(time.Hour)
				w.showsRoom(showsAccessLost, lost, "spec.serviceUsers.ids", chatv1alpha1.AnnotationAbandon)
				w.hasThreads(id)
				w.emulator.ClearFaults()
				w.pin(lost)
				w.run(10 * time.Minute)
				w.showsRoom(showsGone)
				w.hasThreads()
			})
		})
	}
}

// deny has the service deny a thread to all users.
func (w *world) deny(id string, status int) {
	for _, operation := range []emulator.Operation{emulator.OperationGetThread, emulator.OperationListParticipants} {
		w.emulator.Inject(emulator.Fault{Operation: operation, ThreadID: id, Status: status})
	}
}

// A thread that ACS does not find for another service user than its own is not gone, unless a
// person states that there is no such user.
func TestSimThreadOfUnknownServiceUserIsNotFound(t *testing.T) {
	t.Parallel()
	for _, isPinned := range []bool{true, false} {
		t.Run(fmt.Sprintf("pinned later: %t", isPinned), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{}, 2, 1)
				lost, id := w.replaceConnection()
				w.deny(id, http.StatusNotFound)
				w.run(time.Hour)
				w.showsRoom(showsAccessLost, lost, id, "spec.serviceUsers.ids", chatv1alpha1.AnnotationServiceUser)
				w.hasThreads(id)
				if isPinned {
					w.emulator.ClearFaults()
					w.pin(lost)
				} else {
					w.annotateRoom(chatv1alpha1.AnnotationServiceUser, "")
				}
				w.run(10 * time.Minute)
				w.showsRoom(showsReady)
				if got := w.storedThread("room").Status.ThreadID == id; got != isPinned {
					t.Errorf("the thread is the same: %t", got)
				}
			})
		})
	}
}

// An annotation that goes by accident, beside the status, states nothing.
func TestSimLostAnnotationStatesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{}, 2, 1)
		lost, id := w.replaceConnection()
		w.annotateRoom(chatv1alpha1.AnnotationServiceUser, "")
		w.deny(id, http.StatusNotFound)
		w.run(time.Hour)
		w.showsRoom(showsAccessLost, lost, id, "spec.serviceUsers.ids", chatv1alpha1.AnnotationAbandon)
		w.hasThreads(id)
	})
}

// Any service user that can read a stored thread acts for it.
func TestSimThreadMovesToKnownUser(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{}, 2, 1)
		_, id := w.replaceConnection()
		w.run(time.Second)
		w.emulator.AddMember(id, emulator.Member{ID: w.serviceUsers()[1]})
		w.run(2 * time.Minute)
		w.requestReconcile()
		w.run(2 * time.Minute)
		w.showsRoom(showsReady)
		w.hasThreads(id)
	})
}
