// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator_test

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

func TestIdentifiers(t *testing.T) {
	t.Parallel()
	const guid = "00000000-0000-4000-8000-00000000000a"
	f := start(t, emulator.Options{})
	known, token := f.user()
	for _, test := range []struct{ identifier, want, id string }{
		{`{"rawId":"` + sampleUser + `"}`, added, sampleUser},
		{`{"rawId":"` + known[:12] + strings.ToUpper(known[12:]) + `"}`, added, known},
		{`{"communicationUser":{"id":"` + sampleUser + `"}}`, added, sampleUser},
		{`{"kind":"communicationUser","rawId":"` + sampleUser + `","communicationUser":{"id":"` + strings.ToUpper(sampleUser) + `"}}`, added, sampleUser},
		{`{"rawId":"4:+49123456"}`, added, "4:+49123456"},
		{`{"phoneNumber":{"value":"+49123456"}}`, added, "4:+49123456"},

		{`{"rawId":"` + foreignUser + `"}`, refused, foreignUser},
		{`{"rawId":"8:gcch-acs:` + guid + `_` + guid + `"}`, refused, "8:gcch-acs:" + guid + "_" + guid},
		{`{"rawId":"8:orgid:` + guid + `"}`, refused, "8:orgid:" + guid},
		{`{"microsoftTeamsUser":{"userId":"` + guid + `"}}`, refused, "8:orgid:" + guid},
		{`{"microsoftTeamsUser":{"userId":"` + guid + `","cloud":"gcch"}}`, refused, "8:gcch:" + guid},
		{`{"microsoftTeamsUser":{"userId":"abc","isAnonymous":true}}`, refused, "8:teamsvisitor:abc"},
		{`{"microsoftTeamsApp":{"appId":"` + guid + `","cloud":"dod"}}`, refused, "28:dod:" + guid},
		{
			`{"teamsExtensionUser":{"userId":"` + guid + `","tenantId":"` + guid + `","resourceId":"` + emulator.DefaultResourceID + `"}}`,
			refused, "8:acs:" + emulator.DefaultResourceID + "_" + guid + "_" + guid,
		},

		{`{}`, failed, ""},
		{`{"rawId":""}`, failed, ""},
		{`{"rawId":"8:acs:fakeid==="}`, failed, "8:acs:fakeid==="},
		{`{"rawId":"8:acs:` + emulator.DefaultResourceID + `_user"}`, failed, "8:acs:" + emulator.DefaultResourceID + "_user"},
		{`{"rawId":"4:49123456"}`, failed, "4:49123456"},
		{`{"rawId":"nobody"}`, failed, "nobody"},
		{`{"microsoftTeamsUser":{"userId":"` + guid + `","cloud":"moon"}}`, failed, "8:moon:" + guid},
		{`{"rawId":"` + sampleUser + `","communicationUser":{"id":"` + otherSampleUser + `"}}`, failed, "-"},
		{`{"communicationUser":{"id":"` + sampleUser + `"},"phoneNumber":{"value":"+491"}}`, failed, "-"},
		{`{"kind":"phoneNumber","communicationUser":{"id":"` + sampleUser + `"}}`, failed, "-"},
		{`{"kind":"robot","rawId":"` + sampleUser + `"}`, failed, "-"},
		{`{"rawId":"` + sampleUser + `","id":"x"}`, failed, "-"},
		{`{"communicationUser":"` + sampleUser + `"}`, failed, "-"},
		{`{"communicationUser":{"rawId":"` + sampleUser + `"}}`, failed, "-"},
		{`"` + sampleUser + `"`, failed, "-"},
	} {
		thread := f.emu.CreateThread(known, "t")
		path := "/chat/threads/" + escape(thread) + "/participants/"
		body := `{"participants":[{"communicationIdentifier":` + test.identifier + `}]}`
		add := f.send(call{method: http.MethodPost, path: path + ":add", body: body, token: token})
		held, _ := f.emu.Thread(thread)
		isMember := slices.ContainsFunc(held.Members, func(m emulator.Member) bool { return m.ID == test.id })
		if got := outcome(add, test.id); got != test.want || isMember != (got == added) {
			t.Errorf("%s: %s, want %s; %d %s, members %v", test.identifier, got, test.want, add.status, add.body, held.Members)
		}
		want := http.StatusNoContent
		if test.want == failed {
			want = http.StatusBadRequest
		}
		f.chat(want, token, http.MethodPost, path+":remove", test.identifier)
	}
}

const added, refused, failed = "added", "refused", "failed"

// outcome describes the result of adding a user. The text of a refusal must name the id, if there
// is one.
func outcome(r reply, id string) string {
	message, _ := r.field("CommunicationError", "Message").(string)
	switch {
	case r.status == 201 && r.body == `{}`:
		return added
	case r.body == fmt.Sprintf(`{"invalidParticipants":[{"code":"403","message":"Permissions check failed","target":%q}]}`, id):
		return refused
	case r.status == 400 && (id == "-" || message == "Identifier format is invalid ("+id+")."):
		return failed
	default:
		return "something else"
	}
}

func TestWithKind(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{WithKind: true})
	id, token := f.user()
	const guid = "00000000-0000-4000-8000-00000000000a"
	members := []emulator.Member{
		{ID: "4:+491"}, {ID: "8:orgid:" + guid}, {ID: "8:teamsvisitor:x"}, {ID: "28:gcch:" + guid}, {ID: "48:other"}, {ID: "8:acs:" + guid + "_" + guid + "_" + guid},
	}
	thread := f.emu.CreateThread(id, "t", members...)
	r := f.chat(200, token, http.MethodGet, "/chat/threads/"+thread+"/participants", "")
	for i, want := range []string{
		`"kind":"communicationUser","rawId":"` + id + `","communicationUser":{"id":"` + id + `"}`,
		`"kind":"phoneNumber","rawId":"4:+491","phoneNumber":{"value":"+491"}`,
		`"kind":"microsoftTeamsUser","rawId":"8:orgid:` + guid + `","microsoftTeamsUser":{"userId":"` + guid + `","isAnonymous":false,"cloud":"public"}`,
		`"kind":"microsoftTeamsUser","rawId":"8:teamsvisitor:x","microsoftTeamsUser":{"userId":"x","isAnonymous":true,"cloud":"public"}`,
		`"kind":"microsoftTeamsApp","rawId":"28:gcch:` + guid + `","microsoftTeamsApp":{"appId":"` + guid + `","cloud":"gcch"}`,
		`"kind":"unknown","rawId":"48:other"}`,
		`"teamsExtensionUser":{"userId":"` + guid + `","tenantId":"` + guid + `","resourceId":"` + guid + `","cloud":"public"}`,
	} {
		if !strings.Contains(r.body, want) {
			t.Errorf("member %d: %s is not in %s", i, want, r.body)
		}
	}
}

func TestAddParticipants(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	id, token := f.user()
	thread := f.thread(token, `{"topic":"t"}`)
	add := thread + "/participants/:add"
	f.chat(201, token, http.MethodPost, add, `{"participants":[{"communicationIdentifier":{"rawId":"`+sampleUser+`"},`+
		`"displayName":"Ada","shareHistoryTime":"2026-01-02T03:04:05.678+01:00","metadata":{"k":""}}]}`)
	// An existing member stays unchanged, and a user listed twice is added once.
	f.chat(201, token, http.MethodPost, add, `{"participants":[{"communicationIdentifier":{"rawId":"`+strings.ToUpper(sampleUser)+`"},"displayName":"Other"}]}`)
	f.chat(201, token, http.MethodPost, add, participants(otherSampleUser, otherSampleUser))
	// One malformed identifier fails the whole call.
	f.chat(400, token, http.MethodPost, add, participants(sampleUsers(1)[0], "8:acs:fakeid"))
	f.chat(400, token, http.MethodPost, add, `{}`)
	f.chat(400, token, http.MethodPost, add, `{"participants":[]}`)
	f.chat(400, token, http.MethodPost, add, `{"participants":[{"communicationIdentifier":{"rawId":"`+sampleUsers(1)[0]+
		`"},"metadata":{"k":"`+strings.Repeat("v", 1024)+`"}}]}`)
	f.chat(400, token, http.MethodPost, add, `{"participants":[{"communicationIdentifier":{"rawId":"`+sampleUsers(1)[0]+`"},"shareHistoryTime":"now"}]}`)
	r := f.chat(200, token, http.MethodGet, thread+"/participants", "")
	if r.field("value", 1, "displayName") != "Ada" || r.field("value", 1, "shareHistoryTime") != "2026-01-02T02:04:05Z" ||
		r.field("value", 1, "metadata", "k") != "" || r.field("value", 3) != nil {
		t.Errorf("participants: %s", r.body)
	}
	// A foreign user does not prevent the others from being added.
	f.chat(201, token, http.MethodPost, add, participants(foreignUser, sampleUsers(1)[0]))
	// The creator may leave, and then has no access.
	f.chat(204, token, http.MethodPost, thread+"/participants/:remove", `{"communicationUser":{"id":"`+id+`"}}`)
	f.chat(403, token, http.MethodPost, thread+"/participants/:remove", `{"communicationUser":{"id":"`+id+`"}}`)
	if held, _ := f.emu.Thread(unescape(thread)); len(held.Members) != 3 || held.Members[2].ID != sampleUsers(1)[0] {
		t.Errorf("members %+v", held.Members)
	}
}

func TestMembershipLimits(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	_, token := f.user()
	users := sampleUsers(251)
	const refusal = `{"CommunicationError":{"Code":"BadRequest","Details":[]}}`
	create := func(n int) string { return strings.Replace(participants(users[:n]...), "{", `{"topic":"t",`, 1) }
	if r := f.chat(400, token, http.MethodPost, "/chat/threads", create(201)); r.body != refusal {
		t.Errorf("create with 201: %s", r.body)
	}
	thread := f.thread(token, create(200))
	if r := f.chat(400, token, http.MethodPost, thread+"/participants/:add", participants(users[:201]...)); r.body != refusal {
		t.Errorf("add 201: %s", r.body)
	}
	if r := f.chat(400, token, http.MethodPost, thread+"/participants/:add", participants(users[200:250]...)); r.body != refusal {
		t.Errorf("beyond 250: %s", r.body)
	}
	// Existing members do not count again.
	f.chat(201, token, http.MethodPost, thread+"/participants/:add", participants(users[150:249]...))
	f.chat(400, token, http.MethodPost, thread+"/participants/:add", participants(users[250]))
}

func TestListParticipants(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	_, token := f.user()
	thread := f.thread(token, strings.Replace(participants(sampleUsers(4)...), "{", `{"topic":"t",`, 1))
	r := f.chat(200, token, http.MethodGet, thread+"/participants?maxPageSize=2", "")
	want := f.server.URL + "/chat/threads/" + unescape(thread) + "/participants?skip=2&maxPageSize=2&" + chatVersion
	if r.field("nextLink") != want {
		t.Errorf("nextLink %v, want %s", r.field("nextLink"), want)
	}
	r = f.chat(200, token, http.MethodGet, want, "")
	if next, _ := r.field("nextLink").(string); !strings.Contains(next, "skip=4&") {
		t.Errorf("second nextLink %q", next)
	}
	r = f.chat(200, token, http.MethodGet, thread+"/participants?skip=4", "")
	if r.field("value", 0, "communicationIdentifier", "rawId") != sampleUsers(4)[3] || r.field("nextLink") != nil {
		t.Errorf("last page: %s", r.body)
	}
	if r := f.chat(200, token, http.MethodGet, thread+"/participants?skip=9", ""); r.body != `{"value":[]}` {
		t.Errorf("beyond the end: %s", r.body)
	}
	for _, query := range []string{"skip=-1", "skip=x", "maxPageSize=-1", "maxPageSize=99999999999", "skip=1&skip=2"} {
		f.chat(400, token, http.MethodGet, thread+"/participants?"+query, "")
	}
}

func TestActingBehindTheBack(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	id := f.emu.CreateUser()
	thread := f.emu.CreateThread(id, "t", emulator.Member{ID: sampleUser, DisplayName: "Ada"})
	f.emu.AddMember(thread, emulator.Member{ID: otherSampleUser})
	f.emu.AddMember(thread, emulator.Member{ID: sampleUser, DisplayName: "Grace"})
	f.emu.RemoveMember(thread, strings.ToUpper(otherSampleUser))
	f.emu.UpdateThread(thread, func(held *emulator.Thread) {
		held.ID, held.Topic, held.CreatedBy, held.RetentionDays = "other", "u", sampleUser, 40
		held.Metadata = map[string]string{"k": "v"}
		held.Members = append(held.Members[1:], emulator.Member{ID: "4:+491"})
	})
	epoch := time.Unix(0, 0).UTC()
	want := emulator.Thread{
		ID: thread, Topic: "u", CreatedOn: f.clock.Now().Truncate(time.Second), CreatedBy: sampleUser, RetentionDays: 40,
		Metadata: map[string]string{"k": "v"},
		Members:  []emulator.Member{{ID: sampleUser, DisplayName: "Grace", ShareHistoryTime: epoch}, {ID: "4:+491", ShareHistoryTime: epoch}},
	}
	held, _ := f.emu.Thread(thread)
	if !reflect.DeepEqual(held, want) {
		t.Errorf("thread %+v, want %+v", held, want)
	}
	// The store returns copies.
	held.Metadata["k"], held.Members[0].DisplayName = "changed", "changed"
	f.emu.Threads()[0].Metadata["k"] = "changed"
	if again, _ := f.emu.Thread(thread); !reflect.DeepEqual(again, want) {
		t.Errorf("thread %+v, want %+v", again, want)
	}
	if _, ok := f.emu.Thread("unknown"); ok {
		t.Error("an unknown thread is known")
	}
}

func TestDeletingBehindTheBack(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	id := f.emu.CreateUser()
	thread := f.emu.CreateThread(id, "t")
	f.emu.DeleteThread(thread)
	f.clock.advance(time.Hour)
	f.emu.DeleteThread(thread)
	if again, _ := f.emu.Thread(thread); again.DeletedOn == nil || again.DeletedOn.Hour() != 5 {
		t.Errorf("deleted on %v", again.DeletedOn)
	}
	f.emu.UpdateThread(thread, func(held *emulator.Thread) { held.DeletedOn = nil })
	if again, _ := f.emu.Thread(thread); again.DeletedOn != nil {
		t.Error("still deleted")
	}
	if users := f.emu.Users(); !slices.Equal(users, []string{id}) {
		t.Errorf("users %v", users)
	}
}
