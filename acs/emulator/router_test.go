// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

func TestRouting(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	_, token := f.user()
	thread := f.thread(token, `{"topic":"t"}`)
	for _, test := range []struct {
		method, path string
		want         int
	}{
		{http.MethodGet, thread, 200},
		{http.MethodGet, "/chat/threads/" + unescape(thread), 200},
		{http.MethodGet, strings.ReplaceAll(thread, "%40", "@"), 200},
		{http.MethodGet, thread + "/participants", 200},
		{http.MethodGet, "/", 404},
		{http.MethodGet, "/chat", 404},
		{http.MethodGet, "/chat/threads/", 404},
		{http.MethodGet, "//chat/threads", 404},
		{http.MethodGet, "/chat/../chat/threads", 404},
		{http.MethodGet, "/chat/threads/a%2Fb", 404},
		{http.MethodPost, thread + "/participants/:update", 404},
		{http.MethodPut, thread, 405},
		{http.MethodHead, "/chat/threads", 405},
		{http.MethodPost, thread + "/participants", 405},
		{http.MethodGet, thread + "/participants/:add", 405},
	} {
		if r := f.send(call{method: test.method, path: test.path, token: token}); r.status != test.want {
			t.Errorf("%s %s: status %d, want %d", test.method, test.path, r.status, test.want)
		}
	}
	if r := f.send(call{method: http.MethodPut, path: thread}); r.header.Get("Allow") != "DELETE, GET, PATCH" {
		t.Errorf("Allow: %s", r.header.Get("Allow"))
	}
}

func TestVersionIsChecked(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	_, token := f.user()
	for query, want := range map[string]string{
		"?api-version=2025-03-15":                        "",
		"?api-version=2021-04-05-preview6":               "",
		"?no-api-version=":                               "ApiVersionUnspecified",
		"?api-version=":                                  "ApiVersionUnspecified",
		"?api-version=2025-03-16":                        "UnsupportedApiVersion",
		"?api-version=2023-10-01":                        "UnsupportedApiVersion", // of Identity
		"?api-version=2025-03-15&api-version=2025-03-15": "AmbiguousApiVersion",
	} {
		r := f.send(call{method: http.MethodGet, path: "/chat/threads" + query, token: token})
		code, _ := r.field("error", "code").(string)
		if code != want || (r.status == http.StatusOK) != (want == "") || (r.status == http.StatusBadRequest) != (want != "") {
			t.Errorf("%s: status %d, code %q, want %q", query, r.status, code, want)
		}
	}
}

func TestBodiesAreReadStrictly(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	_, token := f.user()
	thread := f.thread(token, `{"topic":"t"}`)
	for _, test := range []struct {
		name, method, path, body, media string
		want                            int
	}{
		{"charset", http.MethodPost, "/chat/threads", `{"topic":"t"}`, "application/json; charset=UTF-8", 201},
		{"null is absent", http.MethodPost, "/chat/threads", `{"topic":"t","metadata":null}`, "application/json", 201},
		{"null topic", http.MethodPost, "/chat/threads", `{"topic":null}`, "application/json", 400},
		{"no body", http.MethodPost, "/chat/threads", ``, "application/json", 400},
		{"not JSON", http.MethodPost, "/chat/threads", `topic`, "application/json", 400},
		{"no object", http.MethodPost, "/chat/threads", `["topic"]`, "application/json", 400},
		{"cut", http.MethodPost, "/chat/threads", `{"topic":"t"`, "application/json", 400},
		{"more than one", http.MethodPost, "/chat/threads", `{"topic":"t"}{}`, "application/json", 400},
		{"not UTF-8", http.MethodPost, "/chat/threads", "{\"topic\":\"\xff\"}", "application/json", 400},
		{"unknown field", http.MethodPost, "/chat/threads", `{"topic":"t","subject":"t"}`, "application/json", 400},
		{"case of a field", http.MethodPost, "/chat/threads", `{"Topic":"t"}`, "application/json", 400},
		{"field twice", http.MethodPost, "/chat/threads", `{"topic":"t","topic":"t"}`, "application/json", 400},
		{"wrong type", http.MethodPost, "/chat/threads", `{"topic":7}`, "application/json", 400},
		{"metadata of numbers", http.MethodPost, "/chat/threads", `{"topic":"t","metadata":{"a":1}}`, "application/json", 400},
		{"metadata of null", http.MethodPost, "/chat/threads", `{"topic":"t","metadata":{"a":null}}`, "application/json", 400},
		{"metadata twice", http.MethodPost, "/chat/threads", `{"topic":"t","metadata":{"a":"","a":""}}`, "application/json", 400},
		{"too long", http.MethodPost, "/chat/threads", `{"topic":"` + strings.Repeat("t", 5<<20) + `"}`, "application/json", 413},
		{"text", http.MethodPost, "/chat/threads", `{"topic":"t"}`, "text/plain", 415},
		{"no type", http.MethodPost, "/chat/threads", `{"topic":"t"}`, "", 415},
		{"other charset", http.MethodPost, "/chat/threads", `{"topic":"t"}`, "application/json; charset=latin1", 415},
		{"patch as JSON", http.MethodPatch, thread, `{"topic":"t"}`, "application/json", 415},
		{"patch", http.MethodPatch, thread, `{"topic":"t"}`, "application/merge-patch+json", 204},
		{"create as patch", http.MethodPost, "/chat/threads", `{"topic":"t"}`, "application/merge-patch+json", 415},
		{"remove as patch", http.MethodPost, thread + "/participants/:remove", `{"rawId":"` + sampleUser + `"}`, "application/merge-patch+json", 204},
		{"add as patch", http.MethodPost, thread + "/participants/:add", participants(sampleUser), "application/merge-patch+json", 415},
	} {
		r := f.send(call{method: test.method, path: test.path, body: test.body, token: token, header: http.Header{"Content-Type": {test.media}}})
		if r.status != test.want {
			t.Errorf("%s: status %d, want %d; %s", test.name, r.status, test.want, r.body)
		}
	}
}

func TestErrorEnvelopes(t *testing.T) {
	t.Parallel()
	for _, spec := range []bool{false, true} {
		f := start(t, emulator.Options{SpecErrors: spec})
		_, token := f.user()
		for _, test := range []struct {
			path, code string
			status     int
		}{
			{"/chat/threads/19:x@thread.v2", "NotFound", 404},
			{"/chat/threads/" + f.emu.CreateThread(sampleUser, "t"), "Forbidden", 403},
			{"/chat/threads?maxPageSize=0", "BadRequest", 400},
		} {
			r := f.chat(test.status, token, http.MethodGet, test.path, "")
			envelope, code := "CommunicationError", "Code"
			if spec {
				envelope, code = "error", "code"
			}
			if r.field(envelope, code) != test.code || r.header.Get("Content-Type") != "application/json" {
				t.Errorf("%s: %s", test.path, r.body)
			}
		}
		if r := f.chat(401, "", http.MethodGet, "/chat/threads", ""); (r.field("error", "code") == "Unauthorized") != spec || (r.body == "") == spec {
			t.Errorf("401: %s", r.body)
		}
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	_, token := f.user()
	for name, r := range map[string]reply{
		"success": f.chat(200, token, http.MethodGet, "/chat/threads", ""),
		"refusal": f.chat(404, token, http.MethodGet, "/chat/threads/sanitized", ""),
		"401":     f.chat(401, "", http.MethodGet, "/chat/threads", ""),
	} {
		for _, header := range []string{"api-supported-versions", "MS-CV", "X-Processing-Time", "Strict-Transport-Security", "X-Cache"} {
			if r.header.Get(header) == "" {
				t.Errorf("%s: no %s", name, header)
			}
		}
	}
	r := f.send(call{method: http.MethodPost, path: "/identities", signed: true, header: http.Header{"x-ms-client-request-id": {"id"}}})
	if r.header.Get("x-ms-client-request-id") != "id" || r.header.Get("Content-Type") != "application/json; charset=utf-8" {
		t.Errorf("headers of Identity: %v", r.header)
	}
}
