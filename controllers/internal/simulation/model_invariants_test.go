// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// The invariants hold at every moment, after any action and during any failure. They have no
// exceptions. From the history they need only the uids of the resources.

// checkStamps checks the stamps of all threads: a resource has one thread, and a stamp names the
// resource that has its uid.
func (m *modelRun) checkStamps(threads []emulator.Thread) {
	stamped := map[string]string{}
	for _, thread := range threads {
		uid, owner := thread.Metadata[chatv1alpha1.StampUID], thread.Metadata[chatv1alpha1.StampOwner]
		if uid == "" || thread.DeletedOn != nil {
			continue
		}
		if other, twice := stamped[uid]; twice {
			m.fail("two threads carry the stamp of %s: %s and %s", owner, other, thread.ID)
		}
		stamped[uid] = thread.ID
		if declared := m.owners[types.UID(uid)]; declared != owner {
			m.fail("thread %s carries the stamp of %s with the uid of %q", thread.ID, owner, declared)
		}
	}
}

// checkCall checks the changes that a call of the operator made at the service.
func (m *modelRun) checkCall(before, after []emulator.Thread) {
	m.checkStamps(after)
	for _, was := range before {
		at := slices.IndexFunc(after, func(is emulator.Thread) bool { return is.ID == was.ID && is.DeletedOn == nil })
		if at < 0 {
			continue
		}
		for _, member := range was.Members {
			if !hasMember(after[at], member.ID) {
				m.checkRemoval(was, member.ID)
			}
		}
	}
}

// checkRemoval checks the removal of a user by the operator. A managed ChatThread must have the
// thread, must not declare the user or must list it in status.renewing, and must act as another
// user.
func (m *modelRun) checkRemoval(thread emulator.Thread, user string) {
	var why string
	for _, owner := range m.owning(thread) {
		if why = m.forbidsRemoval(owner, user); why == "" {
			return
		}
	}
	m.fail("%s was removed from thread %s: %s", user, thread.ID, cmp.Or(why, "no ChatThread has it"))
}

// owning returns the ChatThreads that own a thread: the one that its stamp names, or, if people
// emptied the stamp, those that name the thread in their status.
func (m *modelRun) owning(thread emulator.Thread) []*chatv1alpha1.ChatThread {
	var owning []*chatv1alpha1.ChatThread
	uid := thread.Metadata[chatv1alpha1.StampUID]
	for _, obj := range m.w.stored(kindThread) {
		owner, ok := obj.(*chatv1alpha1.ChatThread)
		if ok && (uid == string(owner.UID) || uid == "" && owner.Status.ThreadID == thread.ID) {
			owning = append(owning, owner)
		}
	}
	return owning
}

// forbidsRemoval returns the reason for which a user must stay in the thread of a resource, or ""
// if the operator may remove it.
func (m *modelRun) forbidsRemoval(owner *chatv1alpha1.ChatThread, user string) string {
	is := func(id string) bool { return acs.UserKey(id) == acs.UserKey(user) }
	isRenewed := slices.ContainsFunc(owner.Status.Renewing, func(r chatv1alpha1.RenewingParticipant) bool { return is(r.UserID) })
	isDeclared := slices.ContainsFunc(owner.Spec.Participants, func(d chatv1alpha1.Member) bool { return is(string(d.UserID)) })
	for _, obj := range m.w.stored(kindParticipant) {
		p, ok := obj.(*chatv1alpha1.ChatParticipant)
		isDeclared = isDeclared || ok && p.Spec.ThreadRef.Name == owner.Name && p.DeletionTimestamp.IsZero() && is(string(p.Spec.UserID))
	}
	switch {
	case modelObserves(owner.Spec):
		return "ChatThread " + owner.Name + " only observes"
	case slices.ContainsFunc(m.actors(owner.Spec), is):
		return "the user is a service user"
	case isDeclared && !isRenewed:
		return "ChatThread " + owner.Name + " declares the user"
	}
	return ""
}
