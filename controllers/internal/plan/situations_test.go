// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// situation is one user of an exhaustive test.
type situation struct {
	declared, named, observed, stamped, asIs, serviceUser, refused, protected bool

	want category
}

// situations are all the situations of one user, each with the wanted category. They follow the
// rules, not the code that makes the plan.
func situations(policy chatv1alpha1.MembershipPolicy) []situation {
	var all []situation
	for bits := range 1 << 8 {
		is := func(n int) bool { return bits>>n&1 == 1 }
		s := situation{declared: is(0), named: is(1), observed: is(2), stamped: is(3), asIs: is(4), serviceUser: is(5), refused: is(6), protected: is(7)}
		if s.named && !s.declared || (s.stamped || s.asIs) && !s.observed || s.refused && !s.declared {
			continue
		}
		s.want = wantedCategory(s, policy)
		all = append(all, s)
	}
	return all
}

func wantedCategory(s situation, policy chatv1alpha1.MembershipPolicy) category {
	switch {
	case !s.declared:
		return wantedOfUndeclared(s, policy)
	case s.serviceUser && s.observed:
		return isJoined
	case s.serviceUser:
		return isAbsent
	case s.observed:
		return map[bool]category{true: isJoined, false: isRenewed}[s.asIs || !s.stamped && !s.named]
	case s.refused:
		return isSkipped
	default:
		return isAdded
	}
}

func wantedOfUndeclared(s situation, policy chatv1alpha1.MembershipPolicy) category {
	if s.observed && !s.serviceUser && !s.protected && (s.stamped || policy == chatv1alpha1.MembershipExclusive) {
		return isRemoved
	}
	return ""
}

// input returns the input with user n in the nth situation.
func input(policy chatv1alpha1.MembershipPolicy, users []situation) membersInput {
	in := membersInput{policy: policy, serviceUsers: map[string]bool{}, protected: map[string]bool{}}
	refused := map[string]bool{}
	for n, s := range users {
		m := declaredAs(n, "")
		if s.named {
			m.DisplayName = "Ann"
		}
		if s.declared {
			in.declared = append(in.declared, m)
		}
		if s.observed {
			current := ObservedMember{ID: strings.ToUpper(memberID(n)), DisplayName: "Somebody"}
			if s.asIs {
				current.DisplayName = m.DisplayName
			}
			if s.stamped && s.asIs {
				current.Stamp = m.Stamp()
			} else if s.stamped {
				current.Stamp = "1:other"
			}
			in.observed = append(in.observed, current)
		}
		if s.serviceUser {
			in.serviceUsers[m.Key()] = true
		}
		refused[m.Key()], in.protected[m.Key()] = s.refused, s.protected
	}
	in.skip = func(m Member) bool { return refused[m.Key()] }
	return in
}

// wrongWith makes a plan, carries it out, makes another one, and returns the rule that is broken.
func wrongWith(in membersInput, users []situation) string {
	plan := planMembers(in)
	want, remain := map[string][]category{}, map[string]bool{}
	for n, s := range users {
		key := acs.UserKey(memberID(n))
		if s.want != "" {
			want[key] = []category{s.want}
		}
		kept := s.observed && s.want != isRemoved
		if kept || s.want == isAdded {
			remain[key] = true
		}
	}
	if diff := cmp.Diff(want, categories(plan)); diff != "" {
		return "plan (-want +got):\n" + diff
	}
	r := newRoom(in.observed)
	if err := r.carryOut(plan); err != nil {
		return err.Error()
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(remain)), r.keys()); diff != "" {
		return "members afterwards (-want +got):\n" + diff
	}
	in.observed = r.list()
	if again := planMembers(in); !again.IsEmpty() {
		return fmt.Sprintf("a second plan is not empty: %v", categories(again))
	}
	return ""
}

// combinations calls f with each way to fill so many places.
func combinations(from []situation, places int, f func([]situation)) {
	chosen := make([]situation, places)
	var choose func(int)
	choose = func(at int) {
		if at == places {
			f(chosen)
			return
		}
		for _, s := range from {
			chosen[at] = s
			choose(at + 1)
		}
	}
	choose(0)
}

func TestPlanMembersExhaustively(t *testing.T) {
	t.Parallel()
	for _, policy := range []chatv1alpha1.MembershipPolicy{chatv1alpha1.MembershipExclusive, chatv1alpha1.MembershipAdditive} {
		every := situations(policy)
		// For more users: the situations in which name and stamp go together.
		few := slices.DeleteFunc(slices.Clone(every), func(s situation) bool {
			return s.named != s.declared || s.stamped != s.asIs || s.refused || s.protected
		})
		for users, from := range map[int][]situation{1: every, 2: every, 4: few} {
			t.Run(fmt.Sprintf("%s, %d users", policy, users), func(t *testing.T) {
				t.Parallel()
				combinations(from, users, func(chosen []situation) {
					if wrong := wrongWith(input(policy, chosen), chosen); wrong != "" {
						t.Fatalf("users %+v: %s", chosen, wrong)
					}
				})
			})
		}
	}
}

func TestPlanMembersAsksOnlyWhereItMatters(t *testing.T) {
	t.Parallel()
	in := input(chatv1alpha1.MembershipExclusive, []situation{
		{declared: true}, // added, unless it was refused
		{declared: true, named: true, observed: true},                // renewed, unless it was before
		{declared: true, observed: true, asIs: true, stamped: true},  // in sync
		{declared: true, observed: true, serviceUser: true},          // none of its business
		{observed: true, stamped: true},                              // removed
		{declared: true, named: true, observed: true, stamped: true}, // renewed, unless it was before
	})
	var skips, renewals []string
	in.skip = func(m Member) bool { skips = append(skips, m.Key()); return true }
	in.renew = func(m Member, observed ObservedMember) bool {
		if m.Key() != observed.Key() {
			t.Errorf("%s is compared with %s", m.Key(), observed.Key())
		}
		renewals = append(renewals, m.Key())
		return false
	}
	plan := planMembers(in)
	key := func(n int) string { return acs.UserKey(memberID(n)) }
	if diff := cmp.Diff([]string{key(0)}, skips); diff != "" {
		t.Errorf("asked whether they were refused (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{key(1), key(5)}, renewals); diff != "" {
		t.Errorf("asked whether they were renewed (-want +got):\n%s", diff)
	}
	want := map[string][]category{key(0): {isSkipped}, key(1): {isJoined}, key(2): {isJoined}, key(3): {isJoined}, key(4): {isRemoved}, key(5): {isJoined}}
	if diff := cmp.Diff(want, categories(plan)); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}

// Pages of a list that changes meanwhile can name a member twice.
func TestPlanMembersListedTwice(t *testing.T) {
	t.Parallel()
	in := input(chatv1alpha1.MembershipExclusive, []situation{{observed: true}, {observed: true, serviceUser: true}})
	in.observed = append(in.observed, in.observed...)
	if got := len(planMembers(in).Remove); got != 1 {
		t.Errorf("%d are removed, want 1", got)
	}
}
