// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
)

// mergeAll joins lists as the operator does, one after the other.
func mergeAll(lists [][]string) []string {
	var all UserIDs
	for _, list := range lists {
		all = all.With(list...)
	}
	return all
}

func TestMergeUsers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lists [][]string
		want  []string
	}{
		"none":                      {nil, nil},
		"empty ones":                {[][]string{nil, {}}, nil},
		"in order of first mention": {[][]string{{"c", "a"}, {"b", "a", "d"}}, []string{"c", "a", "b", "d"}},
		"twice in one":              {[][]string{{"a", "b", "a"}}, []string{"a", "b"}},
		"in another case":           {[][]string{{"8:acs:A"}, {"8:ACS:a", "8:acs:b"}}, []string{"8:acs:A", "8:acs:b"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, mergeAll(c.lists)); diff != "" {
				t.Errorf("merged (-want +got):\n%s", diff)
			}
		})
	}
}

func TestServiceUserLists(t *testing.T) {
	t.Parallel()
	count := func(n int32) *chatv1alpha1.ServiceUsers { return &chatv1alpha1.ServiceUsers{Count: &n} }
	for name, c := range map[string]struct {
		annotation            string
		spec                  *chatv1alpha1.ServiceUsers
		recorded, known, pool []string
		wanted                int
	}{
		"a new connection":       {wanted: 1},
		"one":                    {annotation: "a", recorded: []string{"a"}, known: []string{"a"}, pool: []string{"a"}, wanted: 1},
		"blanks and empty parts": {annotation: " a ,, b,\t", spec: count(2), recorded: []string{"a", "b"}, known: []string{"a", "b"}, pool: []string{"a", "b"}, wanted: 2},
		"fewer than wanted":      {annotation: "a,b", spec: count(32), recorded: []string{"a", "b"}, known: []string{"a", "b"}, pool: []string{"a", "b"}, wanted: 32},
		"a user that left the pool still acts": {annotation: "a,b,c", spec: count(2),
			recorded: []string{"a", "b", "c"}, known: []string{"a", "b", "c"}, pool: []string{"a", "b"}, wanted: 2},
		"fewer than one": {annotation: "a,b", spec: count(-1), recorded: []string{"a", "b"}, known: []string{"a", "b"}, pool: []string{"a"}, wanted: 1},
		"too many":       {annotation: "a,b", spec: count(1 << 20), recorded: []string{"a", "b"}, known: []string{"a", "b"}, pool: []string{"a", "b"}, wanted: 32},
		"no count": {annotation: "a,b", spec: &chatv1alpha1.ServiceUsers{DisplayName: "Bot"},
			recorded: []string{"a", "b"}, known: []string{"a", "b"}, pool: []string{"a"}, wanted: 1},
		"pinned: new threads use only these": {annotation: "a,b", spec: &chatv1alpha1.ServiceUsers{IDs: []chatv1alpha1.ServiceUserID{"c", "b"}},
			recorded: []string{"a", "b"}, known: []string{"a", "b", "c"}, pool: []string{"c", "b"}, wanted: 1},
		"pinned, nothing recorded yet": {spec: &chatv1alpha1.ServiceUsers{IDs: []chatv1alpha1.ServiceUserID{"c"}},
			known: []string{"c"}, pool: []string{"c"}, wanted: 1},
		"pinned in another case": {annotation: "8:acs:A", spec: &chatv1alpha1.ServiceUsers{IDs: []chatv1alpha1.ServiceUserID{"8:acs:a"}},
			recorded: []string{"8:acs:A"}, known: []string{"8:acs:A"}, pool: []string{"8:acs:a"}, wanted: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := &chatv1alpha1.ChatConnection{Spec: chatv1alpha1.ChatConnectionSpec{ServiceUsers: c.spec}}
			if c.annotation != "" {
				objects.SetAnnotation(conn, chatv1alpha1.AnnotationServiceUsers, c.annotation)
			}
			// A user that is in status alone must not act.
			conn.Status.ServiceUsers = []chatv1alpha1.ServiceUserID{"status"}
			users := UsersOf(conn)
			for _, list := range []struct {
				name      string
				want, got []string
			}{
				{"recorded", c.recorded, users.Recorded()}, {"usable", c.known, users.Usable()}, {"for new threads", c.pool, users.ForNewThreads()},
			} {
				if diff := cmp.Diff(list.want, list.got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", list.name, diff)
				}
			}
			if missing := max(c.wanted-len(c.recorded)-1, 0); !users.ArePinned() && users.Missing() != missing {
				t.Errorf("%d are missing, want %d", users.Missing(), missing)
			}
		})
	}
}

// A hand that edits the annotation can name a user twice.
func TestRecordedUsersTwice(t *testing.T) {
	t.Parallel()
	two := int32(2)
	conn := &chatv1alpha1.ChatConnection{Spec: chatv1alpha1.ChatConnectionSpec{ServiceUsers: &chatv1alpha1.ServiceUsers{Count: &two}}}
	objects.SetAnnotation(conn, chatv1alpha1.AnnotationServiceUsers, "8:acs:a,8:ACS:A,8:acs:b")
	if diff := cmp.Diff([]string{"8:acs:a", "8:acs:b"}, []string(UsersOf(conn).ForNewThreads())); diff != "" {
		t.Errorf("pool (-want +got):\n%s", diff)
	}
}

// Each ID that is valid in spec is valid in status.
func TestIDsThatStatusTakes(t *testing.T) {
	t.Parallel()
	longest := "8:acs:" + strings.Repeat("x", maxUserID-len("8:acs:"))
	for id, want := range map[string]bool{
		longest: true, longest + "x": false, "8:gcch-acs:a_b.c=d-1": true, "8:acs:": false, "no id": false, "8:teams:a": false,
	} {
		if got := fitsStatus(id); got != want {
			t.Errorf("%q: %t", id, got)
		}
	}
}
