// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package plan

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
const MemberStampKey = "acsOperatorSpec"

// declaredMember is one user that should be in a thread.
type DeclaredMember struct {
	chatv1alpha1.Member
	// participant declares the member, its uid being empty for an inline one.
	Participant types.UID
	// generation of the resource that declares it.
	Generation int64
}

func (m DeclaredMember) Key() string    { return acs.UserKey(string(m.UserID)) }
func (m DeclaredMember) IsInline() bool { return m.Participant == "" }

// stamp identifies what is declared of the member, apart from who it is.
func (m DeclaredMember) Stamp() string {
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
func OwnStamp(raw, owner string, always bool) string {
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
func (m DeclaredMember) ParticipantFor(owner string, now time.Time, observed *time.Time) acs.Participant {
	return acs.Participant{
		ID:               acs.ParseRawID(string(m.UserID)),
		DisplayName:      m.DisplayName,
		ShareHistoryTime: m.historyStart(now, observed),
		Metadata:         map[string]string{MemberStampKey: sentStamp(owner, m.Stamp())},
	}
}

func (m DeclaredMember) historyStart(now time.Time, observed *time.Time) *time.Time {
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
type ObservedMember struct {
	Id           string
	DisplayName  string
	HistorySince *time.Time
	// stamp is that of a member that this resource added, rawStamp whatever the member carries.
	Stamp, RawStamp string
}

func (m ObservedMember) Key() string { return acs.UserKey(m.Id) }

// observeMembers turns what ACS listed into the form in which it is compared. always says that the thread was
// never another resource's.
func ObserveMembers(participants []acs.Participant, owner string, always bool) []ObservedMember {
	members := make([]ObservedMember, 0, len(participants))
	for _, p := range participants {
		members = append(members, ObservedMember{
			Id:           p.ID.RawID(),
			DisplayName:  p.DisplayName,
			HistorySince: p.ShareHistoryTime,
			Stamp:        OwnStamp(p.Metadata[MemberStampKey], owner, always),
			RawStamp:     p.Metadata[MemberStampKey],
		})
	}
	return members
}

// declareMembers merges inline members with ChatParticipants, in the order in which they take the
// places of a thread: inline ones as they stand, then the oldest resource. The second result holds
// those that name a user who is declared before them.
func DeclareMembers(thread *chatv1alpha1.ChatThread, participants []chatv1alpha1.ChatParticipant) (declared, duplicates []DeclaredMember) {
	var all []DeclaredMember
	for _, m := range thread.Spec.Participants {
		all = append(all, DeclaredMember{Member: m, Generation: thread.Generation})
	}
	sorted := slices.Clone(participants)
	slices.SortFunc(sorted, func(a, b chatv1alpha1.ChatParticipant) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.UID, b.UID))
	})
	for _, p := range sorted {
		all = append(all, DeclaredMember{Member: p.Spec.Member(), Participant: p.UID, Generation: p.Generation})
	}

	seen := make(map[string]bool, len(all))
	for _, m := range all {
		if seen[m.Key()] {
			duplicates = append(duplicates, m)
			continue
		}
		seen[m.Key()] = true
		declared = append(declared, m)
	}
	return declared, duplicates
}

// membersInput is all that the difference of declared and observed members depends on.
type MembersInput struct {
	Declared []DeclaredMember
	Observed []ObservedMember
	// serviceUsers are never in the difference, by key.
	ServiceUsers map[string]bool
	// protected users are declared by a ChatParticipant that does not count yet: they are not added, and
	// not removed either. By key.
	Protected map[string]bool
	Policy    chatv1alpha1.MembershipPolicy
	// skip says that a member is not to be tried now: it was refused and nothing has changed since.
	Skip func(DeclaredMember) bool
	// renew says whether a member without our stamp is to be added again for its display name.
	Renew func(DeclaredMember, ObservedMember) bool
}

// membersPlan is what to do so that the members are as declared.
type MembersPlan struct {
	// present is how many members the thread has, the acting service user included.
	Present int
	Joined  []DeclaredMember
	Add     []DeclaredMember
	Renew   []Renewal
	Remove  []ObservedMember
	Surplus []DeclaredMember
	// absent are declared service users that are not in the thread.
	Absent  []DeclaredMember
	Skipped []DeclaredMember
}

// renewal is a member that is removed and added again.
type Renewal struct {
	Declared DeclaredMember
	Observed ObservedMember
}

func (p MembersPlan) IsEmpty() bool { return len(p.Add)+len(p.Renew)+len(p.Remove) == 0 }

// planMembers compares declared and observed members. It is pure.
func PlanMembers(in MembersInput) MembersPlan {
	var p MembersPlan
	observed, seated, places := in.planObserved(&p)
	for _, m := range in.planServiceUsers(&p, observed) {
		current, isMember := observed[m.Key()]
		switch {
		case places <= 0 && !seated[m.Key()]:
			p.Surplus = append(p.Surplus, m)
			if isMember {
				p.Remove = append(p.Remove, current)
			}
			continue
		case isMember && needsRenewal(m, current, in.Renew):
			p.Renew = append(p.Renew, Renewal{Declared: m, Observed: current})
		case isMember:
			p.Joined = append(p.Joined, m)
		case in.Skip != nil && in.Skip(m):
			p.Skipped = append(p.Skipped, m)
		default:
			p.Add = append(p.Add, m)
		}
		if !seated[m.Key()] {
			places--
		}
	}
	return p
}

// planServiceUsers judges declared service users and returns the other declared members. The operator
// adds no service user: one that is not in the thread is told of as that.
func (in MembersInput) planServiceUsers(plan *MembersPlan, observed map[string]ObservedMember) []DeclaredMember {
	others := make([]DeclaredMember, 0, len(in.Declared))
	for _, m := range in.Declared {
		_, isMember := observed[m.Key()]
		switch {
		case !in.ServiceUsers[m.Key()]:
			others = append(others, m)
		case isMember:
			plan.Joined = append(plan.Joined, m)
		default:
			plan.Absent = append(plan.Absent, m)
		}
	}
	return others
}

// planObserved plans for the members that nobody declares. It returns the observed members by key, those
// of them whose place nobody can take, and how many places are left for the others.
func (in MembersInput) planObserved(plan *MembersPlan) (observed map[string]ObservedMember, seated map[string]bool, places int) {
	declared := make(map[string]bool, len(in.Declared))
	for _, m := range in.Declared {
		declared[m.Key()] = true
	}
	observed, seated = make(map[string]ObservedMember, len(in.Observed)), map[string]bool{}
	serviceUsers := 0
	for _, m := range in.Observed {
		if _, again := observed[m.Key()]; again {
			continue
		}
		observed[m.Key()] = m
		switch {
		case in.ServiceUsers[m.Key()]:
			serviceUsers++
		case in.Protected[m.Key()] || !in.mayRemove(m):
			seated[m.Key()] = true
		case !declared[m.Key()]:
			plan.Remove = append(plan.Remove, m)
		}
	}
	// The service user that acts is a member even where the list is late.
	acting := max(serviceUsers, 1)
	plan.Present = len(observed) - serviceUsers + acting
	return observed, seated, chatv1alpha1.MaxMembers - acting - len(seated)
}

// mayRemove says whether a member that is not to be in the thread is the operator's to remove.
func (in MembersInput) mayRemove(m ObservedMember) bool {
	return in.Policy == chatv1alpha1.MembershipExclusive || m.Stamp != ""
}

// needsRenewal says whether a member must be removed and added again to be as declared.
func needsRenewal(declared DeclaredMember, observed ObservedMember, renew func(DeclaredMember, ObservedMember) bool) bool {
	if observed.Stamp == declared.Stamp() {
		return false
	}
	// Without our stamp somebody else added the member: only a display name can be told to differ.
	if observed.Stamp == "" && (declared.DisplayName == "" || declared.DisplayName == observed.DisplayName) {
		return false
	}
	return renew == nil || renew(declared, observed)
}

// removalsFirst is how many removals must come before the additions, so that the thread never holds
// more members than ACS allows.
func RemovalsFirst(p MembersPlan) int {
	room := chatv1alpha1.MaxMembers - p.Present
	return min(max(len(p.Add)-room, 0), len(p.Remove))
}
