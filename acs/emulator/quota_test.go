// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator_test

import (
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

// quotas are the documented quotas of the operations.
var quotas = []struct {
	name   string
	method string
	path   string // after the thread's
	body   string
	calls  int
	window time.Duration
	want   int // while there is room
}{
	{"create thread", http.MethodPost, "-", `{"topic":"t"}`, 10, 10 * time.Second, 201},
	{"list threads", http.MethodGet, "-", "", 50, 10 * time.Second, 200},
	{"get thread", http.MethodGet, "", "", 50, 10 * time.Second, 200},
	{"update thread", http.MethodPatch, "", `{"topic":"u"}`, 5, 10 * time.Second, 204},
	{"list participants", http.MethodGet, "/participants", "", 10, 10 * time.Second, 200},
	{"add participants", http.MethodPost, "/participants/:add", participants(sampleUser), 10, 10 * time.Second, 201},
	{"remove participant", http.MethodPost, "/participants/:remove", `{"rawId":"` + sampleUser + `"}`, 10, 10 * time.Second, 204},
	{"delete thread", http.MethodDelete, "x", "", 10, 10 * time.Second, 404},
	{"send message", http.MethodPost, "/messages", `{"content":"c"}`, 10, 10 * time.Second, 201},
	{"update message", http.MethodPatch, "/messages/1", `{}`, 10, 10 * time.Second, 404},
	{"delete message", http.MethodDelete, "/messages/1", "", 10, 10 * time.Second, 404},
	{"get message", http.MethodGet, "/messages/1", "", 50, 10 * time.Second, 404},
	{"list messages", http.MethodGet, "/messages", "", 50, 10 * time.Second, 200},
	{"send receipt", http.MethodPost, "/readReceipts", `{"chatMessageId":"1"}`, 10, 10 * time.Second, 404},
	{"list receipts", http.MethodGet, "/readReceipts", "", 5, 10 * time.Second, 200},
	{"typing", http.MethodPost, "/typing", "", 5, 10 * time.Second, 200},
	{"refused calls", http.MethodPatch, "", `{"topic":""}`, 5, 10 * time.Second, 400},
}

func TestQuotas(t *testing.T) {
	t.Parallel()
	for _, test := range quotas {
		f := start(t, emulator.Options{Quotas: true})
		id, token := f.user()
		path := "/chat/threads/" + f.emu.CreateThread(id, "t") + test.path
		if test.path == "-" {
			path = "/chat/threads"
		}
		send := func() reply {
			return f.send(call{method: test.method, path: path, body: test.body, token: token})
		}
		for i := range test.calls {
			if r := send(); r.status != test.want {
				t.Fatalf("%s: call %d: %d %s", test.name, i, r.status, r.body)
			}
			f.clock.advance(time.Millisecond)
		}
		r := send()
		if r.status != 429 || r.body != `{"error":{"code":"TooManyRequests","message":"Rate limit exceeded."}}` ||
			r.header.Get("Retry-After") != strconv.Itoa(int(test.window.Seconds())) {
			t.Errorf("%s: one too many: %d %s, Retry-After %s", test.name, r.status, r.body, r.header.Get("Retry-After"))
		}
		// The refused call counts, so two calls must leave the window before another one is
		// allowed.
		f.clock.advance(test.window - time.Duration(test.calls)*time.Millisecond)
		if r := send(); r.status != 429 {
			t.Errorf("%s: the refused call did not count: %d", test.name, r.status)
		}
		f.clock.advance(test.window)
		if r := send(); r.status != test.want {
			t.Errorf("%s: after the window: %d %s", test.name, r.status, r.body)
		}
	}
}

func TestQuotasAreShared(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{Quotas: true})
	id, token := f.user()
	otherID, other := f.user()
	members := []emulator.Member{{ID: otherID}}
	first := "/chat/threads/" + f.emu.CreateThread(id, "1", members...)
	second := "/chat/threads/" + f.emu.CreateThread(id, "2", members...)
	for range 5 {
		f.chat(201, token, http.MethodPost, first+"/participants/:add", participants(sampleUser))
		f.chat(204, other, http.MethodPost, first+"/participants/:remove", `{"rawId":"`+sampleUser+`"}`)
	}
	f.chat(429, other, http.MethodPost, first+"/participants/:add", participants(sampleUser))
	f.chat(201, other, http.MethodPost, second+"/participants/:add", participants(sampleUser))
	for range 10 {
		f.chat(200, token, http.MethodGet, first+"/participants", "")
	}
	f.chat(429, token, http.MethodGet, first+"/participants", "")
	f.chat(200, other, http.MethodGet, first+"/participants", "")
	f.chat(200, token, http.MethodGet, second+"/participants", "")
}

func TestMembershipPerMinute(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{Quotas: true})
	id, token := f.user()
	path := "/chat/threads/" + f.emu.CreateThread(id, "t") + "/participants/:add"
	for range 3 {
		for range 10 {
			f.chat(201, token, http.MethodPost, path, participants(sampleUser))
		}
		f.clock.advance(10 * time.Second)
	}
	r := f.chat(429, token, http.MethodPost, path, participants(sampleUser))
	if r.header.Get("Retry-After") != "30" {
		t.Errorf("Retry-After %s, want 30", r.header.Get("Retry-After"))
	}
	f.clock.advance(30 * time.Second)
	f.chat(201, token, http.MethodPost, path, participants(sampleUser))
}

func TestMessageQuotasOfThreads(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{Quotas: true})
	var tokens []string
	var members []emulator.Member
	for range 6 {
		id, token := f.user()
		tokens, members = append(tokens, token), append(members, emulator.Member{ID: id})
	}
	thread := "/chat/threads/" + f.emu.CreateThread(members[0].ID, "t", members[1:]...)
	for _, test := range []struct {
		method, path, body  string
		each, all, perSlice int
	}{
		{http.MethodPost, "/messages", `{"content":"c"}`, 10, 10, 1},
		{http.MethodGet, "/messages", "", 50, 250, 5},
		{http.MethodGet, "/messages/1", "", 50, 250, 5},
		{http.MethodPost, "/typing", "", 5, 10, 2},
	} {
		f.clock.advance(time.Minute)
		for _, token := range tokens[:test.perSlice] {
			for range test.each {
				if r := f.send(call{method: test.method, path: thread + test.path, body: test.body, token: token}); r.status == 429 {
					t.Fatalf("%s %s: too early", test.method, test.path)
				}
			}
		}
		f.chat(429, tokens[5], test.method, thread+test.path, test.body)
	}
}

func TestQuotaUse(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{Quotas: true})
	id, token := f.user()
	f.chat(200, token, http.MethodGet, "/chat/threads", "")
	f.chat(404, token, http.MethodGet, "/chat/threads/19:x@thread.v2", "")
	want := []emulator.QuotaUse{
		{Operations: []emulator.Operation{"GetThread", "ListThreads"}, User: id, Window: 10 * time.Second, Calls: 50, Used: 2},
		{Operations: []emulator.Operation{"CreateUserAndToken"}, Window: 30 * time.Second, Calls: 1000, Used: 1},
	}
	if got := f.emu.QuotaUse(); !reflect.DeepEqual(got, want) {
		t.Errorf("use %+v, want %+v", got, want)
	}
	f.emu.AdvanceClock(10 * time.Second)
	if got := f.emu.QuotaUse(); !reflect.DeepEqual(got, want[1:]) {
		t.Errorf("later: %+v", got)
	}
}

func TestIdentityQuotas(t *testing.T) {
	t.Parallel()
	user := "/identities/" + sampleUser
	for _, test := range []struct {
		method, path, body string
		calls, want        int
	}{
		{http.MethodPost, "/identities", "", 1000, 201},
		{http.MethodPost, "/identities", `{"createTokenWithScopes":["chat"]}`, 1000, 201},
		{http.MethodPost, user + "/:issueAccessToken", `{"scopes":["chat"]}`, 1000, 404},
		{http.MethodPost, user + "/:revokeAccessTokens", "", 500, 404},
		{http.MethodDelete, user, "", 500, 404},
		{http.MethodPost, "/teamsUser/:exchangeAccessToken", `{}`, 500, 400},
	} {
		f := start(t, emulator.Options{Quotas: true, EntraToken: "entra", KeepRequests: -1})
		send := func() int {
			return serve(t, f.emu, f.request(call{method: test.method, path: test.path, body: test.body, token: "entra"})).Code
		}
		for i := range test.calls {
			if status := send(); status != test.want {
				t.Fatalf("%s %s: call %d: %d", test.method, test.path, i, status)
			}
		}
		if status := send(); status != 429 {
			t.Errorf("%s %s: one too many: %d", test.method, test.path, status)
		}
		f.clock.advance(30 * time.Second)
		if status := send(); status != test.want {
			t.Errorf("%s %s: after 30 s: %d", test.method, test.path, status)
		}
	}
}

func TestIdleQuotasAreForgotten(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{Quotas: true, KeepRequests: -1})
	_, token := f.user()
	for i := range 3000 {
		if i%10 == 0 {
			f.clock.advance(10 * time.Second)
		}
		request := f.request(call{method: http.MethodGet, path: fmt.Sprintf("/chat/threads/%d/participants", i), token: token})
		if got := serve(t, f.emu, request).Code; got != http.StatusNotFound {
			t.Fatalf("call %d: %d", i, got)
		}
	}
	// The user's own limit is still counted after the sweeps.
	f.clock.advance(10 * time.Second)
	codes := strings.Builder{}
	for range 51 {
		request := f.request(call{method: http.MethodGet, path: "/chat/threads", token: token})
		fmt.Fprint(&codes, serve(t, f.emu, request).Code, " ")
	}
	if strings.Count(codes.String(), "429") != 1 {
		t.Errorf("codes %s", codes.String())
	}
}
