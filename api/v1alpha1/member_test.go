// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// memberCase is the declaration of one member in a thread and in a ChatParticipant, and the field
// that is refused.
type memberCase struct {
	name    string
	member  map[string]any
	field   string
	message string
}

func TestMemberInline(t *testing.T) {
	t.Parallel()
	var cases []admission
	for _, tc := range memberCases() {
		member := withUser(tc.member)
		maps.DeleteFunc(member, func(_ string, value any) bool { return value == any(absent{}) })
		want := verdict{}
		if tc.message != "" {
			want = verdict{strings.TrimSuffix("spec.participants[0]."+tc.field, "."), tc.message}
		}
		cases = append(cases, admission{tc.name, fields{"spec.participants": []any{member}}, want})
	}
	testAdmission(t, thread, cases)
}

func TestMemberOfChatParticipant(t *testing.T) {
	t.Parallel()
	var cases []admission
	for _, tc := range memberCases() {
		set, want := fields{}, verdict{}
		for field, value := range withUser(tc.member) {
			set["spec."+field] = value
		}
		if tc.message != "" {
			want = verdict{strings.TrimSuffix("spec."+tc.field, "."), tc.message}
		}
		cases = append(cases, admission{tc.name, set, want})
	}
	testAdmission(t, participant, cases)
}

// withUser adds a user if the case has none.
func withUser(member map[string]any) map[string]any {
	full := map[string]any{"userID": "8:acs:anna"}
	maps.Copy(full, member)
	return full
}

// TestMemberIsTheSameInBoth compares the fields of an inline member with those of a
// ChatParticipant. Descriptions and defaults may differ.
func TestMemberIsTheSameInBoth(t *testing.T) {
	t.Parallel()
	inline := section(t, thread, "spec").Properties["participants"].Items.Schema
	apart := section(t, participant, "spec")
	for name, want := range inline.Properties {
		got := apart.Properties[name]
		got.Description, got.Default = want.Description, want.Default
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-inline +ChatParticipant):\n%s", name, diff)
		}
	}
	moment := metav1.Now()
	want := chatv1alpha1.Member{
		UserID: "8:acs:anna", DisplayName: "Anna", ShareHistory: "SinceTime", ShareHistoryTime: &moment,
	}
	spec := chatv1alpha1.ChatParticipantSpec{
		UserID: "8:acs:anna", DisplayName: "Anna", ShareHistory: "SinceTime", ShareHistoryTime: &moment,
	}
	if diff := cmp.Diff(want, spec.Member()); diff != "" {
		t.Errorf("Member (-want +got):\n%s", diff)
	}
}

func memberCases() []memberCase {
	cases := []memberCase{
		{"no userID", map[string]any{"userID": absent{}}, "userID", "Required value"},
		{"userID null", map[string]any{"userID": nil}, "userID", "Required value"},
		{"userID a number", map[string]any{"userID": 8}, "userID", "must be of type string"},
		{"displayName of 256 runes", map[string]any{"displayName": strings.Repeat("Ä", 256)}, "", ""},
		{"displayName of 257", map[string]any{"displayName": strings.Repeat("a", 257)}, "displayName", "Too long"},
		{"displayName empty", map[string]any{"displayName": ""}, "", ""},
	}
	cases = append(cases, userIDCases()...)
	cases = append(cases, historyCases()...)
	return append(cases, timeCases()...)
}

func userIDCases() []memberCase {
	const pattern = "should match"
	cases := []memberCase{}
	for _, id := range []string{
		"8:acs:" + strings.Repeat("a", 250),
		"8:acs:1b5cc06b-f352-4571-b1e6-d9b259b7c776_00000007-0464-274b-b274-5a3a0d000101",
		"8:dod-acs:a_b", "8:gcch-acs:a_b", "8:spool:a", "8:orgid:a", "8:dod:a", "8:gcch:a", "8:teamsvisitor:a",
		"28:orgid:a", "28:dod:a", "28:gcch:a", "4:+1", "4:+4915112345678", "4:+4915112345678_a-b", "8:acs:Az09_.=-",
	} {
		cases = append(cases, memberCase{short("userID " + id), map[string]any{"userID": id}, "", ""})
	}
	for _, id := range []string{
		"anna@contoso.com", "8:acs:", "8:ACS:anna", "9:acs:anna", "28:acs:anna", "8:unknown:a", "8acs:anna", "28:orgid:",
		"8:orgid:", "4:4915112345678", "4:+49 151", "4:+12a", "4:+1_", " 8:acs:anna", "8:acs:anna ", "8:acs:anna\n",
		"8:acs:an na", "8:acs:a/b", "8:acs:a?b", "8:acs:a%2fb", "8:acs:änna", "8:acs:a\u0000", "8:acs:a:b", "8:acs:a,b",
		"x\n8:acs:anna", "8:acs:anna\n8:acs:b",
	} {
		cases = append(cases, memberCase{"userID " + id, map[string]any{"userID": id}, "userID", pattern})
	}
	return append(cases,
		memberCase{"userID empty", map[string]any{"userID": ""}, "userID", "at least 4 chars"},
		memberCase{"userID of 3", map[string]any{"userID": "4:+"}, "userID", "at least 4 chars"},
		memberCase{"userID of 257", map[string]any{"userID": "8:acs:" + strings.Repeat("a", 251)},
			"userID", "may not be more than 256"},
	)
}

func historyCases() []memberCase {
	const (
		moment = "2026-05-01T12:00:00Z"
		both   = "shareHistoryTime is required with shareHistory SinceTime and forbidden otherwise"
	)
	return []memberCase{
		{"history All", map[string]any{"shareHistory": "All"}, "", ""},
		{"history SinceJoin", map[string]any{"shareHistory": "SinceJoin"}, "", ""},
		{"history SinceTime", map[string]any{"shareHistory": "SinceTime", "shareHistoryTime": moment}, "", ""},
		{"history null", map[string]any{"shareHistory": nil}, "", ""},
		{"history empty", map[string]any{"shareHistory": ""}, "shareHistory", "Unsupported value"},
		{"history unknown", map[string]any{"shareHistory": "None"}, "shareHistory", "Unsupported value"},
		{"history lower case", map[string]any{"shareHistory": "all"}, "shareHistory", "Unsupported value"},
		{"SinceTime without time", map[string]any{"shareHistory": "SinceTime"}, "", both},
		{"SinceTime with null", map[string]any{"shareHistory": "SinceTime", "shareHistoryTime": nil}, "", both},
		{"time alone", map[string]any{"shareHistoryTime": moment}, "", both},
		{"All with time", map[string]any{"shareHistory": "All", "shareHistoryTime": moment}, "", both},
		{"SinceJoin with time", map[string]any{"shareHistory": "SinceJoin", "shareHistoryTime": moment}, "", both},
	}
}

func timeCases() []memberCase {
	cases := []memberCase{}
	add := func(message string, times ...any) {
		for _, moment := range times {
			member := map[string]any{"shareHistory": "SinceTime", "shareHistoryTime": moment}
			name, field := "time", "shareHistoryTime"
			if text, ok := moment.(string); ok {
				name = "time " + text
			}
			cases = append(cases, memberCase{name, member, field, message})
		}
	}
	add("", "1970-01-01T00:00:00Z", "2999-12-31T23:59:59Z", "2024-02-29T12:00:00Z", "2000-02-29T12:00:00Z",
		"2026-05-01T23:59:59Z", "2026-05-01T12:00:00+00:00", "2026-05-01T12:00:00-00:00", "2026-05-01T12:00:00+02:00",
		"2026-05-01T12:00:00+23:59", "2026-05-01T12:00:00-23:59", "2026-12-31T23:59:59.999999999-23:59")
	for digits := 1; digits <= 9; digits++ {
		add("", "2026-05-01T12:00:00."+strings.Repeat("9", digits)+"Z")
	}
	add("must be of type date-time", "2026-02-30T12:00:00Z", "2026-02-29T12:00:00Z", "2100-02-29T12:00:00Z",
		"2026-04-31T12:00:00Z", "2026-13-01T12:00:00Z", "2026-00-01T12:00:00Z", "2026-05-00T12:00:00Z",
		"2026-05-32T12:00:00Z", "", "now", "2026-05-01")
	add("should match", "2026-05-01t12:00:00Z", "2026-05-01T12:00:00z", "2026-05-01t12:00:00z", "2026-05-01T24:00:00Z",
		"2026-05-01T23:60:00Z", "2026-06-30T23:59:60Z", "2026-05-01T12:00:00", "2026-05-01T12:00Z",
		"2026-05-01T12:00:00+0200", "2026-05-01T12:00:00+02", "2026-05-01T12:00:00+2:00", "2026-05-01T12:00:00+24:00",
		"2026-05-01T12:00:00+02:60", "2026-05-01T12:00:00.Z", "2026-05-01T12:00:00,5Z", "2026-05-01T12:00:00x5Z",
		"2026-05-01T12:00:00.1234567890Z", "2026-05-01T12:00:00 Z", "2026-05-01 12:00:00Z", " 2026-05-01T12:00:00Z",
		"2026-05-01T12:00:00Z\n", "2026-5-1T12:00:00Z", "1969-12-31T23:59:59Z", "3000-01-01T00:00:00Z",
		"0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "-2026-05-01T12:00:00Z")
	add("must be of type date-time", 1777636800, true, map[string]any{})
	add("must be an RFC 3339 time", []any{}, []any{"2026-05-01T12:00:00Z"})
	add("may not be more than 35", "2026-05-01T12:00:00."+strings.Repeat("0", 40)+"Z")
	return cases
}
