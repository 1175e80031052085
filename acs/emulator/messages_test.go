// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

// message sends a message and returns its path.
func (f *fixture) message(token, thread, body string) string {
	f.Helper()
	r := f.chat(http.StatusCreated, token, http.MethodPost, thread+"/messages", body)
	id, _ := r.field("id").(string)
	return thread + "/messages/" + id
}

// summary returns the messages of a list, each as type, sequence number and text.
func summary(r reply) string {
	var list struct {
		Value []struct {
			Type       string
			SequenceID string
			Content    struct {
				Message, Topic string
				Participants   []struct{ DisplayName string }
			}
		}
	}
	_ = json.Unmarshal([]byte(r.body), &list)
	var out []string
	for _, m := range list.Value {
		text := m.Content.Message + m.Content.Topic
		for _, p := range m.Content.Participants {
			text += "(" + p.DisplayName + ")"
		}
		out = append(out, m.Type+" "+m.SequenceID+" "+text)
	}
	return strings.Join(out, ", ")
}

func TestMessages(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	id, token := f.user()
	thread := f.thread(token, `{"topic":"t"}`)
	f.clock.advance(time.Second)
	sent := f.chat(201, token, http.MethodPost, thread+"/messages", `{"content":"Hello","metadata":{"k":"v"}}`)
	message, _ := sent.field("id").(string)
	if want := fmt.Sprint(f.clock.Now().UnixMilli()); message != want || sent.body != `{"id":"`+want+`"}` {
		t.Errorf("sent %s, want id %s", sent.body, want)
	}
	location := f.server.URL + strings.Replace(thread, "%40", "@", 1) + "/messages/" + message
	if sent.header.Get("Location") != location {
		t.Errorf("Location %s, want %s", sent.header.Get("Location"), location)
	}
	path := thread + "/messages/" + message
	got := f.chat(200, token, http.MethodGet, path, "")
	want := fmt.Sprintf(`{"id":%q,"type":"text","sequenceId":"3","version":%q,"content":{"message":"Hello"},"senderDisplayName":"",`+
		`"createdOn":"2026-03-04T05:06:08Z","senderCommunicationIdentifier":{"rawId":%q,"communicationUser":{"id":%q}},"metadata":{"k":"v"}}`,
		message, message, id, id)
	if got.body != want {
		t.Errorf("got %s, want %s", got.body, want)
	}

	f.clock.advance(time.Second)
	f.chat(204, token, http.MethodPatch, path, `{"content":"Hello, all","metadata":{"k2":"v2"}}`)
	got = f.chat(200, token, http.MethodGet, path, "")
	f.wants(got, map[string]any{
		"content.message": "Hello, all", "editedOn": "2026-03-04T05:06:09Z", "createdOn": "2026-03-04T05:06:08Z", "sequenceId": "3",
		"version": fmt.Sprint(f.clock.Now().UnixMilli()), "metadata.k": "v", "metadata.k2": "v2",
	})
	f.clock.advance(time.Second)
	f.chat(204, token, http.MethodDelete, path, "")
	f.chat(204, token, http.MethodDelete, path, "")
	f.chat(404, token, http.MethodPatch, path, `{"content":"again"}`)
	got = f.chat(200, token, http.MethodGet, path, "")
	f.wants(got, map[string]any{
		"content.message": "", "deletedOn": "2026-03-04T05:06:10Z", "sequenceId": "3", "metadata": nil, "senderDisplayName": "",
	})
	list := f.chat(200, token, http.MethodGet, thread+"/messages", "")
	if got, want := summary(list), "text 5 , topicUpdated 2 t, participantAdded 1 ()"; got != want {
		t.Errorf("list %q, want %q", got, want)
	}
}

func TestMessageRefusals(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	_, token := f.user()
	otherID, other := f.user()
	_, stranger := f.user()
	thread := f.thread(token, strings.Replace(participants(otherID), "{", `{"topic":"t",`, 1))
	path := f.message(token, thread, `{"content":"Hello"}`)
	system := thread + "/messages/" + fmt.Sprint(f.emu.Messages(unescape(thread))[0].ID)
	limit := strings.Repeat("m", 28*1024)
	for _, test := range []struct {
		name, method, path, body, token string
		want                            int
	}{
		{"no content", "POST", thread + "/messages", `{}`, token, 400},
		{"empty content", "POST", thread + "/messages", `{"content":""}`, token, 400},
		{"system type", "POST", thread + "/messages", `{"content":"c","type":"topicUpdated"}`, token, 400},
		{"unknown type", "POST", thread + "/messages", `{"content":"c","type":"Text"}`, token, 400},
		{"html", "POST", thread + "/messages", `{"content":"<b>c</b>","type":"html","senderDisplayName":"Ada"}`, token, 201},
		{"28 KB", "POST", thread + "/messages", `{"content":"` + limit + `"}`, token, 201},
		{"above 28 KB", "POST", thread + "/messages", `{"content":"` + limit + `m"}`, token, 413},
		{"above 28 KB with metadata", "POST", thread + "/messages", `{"content":"` + limit + `","metadata":{"k":""}}`, token, 413},
		{"attachments", "POST", thread + "/messages", `{"content":"c","attachments":[]}`, token, 400},
		{
			"attachments where there are images", "POST", thread + "/messages?api-version=2024-06-05-preview",
			`{"content":"c","attachments":[{"id":"1","attachmentType":"image"}]}`, token, 201,
		},
		{"by a stranger", "POST", thread + "/messages", `{"content":"c"}`, stranger, 403},
		{"list by a stranger", "GET", thread + "/messages", "", stranger, 403},
		{"get by a stranger", "GET", path, "", stranger, 403},
		{"edit by another member", "PATCH", path, `{"content":"c"}`, other, 403},
		{"delete by another member", "DELETE", path, "", other, 403},
		{"edit of a system message", "PATCH", system, `{"content":"c"}`, token, 403},
		{"empty edit", "PATCH", path, `{"content":""}`, token, 400},
		{"edit of nothing", "PATCH", path, `{}`, token, 204},
		{"edit to above 28 KB", "PATCH", path, `{"content":"` + limit + `m"}`, token, 413},
		{"unknown message", "GET", thread + "/messages/1", "", token, 404},
		{"malformed message", "GET", thread + "/messages/x", "", token, 404},
		{"edit of an unknown message", "PATCH", thread + "/messages/1", `{"content":"c"}`, token, 404},
		{"delete of an unknown message", "DELETE", thread + "/messages/1", "", token, 404},
		{"unknown thread", "GET", "/chat/threads/19:x@thread.v2/messages", "", token, 404},
		{"page size", "GET", thread + "/messages?maxPageSize=0", "", token, 400},
		{"start time", "GET", thread + "/messages?startTime=now", "", token, 400},
		{"sync state", "GET", thread + "/messages?syncState=3e", "", token, 400},
	} {
		if r := f.send(call{method: test.method, path: test.path, body: test.body, token: test.token}); r.status != test.want {
			t.Errorf("%s: %d %s, want %d", test.name, r.status, r.body, test.want)
		}
	}
	if r := f.chat(200, token, http.MethodGet, path, ""); r.field("editedOn") != nil || r.field("content", "message") != "Hello" {
		t.Errorf("after the refusals: %s", r.body)
	}
	if r := f.chat(200, token, http.MethodGet, thread+"/messages", ""); r.field("value", 0, "content", "attachments", 0, "id") != "1" {
		t.Errorf("attachments: %.400s", r.body)
	}
}

func TestSystemMessages(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	id, token := f.user()
	otherID, other := f.user()
	thread := f.thread(token, `{"topic":"t","participants":[{"communicationIdentifier":{"rawId":"`+otherID+`"},"displayName":"Ada"}]}`)
	add := `{"participants":[{"communicationIdentifier":{"rawId":"` + sampleUser + `"},"displayName":"Bob"},` +
		`{"communicationIdentifier":{"rawId":"` + otherID + `"}},{"communicationIdentifier":{"rawId":"` + foreignUser + `"}}]}`
	f.chat(204, token, http.MethodPatch, thread, `{"topic":"t","metadata":{"k":"v"}}`) // no change
	f.chat(204, token, http.MethodPatch, thread, `{"topic":"u"}`)
	f.chat(201, token, http.MethodPost, thread+"/participants/:add", add)
	f.chat(201, token, http.MethodPost, thread+"/participants/:add", add) // no change
	f.chat(204, other, http.MethodPost, thread+"/participants/:remove", `{"rawId":"`+sampleUser+`"}`)
	f.chat(204, other, http.MethodPost, thread+"/participants/:remove", `{"rawId":"`+sampleUser+`"}`) // no change
	list := f.chat(200, token, http.MethodGet, thread+"/messages", "")
	want := "participantRemoved 5 (Bob), participantAdded 4 (Bob), topicUpdated 3 u, topicUpdated 2 t, participantAdded 1 ()(Ada)"
	if got := summary(list); got != want {
		t.Errorf("list %q, want %q", got, want)
	}
	for i, initiator := range []string{otherID, id, id, id, id} {
		if list.field("value", i, "content", "initiatorCommunicationIdentifier", "rawId") != initiator || list.field("value", i, "senderDisplayName") != nil ||
			list.field("value", i, "senderCommunicationIdentifier") != nil {
			t.Errorf("message %d of %s: %s", i, initiator, list.body)
		}
	}
	if list.field("value", 1, "content", "participants", 0, "shareHistoryTime") != "1970-01-01T00:00:00Z" {
		t.Errorf("participants: %s", list.body)
	}
}

func TestListMessagesByPages(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	_, token := f.user()
	thread := f.thread(token, `{"topic":"t"}`)
	var first string
	for i := range 12 {
		f.clock.advance(time.Second)
		path := f.message(token, thread, fmt.Sprintf(`{"content":"%d"}`, i))
		if i == 0 {
			first = path
		}
	}
	f.chat(204, token, http.MethodPatch, first, `{"content":"0, edited"}`)
	page := f.chat(200, token, http.MethodGet, thread+"/messages", "")
	want := regexp.MustCompile(`^` + regexp.QuoteMeta(f.server.URL+"/chat/threads/"+unescape(thread)) +
		`/messages\?syncState=3e39000000(\w\w){57}01(\w\w){16}&startTime=1%2F1%2F1970%2012%3A00%3A00%20AM%20%2B00%3A00&maxPageSize=10&api-version=2025-03-15$`)
	link, _ := page.field("nextLink").(string)
	if !want.MatchString(link) || page.field("value", 9) == nil || page.field("value", 10) != nil {
		t.Errorf("default page: %s", page.body)
	}
	var contents []string
	pages := 0
	for link := f.server.URL + thread + "/messages?maxPageSize=4&" + chatVersion; link != ""; pages++ {
		r := f.chat(200, token, http.MethodGet, link, "")
		contents = append(contents, summary(r))
		link, _ = r.field("nextLink").(string)
		f.message(token, thread, `{"content":"late"}`) // no message moves
	}
	got := strings.Join(contents, ", ")
	if !strings.HasPrefix(got, "text 15 0, edited, text 14 11, text 13 10, ") || !strings.HasSuffix(got, "text 4 1, topicUpdated 2 t, participantAdded 1 ()") || pages != 4 {
		t.Errorf("%d pages: %s", pages, got)
	}
}

func TestListMessagesSince(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	_, token := f.user()
	thread := f.thread(token, `{"topic":"t"}`)
	for i := range 5 {
		f.clock.advance(time.Second)
		f.message(token, thread, fmt.Sprintf(`{"content":"%d"}`, i))
	}
	r := f.chat(200, token, http.MethodGet, thread+"/messages?startTime=2026-03-04T05:06:09.5Z", "")
	f.wants(r, map[string]any{"nextLink": nil, "value.3.content.message": "1", "value.4": nil})
	// The bound of the first page applies to the others.
	r = f.chat(200, token, http.MethodGet, thread+"/messages?maxPageSize=3&startTime=2026-03-04T05:06:09.5Z", "")
	link, _ := r.field("nextLink").(string)
	if !strings.Contains(link, "&startTime=3%2F4%2F2026%205%3A06%3A09.5%20AM%20%2B00%3A00&maxPageSize=3&") {
		t.Errorf("nextLink %s", link)
	}
	r = f.chat(200, token, http.MethodGet, link, "")
	f.wants(r, map[string]any{"nextLink": nil, "value.0.content.message": "1", "value.1": nil})
	other := f.thread(token, `{"topic":"other"}`)
	f.chat(400, token, http.MethodGet, other+"/messages?"+regexp.MustCompile(`syncState=\w+`).FindString(link), "")
}

func TestHistoryOfMembers(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	_, token := f.user()
	lateID, late := f.user()
	thread := f.thread(token, `{"topic":"t"}`)
	old := f.message(token, thread, `{"content":"old"}`)
	f.clock.advance(time.Minute)
	since := f.clock.Now().UTC().Format(time.RFC3339)
	f.clock.advance(time.Second)
	f.chat(201, token, http.MethodPost, thread+"/participants/:add",
		`{"participants":[{"communicationIdentifier":{"rawId":"`+lateID+`"},"displayName":"Late","shareHistoryTime":"`+since+`"}]}`)
	f.clock.advance(time.Second)
	fresh := f.message(late, thread, `{"content":"fresh"}`)
	f.chat(404, late, http.MethodGet, old, "")
	f.chat(404, late, http.MethodPost, thread+"/readReceipts", `{"chatMessageId":"`+old[strings.LastIndex(old, "/")+1:]+`"}`)
	if got := summary(f.chat(200, late, http.MethodGet, thread+"/messages", "")); got != "text 5 fresh, participantAdded 4 (Late)" {
		t.Errorf("the late member sees %s", got)
	}
	f.chat(204, token, http.MethodPost, thread+"/participants/:remove", `{"rawId":"`+lateID+`"}`)
	f.clock.advance(time.Second)
	secret := f.message(token, thread, `{"content":"secret"}`)
	if got := summary(f.chat(200, late, http.MethodGet, thread+"/messages", "")); got != "text 5 fresh, participantAdded 4 (Late)" {
		t.Errorf("the former member sees %s", got)
	}
	f.chat(200, late, http.MethodGet, fresh, "")
	f.chat(404, late, http.MethodGet, secret, "")
	for _, c := range []call{
		{method: "POST", path: thread + "/messages", body: `{"content":"c"}`},
		{method: "PATCH", path: fresh, body: `{"content":"c"}`},
		{method: "DELETE", path: fresh},
		{method: "GET", path: thread},
		{method: "GET", path: thread + "/readReceipts"},
		{method: "POST", path: thread + "/typing"},
	} {
		f.chat(403, late, c.method, c.path, c.body)
	}
	if r := f.chat(200, late, http.MethodGet, "/chat/threads", ""); r.field("value", 0, "id") != unescape(thread) {
		t.Errorf("the former member's threads: %s", r.body)
	}
	f.chat(201, token, http.MethodPost, thread+"/participants/:add", participants(lateID))
	if got := summary(f.chat(200, late, http.MethodGet, thread+"/messages", "")); strings.Count(got, ", ") != 7 {
		t.Errorf("a member that came back sees %s", got)
	}
	f.chat(204, token, http.MethodDelete, thread, "")
	f.chat(404, late, http.MethodGet, thread+"/messages", "")
}

func TestThreadsAreListedByActivity(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	_, token := f.user()
	first := f.thread(token, `{"topic":"first"}`)
	f.clock.advance(time.Second)
	f.thread(token, `{"topic":"second"}`)
	f.clock.advance(time.Second)
	for range 50 { // stale entries in the list are removed
		f.message(token, first, `{"content":"c"}`)
	}
	r := f.chat(200, token, http.MethodGet, "/chat/threads", "")
	if r.field("value", 0, "topic") != "first" || r.field("value", 1, "topic") != "second" || r.field("value", 2) != nil ||
		r.field("value", 0, "lastMessageReceivedOn") != "2026-03-04T05:06:09Z" {
		t.Errorf("list %s", r.body)
	}
}

func TestListDelayOfMessages(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{ListDelay: 2 * time.Second})
	_, token := f.user()
	thread := f.thread(token, `{"topic":"t"}`)
	f.clock.advance(2 * time.Second)
	path := f.message(token, thread, `{"content":"c"}`)
	id := path[strings.LastIndex(path, "/")+1:]
	f.chat(200, token, http.MethodPost, thread+"/readReceipts", `{"chatMessageId":"`+id+`"}`)
	if got := summary(f.chat(200, token, http.MethodGet, thread+"/messages", "")); got != "participantAdded 1 ()" {
		t.Errorf("at once: %s", got) // the version of the second message is one millisecond later
	}
	f.chat(200, token, http.MethodGet, path, "")
	if r := f.chat(200, token, http.MethodGet, thread+"/readReceipts", ""); r.body != `{"value":[]}` {
		t.Errorf("receipts at once: %s", r.body)
	}
	f.clock.advance(2 * time.Second)
	if got := summary(f.chat(200, token, http.MethodGet, thread+"/messages", "")); !strings.HasPrefix(got, "text 3 c") {
		t.Errorf("never listed: %s", got)
	}
	if r := f.chat(200, token, http.MethodGet, thread+"/readReceipts", ""); r.field("value", 0, "chatMessageId") != id {
		t.Errorf("receipts: %s", r.body)
	}
}
