// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/operatortest"
)

// play carries out an action and waits. If the object of the action does not exist, it takes
// another object.
func (m *modelRun) play(a modelAction) {
	a = m.resolve(a)
	m.steps++
	m.story = append(m.story, fmt.Sprintf("%4d. %s", m.steps, a))
	map[modelKind]func(modelAction){
		modelCreateThread:      m.createThread,
		modelEditThread:        m.editThread,
		modelDeleteThread:      m.deleteThread,
		modelAbandonThread:     m.abandonThread,
		modelRestoreThread:     m.restoreThread,
		modelWipeThread:        m.wipeThread,
		modelReplace:           m.replace,
		modelUninstall:         func(modelAction) { m.uninstall() },
		modelCreateParticipant: m.createParticipant,
		modelEditParticipant:   m.editParticipant,
		modelDeleteParticipant: m.deleteParticipant,
		modelConnection:        m.changeConnection,
		modelDrift:             m.drift,
		modelBreak:             m.breakService,
		modelRefusal:           m.refuseCall,
		modelStrike:            m.strikeEffect,
		modelRestart:           func(modelAction) { m.restart() },
		modelStale:             m.makeStale,
		modelTime:              func(modelAction) {},
	}[a.kind](a)
	m.w.run(a.wait)
}

// resolve finds the object of an action.
func (m *modelRun) resolve(a modelAction) modelAction {
	switch a.kind {
	case modelCreateThread:
		if m.threads[a.name] != nil {
			a.kind, a.variant = modelEditThread, "members"
		}
	case modelCreateParticipant:
		if m.participants[a.name] != nil {
			a.kind = modelEditParticipant
		}
	case modelEditParticipant, modelDeleteParticipant:
		if a.name = oneOf(sortedKeys(m.participants), a); len(m.participants) == 0 {
			a.kind = modelCreateParticipant
		}
	case modelEditThread, modelDeleteThread, modelAbandonThread, modelRestoreThread, modelWipeThread, modelDrift, modelReplace:
		if a.name = oneOf(sortedKeys(m.threads), a); len(m.threads) == 0 {
			a.kind, a.variant = modelCreateThread, ""
		}
	}
	return a
}

// oneOf returns the name in an action, or another name if only other objects exist.
func oneOf(names []string, a modelAction) string {
	if len(names) == 0 || slices.Contains(names, a.name) {
		return a.name
	}
	return names[a.n%len(names)]
}

func (m *modelRun) createThread(a modelAction) {
	thread := threadNamed(a.name)
	thread.Spec.Topic = fmt.Sprint("topic ", a.n)
	thread.Spec.Participants = m.w.declared(a.members)
	switch a.variant {
	case "on another connection":
		thread.Spec.ConnectionRef.Name = "second"
	case "observed":
		thread.Spec.ManagementPolicy = chatv1alpha1.ManagementObserve
	case "":
	default:
		thread.Spec.ThreadID = m.threadToAdopt(a)
		if a.n == 0 {
			thread.Spec.ManagementPolicy = chatv1alpha1.ManagementObserve
		}
	}
	m.add(thread)
}

func (m *modelRun) add(thread *chatv1alpha1.ChatThread) {
	declared := &modelThread{spec: *thread.Spec.DeepCopy()}
	declared.mayReturn = mayReturn(declared.spec)
	m.threads[thread.Name] = declared
	m.noteDeclared(thread.Name)
	m.w.create(thread)
	declared.uid = thread.UID
	// The API server sets these defaults.
	declared.spec.ConnectionRef.Name, declared.spec.ManagementPolicy = connectionName(declared.spec), thread.Spec.ManagementPolicy
}

// threadToAdopt returns the id of a thread, which may not exist.
func (m *modelRun) threadToAdopt(a modelAction) string {
	pick := func(ids []string) string {
		if len(ids) == 0 {
			return "19:nothing@thread.v2"
		}
		return ids[a.n%len(ids)]
	}
	switch a.variant {
	case "adopting people's", "adopting one without us":
		members := []emulator.Member{{ID: m.w.people[1], DisplayName: "name 1"}}
		if users := m.w.serviceUsers(); a.variant == "adopting people's" && len(users) > 0 {
			members = append(members, emulator.Member{ID: users[0]})
		}
		id := m.w.emulator.CreateThread(m.w.people[0], "people's topic", members...)
		m.w.emulator.UpdateThread(id, func(t *emulator.Thread) { t.Metadata = map[string]string{"key 1": "people's", "key 9": "people's"} })
		found := m.remote(id)
		found.orphanReason = "people's"
		for _, guest := range m.w.people[:2] {
			found.guests[acs.UserKey(guest)], found.added[acs.UserKey(guest)] = true, 1
		}
		found.kept = map[string]string{"key 1": "people's", "key 9": "people's"}
		return id
	case "adopting a former one":
		return pick(append(m.orphans("retained"), m.orphans("people's")...))
	case "adopting one of another":
		var ids []string
		for _, name := range sortedKeys(m.threads) {
			if stored := m.storedThread(name); stored.Status.ThreadID != "" {
				ids = append(ids, stored.Status.ThreadID)
			}
		}
		return pick(ids)
	default:
		return pick(nil)
	}
}

// noteDeclared records the permanent effects of a declaration. Members may have been removed or may
// belong to the operator now, and so may metadata and retention.
func (m *modelRun) noteDeclared(name string) {
	t := m.threads[name]
	ids := []string{t.spec.ThreadID}
	if stored := m.storedThread(name); stored != nil {
		ids = append(ids, stored.Status.ThreadID)
	}
	for _, id := range ids {
		found, ok := m.remotes[id]
		if !ok {
			continue
		}
		if !modelObserves(t.spec) {
			found.seen = nil
		}
		for key := range found.guests {
			found.guests[key] = found.guests[key] && !modelExclusive(t.spec) && !m.declares(name, key)
		}
		for key := range t.spec.Metadata {
			delete(found.kept, key)
		}
		if t.spec.Retention != nil {
			found.retention = -1
		}
	}
}

func (m *modelRun) editThread(a modelAction) {
	declared := m.threads[a.name]
	if declared == nil || declared.deleting {
		return
	}
	change := func(spec *chatv1alpha1.ChatThreadSpec) { m.change(spec, a) }
	m.noteDeclared(a.name)
	change(&declared.spec)
	m.noteDeclared(a.name)
	if !modelObserves(declared.spec) {
		declared.mayReturn = declared.mayReturn || modelRecreates(declared.spec)
	}
	edit(m.w, threadNamed(a.name), func(t *chatv1alpha1.ChatThread) { change(&t.Spec) })
}

// change changes one field.
func (m *modelRun) change(spec *chatv1alpha1.ChatThreadSpec, a modelAction) {
	switch a.variant {
	case "members":
		spec.Participants = m.w.declared(a.members)
	case "topic":
		spec.Topic = fmt.Sprint("topic ", a.n)
	case "metadata":
		spec.Metadata = modelMetadata(a.n)
	case "retention":
		spec.Retention = nil
		if a.n > 2 {
			spec.Retention = &chatv1alpha1.Retention{DeleteAfterDays: 30 + int32(a.n)} //nolint:gosec // small
		}
	case "membership":
		spec.MembershipPolicy = []chatv1alpha1.MembershipPolicy{chatv1alpha1.MembershipAdditive, chatv1alpha1.MembershipExclusive, ""}[a.n%3]
	case "management":
		spec.ManagementPolicy = []chatv1alpha1.ManagementPolicy{chatv1alpha1.ManagementManage, chatv1alpha1.ManagementObserve}[a.n%2]
	case "deletion":
		spec.DeletionPolicy = []chatv1alpha1.DeletionPolicy{chatv1alpha1.DeletionRetain, chatv1alpha1.DeletionDelete, ""}[a.n%3]
	case "recreation":
		spec.RecreationPolicy = []chatv1alpha1.RecreationPolicy{chatv1alpha1.RecreationNever, chatv1alpha1.RecreationRecreate, ""}[a.n%3]
	}
}

// modelMetadata returns some keys. One of them may be declared as empty.
func modelMetadata(n int) map[string]chatv1alpha1.MetadataValue {
	if n%4 == 0 {
		return nil
	}
	metadata := map[string]chatv1alpha1.MetadataValue{}
	for i := range n % 4 {
		metadata[fmt.Sprint("key ", i)] = chatv1alpha1.MetadataValue(fmt.Sprint("value ", n))
	}
	if n == 5 {
		metadata["key 0"] = ""
	}
	return metadata
}

func (m *modelRun) deleteThread(a modelAction) {
	declared := m.threads[a.name]
	if declared == nil || declared.deleting {
		return
	}
	declared.deleting = true
	m.w.remove(threadNamed(a.name))
}

func (m *modelRun) abandonThread(a modelAction) {
	declared := m.threads[a.name]
	if declared == nil {
		return
	}
	edit(m.w, threadNamed(a.name), func(t *chatv1alpha1.ChatThread) {
		metav1.SetMetaDataAnnotation(&t.ObjectMeta, chatv1alpha1.AnnotationAbandon, "true")
	})
	m.deleteThread(a)
}

// restoreThread replaces a ChatThread by one with the same spec and metadata but another uid, with
// its status or without, as a backup tool does. The service lists the thread by then.
func (m *modelRun) restoreThread(a modelAction) {
	declared, stored := m.threads[a.name], m.storedThread(a.name)
	if declared == nil || declared.deleting || !m.isSafe(stored) {
		return
	}
	backup := threadNamed(a.name)
	backup.Spec, backup.Annotations = stored.Spec, stored.Annotations
	if a.n%2 == 0 {
		backup.Finalizers = stored.Finalizers
	}
	edit(m.w, threadNamed(a.name), func(t *chatv1alpha1.ChatThread) { t.Finalizers = nil })
	m.w.remove(threadNamed(a.name))
	// A status of another uid raises the incarnation, for the rule on threadID.
	status := stored.Status
	m.add(backup)
	if a.variant == "with status" {
		status.UID = string(stored.UID)
		m.setStatus(backup, status)
		m.threads[a.name].mayReturn = true
	}
}

// setStatus stores a status that the operator has not written.
func (m *modelRun) setStatus(thread *chatv1alpha1.ChatThread, status chatv1alpha1.ChatThreadStatus) {
	stored := &chatv1alpha1.ChatThread{}
	if err := m.w.live.Get(m.w.t.Context(), objects.KeyOf(thread), stored); err != nil {
		m.w.t.Fatal(err)
	}
	stored.Status = status
	if err := m.w.live.Status().Update(m.w.t.Context(), stored); err != nil {
		m.w.t.Fatal(err)
	}
	m.w.record(stored)
}

// isSafe reports whether the operator can find a thread again without a status.
func (m *modelRun) isSafe(stored *chatv1alpha1.ChatThread) bool {
	remote, live := m.live(stored.Status.ThreadID)
	return live && remote.Metadata[chatv1alpha1.StampUID] == string(stored.UID) && remote.Metadata[chatv1alpha1.StampOwner] == testNamespace+"/"+stored.Name &&
		hasMember(remote, stored.Status.ServiceUser) && time.Since(remote.CreatedOn) > 15*time.Second
}

// wipeThread empties the status except for the allocated values.
func (m *modelRun) wipeThread(a modelAction) {
	stored := m.storedThread(a.name)
	if stored == nil {
		return
	}
	stored = stored.DeepCopy()
	if err := m.w.live.Get(m.w.t.Context(), objects.KeyOf(stored), stored); err != nil {
		m.w.t.Fatal(err)
	}
	kept := stored.Status
	stored.Status = chatv1alpha1.ChatThreadStatus{ObservedGeneration: -1, ThreadID: kept.ThreadID, Incarnation: kept.Incarnation,
		CreatedOn: kept.CreatedOn, ServiceUser: kept.ServiceUser, UID: kept.UID}
	if err := m.w.live.Status().Update(m.w.t.Context(), stored); err != nil {
		m.w.t.Fatal(err)
	}
	m.w.record(stored)
}

func (m *modelRun) createParticipant(a modelAction) {
	members := m.w.declared(a.members)
	if len(members) == 0 {
		return
	}
	p := participantNamed(a.name, string(members[0].UserID))
	p.Spec.ThreadRef.Name = a.thread
	setShare(&p.Spec, members[0])
	declared := &modelParticipant{spec: *p.Spec.DeepCopy()}
	m.participants[a.name] = declared
	if m.threads[a.thread] != nil {
		m.noteDeclared(a.thread)
	}
	m.w.create(p)
	declared.uid, declared.created = p.UID, p.CreationTimestamp.Truncate(time.Second)
}

func setShare(spec *chatv1alpha1.ChatParticipantSpec, member chatv1alpha1.Member) {
	spec.DisplayName, spec.ShareHistory, spec.ShareHistoryTime = member.DisplayName, member.ShareHistory, member.ShareHistoryTime
	if spec.ShareHistory == "" {
		spec.ShareHistory = chatv1alpha1.ShareHistoryAll
	}
}

func (m *modelRun) editParticipant(a modelAction) {
	declared, members := m.participants[a.name], m.w.declared(a.members)
	if declared == nil || declared.deleting || len(members) == 0 {
		return
	}
	setShare(&declared.spec, members[0])
	edit(m.w, participantNamed(a.name, ""), func(p *chatv1alpha1.ChatParticipant) { setShare(&p.Spec, members[0]) })
}

func (m *modelRun) deleteParticipant(a modelAction) {
	declared := m.participants[a.name]
	if declared == nil || declared.deleting {
		return
	}
	declared.deleting = true
	m.w.remove(participantNamed(a.name, ""))
}

func (m *modelRun) changeConnection(a modelAction) {
	switch a.variant {
	case "another":
		if m.connection("second") == nil {
			m.w.create(operatortest.Connection(testNamespace, "second"))
		}
	case "rotate the key":
		if m.rotated == nil {
			m.rotated = m.w.rotate()
		} else {
			m.rotated()
			m.rotated = nil
		}
	default:
		edit(m.w, operatortest.Connection(testNamespace, "default"), func(c *chatv1alpha1.ChatConnection) {
			if a.variant == "display name" {
				c.Spec.ServiceUsers.DisplayName = fmt.Sprint("service ", a.n)
				return
			}
			count := int32(1 + a.n%3)
			c.Spec.ServiceUsers.Count = &count
		})
	}
}
