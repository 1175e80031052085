// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
)

// The budget of a create: one call that writes, two writes to the API server, one event; a call and a write more
// for members that do not fit into the first, with events that say so.
func TestCreateBudget(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		members, acsWrites, writes int
		events                     []string
	}{
		"no member":   {0, 1, 2, []string{chatv1alpha1.EventCreated}},
		"200 members": {200, 1, 2, []string{chatv1alpha1.EventCreated}},
		"249 members": {249, 2, 3, []string{chatv1alpha1.EventCreated, chatv1alpha1.ReasonCreating, chatv1alpha1.EventMembersAdded}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			w.ready()
			users := w.users(c.members)
			w.emulator.ResetRequests()
			thread := w.newThread("budget", users...)
			w.create(thread)
			w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
			w.Expect(w.writes()).To(Equal(c.acsWrites))
			w.Expect(w.calls()[emulator.OperationCreateThread]).To(Equal(1))
			w.Expect(w.memberIDs(thread)).To(HaveLen(c.members))
			w.Expect(w.writesSoFar(thread)).To(Equal(c.writes))
			w.Eventually(func() []string { return w.eventReasons(thread) }).Should(Equal(c.events))
		})
	}
}

// A moment that status does not take would keep the id of the thread out of it.
func TestStatusTime(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		at   time.Time
		want string
	}{
		"none":         {time.Time{}, ""},
		"before 1970":  {time.Unix(0, -1), ""},
		"the first":    {time.Unix(0, 0), "1970-01-01T00:00:00Z"},
		"elsewhere":    {time.Date(2026, 3, 1, 13, 0, 0, 5e8, time.FixedZone("", 3600)), "2026-03-01T12:00:00Z"},
		"the last":     {time.Date(2999, 12, 31, 23, 59, 59, 9e8, time.UTC), "2999-12-31T23:59:59Z"},
		"out of reach": {time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := ""
			if stored := objects.StatusTime(c.at); stored != nil {
				got = stored.UTC().Format(time.RFC3339Nano)
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
