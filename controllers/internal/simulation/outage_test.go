// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/operatortest"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/queues"
)

const (
	// outageRooms is the number of threads of a connection in an outage. It is larger than the number
	// of workers.
	outageRooms = 24
	// outageLasts is the duration of an outage. Calls are counted during outageCounted at its end.
	outageLasts, outageCounted = 45 * time.Minute, 20 * time.Minute
)

// outage makes a whole ACS resource, on which many threads depend, meet a fault.
func outage(t *testing.T, name, operation string) *world {
	t.Helper()
	rooms := faultedOperation{hall: true, begin: func(w *world) {
		beginHall(w)
		for i := range outageRooms {
			w.create(threadNamed(fmt.Sprint("room", i), w.people[1]))
		}
	}}
	w := newWorld(t, emulator.Options{}, 5, 1)
	rooms.setUp(w)
	w.run(setupTime)
	for _, fault := range serviceFaults {
		if fault.name == name {
			w.network.inject(&injectedFault{fault: fault, operation: operation})
		}
	}
	return w
}

// An ACS resource without answers, or with bad ones only, does not delay the threads of another
// one. It receives no more calls than the backoff of its threads allows, and the status shows the
// reason.
func TestSimFaultsOutage(t *testing.T) {
	t.Parallel()
	each := (outageRooms + 1) * int(outageCounted/queues.LastBackoff)
	for name, most := range map[string]int{
		// One reconcile at a time probes the service, by calls that are tried twice.
		"time-out": int(outageCounted / (5 * time.Second)), "reset": 2 * each, "503": 2 * each, "429": 3 * each,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := outage(t, name, "")
				began := time.Now()
				w.run(20 * time.Minute)
				w.edit("elsewhere", promptly)
				if name != "429" {
					w.checkLatecomer(t)
				}
				w.run(outageLasts - time.Since(began))
				calls := w.network.callsBetween(time.Now().Add(-outageCounted), time.Now(), func(c sentCall) bool { return c.endpoint == defaultEndpoint })
				if len(calls) > most {
					t.Errorf("%d calls in %s, want at most %d", len(calls), outageCounted, most)
				}
				w.checkRooms(t, map[bool]string{true: showsReady, false: showsUnavailable}[name == "429"])
				// One write shows that ACS does not answer, and one shows the result of the call of the thread
				// itself.
				if writes := w.countRoomWrites(began); writes > 2*outageRooms {
					t.Errorf("%d writes to %d threads", writes, outageRooms)
				}
				w.network.repair()
				w.run(convergeTime)
				w.checkRooms(t, showsReady)
				w.settle()
				w.checkSilence()
				w.checkOrphans()
			})
		})
	}
}

// checkLatecomer creates a ChatParticipant while its thread cannot be reached.
func (w *world) checkLatecomer(t *testing.T) {
	t.Helper()
	late := participantNamed("late", w.people[2])
	late.Spec.ThreadRef.Name = "room0"
	w.create(late)
	// The only worker may be busy with the probe of another thread, which takes 20 s.
	w.run(2 * queues.LastBackoff)
	if _, reason := objects.ReadyReason(w.stored(kindParticipant)[0]); reason != chatv1alpha1.ReasonThreadNotReady {
		t.Errorf("a ChatParticipant that is created during an outage shows %q", reason)
	}
	w.remove(late)
}

// countRoomWrites counts the writes to the threads of the connection since a moment.
func (w *world) countRoomWrites(since time.Time) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	count := 0
	for _, e := range w.logs[kindThread] {
		if strings.HasPrefix(e.key.Name, "room") && e.at.After(since) {
			count++
		}
	}
	return count
}

// checkRooms compares the states of the threads of the connection.
func (w *world) checkRooms(t *testing.T, want string) {
	t.Helper()
	for _, obj := range w.stored(kindThread) {
		if got := shown(obj); got != want && strings.HasPrefix(obj.GetName(), "room") {
			t.Errorf("ChatThread %s shows %q, want %q", obj.GetName(), got, want)
		}
	}
}

// A service that denies all threads although it lists them does not cause a second thread of any
// room. Once it finds them again, all of them are as before.
func TestSimFaultsAllDenied(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := outage(t, "404", "ThreadClient.GetProperties")
		began := time.Now()
		w.run(outageLasts)
		recreated := w.network.callsBetween(began, time.Now(), func(c sentCall) bool { return c.operation == "ChatClient.CreateThread" })
		if len(recreated) > 0 {
			t.Errorf("%d threads were created beside existing ones", len(recreated))
		}
		w.checkRooms(t, showsUnavailable)
		w.network.repair()
		w.run(convergeTime)
		w.checkRooms(t, showsReady)
		w.settle()
		w.checkSilence()
		w.checkOrphans()
	})
}

// If all threads of a connection are deleted, the operator creates a few of them again. For the
// others a person requests a reconcile once, on the connection.
func TestSimFleetDeleted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := outage(t, "", "")
		for _, thread := range w.threads() {
			if strings.HasPrefix(thread.Topic, "topic of room") {
				w.emulator.DeleteThread(thread.ID)
			}
		}
		began := time.Now()
		w.run(outageLasts)
		recreated := w.network.callsBetween(began, time.Now(), func(c sentCall) bool { return c.operation == "ChatClient.CreateThread" })
		if len(recreated) != connection.MaxRecreations {
			t.Errorf("%d threads were created again, want %d", len(recreated), connection.MaxRecreations)
		}
		gone := 0
		for _, obj := range w.stored(kindThread) {
			if shown(obj) == "Stalled "+chatv1alpha1.ReasonThreadGone {
				gone++
			}
		}
		if gone != outageRooms-connection.MaxRecreations {
			t.Errorf("%d ChatThreads show reason ThreadGone, want %d", gone, outageRooms-connection.MaxRecreations)
		}
		edit(w, operatortest.Connection(testNamespace, "default"), func(c *chatv1alpha1.ChatConnection) {
			metav1.SetMetaDataAnnotation(&c.ObjectMeta, chatv1alpha1.AnnotationReconcileRequestedAt, "now")
		})
		w.run(2 * time.Minute)
		w.checkRooms(t, showsReady)
		w.settle()
		w.checkSilence()
		w.checkOrphans()
	})
}
