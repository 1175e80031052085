// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// Member is one user that should be in a thread.
type Member struct {
	chatv1alpha1.Member
	// Participant is the ChatParticipant that declares the member; empty for an inline member.
	Participant types.UID
	// Generation is that of the resource that declares the member.
	Generation int64
}

// Key returns the user key of the member.
func (m Member) Key() string { return acs.UserKey(string(m.UserID)) }

// IsInline reports whether the ChatThread itself declares the member.
func (m Member) IsInline() bool { return m.Participant == "" }

// Stamp identifies the declaration of the member without its user id.
func (m Member) Stamp() string {
	history := cmp.Or(m.ShareHistory, chatv1alpha1.ShareHistoryAll)
	since := ""
	if m.ShareHistoryTime != nil {
		since = m.ShareHistoryTime.UTC().Format(time.RFC3339)
	}
	// Each reconcile needs the stamps of all members, so this makes no string but the result.
	text := strconv.AppendQuote(make([]byte, 0, 256), m.DisplayName)
	text = strconv.AppendQuote(append(text, ' '), string(history))
	text = strconv.AppendQuote(append(text, ' '), since)
	sum := sha256.Sum256(text)
	return string(hex.AppendEncode(append(make([]byte, 0, 18), "1:"...), sum[:8]))
}

// sentStamp returns the stamp that a member carries at ACS. It contains a hash of the ChatThread
// that added the member. So another ChatThread that adopts the thread does not mistake the member
// for its own.
func sentStamp(owner, stamp string) string {
	_, declared, _ := strings.Cut(stamp, ":")
	return ownedPrefix(owner) + declared
}

func ownedPrefix(owner string) string {
	sum := sha256.Sum256([]byte(owner))
	return "2:" + hex.EncodeToString(sum[:8]) + ":"
}

// OwnStamp returns the stamp of a member that the owner added, in the form of declared members. It
// is empty for a member that others added. Earlier versions wrote a form without an owner. It
// counts if the thread always belonged to this ChatThread (always).
func OwnStamp(raw, owner string, always bool) string {
	if declared, ok := strings.CutPrefix(raw, ownedPrefix(owner)); ok {
		return "1:" + declared
	}
	if always && strings.HasPrefix(raw, "1:") {
		return raw
	}
	return ""
}

// ParticipantFor returns the member as it is sent to ACS for the owner. If the member is added
// again, observed is the start of the history that it could read.
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
		// The schema requires the time; an object of an older schema may lack it.
		if m.ShareHistoryTime == nil {
			return nil
		}
		start = m.ShareHistoryTime.Time
	case chatv1alpha1.ShareHistorySinceJoin:
		start = now
		// ACS shows the whole history as the epoch: such a member has no moment of joining to keep.
		if observed != nil && observed.Unix() > 0 {
			start = *observed
		}
	default:
		return nil
	}
	start = start.UTC().Truncate(time.Second)
	return &start
}

// ObservedMember is one user that ACS holds in a thread.
type ObservedMember struct {
	ID           string
	DisplayName  string
	HistorySince *time.Time
	// Stamp is that of a member that this ChatThread added. RawStamp is the stamp at ACS, from any
	// source.
	Stamp, RawStamp string
}

// Key returns the user key of the member.
func (m ObservedMember) Key() string { return acs.UserKey(m.ID) }

// observeMembers converts the members that ACS listed for the comparison. always is set if the
// thread never belonged to another ChatThread.
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

// declareMembers merges inline members with ChatParticipants. The order decides on the places in
// the thread: inline members in the order of the spec, then ChatParticipants by age, the oldest
// first. The second result holds the members whose user is declared before them.
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

// membersInput holds everything that the difference of declared and observed members depends on.
type membersInput struct {
	declared []Member
	observed []ObservedMember
	// serviceUsers are never in the difference. By user key.
	serviceUsers map[string]bool
	// protected users are declared by a ChatParticipant that does not count yet: they are neither
	// added nor removed. By user key.
	protected map[string]bool
	policy    chatv1alpha1.MembershipPolicy
	// skip reports whether a member is not to be tried now: it was refused, and nothing has changed
	// since.
	skip func(Member) bool
	// renew reports whether a member that differs is to be removed and added again.
	renew func(Member, ObservedMember) bool
}

// Members holds the changes that make the members as declared, and the members that need no change.
type Members struct {
	// Present is the number of members in the thread, including the acting service user.
	Present int
	Joined  []Member
	Add     []Member
	Renew   []Renewal
	Remove  []ObservedMember
	Surplus []Member
	// Absent are declared service users that are not in the thread.
	Absent  []Member
	Skipped []Member
	// Differing are the members that differ from their declaration, including those that were added
	// again for the same reason before. By user key.
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
// operator adds no service user: a service user that is not in the thread is reported as absent.
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
// those of them that keep their place, and the number of places that are left for the others.
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
	// The acting service user is a member even if the list does not show it yet.
	acting := max(serviceUsers, 1)
	plan.Present = len(observed) - serviceUsers + acting
	return observed, seated, chatv1alpha1.MaxMembers - acting - len(seated)
}

// mayRemove reports whether the operator may remove a member that is not to be in the thread.
func (in membersInput) mayRemove(m ObservedMember) bool {
	return in.policy == chatv1alpha1.MembershipExclusive || m.Stamp != ""
}

// differs reports whether a member must be removed and added again to be as declared.
func differs(declared Member, observed ObservedMember) bool {
	if observed.Stamp == declared.Stamp() {
		return false
	}
	// Somebody else added a member without our stamp: only its display name shows a difference.
	return observed.Stamp != "" || declared.DisplayName != "" && declared.DisplayName != observed.DisplayName
}

// differ plans for a member that differs from its declaration.
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

// RenewalMark identifies the reason to add a member again. The same renewal is not repeated: if a
// service stores another value than the one it was sent, it would be repeated forever.
func RenewalMark(m Member, observed ObservedMember) string {
	if observed.Stamp == "" {
		return "generation " + strconv.FormatInt(m.Generation, 10)
	}
	return m.Stamp() + " for " + observed.Stamp
}

// RemovalsFirst returns the number of removals that must come before the additions, so that the
// thread never holds more members than ACS allows.
func (p Members) RemovalsFirst() int {
	room := chatv1alpha1.MaxMembers - p.Present
	return min(max(len(p.Add)-room, 0), len(p.Remove))
}
