// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/plan"
)

// modelVerdict is the expected end of a ChatThread.
type modelVerdict struct {
	name   string
	spec   chatv1alpha1.ChatThreadSpec
	reason string
	// remote is its thread at the service, or nil if the operator cannot read one.
	remote *emulator.Thread
	// members are the declared users, each once. others are further declarations of the same users.
	members []declaredMember
	others  []declaredMember
}

// declaredMember is a user that is declared for a thread.
type declaredMember struct {
	chatv1alpha1.Member
	// participant is the ChatParticipant that declares the user; empty for an inline one.
	participant string
	key         string
}

// joins reports whether the service accepts the user.
func (d declaredMember) joins() bool {
	return strings.HasPrefix(d.key, "8:acs:"+emulator.DefaultResourceID+"_")
}

// memberList returns the declared users: inline ones first, then ChatParticipants by age.
func (m *modelRun) memberList(name string) (members, others []declaredMember) {
	var all []declaredMember
	for _, member := range m.threads[name].spec.Participants {
		all = append(all, declaredMember{Member: member, key: strings.ToLower(string(member.UserID))})
	}
	names := slices.DeleteFunc(sortedKeys(m.participants), func(p string) bool {
		return m.participants[p].deleting || m.participants[p].spec.ThreadRef.Name != name
	})
	slices.SortStableFunc(names, func(a, b string) int {
		one, other := m.participants[a], m.participants[b]
		return cmp.Or(one.created.Compare(other.created), cmp.Compare(one.uid, other.uid))
	})
	for _, p := range names {
		spec := m.participants[p].spec
		all = append(all, declaredMember{Member: spec.Member(), participant: p, key: strings.ToLower(string(spec.UserID))})
	}
	for _, d := range all {
		if slices.ContainsFunc(members, func(before declaredMember) bool { return before.key == d.key }) {
			others = append(others, d)
			continue
		}
		members = append(members, d)
	}
	return members, others
}

// classify returns the expected end of a ChatThread. From the status it takes only the id of the
// thread, which may be any one that no other resource has.
func (m *modelRun) classify(name string) modelVerdict {
	declared, stored := m.threads[name], m.storedThread(name)
	v := modelVerdict{name: name, spec: m.specOf(name)}
	v.members, v.others = m.memberList(name)
	id := cmp.Or(stored.Status.ThreadID, v.spec.ThreadID)
	remote, live := m.live(id)
	observes, recreates := modelObserves(declared.spec), m.recreates(v.spec, stored)
	switch {
	case m.connection(connectionName(declared.spec)) == nil:
		v.reason = chatv1alpha1.ReasonConnectionNotFound
	case id == "":
		v.reason = m.classifyWithoutThread(name, stored, observes)
	case !live && observes && recreates && !m.isHidden(declared, stored, remote):
		v.reason = chatv1alpha1.ReasonDrifted
	case m.isAccessLost(declared, stored, remote):
		v.reason = chatv1alpha1.ReasonAccessLost
	case !live:
		v.reason = map[bool]string{true: "(not created again)", false: chatv1alpha1.ReasonThreadGone}[recreates]
	case m.isOwnedByAnother(stored, remote, observes):
		v.reason = chatv1alpha1.ReasonOwnedByAnother
	default:
		v.remote = &remote
		v.reason = m.classifyMembers(v, observes)
	}
	return v
}

// recreates reports whether the operator creates a thread in place of one that is gone. It does not
// if the thread was never adopted.
func (m *modelRun) recreates(spec chatv1alpha1.ChatThreadSpec, stored *chatv1alpha1.ChatThread) bool {
	return modelRecreates(spec) && (spec.ThreadID == "" || stored.Status.ThreadID != "")
}

// classifyWithoutThread returns the expected reason of a ChatThread that has no thread.
func (m *modelRun) classifyWithoutThread(name string, stored *chatv1alpha1.ChatThread, observes bool) string {
	switch {
	case m.remembers(name, stored):
		return chatv1alpha1.ReasonAccessLost
	case observes:
		return chatv1alpha1.ReasonDrifted
	default:
		return "(no thread)"
	}
}

// remembers reports whether an earlier resource left a thread behind that no service user may see.
// As long as the process remembers it, it creates none.
func (m *modelRun) remembers(name string, stored *chatv1alpha1.ChatThread) bool {
	_, reason := objects.ReadyReason(stored)
	return reason == chatv1alpha1.ReasonAccessLost && slices.ContainsFunc(m.w.threads(), func(thread emulator.Thread) bool {
		return m.remote(thread.ID).orphanReason != "" && thread.Metadata[chatv1alpha1.StampOwner] == testNamespace+"/"+name && !hasMember(thread, thread.CreatedBy)
	})
}

// isHidden reports whether a deleted thread looks like one that no service user may see.
func (m *modelRun) isHidden(declared *modelThread, stored *chatv1alpha1.ChatThread, remote emulator.Thread) bool {
	actors := m.actors(declared.spec)
	if actor := stored.Status.ServiceUser; actor != "" {
		actors = []string{actor}
	}
	return m.marksDeleted() && remote.ID != "" && !slices.ContainsFunc(actors, func(actor string) bool { return hasMember(remote, actor) })
}

func (m *modelRun) marksDeleted() bool { return m.service.MarksDeleted }

// isAccessLost reports whether the service users may not see the thread: the one in use, or all if
// none was chosen yet.
func (m *modelRun) isAccessLost(declared *modelThread, stored *chatv1alpha1.ChatThread, remote emulator.Thread) bool {
	if remote.ID == "" || remote.DeletedOn != nil && !m.marksDeleted() {
		return false
	}
	actors := m.actors(declared.spec)
	if actor := cmp.Or(stored.Annotations[chatv1alpha1.AnnotationServiceUser], stored.Status.ServiceUser); actor != "" {
		actors = []string{actor}
	}
	return !slices.ContainsFunc(actors, func(actor string) bool { return hasMember(remote, actor) })
}

// isOwnedByAnother reports whether a thread carries the stamp of another resource.
func (m *modelRun) isOwnedByAnother(stored *chatv1alpha1.ChatThread, remote emulator.Thread, observes bool) bool {
	owner, uid := remote.Metadata[chatv1alpha1.StampOwner], remote.Metadata[chatv1alpha1.StampUID]
	switch {
	case uid == string(stored.UID), owner == "" && uid == "":
		return false
	default:
		return !observes || owner != testNamespace+"/"+stored.Name
	}
}

// classifyMembers returns the expected reason for the members of a thread that the operator can
// read.
func (m *modelRun) classifyMembers(v modelVerdict, observes bool) string {
	if observes {
		return ""
	}
	for _, d := range v.others {
		if d.participant == "" {
			return chatv1alpha1.ReasonParticipantRejected
		}
	}
	for _, d := range v.members {
		if d.participant == "" && !m.isIn(v, d) {
			return chatv1alpha1.ReasonParticipantRejected
		}
	}
	return chatv1alpha1.ReasonSucceeded
}

// isIn reports whether a declared user should be in the thread. A service user is there only if it
// acts in the thread anyway.
func (m *modelRun) isIn(v modelVerdict, d declaredMember) bool {
	if slices.ContainsFunc(m.actorsOf(v), func(actor string) bool { return strings.EqualFold(actor, d.key) }) {
		return hasMember(*v.remote, d.key)
	}
	return d.joins()
}

// isRejected reports whether a declared user is reported as refused. An operator that only observes
// sends no request.
func (m *modelRun) isRejected(v modelVerdict, d declaredMember) bool {
	isActor := slices.ContainsFunc(m.actorsOf(v), func(actor string) bool { return strings.EqualFold(actor, d.key) })
	return !m.isIn(v, d) && (isActor || !modelObserves(v.spec))
}

// plan returns the message of a thread that is only observed, or "" if there is no drift. sure is
// false if the model does not know.
func (m *modelRun) plan(name string, v modelVerdict) (plan string, sure bool) {
	spec := m.specOf(name)
	if v.remote == nil {
		return "would create the thread with " + strings.Replace(fmt.Sprintf("%d participants", len(v.members)), "1 participants", "1 participant", 1), true
	}
	parts := m.planProperties(spec, *v.remote)
	adds, renews, sure := m.planDeclared(v)
	removes := 0
	for _, r := range v.remote.Members {
		if !m.isDeclared(v, r) && !slices.Contains(m.actorsOf(v), r.ID) && (modelExclusive(spec) || m.isOurs(name, r)) {
			removes++
		}
	}
	for _, part := range []struct {
		verb  string
		count int
	}{{"add", adds}, {"add again", renews}, {"remove", removes}} {
		if part.count > 0 {
			parts = append(parts, fmt.Sprint(part.verb, " ", part.count))
		}
	}
	if len(parts) == 0 {
		return "", sure
	}
	return "would " + strings.Join(parts, ", "), sure
}

// planProperties returns the properties that would be set.
func (m *modelRun) planProperties(spec chatv1alpha1.ChatThreadSpec, remote emulator.Thread) []string {
	var parts []string
	if remote.Topic != spec.Topic {
		parts = append(parts, "set topic")
	}
	if len(m.metadataDiff(spec, remote)) > 0 {
		parts = append(parts, "set metadata")
	}
	if days, enforced := wantedDays(spec); enforced && days != remote.RetentionDays {
		parts = append(parts, "set retention")
	}
	return parts
}

// planDeclared counts the declared users that would be added, and those that would be added again.
func (m *modelRun) planDeclared(v modelVerdict) (adds, renews int, sure bool) {
	actors, found := m.actorsOf(v), m.remote(v.remote.ID)
	sure = true
	for _, d := range v.members {
		at := slices.IndexFunc(v.remote.Members, func(r emulator.Member) bool { return strings.EqualFold(r.ID, d.key) })
		switch {
		case slices.ContainsFunc(actors, func(actor string) bool { return strings.EqualFold(actor, d.key) }):
		case at < 0:
			adds++
		case !m.isAsDeclared(v, d, v.remote.Members[at]):
			renews++
			// Once per generation is enough.
			sure = sure && found.added[d.key] < 2
		default:
			// The service does not show whether a time was declared, or kept for a member that joined again.
			sure = sure && !v.remote.Members[at].ShareHistoryTime.Equal(modelSince)
		}
	}
	return adds, renews, sure
}

// isOurs reports whether a member carries the mark of this ChatThread. A member of a former owner
// of the thread does not.
func (m *modelRun) isOurs(name string, r emulator.Member) bool {
	return plan.OwnStamp(r.Metadata[chatv1alpha1.StampMember], testNamespace+"/"+name, m.specOf(name).ThreadID == "") != ""
}

func (m *modelRun) isDeclared(v modelVerdict, r emulator.Member) bool {
	return slices.ContainsFunc(v.members, func(d declaredMember) bool { return strings.EqualFold(d.key, r.ID) })
}

// isAsDeclared reports whether a member is in the thread as declared. For a member that people
// added only a declared name counts.
func (m *modelRun) isAsDeclared(v modelVerdict, d declaredMember, r emulator.Member) bool {
	if !m.isOurs(v.name, r) {
		return d.DisplayName == "" || d.DisplayName == r.DisplayName
	}
	if d.DisplayName != r.DisplayName {
		return false
	}
	switch d.ShareHistory {
	case chatv1alpha1.ShareHistorySinceTime:
		return r.ShareHistoryTime.Equal(modelSince)
	case chatv1alpha1.ShareHistorySinceJoin:
		// A member that could read from a certain time keeps that time.
		return !r.ShareHistoryTime.Equal(time.Unix(0, 0))
	default:
		return r.ShareHistoryTime.Equal(time.Unix(0, 0))
	}
}

// wantedDays returns the retention that the operator sets. enforced is false if it sets none.
func wantedDays(spec chatv1alpha1.ChatThreadSpec) (days int32, enforced bool) {
	if spec.Retention == nil {
		return 0, spec.ThreadID == ""
	}
	return spec.Retention.DeleteAfterDays, true
}

// metadataDiff returns the keys that differ from the declaration, without those of the operator.
func (m *modelRun) metadataDiff(spec chatv1alpha1.ChatThreadSpec, remote emulator.Thread) []string {
	var keys []string
	for key, value := range spec.Metadata {
		if remote.Metadata[key] != string(value) {
			keys = append(keys, key)
		}
	}
	for key, value := range remote.Metadata {
		if _, declared := spec.Metadata[key]; !declared && value != "" && spec.ThreadID == "" && !strings.HasPrefix(key, chatv1alpha1.StampPrefix) {
			keys = append(keys, key)
		}
	}
	return keys
}

// checkOrphans reports threads at the service that no resource has although one should.
func (m *modelRun) checkOrphans(owned map[string]string) {
	for _, thread := range m.w.threads() {
		if owned[thread.ID] != "" {
			continue
		}
		found, known := m.remotes[thread.ID]
		if !known || found.orphanReason == "" {
			m.fail("no resource has thread %s with metadata %v", thread.ID, thread.Metadata)
			continue
		}
		if name := m.missedOwner(thread, found); name != "" && !m.isReferredTo(thread.ID, name) {
			m.fail("ChatThread %s created a thread although an earlier ChatThread left thread %s behind", name, thread.ID)
		}
	}
}

// isReferredTo reports whether another resource has a thread in its status, which leaves it alone
// for that. One that may only ever have observed it, without a finalizer, does not count, nor does
// one that lost it.
func (m *modelRun) isReferredTo(id, except string) bool {
	return slices.ContainsFunc(m.referring(id), func(name string) bool {
		stored := m.storedThread(name)
		if stored == nil || name == except {
			return false
		}
		_, reason := objects.ReadyReason(stored)
		return objects.HasFinalizer(stored) && reason != chatv1alpha1.ReasonOwnedByAnother
	})
}

// missedOwner returns the resource that should have adopted an orphaned thread: it created another
// thread later.
func (m *modelRun) missedOwner(thread emulator.Thread, found *modelRemote) string {
	_, name, _ := strings.Cut(found.owner, "/")
	declared := m.threads[name]
	if !found.certain || thread.Metadata[chatv1alpha1.StampOwner] != found.owner || declared == nil || declared.deleting || declared.spec.ThreadID != "" ||
		!slices.Contains(m.actors(declared.spec), thread.CreatedBy) {
		return ""
	}
	// ACS says the second in which it created a thread.
	if other, live := m.live(m.storedThread(name).Status.ThreadID); live && other.ID != thread.ID && !other.CreatedOn.Before(found.leftAt.Truncate(time.Second)) {
		return name
	}
	return ""
}

// isUndeclaredKept reports whether an undeclared member may stay: people added it, or a former
// owner of the thread did.
func (m *modelRun) isUndeclaredKept(name string, r emulator.Member, found *modelRemote) bool {
	_, isGuest := found.guests[strings.ToLower(r.ID)]
	return (isGuest || r.Metadata[chatv1alpha1.StampMember] != "") && !modelExclusive(m.specOf(name)) && !m.isOurs(name, r)
}

// isFormerActor reports whether a member created the thread as the service user of another
// connection, before the thread was adopted through this one. It is an ordinary member since then,
// which Additive leaves in the thread.
func (m *modelRun) isFormerActor(v modelVerdict, r emulator.Member) bool {
	return r.ID == v.remote.CreatedBy && !modelExclusive(m.specOf(v.name))
}

// isAdoptionPending reports whether another ChatThread is going to adopt the thread of one whose
// deletion would delete it.
func (m *modelRun) isAdoptionPending(name string, stored *chatv1alpha1.ChatThread) bool {
	return !modelRetains(m.threads[name].spec) && slices.ContainsFunc(sortedKeys(m.threads), func(other string) bool {
		spec := m.threads[other].spec
		return other != name && !m.threads[other].deleting && !modelObserves(spec) && spec.ThreadID != "" && spec.ThreadID == stored.Status.ThreadID &&
			connectionName(spec) == connectionName(m.threads[name].spec)
	})
}
