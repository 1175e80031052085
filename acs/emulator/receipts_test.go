// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

func TestReadReceipts(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	id, token := f.user()
	otherID, other := f.user()
	thread := f.thread(token, strings.Replace(participants(otherID), "{", `{"topic":"t",`, 1))
	receipts := thread + "/readReceipts"
	if r := f.chat(200, token, http.MethodGet, receipts, ""); r.body != `{"value":[]}` {
		t.Errorf("no receipts: %s", r.body)
	}
	var ids []string
	for range 2 {
		path := f.message(token, thread, `{"content":"c"}`)
		ids = append(ids, path[strings.LastIndex(path, "/")+1:])
	}
	for i, message := range []string{ids[1], ids[0]} { // an older receipt changes nothing
		if r := f.chat(200, other, http.MethodPost, receipts, `{"chatMessageId":"`+message+`"}`); r.body != "" || r.header.Get("Content-Length") != "0" {
			t.Errorf("receipt %d: %v %s", i, r.header, r.body)
		}
		f.clock.advance(time.Second)
	}
	f.chat(200, token, http.MethodPost, receipts, `{"chatMessageId":"`+ids[0]+`"}`)
	r := f.chat(200, token, http.MethodGet, receipts+"?maxPageSize=1", "")
	link, _ := r.field("nextLink").(string)
	if r.body != fmt.Sprintf(`{"value":[{"senderCommunicationIdentifier":{"rawId":%q,"communicationUser":{"id":%q}},"chatMessageId":%q,`+
		`"readOn":"2026-03-04T05:06:07Z"}],"nextLink":%q}`, otherID, otherID, ids[1],
		f.server.URL+"/chat/threads/"+unescape(thread)+"/readReceipts?skip=1&maxPageSize=1&api-version=2025-03-15") {
		t.Errorf("receipts: %s", r.body)
	}
	r = f.chat(200, token, http.MethodGet, link, "")
	if r.field("value", 0, "senderCommunicationIdentifier", "rawId") != id || r.field("value", 0, "chatMessageId") != ids[0] || r.field("nextLink") != nil {
		t.Errorf("second page: %s", r.body)
	}
	for body, want := range map[string]int{
		``: 400, `{}`: 400, `{"chatMessageId":""}`: 400, `{"chatMessageId":1}`: 400, `{"chatMessageId":"1"}`: 404, `{"chatMessageId":"x"}`: 404,
	} {
		if r := f.send(call{method: http.MethodPost, path: receipts, body: body, token: token}); r.status != want {
			t.Errorf("%s: %d, want %d", body, r.status, want)
		}
	}
}

func TestTyping(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	id, token := f.user()
	thread := f.thread(token, `{"topic":"t"}`)
	for body, want := range map[string]int{``: 200, `{}`: 200, `{"senderDisplayName":"Ada"}`: 200, `{"name":"Ada"}`: 400, `[]`: 400} {
		r := f.chat(want, token, http.MethodPost, thread+"/typing", body)
		if want == 200 && (r.body != "" || r.header.Get("Content-Length") != "0") {
			t.Errorf("%s: %v %s", body, r.header, r.body)
		}
	}
	for _, test := range []struct{ members, typing, receipts int }{{20, 200, 404}, {21, 400, 400}} {
		large := "/chat/threads/" + f.emu.CreateThread(id, "large")
		for _, user := range sampleUsers(test.members - 1) {
			f.emu.AddMember(strings.TrimPrefix(large, "/chat/threads/"), emulator.Member{ID: user})
		}
		f.chat(test.typing, token, http.MethodPost, large+"/typing", "")
		f.chat(test.receipts, token, http.MethodPost, large+"/readReceipts", `{"chatMessageId":"1"}`)
		if r := f.send(call{method: http.MethodGet, path: large + "/readReceipts", token: token}); (r.status == 200) != (test.typing == 200) {
			t.Errorf("%d members: receipts %d", test.members, r.status)
		}
	}
}
