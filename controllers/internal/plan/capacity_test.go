// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// fullRoom describes a thread at the limit.
type fullRoom struct {
	policy chatv1alpha1.MembershipPolicy
	// serviceUsers are in the thread; none is seen there where the list is late.
	serviceUsers int
	// strangers are declared by nobody, and added by somebody else or by the operator.
	strangers, leftovers int
	// protected says that the leftovers are declared, but do not count yet.
	protected bool
	declared  int
	// present are in the thread already: the first of the declared, or the last.
	present     int
	presentLast bool
	// renewed says that those present were added with other words.
	renewed bool
}

// build returns the input and how many declared members have a place.
func (f fullRoom) build() (in membersInput, places int) {
	in = membersInput{policy: f.policy, serviceUsers: map[string]bool{}, protected: map[string]bool{}}
	next := 0
	id := func() string { next++; return memberID(next) }
	for n := range 4 {
		user := id()
		in.serviceUsers[acs.UserKey(user)] = true
		if n < f.serviceUsers {
			in.observed = append(in.observed, ObservedMember{ID: user})
		}
	}
	for range f.strangers {
		in.observed = append(in.observed, ObservedMember{ID: id()})
	}
	for range f.leftovers {
		left := ObservedMember{ID: id(), Stamp: "1:left"}
		in.protected[left.Key()] = f.protected
		in.observed = append(in.observed, left)
	}
	for range f.declared {
		m := declaredAs(0, "")
		m.UserID = chatv1alpha1.UserID(id())
		in.declared = append(in.declared, m)
	}
	present := in.declared[:f.present]
	if f.presentLast {
		present = in.declared[f.declared-f.present:]
	}
	for _, m := range present {
		stamp := m.Stamp()
		if f.renewed {
			stamp = "1:other"
		}
		in.observed = append(in.observed, ObservedMember{ID: string(m.UserID), Stamp: stamp})
	}
	places = chatv1alpha1.MaxMembers - max(f.serviceUsers, 1) - f.others()
	return in, min(max(places, 0), f.declared)
}

// others are the members that nobody declares and that stay all the same.
func (f fullRoom) others() int {
	others := 0
	if f.policy == chatv1alpha1.MembershipAdditive {
		others += f.strangers
	}
	if f.protected {
		others += f.leftovers
	}
	return others
}

// fits says whether a thread can hold its members.
func (f fullRoom) fits() bool {
	return f.present <= f.declared && max(f.serviceUsers, 1)+f.strangers+f.leftovers+f.present <= chatv1alpha1.MaxMembers
}

// fullRooms are all threads of some numbers that can be.
func fullRooms() []fullRoom {
	rooms := []fullRoom{{}}
	vary := func(values []int, set func(*fullRoom, int)) {
		var varied []fullRoom
		for _, room := range rooms {
			for _, value := range values {
				set(&room, value)
				varied = append(varied, room)
			}
		}
		rooms = varied
	}
	vary([]int{0, 1}, func(f *fullRoom, n int) {
		f.policy = []chatv1alpha1.MembershipPolicy{chatv1alpha1.MembershipExclusive, chatv1alpha1.MembershipAdditive}[n]
	})
	vary([]int{1, 4}, func(f *fullRoom, n int) { f.serviceUsers = n })
	vary([]int{0, 3, 245}, func(f *fullRoom, n int) { f.strangers = n })
	vary([]int{0, 2, 249}, func(f *fullRoom, n int) { f.leftovers = n })
	vary([]int{0, 1}, func(f *fullRoom, n int) { f.protected = n == 1 })
	vary([]int{0, 10, 249, 250}, func(f *fullRoom, n int) { f.declared = n })
	vary([]int{0, 2, 249}, func(f *fullRoom, n int) { f.present = n })
	vary([]int{0, 1}, func(f *fullRoom, n int) { f.presentLast = n == 1 })
	vary([]int{0, 1}, func(f *fullRoom, n int) { f.renewed = n == 1 })
	return slices.DeleteFunc(rooms, func(f fullRoom) bool { return !f.fits() })
}

func TestPlanMembersAtCapacity(t *testing.T) {
	t.Parallel()
	rooms := fullRooms()
	if len(rooms) < 200 {
		t.Fatalf("only %d threads", len(rooms))
	}
	for _, f := range rooms {
		in, places := f.build()
		plan := planMembers(in)
		r := newRoom(in.observed)
		if err := r.carryOut(plan); err != nil {
			t.Fatalf("%+v: %v", f, err)
		}
		if r.most > chatv1alpha1.MaxMembers {
			t.Fatalf("%+v: %d members at once", f, r.most)
		}
		// The first members have a place, and the others are reported.
		want := declaredKeys(in.declared)
		if diff := cmp.Diff(want[places:], declaredKeys(plan.Surplus)); diff != "" {
			t.Fatalf("%+v: surplus (-want +got):\n%s", f, diff)
		}
		for n, key := range want {
			if _, isMember := r.members[key]; isMember != (n < places) {
				t.Fatalf("%+v: declared member %d is in the thread: %v", f, n, isMember)
			}
		}
		others := len(r.members) - places - f.serviceUsers
		if wantOthers := f.others(); others != wantOthers {
			t.Fatalf("%+v: %d others in the thread, want %d", f, others, wantOthers)
		}
		in.observed = r.list()
		if again := planMembers(in); !again.IsEmpty() {
			t.Fatalf("%+v: a second plan is not empty: %d added, %d renewed, %d removed", f, len(again.Add), len(again.Renew), len(again.Remove))
		}
	}
}

// No more is removed before anything was added than the additions need: an addition that fails must
// not empty the thread.
func TestRemovalsFirst(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ observed, add, remove, want int }{
		{1, 0, 0, 0},
		{1, 249, 0, 0},
		{240, 10, 5, 0},
		{241, 10, 5, 1},
		{250, 3, 10, 3},
		{250, 10, 10, 10},
		{250, 0, 249, 0},
		{250, 249, 249, 249},
		{250, 10, 3, 3},
		{251, 0, 2, 1},
	} {
		plan := Members{Present: c.observed, Add: make([]Member, c.add), Remove: make([]ObservedMember, c.remove)}
		if got := plan.RemovalsFirst(); got != c.want {
			t.Errorf("%d observed, %d to add, %d to remove: %d first, want %d", c.observed, c.add, c.remove, got, c.want)
		}
	}
}

func TestPlanMembersListIsLate(t *testing.T) {
	t.Parallel()
	in := membersInput{policy: chatv1alpha1.MembershipExclusive, serviceUsers: map[string]bool{"8:acs:operator": true}}
	for n := range chatv1alpha1.MaxMembers {
		in.declared = append(in.declared, declaredAs(n, ""))
	}
	if got := len(planMembers(in).Add); got != chatv1alpha1.MaxMembers-1 {
		t.Errorf("%d are added to a thread that shows no member, want %d: the service user is one", got, chatv1alpha1.MaxMembers-1)
	}
}

// A member that the operator may not remove keeps its place, wherever it stands.
func TestPlanMembersAdditiveKeepsWhoIsThere(t *testing.T) {
	t.Parallel()
	in := membersInput{policy: chatv1alpha1.MembershipAdditive, serviceUsers: map[string]bool{"8:acs:operator": true},
		observed: []ObservedMember{{ID: "8:acs:operator"}}}
	for n := range chatv1alpha1.MaxMembers {
		in.declared = append(in.declared, declaredAs(n, ""))
	}
	last := in.declared[len(in.declared)-1]
	in.observed = append(in.observed, ObservedMember{ID: string(last.UserID)})
	plan := planMembers(in)
	r := newRoom(in.observed)
	if err := r.carryOut(plan); err != nil {
		t.Fatal(err)
	}
	if r.most > chatv1alpha1.MaxMembers {
		t.Errorf("%d members at once", r.most)
	}
	if diff := cmp.Diff([]string{last.Key()}, declaredKeys(plan.Joined)); diff != "" {
		t.Errorf("joined (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{in.declared[chatv1alpha1.MaxMembers-2].Key()}, declaredKeys(plan.Surplus)); diff != "" {
		t.Errorf("surplus (-want +got):\n%s", diff)
	}
}
