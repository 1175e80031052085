// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"fmt"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// releaseRenamed renames the members of a thread. At the first removal, somebody deletes the
// ChatThread, which retains the thread.
func releaseRenamed(t *testing.T, service serviceVariant, plan ...strike) *world {
	t.Helper()
	w := newWorld(t, service.options, 3, 1)
	w.downtime = service.downtime
	w.connect(1)
	room := threadNamed("room", w.people...)
	room.Spec.DeletionPolicy = chatv1alpha1.DeletionRetain
	for i := range room.Spec.Participants {
		room.Spec.Participants[i].ShareHistory = chatv1alpha1.ShareHistorySinceJoin
	}
	w.create(room)
	w.run(time.Minute)
	w.onCall = func(operation string, _ *url.URL) {
		if operation == "ThreadClient.RemoveParticipant" {
			w.onCall = nil
			w.remove(threadNamed("room"))
		}
	}
	w.arm(plan...)
	w.editRoom(func(t *chatv1alpha1.ChatThread) {
		for i := range t.Spec.Participants {
			t.Spec.Participants[i].DisplayName = fmt.Sprint("renamed ", i)
		}
	})
	w.run(convergeTime)
	w.settle()
	return w
}

// A thread that is released in the middle of a renewal, at whatever effect the operator died or
// lost an answer, keeps all its members. The world checks their history.
func TestSimReleaseInARenewal(t *testing.T) {
	t.Parallel()
	for _, service := range serviceVariants {
		var effects []string
		synctest.Test(t, func(t *testing.T) { effects = releaseRenamed(t, service).effects })
		for _, plan := range plansOf(effects) {
			t.Run(fmt.Sprint(service.name, plan), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					w := releaseRenamed(t, service, plan...)
					threads := w.threads()
					if len(threads) != 1 || threads[0].Metadata[chatv1alpha1.StampUID] != "" {
						t.Fatalf("threads %+v", threads)
					}
					in := membersOf([]emulator.Thread{threads[0]})
					for _, user := range w.people {
						if _, isIn := in[memberKey{threads[0].ID, user}]; !isIn {
							t.Errorf("%s is out; struck: %s", user, w.struck)
						}
					}
				})
			})
		}
	}
}
