// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"net/http"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// A changed display name removes the member and adds it again, with the same history.
func TestRenewal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	user := w.users(1)[0]
	thread := w.newThread("renewal", user)
	thread.Spec.Participants[0].DisplayName = "Ann"
	thread.Spec.Participants[0].ShareHistory = chatv1alpha1.ShareHistorySinceJoin
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	joined := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	member := func() emulator.Member {
		for _, m := range w.remote(thread).Members {
			if m.ID == user {
				return m
			}
		}
		return emulator.Member{}
	}
	w.emulator.UpdateThread(thread.Status.ThreadID, func(th *emulator.Thread) {
		for i := range th.Members {
			if th.Members[i].ID == user {
				th.Members[i].ShareHistoryTime = joined
			}
		}
	})
	edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Participants[0].DisplayName = "Anne" })
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(member().DisplayName).To(Equal("Anne"))
	w.Expect(member().ShareHistoryTime).To(BeTemporally("==", joined))

	since := metav1.NewTime(joined.Add(10 * time.Minute))
	edit(w, thread, func(o *chatv1alpha1.ChatThread) {
		o.Spec.Participants[0].ShareHistory = chatv1alpha1.ShareHistorySinceTime
		o.Spec.Participants[0].ShareHistoryTime = &since
	})
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(member().ShareHistoryTime).To(BeTemporally("==", since.Time))
}

// A renewal removes only as many members at once as the quota allows to add again.
func TestRenewalsKeepToTheQuota(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	thread := w.readyThread("paced", w.users(12)...)
	w.emulator.ResetRequests()
	edit(w, thread, func(o *chatv1alpha1.ChatThread) {
		for i := range o.Spec.Participants {
			o.Spec.Participants[i].DisplayName = "named"
		}
	})
	w.awaitReason(thread, chatv1alpha1.ReasonWaitingForQuota)
	w.Expect(w.calls()[emulator.OperationRemoveParticipant]).To(Equal(9))
	w.Expect(w.calls()[emulator.OperationAddParticipants]).To(Equal(1))
	w.Expect(thread.Status.Joined).To(Equal("12/12"))
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.calls()[emulator.OperationRemoveParticipant]).To(Equal(12))
}

// The same change of a name is made as often as it is declared.
func TestNameChangesAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	user := w.users(1)[0]
	thread := w.newThread("names", user)
	thread.Spec.Participants[0].DisplayName = "Ann"
	declared := thread.Spec.Participants[0]
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	for _, name := range []string{"Anna", "", "Ann", "Anna"} {
		edit(w, thread, func(o *chatv1alpha1.ChatThread) {
			o.Spec.Participants = nil
			if declared.DisplayName = name; name != "" {
				o.Spec.Participants = []chatv1alpha1.Member{declared}
			}
		})
		w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
		names := []string{}
		for _, m := range w.remote(thread).Members {
			if m.ID == user {
				names = append(names, m.DisplayName)
			}
		}
		if name == "" {
			w.Expect(names).To(BeEmpty())
			continue
		}
		w.Expect(names).To(Equal([]string{name}))
	}
}

// A change of a name that ACS refused once is made later.
func TestNameChangesAfterRefusal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	user := w.users(1)[0]
	thread := w.readyThread("refused", user)
	w.emulator.Inject(emulator.Fault{Operation: emulator.OperationRemoveParticipant, Times: 2, Status: http.StatusForbidden})
	edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Participants[0].DisplayName = "Ann" })
	w.awaitReason(thread, chatv1alpha1.ReasonAccessLost)
	w.request(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.remote(thread).Members).To(ContainElement(HaveField("DisplayName", "Ann")))
}
