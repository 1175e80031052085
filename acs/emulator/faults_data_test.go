// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

func TestFaultHitsAShare(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		share float64
		skip  int
		times int
		want  string // s: hit
	}{
		{0.25, 0, 0, "...s...s...s"},
		{0.25, 2, 0, ".....s...s.."},
		{0.5, 0, 2, ".s.s........"},
		{0.1, 0, 0, ".........s.."},
		{1, 0, 0, "ssssssssssss"},
	} {
		f := start(t, emulator.Options{})
		_, token := f.user()
		f.emu.Inject(emulator.Fault{Share: test.share, Skip: test.skip, Times: test.times, Status: 503})
		got := ""
		for range test.want {
			if r := f.send(call{method: http.MethodGet, path: "/chat/threads", token: token}); r.status == 503 {
				got += "s"
			} else {
				got += "."
			}
		}
		if got != test.want {
			t.Errorf("share %v, skip %d, times %d: %s, want %s", test.share, test.skip, test.times, got, test.want)
		}
	}
}

func TestFaultGarbles(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	_, token := f.user()
	f.emu.Inject(emulator.Fault{Times: 1, Garble: true})
	r := f.chat(201, token, http.MethodPost, "/chat/threads", `{"topic":"t"}`)
	if json.Valid([]byte(r.body)) || r.header.Get("Content-Length") != fmt.Sprint(len(r.body)) || len(f.emu.Threads()) != 1 {
		t.Errorf("%v %s", r.header, r.body)
	}
}

func TestFaultDrips(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	_, token := f.user()
	const pause = 5 * time.Millisecond
	f.emu.Inject(emulator.Fault{Times: 1, Drip: pause, DripBytes: 4})
	before := time.Now()
	r := f.chat(200, token, http.MethodGet, "/chat/threads", "")
	if took := time.Since(before); r.body != `{"value":[]}` || took < 3*pause {
		t.Errorf("%s after %s", r.body, took)
	}
	f.emu.Inject(emulator.Fault{Drip: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), pause)
	defer cancel()
	request := f.request(call{method: http.MethodGet, path: "/chat/threads", token: token})
	if r, err := f.try(request.WithContext(ctx)); err == nil {
		t.Errorf("answered at once: %s", r.body)
	}
	f.emu.ClearFaults()
	f.chat(200, token, http.MethodGet, "/chat/threads", "")
}

func TestFaultsOverTheAdminEndpoint(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	_, token := f.user()
	f.admin(201, http.MethodPost, "/faults",
		`{"operation":"ListThreads","skip":1,"times":2,"status":503,"header":{"retry-after":"7"},"body":{"error":{"code":"Busy"}}}`)
	text := f.admin(201, http.MethodPost, "/faults", `{"operation":"CreateThread","status":500,"body":"<html>","share":1}`)
	for i, want := range []int{200, 503, 503, 200} {
		r := f.chat(want, token, http.MethodGet, "/chat/threads", "")
		if want == 503 && (r.header.Get("Retry-After") != "7" || r.body != `{"error":{"code":"Busy"}}`) {
			t.Errorf("call %d: %v %s", i, r.header, r.body)
		}
	}
	if r := f.chat(500, token, http.MethodPost, "/chat/threads", `{"topic":"t"}`); r.body != "<html>" {
		t.Errorf("body %s", r.body)
	}
	list := f.admin(200, http.MethodGet, "/faults", "")
	f.wants(list, map[string]any{
		"faults.0.id": text.field("id"), "faults.0.hit": 1.0, "faults.0.operation": "CreateThread", "faults.0.body": "<html>", "faults.1": nil,
	})
	f.admin(204, http.MethodDelete, fmt.Sprintf("/faults/%v", text.field("id")), "")
	f.admin(404, http.MethodDelete, fmt.Sprintf("/faults/%v", text.field("id")), "")
	f.chat(201, token, http.MethodPost, "/chat/threads", `{"topic":"t"}`)
	for body, answered := range map[string]bool{
		`{"delay":"1ms"}`: true, `{"dropBefore":true}`: false, `{"dropAfter":true}`: false, `{"truncate":true}`: false,
		`{"garble":true}`: true, `{"drip":"1ms","dripBytes":5}`: true,
	} {
		f.admin(201, http.MethodPost, "/faults", body)
		f.admin(200, http.MethodGet, "/faults", "")
		if _, err := f.try(f.request(call{method: http.MethodGet, path: "/chat/threads", token: token})); (err == nil) != answered {
			t.Errorf("%s: %v", body, err)
		}
		f.admin(204, http.MethodDelete, "/faults", "")
	}
	f.chat(200, token, http.MethodGet, "/chat/threads", "")
}

func TestFaultsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	for body, want := range map[string]string{
		``:                                    "the body",
		`[]`:                                  "the body",
		`{"status":503}{}`:                    "follows",
		`{}`:                                  "the fault needs",
		`{"times":1}`:                         "the fault needs",
		`{"stauts":503}`:                      "stauts",
		`{"operation":"Create","status":503}`: "not known",
		`{"status":99}`:                       "status must",
		`{"status":600}`:                      "status must",
		`{"delay":"1 s"}`:                     "duration",
		`{"delay":"-1s"}`:                     "duration",
		`{"delay":"1s","body":"b"}`:           "need a status",
		`{"status":503,"share":1.5}`:          "share",
		`{"status":503,"skip":-1}`:            "negative",
		`{"status":503,"id":3}`:               "id and hit",
	} {
		r := f.admin(400, http.MethodPost, "/faults", body)
		if text, _ := r.field("error").(string); !strings.Contains(text, want) {
			t.Errorf("%s: %s, want %q", body, r.body, want)
		}
	}
	f.wants(f.admin(200, http.MethodGet, "/faults", ""), map[string]any{"faults.0": nil})
}
