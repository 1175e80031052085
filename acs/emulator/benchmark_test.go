// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

// BenchmarkCalls measures the emulator alone, for a user in many threads. The figures must not grow
// with the number of threads: a load test measures its client, not the emulator.
func BenchmarkCalls(b *testing.B) {
	for _, threads := range []int{100, 100_000} {
		emu := emulator.New(emulator.Options{EntraToken: "entra", KeepRequests: -1})
		user := emu.CreateUser()
		for range threads {
			emu.CreateThread(user, "t")
		}
		path := "/chat/threads/" + emu.CreateThread(user, "t", emulator.Member{ID: sampleUser})
		token := benchmarkToken(b, emu, user)
		for _, c := range []call{
			{method: http.MethodPost, path: "/chat/threads", body: `{"topic":"t","metadata":{"k":"v"}}`},
			{method: http.MethodGet, path: "/chat/threads"},
			{method: http.MethodGet, path: path},
			{method: http.MethodGet, path: path + "/participants"},
			{method: http.MethodPost, path: path + "/participants/:add", body: participants(sampleUser)},
		} {
			name, _, _ := strings.Cut(strings.Replace(c.path, path, "/chat/threads/{id}", 1), "?")
			b.Run(fmt.Sprintf("threads=%d/%s %s", threads, c.method, name), func(b *testing.B) {
				for b.Loop() {
					request := httptest.NewRequestWithContext(b.Context(), c.method, c.path+"?"+chatVersion, strings.NewReader(c.body))
					request.Header.Set("Content-Type", "application/json")
					request.Header.Set("Authorization", "Bearer "+token)
					recorder := httptest.NewRecorder()
					emu.ServeHTTP(recorder, request)
					if recorder.Code/100 != 2 {
						b.Fatalf("status %d: %s", recorder.Code, recorder.Body)
					}
				}
			})
		}
	}
}

func benchmarkToken(b *testing.B, emu *emulator.Server, user string) string {
	b.Helper()
	request := httptest.NewRequestWithContext(b.Context(), http.MethodPost,
		"/identities/"+user+"/:issueAccessToken?"+identityVersion, strings.NewReader(`{"scopes":["chat"]}`))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer entra")
	recorder := httptest.NewRecorder()
	emu.ServeHTTP(recorder, request)
	token, _ := reply{body: recorder.Body.String()}.field("token").(string)
	return token
}
