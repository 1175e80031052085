// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

const seedThread = "/chat/threads/THREAD"

// routerSeeds has at least one request for each operation. The placeholders THREAD, USER and
// MESSAGE stand for identifiers of the emulator.
var routerSeeds = []struct{ method, target, media, body string }{
	{"POST", "/identities?api-version=2023-10-01", "application/json", `{"createTokenWithScopes":["chat"],"expiresInMinutes":60}`},
	{"POST", "/identities/USER/:issueAccessToken?api-version=2023-10-01", "application/json", `{"scopes":["chat"]}`},
	{"POST", "/chat/threads?api-version=2025-03-15", "application/json", `{"topic":"t","metadata":{"k":"v"},"retentionPolicy":{"kind":"none"}}`},
	{"POST", "/chat/threads?api-version=2025-03-15", "application/json", strings.Replace(participants(foreignUser, sampleUser), "{", `{"topic":"t",`, 1)},
	{"GET", "/chat/threads?api-version=2025-03-15&maxPageSize=1&startTime=2026-03-04T05:06:07Z&syncState=YmVmb3JlLzE", "", ""},
	{"GET", seedThread + "?api-version=2025-03-15", "", ""},
	{"PATCH", seedThread + "?api-version=2025-03-15", "application/merge-patch+json", `{"topic":"u","metadata":{"k":""}}`},
	{"DELETE", seedThread + "?api-version=2025-03-15", "", ""},
	{"GET", seedThread + "/participants?api-version=2025-03-15&skip=1&maxPageSize=2", "", ""},
	{"POST", seedThread + "/participants/:add?api-version=2025-03-15", "application/json", participants(sampleUser)},
	{"POST", seedThread + "/participants/:remove?api-version=2025-03-15", "application/json", `{"phoneNumber":{"value":"+491"}}`},
	{"POST", seedThread + "/participants/:remove?api-version=2025-03-15", "application/json; charset=utf-8", `{"kind":"unknown","rawId":"8:acs:fakeid"}`},
	{"POST", "/identities/USER/:revokeAccessTokens?api-version=2023-10-01", "", ""},
	{"DELETE", "/identities/USER?api-version=2023-10-01", "", ""},
	{"POST", "/teamsUser/:exchangeAccessToken?api-version=2023-10-01", "application/json", `{"token":"t","appId":"a","userId":"u"}`},
	{"POST", seedThread + "/messages?api-version=2025-03-15", "application/json", `{"content":"c","type":"html","senderDisplayName":"n","metadata":{"k":"v"}}`},
	{"GET", seedThread + "/messages?api-version=2025-03-15&maxPageSize=1&startTime=1%2F1%2F1970%2012%3A00%3A00%20AM%20%2B00%3A00&syncState=3e", "", ""},
	{"GET", seedThread + "/messages/MESSAGE?api-version=2025-03-15", "", ""},
	{"PATCH", seedThread + "/messages/MESSAGE?api-version=2025-03-15", "application/merge-patch+json", `{"content":"d","metadata":{"k":""}}`},
	{"DELETE", seedThread + "/messages/MESSAGE?api-version=2025-03-15", "", ""},
	{"POST", seedThread + "/readReceipts?api-version=2025-03-15", "application/json", `{"chatMessageId":"MESSAGE"}`},
	{"GET", seedThread + "/readReceipts?api-version=2025-03-15&skip=0", "", ""},
	{"POST", seedThread + "/typing?api-version=2025-03-15", "application/json", `{"senderDisplayName":"n"}`},
	{"GET", seedThread + "/messages/-9223372036854775808?api-version=2025-03-15", "", ""},
	{"OPTIONS", "*", "", ""},
	{"GET", "//%2F/%3A?%zz", "text/plain; =", "\x00\xff"},
}

// FuzzRouter makes any request with valid credentials. The response must be neither a 5xx nor a
// 401.
func FuzzRouter(f *testing.F) {
	for _, seed := range routerSeeds {
		f.Add(seed.method, seed.target, seed.media, seed.body)
	}
	f.Fuzz(func(t *testing.T, method, target, media, body string) {
		emu := emulator.New(emulator.Options{EntraToken: "entra", Quotas: true})
		user := emu.CreateUser()
		issued := &fixture{T: t, emu: emu}
		thread := emu.CreateThread(user, "t")
		message := emu.AddMessage(thread, emulator.Message{Type: "text", Sender: user, Content: "c"})
		names := strings.NewReplacer("THREAD", thread, "USER", user, "MESSAGE", fmt.Sprint(message))
		target, body = names.Replace(target), names.Replace(body)
		parsed, err := url.ParseRequestURI(target)
		if err != nil {
			return // no server would accept it
		}
		token := "entra"
		if strings.HasPrefix(parsed.EscapedPath(), "/chat") {
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

// bodies are the operations that read a body, each with a valid one.
var bodies = []struct{ method, target, media, body string }{
	{"POST", "/identities", "application/json", `{"createTokenWithScopes":["chat"],"expiresInMinutes":60}`},
	{"POST", "/identities/USER/:issueAccessToken", "application/json", `{"scopes":["chat"]}`},
	{"POST", "/teamsUser/:exchangeAccessToken", "application/json", `{"token":"t","appId":"a","userId":"00000000-0000-4000-8000-00000000000a"}`},
	{
		"POST", "/chat/threads", "application/json",
		`{"topic":"t","metadata":{"k":"v"},"retentionPolicy":{"kind":"threadCreationDate","deleteThreadAfterDays":30},"participants":[` +
			`{"communicationIdentifier":{"kind":"phoneNumber","rawId":"4:+491","phoneNumber":{"value":"+491"}},"displayName":"n",` +
			`"shareHistoryTime":"2026-03-04T05:06:07Z","metadata":{"k":"v"}}]}`,
	},
	{"PATCH", "/chat/threads/THREAD", "application/merge-patch+json", `{"topic":"u","metadata":{"k":""},"retentionPolicy":{"kind":"none"}}`},
	{
		"POST", "/chat/threads/THREAD/participants/:add", "application/json",
		`{"participants":[{"communicationIdentifier":{"microsoftTeamsUser":{"userId":"u","isAnonymous":true,"cloud":"dod"}}}]}`,
	},
	{
		"POST", "/chat/threads/THREAD/participants/:remove", "application/json",
		`{"teamsExtensionUser":{"userId":"u","tenantId":"t","resourceId":"r","cloud":"gcch"}}`,
	},
	{"POST", "/chat/threads/THREAD/messages", "application/json", `{"content":"c","type":"html","senderDisplayName":"n","metadata":{"k":"v"}}`},
	{"PATCH", "/chat/threads/THREAD/messages/MESSAGE", "application/merge-patch+json", `{"content":"d","metadata":{"k":""}}`},
	{"POST", "/chat/threads/THREAD/readReceipts", "application/json", `{"chatMessageId":"MESSAGE"}`},
	{"POST", "/chat/threads/THREAD/typing", "application/json", `{"senderDisplayName":"n"}`},
}

// FuzzBodies sends any body to any operation. It expects success, or a refusal in an envelope.
func FuzzBodies(f *testing.F) {
	for i, one := range bodies {
		for _, body := range []string{one.body, `{}`, `null`, `[]`, `{"participants":[{}]}`, `{"metadata":{"k":{}}}`, "\xef\xbb\xbf{}"} {
			f.Add(uint8(i), body)
		}
	}
	f.Fuzz(func(t *testing.T, operation uint8, body string) {
		one := bodies[int(operation)%len(bodies)]
		emu := emulator.New(emulator.Options{EntraToken: "entra"})
		user := emu.CreateUser()
		caller := &fixture{T: t, emu: emu}
		thread := emu.CreateThread(user, "t")
		message := emu.AddMessage(thread, emulator.Message{Type: "text", Sender: user, Content: "c"})
		names := strings.NewReplacer("THREAD", thread, "USER", user, "MESSAGE", fmt.Sprint(message))
		version, token := identityVersion, "entra"
		if strings.HasPrefix(one.target, "/chat") {
			version, token = chatVersion, caller.issue(user)
		}
		request := httptest.NewRequestWithContext(t.Context(), one.method, names.Replace(one.target)+"?"+version, strings.NewReader(names.Replace(body)))
		request.Header.Set("Content-Type", one.media)
		request.Header.Set("Authorization", "Bearer "+token)
		recorder := serve(t, emu, request)
		r := reply{recorder.Code, recorder.Header(), recorder.Body.String()}
		refused := r.field("CommunicationError", "Code") != nil || r.field("error", "code") != nil
		if good := r.status/100 == 2; !good && r.status/100 != 4 || good == refused {
			t.Errorf("%s %s %q: %d %s", one.method, one.target, body, r.status, r.body)
		}
	})
}

// FuzzAdmin makes any call of the admin endpoints.
func FuzzAdmin(f *testing.F) {
	f.Add("POST", "/faults", `{"operation":"CreateThread","times":1,"share":0.5,"delay":"1ms","status":503,"header":{"a":"b"},"body":{}}`)
	f.Add("POST", "/faults", `{"drip":"1ms","dripBytes":1,"garble":true,"truncate":true,"dropAfter":true}`)
	f.Add("POST", "/clock", `{"advance":"1h"}`)
	f.Add("POST", "/threads/THREAD/messages", `{"id":"1","type":"text","attachments":[null],"participants":[{}]}`)
	f.Add("GET", "/threads/THREAD", "")
	f.Add("GET", "/requests?since=1", "")
	f.Add("DELETE", "/faults/1", "")
	f.Fuzz(func(t *testing.T, method, target, body string) {
		emu := emulator.New(emulator.Options{})
		target = strings.ReplaceAll(target, "THREAD", emu.CreateThread(emu.CreateUser(), "t"))
		parsed, err := url.ParseRequestURI(target)
		if err != nil || !strings.HasPrefix(target, "/") {
			return // no server would accept it
		}
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", strings.NewReader(body))
		request.Method, request.URL, request.RequestURI = method, parsed, target
		if got := serve(t, emu.AdminHandler(nil), request).Code; got < 200 || got >= 500 {
			t.Errorf("%s %q: %d", method, target, got)
		}
	})
}

// issue returns a token without using a connection.
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
