// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package membership_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/membership"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

// Before a thread is let go, one call brings all members back that are out, in the former state,
// whether or not the quota has room. A member that ACS refuses is given up, and named with the
// answer. If ACS fails, those that are not back stay in the status.
func TestRelease(t *testing.T) {
	t.Parallel()
	since := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	for name, c := range map[string]struct {
		faults []emulator.Fault
		want   []string
		// lost are given up, and out stay in the status.
		lost map[string]string
		out  []string
	}{
		"all": {want: []string{"add u0 u1 u2 u3"}},
		"one is malformed": {[]emulator.Fault{detailed([2]string{"bad", "participants[1]"})}, []string{"add u0 u1 u2 u3", "add u0 u2 u3"},
			map[string]string{"u1": "400 bad"}, nil},
		"one is malformed, unnamed": {[]emulator.Fault{{Times: 3, Status: http.StatusBadRequest}}, []string{"add u0 u1 u2 u3", "add u0 u1", "add u0", "add u1", "add u2 u3"},
			map[string]string{"u0": "400"}, nil},
		"ACS fails":           {[]emulator.Fault{{Times: 1, Status: http.StatusServiceUnavailable}}, []string{"add u0 u1 u2 u3"}, nil, several("u", 4)},
		"ACS fails half-way":  {[]emulator.Fault{{Times: 1, Status: http.StatusBadRequest}, {Skip: 1, Times: 1, Status: http.StatusForbidden}}, []string{"add u0 u1 u2 u3", "add u0 u1", "add u2 u3"}, nil, []string{"u2", "u3"}},
		"the answer got lost": {[]emulator.Fault{{Times: 1, DropAfter: true}}, []string{"add u0 u1 u2 u3"}, nil, several("u", 4)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			all := several("u", 4)
			former := metav1.NewTime(since)
			for _, name := range all {
				r.declared.Status.Renewing = append(r.declared.Status.Renewing,
					chatv1alpha1.RenewingParticipant{UserID: r.user(name), DisplayName: "old", ShareHistoryTime: &former, Stamp: "stamp"})
			}
			for _, fault := range c.faults {
				r.add(fault)
			}
			r.setQuota(1)
			r.emulator.ResetRequests()
			calls := &membership.Calls{Thread: r.client, Status: &r.declared.Status}
			lost, err := calls.Release(pacing.WithCaller(t.Context(), pacing.Caller{Thread: "uid", Namespace: "ns", Name: "room"}))
			if (err != nil) != (len(c.out) > 0) {
				t.Errorf("Release ends with %v", err)
			}
			r.expect("calls", c.want, r.calls())
			var wantLost []string
			for name, answer := range c.lost {
				wantLost = append(wantLost, fmt.Sprintf("%s (ACS refused the user (%s))", r.user(name), answer))
			}
			r.expect("lost", wantLost, lost)
			r.renewing(c.out...)
			back := slices.DeleteFunc(slices.Clone(all), func(name string) bool {
				_, isLost := c.lost[name]
				return isLost || slices.Contains(c.out, name)
			})
			var added []string
			for _, id := range calls.Added {
				added = append(added, r.names[acs.UserKey(id)])
			}
			r.expect("added", back, added)
			r.shows("old", since, back...)
		})
	}
}
