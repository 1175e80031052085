// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// memberStampKey is the metadata of a member that says what was declared when it was added. ACS can
// change neither a display name nor the start of the history, so another stamp means add again.
const memberStampKey = "acsOperatorSpec"

// declaredMember is one user that should be in a thread.
type declaredMember struct {
	chatv1alpha1.Member
	// participant declares the member, its uid being empty for an inline one.
	participant types.UID
	// generation of the resource that declares it.
	generation int64
}

func (m declaredMember) key() string    { return acs.UserKey(string(m.UserID)) }
func (m declaredMember) isInline() bool { return m.participant == "" }

// stamp identifies what is declared of the member, apart from who it is.
func (m declaredMember) stamp() string {
	history := cmp.Or(m.ShareHistory, chatv1alpha1.ShareHistoryAll)
	since := ""
	if m.ShareHistoryTime != nil {
		since = m.ShareHistoryTime.UTC().Format(time.RFC3339)
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q", m.DisplayName, history, since))
	return "1:" + hex.EncodeToString(sum[:8])
}

// sentStamp is the stamp as a member carries it: with a hash of the ChatThread that added the member, so that
// another one that adopts the thread does not take the member for its own.
func sentStamp(owner, stamp string) string {
	_, declared, _ := strings.Cut(stamp, ":")
	return ownedPrefix(owner) + declared
}

func ownedPrefix(owner string) string {
	sum := sha256.Sum256([]byte(owner))
	return "2:" + hex.EncodeToString(sum[:8]) + ":"
}

// ownStamp is the stamp of a member that the owner added, as declared members have it, and empty for one that
// others added. The form without an owner, which earlier versions wrote, counts on a thread that was always
// this resource's.
func ownStamp(raw, owner string, always bool) string {
	if declared, ok := strings.CutPrefix(raw, ownedPrefix(owner)); ok {
		return "1:" + declared
	}
	if always && strings.HasPrefix(raw, "1:") {
		return raw
	}
	return ""
}

// participantFor is the member as it is sent to ACS for the owner. observed is since when the member could read
// so far, where it is being added again.
func (m declaredMember) participantFor(owner string, now time.Time, observed *time.Time) acs.Participant {
	return acs.Participant{
		ID:               acs.ParseRawID(string(m.UserID)),
		DisplayName:      m.DisplayName,
		ShareHistoryTime: m.historyStart(now, observed),
		Metadata:         map[string]string{memberStampKey: sentStamp(owner, m.stamp())},
	}
}

func (m declaredMember) historyStart(now time.Time, observed *time.Time) *time.Time {
	var start time.Time
	switch m.ShareHistory {
	case chatv1alpha1.ShareHistorySinceTime:
		// The schema asks for the time; an object of an older schema may lack it.
		if m.ShareHistoryTime == nil {
			return nil
		}
		start = m.ShareHistoryTime.Time
	case chatv1alpha1.ShareHistorySinceJoin:
		start = now
		// The epoch is how ACS shows the whole history: such a member has no moment of joining to keep.
		if observed != nil && observed.Unix() > 0 {
			start = *observed
		}
	default:
		return nil
	}
	start = start.UTC().Truncate(time.Second)
	return &start
}

// observedMember is one user that ACS holds in a thread.
type observedMember struct {
	id           string
	displayName  string
	historySince *time.Time
	// stamp is that of a member that this resource added, rawStamp whatever the member carries.
	stamp, rawStamp string
}

func (m observedMember) key() string { return acs.UserKey(m.id) }

// observeMembers turns what ACS listed into the form in which it is compared. always says that the thread was
// never another resource's.
func observeMembers(participants []acs.Participant, owner string, always bool) []observedMember {
	members := make([]observedMember, 0, len(participants))
	for _, p := range participants {
		members = append(members, observedMember{
			id:           p.ID.RawID(),
			displayName:  p.DisplayName,
			historySince: p.ShareHistoryTime,
			stamp:        ownStamp(p.Metadata[memberStampKey], owner, always),
			rawStamp:     p.Metadata[memberStampKey],
		})
	}
	return members
}

// declareMembers merges inline members with ChatParticipants, in the order in which they take the
// places of a thread: inline ones as they stand, then the oldest resource. The second result holds
// those that name a user who is declared before them.
func declareMembers(thread *chatv1alpha1.ChatThread, participants []chatv1alpha1.ChatParticipant) (declared, duplicates []declaredMember) {
	var all []declaredMember
	for _, m := range thread.Spec.Participants {
		all = append(all, declaredMember{Member: m, generation: thread.Generation})
	}
	sorted := slices.Clone(participants)
	slices.SortFunc(sorted, func(a, b chatv1alpha1.ChatParticipant) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.UID, b.UID))
	})
	for _, p := range sorted {
		all = append(all, declaredMember{Member: p.Spec.Member(), participant: p.UID, generation: p.Generation})
	}

	seen := make(map[string]bool, len(all))
	for _, m := range all {
		if seen[m.key()] {
			duplicates = append(duplicates, m)
			continue
		}
		seen[m.key()] = true
		declared = append(declared, m)
	}
	return declared, duplicates
}

// membersInput is all that the difference of declared and observed members depends on.
type membersInput struct {
	declared []declaredMember
	observed []observedMember
	// serviceUsers are never in the difference, by key.
	serviceUsers map[string]bool
	// protected users are declared by a ChatParticipant that does not count yet: they are not added, and
	// not removed either. By key.
	protected map[string]bool
	policy    chatv1alpha1.MembershipPolicy
	// skip says that a member is not to be tried now: it was refused and nothing has changed since.
	skip func(declaredMember) bool
	// renew says whether a member without our stamp is to be added again for its display name.
	renew func(declaredMember, observedMember) bool
}

// membersPlan is what to do so that the members are as declared.
type membersPlan struct {
	// present is how many members the thread has, the acting service user included.
	present int
	joined  []declaredMember
	add     []declaredMember
	renew   []renewal
	remove  []observedMember
	surplus []declaredMember
	// absent are declared service users that are not in the thread.
	absent  []declaredMember
	skipped []declaredMember
}

// renewal is a member that is removed and added again.
type renewal struct {
	declared declaredMember
	observed observedMember
}

func (p membersPlan) isEmpty() bool { return len(p.add)+len(p.renew)+len(p.remove) == 0 }

// planMembers compares declared and observed members. It is pure.
func planMembers(in membersInput) membersPlan {
	var plan membersPlan
	observed, seated, places := in.planObserved(&plan)
	for _, m := range in.planServiceUsers(&plan, observed) {
		current, isMember := observed[m.key()]
		switch {
		case places <= 0 && !seated[m.key()]:
			plan.surplus = append(plan.surplus, m)
			if isMember {
				plan.remove = append(plan.remove, current)
			}
			continue
		case isMember && needsRenewal(m, current, in.renew):
			plan.renew = append(plan.renew, renewal{declared: m, observed: current})
		case isMember:
			plan.joined = append(plan.joined, m)
		case in.skip != nil && in.skip(m):
			plan.skipped = append(plan.skipped, m)
		default:
			plan.add = append(plan.add, m)
		}
		if !seated[m.key()] {
			places--
		}
	}
	return plan
}

// planServiceUsers judges declared service users and returns the other declared members. The operator
// adds no service user: one that is not in the thread is told of as that.
func (in membersInput) planServiceUsers(plan *membersPlan, observed map[string]observedMember) []declaredMember {
	others := make([]declaredMember, 0, len(in.declared))
	for _, m := range in.declared {
		_, isMember := observed[m.key()]
		switch {
		case !in.serviceUsers[m.key()]:
			others = append(others, m)
		case isMember:
			plan.joined = append(plan.joined, m)
		default:
			plan.absent = append(plan.absent, m)
		}
	}
	return others
}

// planObserved plans for the members that nobody declares. It returns the observed members by key, those
// of them whose place nobody can take, and how many places are left for the others.
func (in membersInput) planObserved(plan *membersPlan) (observed map[string]observedMember, seated map[string]bool, places int) {
	declared := make(map[string]bool, len(in.declared))
	for _, m := range in.declared {
		declared[m.key()] = true
	}
	observed, seated = make(map[string]observedMember, len(in.observed)), map[string]bool{}
	serviceUsers := 0
	for _, m := range in.observed {
		if _, again := observed[m.key()]; again {
			continue
		}
		observed[m.key()] = m
		switch {
		case in.serviceUsers[m.key()]:
			serviceUsers++
		case in.protected[m.key()] || !in.mayRemove(m):
			seated[m.key()] = true
		case !declared[m.key()]:
			plan.remove = append(plan.remove, m)
		}
	}
	// The service user that acts is a member even where the list is late.
	acting := max(serviceUsers, 1)
	plan.present = len(observed) - serviceUsers + acting
	return observed, seated, chatv1alpha1.MaxMembers - acting - len(seated)
}

// mayRemove says whether a member that is not to be in the thread is the operator's to remove.
func (in membersInput) mayRemove(m observedMember) bool {
	return in.policy == chatv1alpha1.MembershipExclusive || m.stamp != ""
}

// needsRenewal says whether a member must be removed and added again to be as declared.
func needsRenewal(declared declaredMember, observed observedMember, renew func(declaredMember, observedMember) bool) bool {
	if observed.stamp == declared.stamp() {
		return false
	}
	// Without our stamp somebody else added the member: only a display name can be told to differ.
	if observed.stamp == "" && (declared.DisplayName == "" || declared.DisplayName == observed.displayName) {
		return false
	}
	return renew == nil || renew(declared, observed)
}

// removalsFirst is how many removals must come before the additions, so that the thread never holds
// more members than ACS allows.
func removalsFirst(plan membersPlan) int {
	room := chatv1alpha1.MaxMembers - plan.present
	return min(max(len(plan.add)-room, 0), len(plan.remove))
}
