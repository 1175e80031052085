// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"maps"
	"slices"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// memberID is the id of the nth member.
func memberID(n int) string { return fmt.Sprintf("8:acs:Resource_%03d", n) }

func declaredAs(n int, displayName string) Member {
	return Member{Member: chatv1alpha1.Member{UserID: chatv1alpha1.UserID(memberID(n)), DisplayName: displayName}}
}

func declaredKeys(members []Member) []string {
	keys := make([]string, 0, len(members))
	for _, m := range members {
		keys = append(keys, m.Key())
	}
	return keys
}

// category is the part that a user has in a plan.
type category string

const (
	isJoined  category = "joined"
	isAdded   category = "added"
	isRenewed category = "renewed"
	isRemoved category = "removed"
	isSurplus category = "surplus"
	isSkipped category = "skipped"
	isAbsent  category = "absent"
)

// categories returns the parts of each user in a plan, in the order of the plan's fields.
func categories(plan Members) map[string][]category {
	all := map[string][]category{}
	put := func(key string, c category) { all[key] = append(all[key], c) }
	for _, m := range plan.Joined {
		put(m.Key(), isJoined)
	}
	for _, m := range plan.Add {
		put(m.Key(), isAdded)
	}
	for _, r := range plan.Renew {
		put(r.Declared.Key(), isRenewed)
	}
	for _, m := range plan.Remove {
		put(m.Key(), isRemoved)
	}
	for _, m := range plan.Surplus {
		put(m.Key(), isSurplus)
	}
	for _, m := range plan.Skipped {
		put(m.Key(), isSkipped)
	}
	for _, m := range plan.Absent {
		put(m.Key(), isAbsent)
	}
	return all
}

// room is a thread as the service holds it, for carrying out plans.
type room struct {
	members map[string]ObservedMember
	order   []string
	// most is how many members there ever were at once.
	most int
}

func newRoom(members []ObservedMember) *room {
	r := &room{members: map[string]ObservedMember{}}
	for _, m := range members {
		r.put(m)
	}
	return r
}

func (r *room) put(m ObservedMember) {
	if _, ok := r.members[m.Key()]; !ok {
		r.order = append(r.order, m.Key())
	}
	r.members[m.Key()] = m
	r.most = max(r.most, len(r.members))
}

func (r *room) list() []ObservedMember {
	members := make([]ObservedMember, 0, len(r.members))
	for _, key := range r.order {
		if m, ok := r.members[key]; ok {
			members = append(members, m)
		}
	}
	return members
}

func (r *room) keys() []string { return slices.Sorted(maps.Keys(r.members)) }

// carryOut carries out a plan in the order of the operator, and returns the first step that is
// wrong.
func (r *room) carryOut(plan Members) error {
	remove := func(key string) error {
		if _, ok := r.members[key]; !ok {
			return fmt.Errorf("%s is removed and not there", key)
		}
		delete(r.members, key)
		r.order = slices.DeleteFunc(r.order, func(other string) bool { return other == key })
		return nil
	}
	add := func(m Member) error {
		if _, ok := r.members[m.Key()]; ok {
			return fmt.Errorf("%s is added and there already", m.Key())
		}
		r.put(ObservedMember{ID: string(m.UserID), DisplayName: m.DisplayName, Stamp: m.Stamp()})
		return nil
	}
	first := plan.RemovalsFirst()
	for _, m := range plan.Remove[:first] {
		if err := remove(m.Key()); err != nil {
			return err
		}
	}
	for _, m := range plan.Add {
		if err := add(m); err != nil {
			return err
		}
	}
	for _, again := range plan.Renew {
		if err := remove(again.Observed.Key()); err != nil {
			return err
		}
		if err := add(again.Declared); err != nil {
			return err
		}
	}
	for _, m := range plan.Remove[first:] {
		if err := remove(m.Key()); err != nil {
			return err
		}
	}
	return nil
}
