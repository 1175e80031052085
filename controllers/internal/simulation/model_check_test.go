// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/operatortest"
)

// settle repairs all failures, lets time go by, and compares the world with the model. After that
// nothing may be written.
func (m *modelRun) settle() {
	m.repair()
	m.w.run(convergeTimeModel)
	if requested := m.requestUsers(); m.requestRecreation() || requested {
		m.w.run(requestedTime)
	}
	m.check()
	if m.w.t.Failed() {
		return
	}
	before, events, lastWrite := m.w.emulator.Threads(), m.events(), m.w.lastWrite
	m.w.run(restPeriodModel)
	if after := m.events(); after != events {
		m.fail("the API server was written to %d times after the world had come to rest: %s", after-events, m.lastEvents(after-events))
	}
	if diff := cmp.Diff(before, m.w.emulator.Threads()); diff != "" {
		m.fail("the service was changed after the world had come to rest (-before +after):\n%s", diff)
	}
	// A user that the service refused is requested again at each resync.
	if m.w.lastWrite.After(lastWrite) && !m.anyRefused() {
		m.fail("the service was written to after the world had come to rest")
	}
}

// requestRecreation requests a reconcile of the lost threads that the operator does not create
// again by itself, as a person must: many were lost, or another resource had taken the thread.
func (m *modelRun) requestRecreation() bool {
	requested := false
	for _, name := range sortedKeys(m.threads) {
		stored := m.storedThread(name)
		_, reason := objects.ReadyReason(stored)
		isHeld := reason == chatv1alpha1.ReasonThreadGone && m.losses > maxRecreationsOfModel || reason == chatv1alpha1.ReasonOwnedByAnother
		if isHeld && m.classify(name).reason == "(not created again)" {
			m.requestReconcile(name)
			requested = true
		}
	}
	return requested
}

// requestUsers requests a reconcile of the connections that lost the answers to the creation of a
// service user, as their message advises: the operator itself may wait an hour.
func (m *modelRun) requestUsers() bool {
	requested := false
	for _, obj := range m.w.stored(kindConnection) {
		ready := apimeta.FindStatusCondition(obj.GetConditions(), chatv1alpha1.ConditionReady)
		if ready == nil || ready.Reason != chatv1alpha1.ReasonServiceUnavailable || !strings.Contains(ready.Message, chatv1alpha1.AnnotationReconcileRequestedAt) {
			continue
		}
		m.requests++
		edit(m.w, operatortest.Connection(testNamespace, obj.GetName()), func(c *chatv1alpha1.ChatConnection) {
			metav1.SetMetaDataAnnotation(&c.ObjectMeta, chatv1alpha1.AnnotationReconcileRequestedAt, fmt.Sprint(m.requests))
		})
		requested = true
	}
	return requested
}

// maxRecreationsOfModel is the number of threads of a connection that are created again within ten
// minutes.
const maxRecreationsOfModel = 3

func (m *modelRun) fail(format string, args ...any) {
	m.w.t.Errorf("after chapter %d: "+format, append([]any{m.chapter}, args...)...)
}

func (m *modelRun) events() int {
	count := 0
	for _, kind := range reconciledKinds {
		count += len(m.w.logs[kind])
	}
	return count
}

func (m *modelRun) lastEvents(count int) string {
	var b strings.Builder
	for _, kind := range reconciledKinds {
		log := m.w.logs[kind]
		for _, e := range log[max(len(log)-min(count, 4), 0):] {
			if obj, ok := e.now.(objects.Conditioned); ok {
				fmt.Fprintf(&b, "\n%s %s", e.at.Format("15:04:05.000"), m.w.describe(obj))
			}
		}
	}
	return b.String()
}

func (m *modelRun) anyRefused() bool {
	for _, name := range sortedKeys(m.threads) {
		members, _ := m.memberList(name)
		if slices.ContainsFunc(members, func(d declaredMember) bool { return !d.joins() }) {
			return true
		}
	}
	return false
}

// check compares the world with the model.
func (m *modelRun) check() {
	owned := map[string]string{}
	for _, name := range sortedKeys(m.threads) {
		m.checkThread(name, owned)
	}
	m.checkParticipants()
	m.checkOrphans(owned)
	for _, obj := range m.w.stored(kindConnection) {
		if _, reason := objects.ReadyReason(obj); reason != chatv1alpha1.ReasonSucceeded || operatortest.ObservedGeneration(obj) != obj.GetGeneration() {
			m.fail("ChatConnection %s is not ready: %s", obj.GetName(), m.w.describe(obj))
		}
	}
	for _, kind := range reconciledKinds {
		for _, obj := range m.w.stored(kind) {
			if obj.GetDeletionTimestamp() == nil && m.threads[obj.GetName()] == nil && kind == kindThread {
				m.fail("ChatThread %s is unknown to the model", obj.GetName())
			}
		}
	}
	if m.w.t.Failed() {
		m.logWorld()
	}
}

// logWorld logs the world after a failure.
func (m *modelRun) logWorld() {
	for _, kind := range reconciledKinds {
		for _, obj := range m.w.stored(kind) {
			m.w.t.Logf("%s", m.w.describe(obj))
		}
	}
	service := map[string]bool{}
	for _, id := range m.w.serviceUsers() {
		service[id] = true
	}
	for _, thread := range m.w.threads() {
		m.w.t.Logf("%s by %s: %s", thread.ID, thread.CreatedBy, operatortest.DescribeThread(thread, service))
	}
	m.w.t.Logf("struck: %s", strings.Join(m.w.struck, "; "))
}

// checkThread compares a ChatThread and its thread at the service.
func (m *modelRun) checkThread(name string, owned map[string]string) {
	declared, stored := m.threads[name], m.storedThread(name)
	if stored == nil {
		m.fail("ChatThread %s is gone although no user deleted it", name)
		return
	}
	ready := apimeta.FindStatusCondition(stored.Status.Conditions, chatv1alpha1.ConditionReady)
	if ready == nil {
		m.fail("ChatThread %s has no condition", name)
		return
	}
	if declared.deleting {
		isHeld := ready.Reason == chatv1alpha1.ReasonDeleting && m.isAdoptionPending(name, stored)
		if v := m.classify(name); !isHeld && (v.reason != chatv1alpha1.ReasonAccessLost || ready.Reason != v.reason) {
			m.fail("ChatThread %s is still being deleted (%s), the model has %s", name, ready.Reason, v.reason)
		}
		m.own(name, stored, owned)
		return
	}
	if diff := cmp.Diff(declared.spec, stored.Spec); diff != "" {
		m.fail("the spec of ChatThread %s changed (-declared +stored):\n%s", name, diff)
	}
	v, ok := m.checkCondition(name, stored, ready)
	if !ok {
		return
	}
	m.own(name, stored, owned)
	if v.remote != nil {
		m.checkCounts(name, stored, v)
		m.checkRemote(name, declared, v)
	}
}

// checkCondition compares the condition of a ChatThread, and returns the verdict of the model.
func (m *modelRun) checkCondition(name string, stored *chatv1alpha1.ChatThread, ready *metav1.Condition) (modelVerdict, bool) {
	v, plan := m.expect(name, ready.Reason)
	if ready.Reason != v.reason || (ready.Status == metav1.ConditionTrue) != (v.reason == chatv1alpha1.ReasonSucceeded) {
		m.fail("ChatThread %s is %s %s (%s), the model has %s %s", name, ready.Status, ready.Reason, ready.Message, v.reason, plan)
		return v, false
	}
	if plan != "" && ready.Message != plan {
		m.fail("the plan for ChatThread %s is %q, the model has %q", name, ready.Message, plan)
	}
	waits := v.reason == chatv1alpha1.ReasonConnectionNotFound
	if ready.ObservedGeneration != stored.Generation || !waits && stored.Status.ObservedGeneration != stored.Generation {
		m.fail("ChatThread %s has observedGeneration %d in its condition and %d in its status, want %d", name, ready.ObservedGeneration, stored.Status.ObservedGeneration, stored.Generation)
	}
	return v, true
}

// expect returns the verdict on a ChatThread, and its plan if it is only observed. If the model is
// not sure, it accepts the condition.
func (m *modelRun) expect(name, said string) (v modelVerdict, plan string) {
	v = m.classify(name)
	if !modelObserves(m.specOf(name)) || v.reason != "" && v.reason != chatv1alpha1.ReasonDrifted {
		return v, ""
	}
	plan, sure := m.plan(name, v)
	v.reason = chatv1alpha1.ReasonDrifted
	if plan == "" {
		v.reason = chatv1alpha1.ReasonSucceeded
	}
	if sure {
		return v, plan
	}
	if said == chatv1alpha1.ReasonSucceeded || said == chatv1alpha1.ReasonDrifted {
		v.reason = said
	}
	return v, ""
}

// mayReturn reports whether the operator creates a thread again that people deleted at the service.
func mayReturn(spec chatv1alpha1.ChatThreadSpec) bool {
	return modelRecreates(spec) && !modelObserves(spec)
}

// own records the thread that a resource has.
func (m *modelRun) own(name string, stored *chatv1alpha1.ChatThread, owned map[string]string) {
	declared := m.threads[name]
	if stored.Status.Incarnation > declared.incarnation && !declared.mayReturn {
		m.fail("the thread of ChatThread %s was created again although its recreationPolicy forbids it", name)
	}
	declared.incarnation, declared.mayReturn = stored.Status.Incarnation, mayReturn(declared.spec)
	id := stored.Status.ThreadID
	remote, live := m.live(id)
	uid, isOwner := remote.Metadata[chatv1alpha1.StampUID], remote.Metadata[chatv1alpha1.StampOwner] == testNamespace+"/"+name
	if !live || uid != "" && uid != string(stored.UID) && !isOwner {
		return
	}
	if found := m.remote(id); found.orphanReason == "left behind" || found.orphanReason != "" && uid == string(stored.UID) {
		found.orphanReason = ""
	}
	owned[id] = name
}

func (m *modelRun) checkCounts(name string, stored *chatv1alpha1.ChatThread, v modelVerdict) {
	want := chatv1alpha1.ParticipantCounts{Desired: int32(len(v.members))} //nolint:gosec // few
	for _, d := range v.members {
		switch {
		case m.isRejected(v, d):
			want.Rejected++
		case hasMember(*v.remote, d.key):
			want.Joined++
		}
	}
	if got := stored.Status.Participants; got == nil || *got != want || stored.Status.Joined != fmt.Sprintf("%d/%d", want.Joined, want.Desired) {
		m.fail("ChatThread %s counts %+v (%s), the model has %+v", name, got, stored.Status.Joined, want)
	}
}

// checkRemote compares the thread of a resource with its declaration.
func (m *modelRun) checkRemote(name string, declared *modelThread, v modelVerdict) {
	remote, found := *v.remote, m.remote(v.remote.ID)
	if modelObserves(m.specOf(name)) {
		if diff := cmp.Diff(found.seen, &remote); found.seen != nil && diff != "" {
			m.fail("the thread of ChatThread %s was written to although it is only observed (-before +after):\n%s", name, diff)
		}
		if found.seen = nil; m.isOnlyObserved(remote.ID) {
			found.seen = &remote
		}
		return
	}
	m.checkProperties(name, declared, remote, found)
	m.checkMembers(name, v, found)
}

// checkProperties compares stamp, topic, metadata and retention.
func (m *modelRun) checkProperties(name string, declared *modelThread, remote emulator.Thread, found *modelRemote) {
	if got, want := remote.Metadata[chatv1alpha1.StampUID]+" "+remote.Metadata[chatv1alpha1.StampOwner]+" "+remote.Metadata[chatv1alpha1.StampReleasedBy],
		string(declared.uid)+" "+testNamespace+"/"+name+" "; got != want {
		m.fail("the thread of ChatThread %s carries the stamp %q, want %q", name, got, want)
	}
	if remote.Topic != declared.spec.Topic {
		m.fail("the topic of ChatThread %s is %q, want %q", name, remote.Topic, declared.spec.Topic)
	}
	if keys := m.metadataDiff(m.specOf(name), remote); len(keys) > 0 {
		m.fail("the metadata of ChatThread %s is %v, want %v", name, remote.Metadata, declared.spec.Metadata)
	}
	for key, value := range found.kept {
		if m.specOf(name).ThreadID != "" && remote.Metadata[key] != value {
			m.fail("people's metadata in the adopted thread of ChatThread %s is %v, want %v", name, remote.Metadata, found.kept)
		}
	}
	days, enforced := wantedDays(m.specOf(name))
	if !enforced && found.retention >= 0 {
		days, enforced = found.retention, true
	}
	if enforced && remote.RetentionDays != days {
		m.fail("the retention of ChatThread %s is %d days, want %d", name, remote.RetentionDays, days)
	}
}

// checkMembers compares the members of a thread.
func (m *modelRun) checkMembers(name string, v modelVerdict, found *modelRemote) {
	m.checkDeclaredMembers(name, v, found)
	actors := m.actorsOf(v)
	for _, r := range v.remote.Members {
		if m.isDeclared(v, r) || slices.Contains(actors, r.ID) || m.isUndeclaredKept(name, r, found) || m.isFormerActor(v, r) {
			continue
		}
		m.fail("%s is in the thread of ChatThread %s although no resource declares it", r.ID, name)
	}
	for key, certain := range found.guests {
		if certain && m.mayStay(v.remote.ID, key) && !hasMember(*v.remote, key) {
			m.fail("%s was removed from the thread of ChatThread %s, which is Additive", key, name)
		}
		// From now on the members are known.
		if found.guests[key] = m.mayStay(v.remote.ID, key); !hasMember(*v.remote, key) {
			delete(found.guests, key)
		}
	}
}

// checkDeclaredMembers compares the declared members.
func (m *modelRun) checkDeclaredMembers(name string, v modelVerdict, found *modelRemote) {
	actors := m.actorsOf(v)
	for _, d := range v.members {
		at := slices.IndexFunc(v.remote.Members, func(r emulator.Member) bool { return strings.EqualFold(r.ID, d.key) })
		isActor := slices.ContainsFunc(actors, func(actor string) bool { return strings.EqualFold(actor, d.key) })
		if m.isIn(v, d) != (at >= 0) {
			m.fail("%s is declared by ChatThread %s: in the thread %t, want %t", d.UserID, name, at >= 0, m.isIn(v, d))
		} else if at >= 0 && !isActor && !m.isAsDeclared(v, d, v.remote.Members[at]) && found.added[d.key] < 2 {
			m.fail("%+v is declared by ChatThread %s, and is in the thread as %+v", d, name, v.remote.Members[at])
		}
	}
}
