// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"time"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
)

// foreignThread creates a thread as an application does, with a service user as a member.
func foreignThread(w *world, conn *chatv1alpha1.ChatConnection, members ...string) string {
	creator := w.emulator.CreateUser()
	all := []emulator.Member{{ID: connection.UsersOf(conn).Recorded()[0]}}
	for _, id := range members {
		all = append(all, emulator.Member{ID: id})
	}
	return w.emulator.CreateThread(creator, "made by an application", all...)
}

func adopting(w *world, name, id string, members ...string) *chatv1alpha1.ChatThread {
	thread := w.newThread(name, members...)
	thread.Spec.ThreadID = id
	return thread
}

func observing(thread *chatv1alpha1.ChatThread) {
	thread.Spec.ManagementPolicy = chatv1alpha1.ManagementObserve
}

func managing(thread *chatv1alpha1.ChatThread) {
	thread.Spec.ManagementPolicy = chatv1alpha1.ManagementManage
}

// lose removes objects as the loss of a cluster does: no operator notices. It retries if an
// operator restores a finalizer first.
func (w *world) lose(lost ...client.Object) {
	w.t.Helper()
	for _, obj := range lost {
		w.Eventually(func() error {
			w.get(obj)
			before := objects.CopyOf(obj)
			obj.SetFinalizers(nil)
			w.Expect(admin.Patch(w.t.Context(), obj, client.MergeFrom(before))).To(Succeed())
			return admin.Delete(w.t.Context(), obj, client.Preconditions{ResourceVersion: new(obj.GetResourceVersion())})
		}).Should(Succeed())
		w.awaitGone(obj)
	}
}

// joined is the time at which members joined, long before they are renamed.
var joined = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// newcomers creates a thread with members that can read from their join on.
func newcomers(w *world, name string, users ...string) *chatv1alpha1.ChatThread {
	w.t.Helper()
	thread := w.newThread(name, users...)
	for i := range thread.Spec.Participants {
		thread.Spec.Participants[i].ShareHistory = chatv1alpha1.ShareHistorySinceJoin
		thread.Spec.Participants[i].DisplayName = fmt.Sprint("name ", i)
	}
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.emulator.UpdateThread(thread.Status.ThreadID, func(th *emulator.Thread) {
		for i := range th.Members {
			th.Members[i].ShareHistoryTime = joined
		}
	})
	return thread
}

func rename(w *world, thread *chatv1alpha1.ChatThread, name string) {
	w.t.Helper()
	edit(w, thread, func(o *chatv1alpha1.ChatThread) {
		for i := range o.Spec.Participants {
			o.Spec.Participants[i].DisplayName = fmt.Sprint(name, " ", i)
		}
	})
}

// expectNames fails the test unless each user is in the thread, with its name and its history.
func expectNames(w *world, thread *chatv1alpha1.ChatThread, name string, users ...string) {
	w.t.Helper()
	remote := w.remote(thread)
	for i, user := range users {
		w.Expect(remote.Members).To(ContainElement(And(HaveField("ID", user), HaveField("DisplayName", fmt.Sprint(name, " ", i)),
			HaveField("ShareHistoryTime", BeTemporally("==", joined)))), "%+v", remote.Members)
	}
}
