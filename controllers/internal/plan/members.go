// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// declaredMember is one user that should be in a thread.
type Member struct {
	chatv1alpha1.Member
	// participant declares the member, its uid being empty for an inline one.
	Participant types.UID
	// generation of the resource that declares it.
	Generation int64
}

func (m Member) Key() string    { return acs.UserKey(string(m.UserID)) }
func (m Member) IsInline() bool { return m.Participant == "" }

// stamp identifies what is declared of the member, apart from who it is.
func (m Member) Stamp() string {
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
func (m Member) ParticipantFor(owner string, now time.Time, observed *time.Time) acs.Participant {
	return acs.Participant{
		ID:               acs.ParseRawID(string(m.UserID)),
		DisplayName:      m.DisplayName,
		ShareHistoryTime: m.historyStart(now, observed),
		Metadata:         map[string]string{chatv1alpha1.StampMember: sentStamp(owner, m.Stamp())},
	}
}

func (m Member) historyStart(now time.Time, observed *time.Time) *time.Time {
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
	ID           string
	DisplayName  string
	HistorySince *time.Time
	// stamp is that of a member that this resource added, rawStamp whatever the member carries.
	Stamp, RawStamp string
}

func (m ObservedMember) Key() string { return acs.UserKey(m.ID) }

// observeMembers turns what ACS listed into the form in which it is compared. always says that the thread was
// never another resource's.
func observeMembers(participants []acs.Participant, owner string, always bool) []ObservedMember {
	members := make([]ObservedMember, 0, len(participants))
	for _, p := range participants {
		members = append(members, ObservedMember{
			ID:           p.ID.RawID(),
			DisplayName:  p.DisplayName,
			HistorySince: p.ShareHistoryTime,
			Stamp:        OwnStamp(p.Metadata[chatv1alpha1.StampMember], owner, always),
			RawStamp:     p.Metadata[chatv1alpha1.StampMember],
		})
	}
	return members
}

// declareMembers merges inline members with ChatParticipants, in the order in which they take the
// places of a thread: inline ones in the order of the spec, then the oldest resource. The second
// result holds the members whose user is declared before them.
func declareMembers(thread *chatv1alpha1.ChatThread, participants []chatv1alpha1.ChatParticipant) (declared, duplicates []Member) {
	var all []Member
	for _, m := range thread.Spec.Participants {
		all = append(all, Member{Member: m, Generation: thread.Generation})
	}
	sorted := slices.Clone(participants)
	slices.SortFunc(sorted, func(a, b chatv1alpha1.ChatParticipant) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.UID, b.UID))
	})
	for _, p := range sorted {
		all = append(all, Member{Member: p.Spec.Member(), Participant: p.UID, Generation: p.Generation})
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
type membersInput struct {
	declared []Member
	observed []ObservedMember
	// serviceUsers are never in the difference, by key.
	serviceUsers map[string]bool
	// protected users are declared by a ChatParticipant that does not count yet: they are not added, and
	// not removed either. By key.
	protected map[string]bool
	policy    chatv1alpha1.MembershipPolicy
	// skip says that a member is not to be tried now: it was refused and nothing has changed since.
	skip func(Member) bool
	// renew says whether a member without our stamp is to be added again for its display name.
	renew func(Member, ObservedMember) bool
}

// Members are the changes that make the members as declared, and how those stand that need none.
type Members struct {
	// Present is how many members the thread has, the acting service user included.
	Present int
	Joined  []Member
	Add     []Member
	Renew   []Renewal
	Remove  []ObservedMember
	Surplus []Member
	// Absent are declared service users that are not in the thread.
	Absent  []Member
	Skipped []Member
	// Differing are the members that differ from what is declared, also if they were added again for
	// the same reason before. By key.
	Differing map[string]bool
}

// Renewal is a member that is removed and added again.
type Renewal struct {
	Declared Member
	Observed ObservedMember
}

// IsEmpty reports whether nothing is to be changed.
func (p Members) IsEmpty() bool { return len(p.Add)+len(p.Renew)+len(p.Remove) == 0 }

// planMembers compares declared and observed members. It is pure.
func planMembers(in membersInput) Members {
	var p Members
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
		case isMember && differs(m, current):
			p.differ(m, current, in.renew)
		case isMember:
			p.Joined = append(p.Joined, m)
		case in.skip != nil && in.skip(m):
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

// planServiceUsers plans for declared service users and returns the other declared members. The
// operator adds no service user: one that is not in the thread is reported as absent.
func (in membersInput) planServiceUsers(plan *Members, observed map[string]ObservedMember) []Member {
	others := make([]Member, 0, len(in.declared))
	for _, m := range in.declared {
		_, isMember := observed[m.Key()]
		switch {
		case !in.serviceUsers[m.Key()]:
			others = append(others, m)
		case isMember:
			plan.Joined = append(plan.Joined, m)
		default:
			plan.Absent = append(plan.Absent, m)
		}
	}
	return others
}

// planObserved plans for the members that nobody declares. It returns the observed members by key,
// those of them whose place nobody can take, and how many places are left for the others.
func (in membersInput) planObserved(plan *Members) (observed map[string]ObservedMember, seated map[string]bool, places int) {
	declared := make(map[string]bool, len(in.declared))
	for _, m := range in.declared {
		declared[m.Key()] = true
	}
	observed, seated = make(map[string]ObservedMember, len(in.observed)), map[string]bool{}
	serviceUsers := 0
	for _, m := range in.observed {
		if _, again := observed[m.Key()]; again {
			continue
		}
		observed[m.Key()] = m
		switch {
		case in.serviceUsers[m.Key()]:
			serviceUsers++
		case in.protected[m.Key()] || !in.mayRemove(m):
			seated[m.Key()] = true
		case !declared[m.Key()]:
			plan.Remove = append(plan.Remove, m)
		}
	}
	// The service user that acts is a member even if the list is late.
	acting := max(serviceUsers, 1)
	plan.Present = len(observed) - serviceUsers + acting
	return observed, seated, chatv1alpha1.MaxMembers - acting - len(seated)
}

// mayRemove reports whether a member that is not to be in the thread is the operator's to remove.
func (in membersInput) mayRemove(m ObservedMember) bool {
	return in.policy == chatv1alpha1.MembershipExclusive || m.Stamp != ""
}

// differs reports whether only a removal and an addition make a member as declared.
func differs(declared Member, observed ObservedMember) bool {
	if observed.Stamp == declared.Stamp() {
		return false
	}
	// Somebody else added a member without our stamp: only its display name shows a difference.
	return observed.Stamp != "" || declared.DisplayName != "" && declared.DisplayName != observed.DisplayName
}

// differ plans for a member that differs from what is declared.
func (p *Members) differ(declared Member, observed ObservedMember, renew func(Member, ObservedMember) bool) {
	if p.Differing == nil {
		p.Differing = map[string]bool{}
	}
	p.Differing[declared.Key()] = true
	if renew == nil || renew(declared, observed) {
		p.Renew = append(p.Renew, Renewal{Declared: declared, Observed: observed})
		return
	}
	p.Joined = append(p.Joined, declared)
}

// RenewalMark identifies for what a member is added again. The same is not done twice: a service that
// keeps another value than it was sent would be asked for ever.
func RenewalMark(m Member, observed ObservedMember) string {
	if observed.Stamp == "" {
		return "generation " + strconv.FormatInt(m.Generation, 10)
	}
	return m.Stamp() + " for " + observed.Stamp
}

// RemovalsFirst is how many removals must come before the additions, so that the thread never holds
// more members than ACS allows.
func (p Members) RemovalsFirst() int {
	room := chatv1alpha1.MaxMembers - p.Present
	return min(max(len(p.Add)-room, 0), len(p.Remove))
}
