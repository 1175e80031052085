// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

func init() {
	recipes["rename"] = recipe{check: func(r *run) {
		r.expectRooms("Customer support by helpdesk/customer-support: Ada Lovelace, Grace Hopper")
		r.expectNobodyLeft()
	}}
	recipes["move-namespace"] = recipe{check: func(r *run) {
		r.expectRooms("Orders by shop-new/orders: Ada Lovelace, Grace Hopper")
		r.expectNobodyLeft()
	}}
	recipes["move-cluster"] = recipe{check: func(r *run) {
		r.expectRooms("First line by support/first-line: Ada Lovelace, Grace Hopper")
		r.expectNobodyLeft()
	}}
}

// expectRooms compares the rooms of the service: their topic, the ChatThread that keeps them, and
// their members other than service users.
func (r *run) expectRooms(want ...string) {
	r.t.Helper()
	var got []string
	for _, thread := range r.service.Threads() {
		got = append(got, describe(thread))
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		r.t.Errorf("rooms (-want +got):\n%s", diff)
	}
}

// expectNobodyLeft fails if a member was removed: that would take the history from it.
func (r *run) expectNobodyLeft() {
	r.t.Helper()
	for _, request := range r.service.Requests() {
		if request.Operation == emulator.OperationRemoveParticipant {
			r.t.Errorf("%s %s removed a member", request.Method, request.Path)
		}
	}
}

func describe(thread emulator.Thread) string {
	var members []string
	for _, member := range thread.Members {
		if strings.Contains(member.ID, userPrefix) {
			members = append(members, member.DisplayName)
		}
	}
	slices.Sort(members)
	state := thread.Topic
	if thread.DeletedOn != nil {
		state += " (deleted)"
	}
	return state + " by " + thread.Metadata["acsOperatorOwner"] + ": " + strings.Join(members, ", ")
}
