// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

func TestQuotas(t *testing.T) {
	t.Parallel()
	const ten = 10 * time.Second
	for _, test := range []struct {
		name   string
		method string
		path   string // after the thread's
		body   string
		calls  int
		window time.Duration
		want   int // while there is room
	}{
		{"create thread", http.MethodPost, "-", `{"topic":"t"}`, 10, ten, 201},
		{"list threads", http.MethodGet, "-", "", 50, ten, 200},
		{"get thread", http.MethodGet, "", "", 50, ten, 200},
		{"update thread", http.MethodPatch, "", `{"topic":"u"}`, 5, ten, 204},
		{"list participants", http.MethodGet, "/participants", "", 10, ten, 200},
		{"add participants", http.MethodPost, "/participants/:add", participants(sampleUser), 10, ten, 201},
		{"remove participant", http.MethodPost, "/participants/:remove", `{"rawId":"` + sampleUser + `"}`, 10, ten, 204},
		{"delete thread", http.MethodDelete, "x", "", 10, ten, 404},
		{"refused calls", http.MethodPatch, "", `{"topic":""}`, 5, ten, 400},
	} {
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
		// The refused call counts: only when two calls have left the window is there room for one.
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

func TestIdentityQuota(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{Quotas: true})
	create := func() int {
		request := f.request(call{method: http.MethodPost, path: "/identities"})
		request.RequestURI = ""
		sign(request, "", f.emu.AccessKey(), f.clock.Now())
		return serve(t, f.emu, request).Code
	}
	for i := range 1000 {
		if status := create(); status != 201 {
			t.Fatalf("call %d: %d", i, status)
		}
	}
	if status := create(); status != 429 {
		t.Errorf("call 1001: %d", status)
	}
	f.clock.advance(30 * time.Second)
	if status := create(); status != 201 {
		t.Errorf("after 30 s: %d", status)
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
