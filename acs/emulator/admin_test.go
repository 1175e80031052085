// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

// admin calls an admin endpoint, which must return the status.
func (f *fixture) admin(want int, method, path, body string) reply {
	f.Helper()
	request := httptest.NewRequestWithContext(f.Context(), method, path, strings.NewReader(body))
	recorder := serve(f.T, f.emu.AdminHandler(nil), request)
	if recorder.Code != want {
		f.Fatalf("%s %s %s: status %d, want %d; body %s", method, path, body, recorder.Code, want, recorder.Body)
	}
	return reply{recorder.Code, recorder.Header(), recorder.Body.String()}
}

func TestAdminState(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	id, token := f.user()
	otherID, _ := f.user()
	thread := f.thread(token, `{"topic":"t","metadata":{"k":"v"}}`)
	f.thread(token, strings.Replace(participants(otherID), "{", `{"topic":"u",`, 1))
	path := f.message(token, thread, `{"content":"Hello"}`)
	message := path[strings.LastIndex(path, "/")+1:]
	f.chat(200, token, http.MethodPost, thread+"/readReceipts", `{"chatMessageId":"`+message+`"}`)
	f.wants(f.admin(200, http.MethodGet, "/users", ""), map[string]any{"users.0": id, "users.1": otherID, "users.2": nil})
	f.wants(f.admin(200, http.MethodGet, "/threads", ""), map[string]any{
		"threads.0.id": unescape(thread), "threads.0.topic": "t", "threads.0.metadata.k": "v", "threads.0.members.0.id": id, "threads.2": nil,
	})
	f.wants(f.admin(200, http.MethodGet, "/threads?user="+otherID, ""), map[string]any{"threads.0.topic": "u", "threads.1": nil})
	f.wants(f.admin(200, http.MethodGet, thread[len("/chat"):], ""), map[string]any{
		"topic": "t", "messages.2.id": message, "messages.2.content": "Hello", "messages.2.sender": id,
		"receipts.0.user": id, "receipts.0.messageId": message,
	})
	f.admin(404, http.MethodGet, "/threads/none", "")
}

func TestAdminAddsMessages(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	_, token := f.user()
	thread := f.thread(token, `{"topic":"t"}`)
	path := thread[len("/chat"):] + "/messages"
	added := f.admin(201, http.MethodPost, path,
		`{"type":"Teams/Meeting","content":"c","sender":"8:orgid:x","attachments":[{"id":"1","attachmentType":"file","extra":true}]}`)
	id, _ := added.field("id").(string)
	got := f.chat(200, token, http.MethodGet, thread+"/messages/"+id, "")
	f.wants(got, map[string]any{
		"type": "Teams/Meeting", "content.message": "c", "content.attachments.0.extra": true,
		"senderCommunicationIdentifier.microsoftTeamsUser.userId": "x",
	})
	f.admin(400, http.MethodPost, path, `{"content":"c"}`)
	f.admin(400, http.MethodPost, path, `{"type":"text","text":"c"}`)
	f.admin(404, http.MethodPost, "/threads/none/messages", `{"type":"text"}`)
}

func TestAdminRequests(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{Quotas: true})
	id, token := f.user()
	mark := f.admin(200, http.MethodGet, "/requests", "").field("last")
	f.chat(200, token, http.MethodGet, "/chat/threads", "")
	r := f.admin(200, http.MethodGet, fmt.Sprintf("/requests?since=%v", mark), "")
	f.wants(r, map[string]any{
		"last": 2.0, "requests.0.seq": 2.0, "requests.0.operation": "ListThreads", "requests.0.user": id, "requests.0.status": 200.0, "requests.1": nil,
	})
	if strings.Contains(r.body, token) {
		t.Error("the token is shown")
	}
	f.admin(400, http.MethodGet, "/requests?since=yesterday", "")
	f.admin(204, http.MethodDelete, "/requests", "")
	f.wants(f.admin(200, http.MethodGet, "/requests", ""), map[string]any{"last": 2.0, "requests.0": nil})
	f.wants(f.admin(200, http.MethodGet, "/quotas", ""), map[string]any{
		"enforced": true, "quotas.0.operations.1": "ListThreads", "quotas.0.user": id, "quotas.0.window": "10s", "quotas.0.calls": 50.0,
		"quotas.0.used": 1.0,
	})
}

func TestAdminClockAndReset(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	_, token := f.user()
	f.thread(token, `{"topic":"t"}`)
	f.wants(f.admin(200, http.MethodPost, "/clock", `{"advance":"25h"}`), map[string]any{"moved": "25h0m0s", "now": "2026-03-05T06:06:07.891Z"})
	f.chat(401, token, http.MethodGet, "/chat/threads", "")
	for _, body := range []string{`{}x`, `{"advance":"-1h"}`, `{"advance":1}`, `{"advance":"876001h"}`, `{"advance":"2562047h"}`} {
		f.admin(400, http.MethodPost, "/clock", body)
	}
	f.emu.Inject(emulator.Fault{Status: 503})
	key := f.emu.AccessKey()
	f.admin(204, http.MethodPost, "/reset", "")
	f.wants(f.admin(200, http.MethodGet, "/clock", ""), map[string]any{"moved": "0s", "now": "2026-03-04T05:06:07.891Z"})
	if len(f.emu.Threads())+len(f.emu.Users())+len(f.emu.Requests()) != 0 || f.emu.AccessKey() != key {
		t.Error("something is left")
	}
	f.chat(401, token, http.MethodGet, "/chat/threads", "")
	_, again := f.user()
	if again == token {
		t.Error("a token was issued again")
	}
	f.wants(f.chat(200, again, http.MethodGet, "/chat/threads", ""), map[string]any{"value.0": nil})
}

func TestAdminRefusals(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	f.admin(404, http.MethodGet, "/nowhere", "")
	f.admin(405, http.MethodPut, "/threads", "")
	f.admin(409, http.MethodPost, "/save", "")
	for name, value := range map[string]string{"Origin": "https://page.example", "Sec-Fetch-Site": "cross-site"} {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/reset", http.NoBody)
		request.Header.Set(name, value)
		if got := serve(t, f.emu.AdminHandler(nil), request).Code; got != http.StatusForbidden {
			t.Errorf("%s: %d", name, got)
		}
	}
	saved := 0
	handler := f.emu.AdminHandler(func() error {
		if saved++; saved > 1 {
			return errors.New("the disk is full")
		}
		return nil
	})
	for _, want := range []int{204, 500} {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/save", http.NoBody)
		if got := serve(t, handler, request).Code; got != want {
			t.Errorf("save: %d, want %d", got, want)
		}
	}
}

func TestAdminWhileServing(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{Quotas: true})
	_, token := f.user()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 50 {
			_, _ = f.try(f.request(call{method: http.MethodPost, path: "/chat/threads", body: `{"topic":"t"}`, token: token}))
		}
	}()
	for range 20 {
		for _, path := range []string{"/threads", "/users", "/requests", "/quotas", "/faults", "/clock"} {
			f.admin(200, http.MethodGet, path, "")
		}
		f.admin(201, http.MethodPost, "/faults", `{"times":1,"delay":"1ms"}`)
		f.admin(200, http.MethodPost, "/clock", `{"advance":"1ms"}`)
	}
	f.admin(204, http.MethodPost, "/reset", "")
	<-done
	f.emu.AdvanceClock(time.Millisecond)
}
