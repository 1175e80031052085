// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acs-operator/acs-chat-operator/acs"
)

// identifiers are raw IDs of each kind, and the models for them.
var identifiers = []struct {
	raw  string
	want acs.Identifier
	sent string // the model besides the raw id
}{
	{alice, acs.CommunicationUser{ID: alice}, `"communicationUser":{"id":"` + alice + `"}`},
	{"8:acs:", acs.CommunicationUser{ID: "8:acs:"}, `"communicationUser":{"id":"8:acs:"}`},
	{"8:spool:a_b_c", acs.CommunicationUser{ID: "8:spool:a_b_c"}, `"communicationUser":{"id":"8:spool:a_b_c"}`},
	{"8:dod-acs:a_b", acs.CommunicationUser{ID: "8:dod-acs:a_b"}, `"communicationUser":{"id":"8:dod-acs:a_b"}`},
	{"8:gcch-acs:a_b_c_d", acs.CommunicationUser{ID: "8:gcch-acs:a_b_c_d"}, `"communicationUser":{"id":"8:gcch-acs:a_b_c_d"}`},
	{
		"8:acs:r_t_u", acs.TeamsExtensionUser{ResourceID: "r", TenantID: "t", UserID: "u", Cloud: acs.CloudPublic},
		`"teamsExtensionUser":{"userId":"u","tenantId":"t","resourceId":"r","cloud":"public"}`,
	},
	{
		"8:gcch-acs:r_t_u", acs.TeamsExtensionUser{ResourceID: "r", TenantID: "t", UserID: "u", Cloud: acs.CloudGCCH},
		`"teamsExtensionUser":{"userId":"u","tenantId":"t","resourceId":"r","cloud":"gcch"}`,
	},
	{
		"8:dod-acs:r_t_u", acs.TeamsExtensionUser{ResourceID: "r", TenantID: "t", UserID: "u", Cloud: acs.CloudDoD},
		`"teamsExtensionUser":{"userId":"u","tenantId":"t","resourceId":"r","cloud":"dod"}`,
	},
	{
		"8:orgid:u", acs.MicrosoftTeamsUser{UserID: "u", Cloud: acs.CloudPublic},
		`"microsoftTeamsUser":{"userId":"u","isAnonymous":false,"cloud":"public"}`,
	},
	{
		"8:dod:u", acs.MicrosoftTeamsUser{UserID: "u", Cloud: acs.CloudDoD},
		`"microsoftTeamsUser":{"userId":"u","isAnonymous":false,"cloud":"dod"}`,
	},
	{
		"8:gcch:u", acs.MicrosoftTeamsUser{UserID: "u", Cloud: acs.CloudGCCH},
		`"microsoftTeamsUser":{"userId":"u","isAnonymous":false,"cloud":"gcch"}`,
	},
	{
		"8:teamsvisitor:v", acs.MicrosoftTeamsUser{UserID: "v", IsAnonymous: true, Cloud: acs.CloudPublic},
		`"microsoftTeamsUser":{"userId":"v","isAnonymous":true,"cloud":"public"}`,
	},
	{"28:orgid:a", acs.MicrosoftTeamsApp{AppID: "a", Cloud: acs.CloudPublic}, `"microsoftTeamsApp":{"appId":"a","cloud":"public"}`},
	{"28:dod:a", acs.MicrosoftTeamsApp{AppID: "a", Cloud: acs.CloudDoD}, `"microsoftTeamsApp":{"appId":"a","cloud":"dod"}`},
	{"28:gcch:a", acs.MicrosoftTeamsApp{AppID: "a", Cloud: acs.CloudGCCH}, `"microsoftTeamsApp":{"appId":"a","cloud":"gcch"}`},
	{"4:+15555550100", acs.PhoneNumber{Value: "+15555550100"}, `"phoneNumber":{"value":"+15555550100"}`},
	{"4:anonymous", acs.Unknown{ID: "4:anonymous"}, ""},
	{"8:other:x", acs.Unknown{ID: "8:other:x"}, ""},
	{"8:orgid", acs.Unknown{ID: "8:orgid"}, ""},
	{"8:ACS:a_b", acs.Unknown{ID: "8:ACS:a_b"}, ""},
	{"48:home", acs.Unknown{ID: "48:home"}, ""},
}

func TestIdentifiers(t *testing.T) {
	t.Parallel()
	for _, test := range identifiers {
		t.Run(test.raw, func(t *testing.T) {
			t.Parallel()
			got := acs.ParseRawID(test.raw)
			if got != test.want || got.RawID() != test.raw {
				t.Errorf("parsed as %#v with raw id %q, want %#v", got, got.RawID(), test.want)
			}
			service := serve(t, reply{status: http.StatusNoContent})
			if _, err := service.thread(t).RemoveParticipant(t.Context(), got, nil); err != nil {
				t.Fatal(err)
			}
			want := `{"rawId":"` + test.raw + `"}`
			if test.sent != "" {
				want = `{"rawId":"` + test.raw + `",` + test.sent + `}`
			}
			if diff := cmp.Diff(want, service.only(t).body); diff != "" {
				t.Errorf("sent (-want +got):\n%s", diff)
			}
		})
	}
}

func TestZeroCloudIsPublic(t *testing.T) {
	t.Parallel()
	for want, id := range map[string]acs.Identifier{
		"8:orgid:u":   acs.MicrosoftTeamsUser{UserID: "u"},
		"28:orgid:a":  acs.MicrosoftTeamsApp{AppID: "a"},
		"8:acs:r_t_u": acs.TeamsExtensionUser{ResourceID: "r", TenantID: "t", UserID: "u"},
	} {
		if got := id.RawID(); got != want {
			t.Errorf("raw id is %q, want %q", got, want)
		}
	}
}

func TestIdentifiersInAnswers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		sent string
		want acs.Identifier
	}{
		"raw id and model": {`{"rawId":"8:acs:a_b","communicationUser":{"id":"8:acs:a_b"}}`, acs.CommunicationUser{ID: "8:acs:a_b"}},
		"with kind":        {`{"kind":"communicationUser","rawId":"8:acs:a_b","communicationUser":{"id":"8:acs:a_b"}}`, acs.CommunicationUser{ID: "8:acs:a_b"}},
		"raw id alone":     {`{"rawId":"8:orgid:u"}`, acs.MicrosoftTeamsUser{UserID: "u", Cloud: acs.CloudPublic}},
		"raw id wins":      {`{"rawId":"8:acs:a_b","communicationUser":{"id":"8:acs:c_d"}}`, acs.CommunicationUser{ID: "8:acs:a_b"}},
		"user alone":       {`{"communicationUser":{"id":"8:acs:a_b"}}`, acs.CommunicationUser{ID: "8:acs:a_b"}},
		"phone alone":      {`{"phoneNumber":{"value":"+1"}}`, acs.PhoneNumber{Value: "+1"}},
		"teams user alone": {`{"microsoftTeamsUser":{"userId":"u"}}`, acs.MicrosoftTeamsUser{UserID: "u", Cloud: acs.CloudPublic}},
		"teams app alone":  {`{"microsoftTeamsApp":{"appId":"a","cloud":"dod"}}`, acs.MicrosoftTeamsApp{AppID: "a", Cloud: acs.CloudDoD}},
		"extension alone": {
			`{"teamsExtensionUser":{"userId":"u","tenantId":"t","resourceId":"r"}}`,
			acs.TeamsExtensionUser{UserID: "u", TenantID: "t", ResourceID: "r", Cloud: acs.CloudPublic},
		},
		"a kind of the future": {`{"kind":"robot","rawId":"99:x","robot":{"id":"x"}}`, acs.Unknown{ID: "99:x"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body, err := json.Marshal(map[string]any{"value": []any{
				map[string]any{"communicationIdentifier": json.RawMessage(test.sent)},
			}})
			if err != nil {
				t.Fatal(err)
			}
			service := serve(t, reply{status: http.StatusOK, body: string(body)})
			page, err := service.thread(t).NewListParticipantsPager(nil).NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(page.Participants) != 1 || page.Participants[0].ID != test.want {
				t.Errorf("got %#v, want %#v", page.Participants, test.want)
			}
		})
	}
}

func TestSameUser(t *testing.T) {
	t.Parallel()
	const upper = "8:ACS:6F3A2B1C-0D4E-4F5A-8B6C-7D8E9F0A1B2C_0000000A-0000-0000-0000-000000000001"
	for name, test := range map[string]struct {
		a, b string
		want bool
	}{
		"same":           {alice, alice, true},
		"upper case":     {alice, upper, true},
		"the other way":  {upper, alice, true},
		"another user":   {alice, bob, false},
		"another kind":   {"8:orgid:a", "8:dod:a", false},
		"phone":          {"4:+1", "4:+1", true},
		"another phone":  {"4:+1", "4:1", false},
		"a prefix":       {alice, alice + "0", false},
		"blank":          {alice, alice + " ", false},
		"opaque":         {"29:aB_c", "29:Ab_C", true},
		"empty":          {"", "", true},
		"empty and user": {"", alice, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := acs.SameUser(test.a, test.b); got != test.want {
				t.Errorf("SameUser(%q, %q) is %t", test.a, test.b, got)
			}
			if got := acs.UserKey(test.a) == acs.UserKey(test.b); got != test.want {
				t.Errorf("the keys are %q and %q", acs.UserKey(test.a), acs.UserKey(test.b))
			}
		})
	}
	if got := acs.UserKey(upper); got != alice {
		t.Errorf("key is %q, want %q", got, alice)
	}
}
