// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator_test

import (
	"net/http"
	"testing"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

func TestPagesMayCall(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	_, token := f.user()
	f.emu.ResetRequests()
	asked := http.Header{
		"Origin": {"https://chat.example"}, "Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {"authorization,content-type"},
	}
	r := f.send(call{method: http.MethodOptions, path: "/chat/threads", header: asked})
	if r.status != 204 || r.header.Get("Access-Control-Allow-Origin") != "*" || r.header.Get("Access-Control-Allow-Headers") != "authorization,content-type" ||
		r.header.Get("Access-Control-Allow-Methods") != "DELETE, GET, PATCH, POST" {
		t.Errorf("preflight: %d %v", r.status, r.header)
	}
	if len(f.emu.Requests()) != 0 {
		t.Error("a preflight is no request of the service")
	}
	for _, want := range []int{200, 401} {
		c := call{method: http.MethodGet, path: "/chat/threads", token: token, header: http.Header{"Origin": {"https://chat.example"}}}
		if want == 401 {
			c.token = ""
		}
		if r := f.send(c); r.status != want || r.header.Get("Access-Control-Allow-Origin") != "*" || r.header.Get("Access-Control-Expose-Headers") != "*" {
			t.Errorf("%d: %d %v", want, r.status, r.header)
		}
	}
	if r := f.chat(200, token, http.MethodGet, "/chat/threads", ""); r.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("without an origin: %v", r.header)
	}
	f.chat(405, token, http.MethodOptions, "/chat/threads", "")
}
