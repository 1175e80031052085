// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

func TestCreateThread(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	id, token := f.user()
	r := f.chat(201, token, http.MethodPost, "/chat/threads",
		`{"topic":"Incident 7","metadata":{"a":"1","b":""},"retentionPolicy":{"kind":"threadCreationDate","deleteThreadAfterDays":30}}`)
	thread, _ := r.field("chatThread", "id").(string)
	if !regexp.MustCompile(`^19:[A-Za-z0-9_-]{43}1@thread\.v2$`).MatchString(thread) {
		t.Errorf("id %s", thread)
	}
	if want := f.server.URL + "/chat/threads/" + strings.Replace(thread, ":", "%3A", 1); r.header.Get("Location") != want {
		t.Errorf("Location %s, want %s", r.header.Get("Location"), want)
	}
	get := f.chat(200, token, http.MethodGet, "/chat/threads/"+escape(thread), "")
	want := fmt.Sprintf(`{"id":%q,"topic":"Incident 7","createdOn":"2026-03-04T05:06:07Z",`+
		`"createdByCommunicationIdentifier":{"rawId":%q,"communicationUser":{"id":%q}},"metadata":{"a":"1","b":""},`+
		`"retentionPolicy":{"kind":"threadCreationDate","deleteThreadAfterDays":30}}`, thread, id, id)
	if get.body != want || r.body != `{"chatThread":`+want+`}` {
		t.Errorf("got  %s\ncreated %s\nwant %s", get.body, r.body, want)
	}
	members := f.chat(200, token, http.MethodGet, "/chat/threads/"+escape(thread)+"/participants", "")
	if want := fmt.Sprintf(`{"value":[{"communicationIdentifier":{"rawId":%q,"communicationUser":{"id":%q}},`+
		`"shareHistoryTime":"1970-01-01T00:00:00Z"}]}`, id, id); members.body != want {
		t.Errorf("members %s, want %s", members.body, want)
	}
}

func TestCreateThreadRefusals(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	_, token := f.user()
	kilobyte := strings.Repeat("v", 1024)
	for body, want := range map[string]int{
		`{}`:           400,
		`{"topic":""}`: 400,
		`{"topic":"t","metadata":{"":"` + kilobyte + `"}}`:                                                201,
		`{"topic":"t","metadata":{"k":"` + kilobyte + `"}}`:                                               400,
		`{"topic":"t","retentionPolicy":{"kind":"none"}}`:                                                 201,
		`{"topic":"t","retentionPolicy":{"kind":"none","deleteThreadAfterDays":30}}`:                      400,
		`{"topic":"t","retentionPolicy":{"kind":"forever"}}`:                                              400,
		`{"topic":"t","retentionPolicy":{"deleteThreadAfterDays":30}}`:                                    400,
		`{"topic":"t","retentionPolicy":{"kind":"threadCreationDate"}}`:                                   400,
		`{"topic":"t","retentionPolicy":{"kind":"threadCreationDate","deleteThreadAfterDays":29}}`:        400,
		`{"topic":"t","retentionPolicy":{"kind":"threadCreationDate","deleteThreadAfterDays":90}}`:        201,
		`{"topic":"t","retentionPolicy":{"kind":"threadCreationDate","deleteThreadAfterDays":91}}`:        400,
		`{"topic":"t","participants":[{"displayName":"n"}]}`:                                              400,
		`{"topic":"t","participants":[{"communicationIdentifier":{"rawId":"` + sampleUser + `"},"x":1}]}`: 400,
	} {
		if r := f.send(call{method: http.MethodPost, path: "/chat/threads", body: body, token: token}); r.status != want {
			t.Errorf("%.120s: status %d, want %d; %s", body, r.status, want, r.body)
		}
	}
	if got := len(f.emu.Threads()); got != 3 {
		t.Errorf("%d threads were created, want 3", got)
	}
}

func TestCreatorListedByItself(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	id, token := f.user()
	f.thread(token, `{"topic":"t","participants":[{"communicationIdentifier":{"rawId":"`+id[:10]+strings.ToUpper(id[10:])+`"},"displayName":"Bot"}]}`)
	members := f.emu.Threads()[0].Members
	if len(members) != 1 || members[0].ID != id || members[0].DisplayName != "Bot" {
		t.Errorf("members %+v", members)
	}
}

func TestUpdateThread(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	_, token := f.user()
	thread := f.thread(token, `{"topic":"t","metadata":{"a":"1","b":"2"}}`)
	for _, test := range []struct {
		body string
		want int
	}{
		{`{}`, 204},
		{`{"topic":"u"}`, 204},
		{`{"topic":""}`, 400},
		{`{"metadata":{"b":"","c":"3"}}`, 204},
		{`{"metadata":{"d":"` + strings.Repeat("v", 1020) + `"}}`, 400},
		{`{"topic":"lost","metadata":{"d":"` + strings.Repeat("v", 1024) + `"}}`, 400},
		{`{"retentionPolicy":{"kind":"threadCreationDate","deleteThreadAfterDays":60}}`, 204},
		{`{"retentionPolicy":{"kind":"threadCreationDate","deleteThreadAfterDays":1}}`, 400},
	} {
		if r := f.send(call{method: http.MethodPatch, path: thread, body: test.body, token: token}); r.status != test.want || r.status == 204 && r.body != "" {
			t.Errorf("%.80s: %d %s, want %d", test.body, r.status, r.body, test.want)
		}
	}
	r := f.chat(200, token, http.MethodGet, thread, "")
	if r.field("topic") != "u" || r.field("retentionPolicy", "deleteThreadAfterDays") != 60.0 ||
		!strings.Contains(r.body, `"metadata":{"a":"1","b":"","c":"3"}`) {
		t.Errorf("after the updates: %s", r.body)
	}
	f.chat(204, token, http.MethodPatch, thread, `{"retentionPolicy":{"kind":"none"}}`)
	if r := f.chat(200, token, http.MethodGet, thread, ""); !strings.Contains(r.body, `"retentionPolicy":{"kind":"none"}`) {
		t.Errorf("without retention: %s", r.body)
	}
}

// TestMetadataNeverShrinks checks that keys cannot be removed, and that emptied keys still count.
func TestMetadataNeverShrinks(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	_, token := f.user()
	thread := f.thread(token, `{"topic":"t","metadata":{"first":"1234567890"}}`)
	filled := strings.Repeat("v", 1024-len("first")-len("k"))
	for _, test := range []struct {
		body string
		want int
	}{
		{`{"metadata":{"k":"` + filled + `"}}`, 400},             // the first value counts
		{`{"metadata":{"k":"` + filled + `","first":""}}`, 204},  // emptied in the same call
		{`{"metadata":{"k":"` + filled + `v"}}`, 400},            // its key counts
		{`{"topic":"u","metadata":{"k":"` + filled + `"}}`, 204}, // nothing changes
		{`{"metadata":{"k":"","first":""}}`, 204},
		{`{"metadata":{"l":"` + filled + `"}}`, 400},      // so do the keys of both
		{`{"metadata":{"l":"` + filled[2:] + `é"}}`, 400}, // bytes count
		{`{"metadata":{"l":"` + filled[3:] + `é"}}`, 204},
		{`{"metadata":{"":"x"}}`, 400},
	} {
		if r := f.send(call{method: http.MethodPatch, path: thread, body: test.body, token: token}); r.status != test.want {
			t.Errorf("%.30s…%s: %d %s, want %d", test.body, test.body[len(test.body)-10:], r.status, r.body, test.want)
		}
	}
	if got, _ := f.emu.Thread(f.emu.Threads()[0].ID); len(got.Metadata) != 3 || got.Topic != "u" {
		t.Errorf("the thread is %+v", got)
	}
}

func TestDeletedThreads(t *testing.T) {
	t.Parallel()
	for mode, want := range map[emulator.DeletedThreads]map[string]int{
		emulator.DeletedNotFound:  {"GET": 404, "DELETE": 404, "PATCH": 404},
		emulator.DeletedForbidden: {"GET": 403, "DELETE": 403, "PATCH": 403},
		emulator.DeletedMarked:    {"GET": 200, "DELETE": 204, "PATCH": 404},
	} {
		f := start(t, emulator.Options{DeletedThreads: mode})
		_, token := f.user()
		thread := f.thread(token, `{"topic":"t"}`)
		f.clock.advance(time.Minute)
		f.chat(204, token, http.MethodDelete, thread, "")
		f.chat(want["DELETE"], token, http.MethodDelete, thread, "")
		f.chat(want["PATCH"], token, http.MethodPatch, thread, `{"topic":"u"}`)
		f.chat(want["PATCH"], token, http.MethodGet, thread+"/participants", "")
		f.chat(want["PATCH"], token, http.MethodPost, thread+"/participants/:add", participants(sampleUser))
		const deletedOn = "2026-03-04T05:07:07Z"
		if r := f.chat(want["GET"], token, http.MethodGet, thread, ""); r.status == 200 && r.field("deletedOn") != deletedOn {
			t.Errorf("marked: %s", r.body)
		}
		if r := f.chat(200, token, http.MethodGet, "/chat/threads", ""); r.field("value", 0, "deletedOn") != deletedOn {
			t.Errorf("%q: the list has %s", mode, r.body)
		}
	}
}

func TestWhoMaySeeAThread(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	_, owner := f.user()
	_, stranger := f.user()
	thread := f.thread(owner, `{"topic":"t"}`)
	const message = "The initiator doesn't have the permission to perform the requested operation."
	for _, c := range []call{
		{method: http.MethodGet, path: thread},
		{method: http.MethodPatch, path: thread, body: `{"topic":"u"}`},
		{method: http.MethodDelete, path: thread},
		{method: http.MethodGet, path: thread + "/participants"},
		{method: http.MethodPost, path: thread + "/participants/:add", body: participants(sampleUser)},
		{method: http.MethodPost, path: thread + "/participants/:remove", body: `{"rawId":"` + sampleUser + `"}`},
	} {
		c.token = stranger
		if r := f.send(c); r.status != http.StatusForbidden || r.field("CommunicationError", "Message") != message {
			t.Errorf("%s %s: %d %s", c.method, c.path, r.status, r.body)
		}
		c.token, c.path = owner, strings.Replace(c.path, unescape(thread)[3:20], "00000000000000000", 1)
		if r := f.send(c); r.status != http.StatusNotFound || r.field("CommunicationError", "Code") != "NotFound" {
			t.Errorf("%s %s: %d %s", c.method, c.path, r.status, r.body)
		}
	}
	r := f.chat(404, owner, http.MethodGet, "/chat/threads/sanitized", "")
	if r.body != `{"CommunicationError":{"Code":"NotFound","Details":[]}}` {
		t.Errorf("malformed thread id: %s", r.body)
	}
}

func TestRepeatability(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{RepeatabilityWindow: time.Hour})
	_, token := f.user()
	_, other := f.user()
	create := func(token, requestID, topic string) reply {
		t.Helper()
		r := f.send(call{
			method: http.MethodPost, path: "/chat/threads", body: `{"topic":"` + topic + `"}`, token: token,
			header: http.Header{"repeatability-request-id": {requestID}},
		})
		if r.status != http.StatusCreated {
			t.Fatalf("status %d: %s", r.status, r.body)
		}
		return r
	}
	first := create(token, "contoso-1", "first")
	id, _ := first.field("chatThread", "id").(string)
	thread := "/chat/threads/" + escape(id)
	f.clock.advance(time.Minute)
	if r := create(token, "contoso-1", "second"); r.body != first.body || r.header.Get("Location") != first.header.Get("Location") {
		t.Errorf("replay: %s, want %s", r.body, first.body)
	}
	for name, r := range map[string]reply{
		"another user": create(other, "contoso-1", "t"), "another id": create(token, "contoso-2", "t"), "no id": create(token, "", "t"),
	} {
		if r.field("chatThread", "id") == id {
			t.Errorf("%s gets the same thread", name)
		}
	}
	f.chat(204, token, http.MethodPatch, thread, `{"topic":"edited"}`)
	if r := create(token, "contoso-1", "first"); r.field("chatThread", "topic") != "edited" {
		t.Errorf("replay after an edit: %s", r.body)
	}
	f.chat(204, token, http.MethodDelete, thread, "")
	if r := create(token, "contoso-1", "first"); r.field("chatThread", "id") != id || r.field("chatThread", "deletedOn") == nil {
		t.Errorf("replay after deletion: %s", r.body)
	}
	f.clock.advance(time.Hour)
	if r := create(token, "contoso-1", "first"); r.field("chatThread", "id") == id {
		t.Error("the id is remembered beyond the window")
	}
}

func TestListThreads(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	id, token := f.user()
	left := f.emu.CreateThread(sampleUser, "left", emulator.Member{ID: id})
	f.emu.RemoveMember(left, id)
	f.emu.CreateThread(sampleUser, "of others")
	var want []string
	for i := range 6 {
		f.clock.advance(time.Second)
		want = append([]string{f.emu.CreateThread(id, fmt.Sprint(i))}, want...)
	}
	f.emu.DeleteThread(want[3])
	want = append(want, left)

	var got []string
	pages := 0
	for link := f.server.URL + "/chat/threads?maxPageSize=3&" + chatVersion; link != ""; pages++ {
		r := f.chat(200, token, http.MethodGet, link, "")
		for i := 0; r.field("value", i) != nil; i++ {
			thread, _ := r.field("value", i, "id").(string)
			got = append(got, thread)
		}
		link, _ = r.field("nextLink").(string)
		if pages == 0 { // threads created during a listing do not move the others
			f.emu.CreateThread(id, "late")
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || pages != 3 {
		t.Errorf("%d pages with %v, want %v", pages, got, want)
	}
	since := f.chat(200, token, http.MethodGet, "/chat/threads?maxPageSize=2&startTime=2026-03-04T05:06:11Z", "")
	link, _ := since.field("nextLink").(string)
	rest := f.chat(200, token, http.MethodGet, link, "")
	if rest.field("value", 1, "topic") != "3" || rest.field("value", 2) != nil || rest.field("nextLink") != nil {
		t.Errorf("since 05:06:11: %s", rest.body)
	}
	for _, query := range []string{"maxPageSize=0", "maxPageSize=x", "startTime=yesterday", "syncState=x", "syncState=YmVmb3JlLy0x"} {
		f.chat(400, token, http.MethodGet, "/chat/threads?"+query, "")
	}
	_, fresh := f.user()
	if r := f.chat(200, fresh, http.MethodGet, "/chat/threads", ""); r.body != `{"value":[]}` {
		t.Errorf("list of a fresh user: %s", r.body)
	}
}

func TestListDelay(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{ListDelay: 2 * time.Second})
	_, token := f.user()
	thread := f.thread(token, `{"topic":"t"}`)
	if r := f.chat(200, token, http.MethodGet, "/chat/threads", ""); r.body != `{"value":[]}` {
		t.Errorf("listed at once: %s", r.body)
	}
	f.chat(200, token, http.MethodGet, thread, "")
	f.clock.advance(2 * time.Second)
	if r := f.chat(200, token, http.MethodGet, "/chat/threads", ""); r.field("value", 0) == nil {
		t.Error("never listed")
	}
}

func TestLinksLeadBackTheSameWay(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	_, token := f.user()
	f.thread(token, `{"topic":"1"}`)
	f.thread(token, `{"topic":"2"}`)
	request := f.request(call{method: http.MethodGet, path: "/chat/threads?maxPageSize=1", token: token})
	request.Host = "chat.example:8443"
	request.Header.Set("X-Forwarded-Proto", "https")
	r, err := f.try(request)
	if err != nil {
		t.Fatal(err)
	}
	if link, _ := r.field("nextLink").(string); !strings.HasPrefix(link, "https://chat.example:8443/chat/threads?") {
		t.Errorf("nextLink %s", link)
	}
}
