// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

// FuzzRouter makes any request whatever, by a good caller, and wants an answer that blames the
// client or nobody.
func FuzzRouter(f *testing.F) {
	const thread = "/chat/threads/THREAD"
	for _, seed := range []struct{ method, target, media, body string }{
		{"POST", "/identities?api-version=2023-10-01", "application/json", `{"createTokenWithScopes":["chat"],"expiresInMinutes":60}`},
		{"POST", "/identities/USER/:issueAccessToken?api-version=2023-10-01", "application/json", `{"scopes":["chat"]}`},
		{"POST", "/chat/threads?api-version=2025-03-15", "application/json", `{"topic":"t","metadata":{"k":"v"},"retentionPolicy":{"kind":"none"}}`},
		{"POST", "/chat/threads?api-version=2025-03-15", "application/json", strings.Replace(participants(foreignUser, sampleUser), "{", `{"topic":"t",`, 1)},
		{"GET", "/chat/threads?api-version=2025-03-15&maxPageSize=1&startTime=2026-03-04T05:06:07Z&syncState=YmVmb3JlLzE", "", ""},
		{"GET", thread + "?api-version=2025-03-15", "", ""},
		{"PATCH", thread + "?api-version=2025-03-15", "application/merge-patch+json", `{"topic":"u","metadata":{"k":""}}`},
		{"DELETE", thread + "?api-version=2025-03-15", "", ""},
		{"GET", thread + "/participants?api-version=2025-03-15&skip=1&maxPageSize=2", "", ""},
		{"POST", thread + "/participants/:add?api-version=2025-03-15", "application/json", participants(sampleUser)},
		{"POST", thread + "/participants/:remove?api-version=2025-03-15", "application/json", `{"phoneNumber":{"value":"+491"}}`},
		{"POST", thread + "/participants/:remove?api-version=2025-03-15", "application/json; charset=utf-8", `{"kind":"unknown","rawId":"8:acs:fakeid"}`},
		{"OPTIONS", "*", "", ""},
		{"GET", "//%2F/%3A?%zz", "text/plain; =", "\x00\xff"},
	} {
		f.Add(seed.method, seed.target, seed.media, seed.body)
	}
	f.Fuzz(func(t *testing.T, method, target, media, body string) {
		emu := emulator.New(emulator.Options{EntraToken: "entra", Quotas: true})
		user := emu.CreateUser()
		issued := &fixture{T: t, emu: emu}
		target = strings.NewReplacer("THREAD", emu.CreateThread(user, "t"), "USER", user).Replace(target)
		parsed, err := url.ParseRequestURI(target)
		if err != nil {
			t.Skip("no server would hand this on")
		}
		token := "entra"
		if strings.HasPrefix(parsed.Path, "/chat") {
			token = issued.issue(user)
		}
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", strings.NewReader(body))
		request.Method, request.URL, request.RequestURI = method, parsed, target
		request.Header.Set("Content-Type", media)
		request.Header.Set("Authorization", "Bearer "+token)
		recorder := serve(t, emu, request)
		if recorder.Code < 200 || recorder.Code >= 500 {
			t.Errorf("%s %q: status %d", method, target, recorder.Code)
		}
		if recorder.Code == http.StatusUnauthorized {
			t.Errorf("%s %q: the token was not accepted", method, target)
		}
	})
}

// issue gets a token without a connection.
func (f *fixture) issue(user string) string {
	f.Helper()
	request := httptest.NewRequestWithContext(f.Context(), http.MethodPost,
		"/identities/"+escape(user)+"/:issueAccessToken?"+identityVersion, strings.NewReader(`{"scopes":["chat"]}`))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer entra")
	recorder := serve(f.T, f.emu, request)
	token, _ := reply{body: recorder.Body.String()}.field("token").(string)
	if token == "" {
		f.Fatalf("issue a token: %d %s", recorder.Code, recorder.Body)
	}
	return token
}
