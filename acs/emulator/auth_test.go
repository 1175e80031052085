// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

func TestSignatureVector(t *testing.T) {
	t.Parallel()
	// The same vector was checked against the official JavaScript client.
	const body = `{"createTokenWithScopes":["chat"]}`
	emu := emulator.New(emulator.Options{
		AccessKey: "c2VjcmV0LWtleS1zZWNyZXQta2V5",
		Clock:     func() time.Time { return time.Date(2022, 5, 26, 7, 59, 25, 0, time.UTC) },
	})
	for signature, want := range map[string]int{
		"vdvQsDEZE9mdG1vahDs+TQJR/ihzXBcGNmOekdhASic=": http.StatusCreated,
		"vdvQsDEZE9mdG1vahDs+TQJR/ihzXBcGNmOekdhASid=": http.StatusUnauthorized,
	} {
		if got := serve(t, emu, vectorRequest(t, body, signature)).Code; got != want {
			t.Errorf("signature %s: status %d, want %d", signature, got, want)
		}
	}
}

func TestIdentityAuthentication(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{EntraToken: "entra"})
	denied := func(change func(*http.Request)) int {
		t.Helper()
		request := f.request(call{method: http.MethodPost, path: "/identities", body: `{}`, signed: true})
		change(request)
		r, err := f.try(request)
		if err != nil {
			t.Fatal(err)
		}
		if r.status == http.StatusUnauthorized && r.field("error", "code") != "Denied" {
			t.Errorf("body %s", r.body)
		}
		return r.status
	}
	again := func(at time.Duration, body, key string) func(*http.Request) {
		return func(r *http.Request) { sign(r, body, key, f.clock.Now().Add(at)) }
	}
	key := f.emu.AccessKey()
	for _, test := range []struct {
		name   string
		change func(*http.Request)
		want   int
	}{
		{"signed", func(*http.Request) {}, 201},
		{"14 minutes late", again(-14*time.Minute, `{}`, key), 201},
		{"16 minutes late", again(-16*time.Minute, `{}`, key), 401},
		{"16 minutes early", again(16*time.Minute, `{}`, key), 401},
		{"hash of another body", again(0, `{ }`, key), 401},
		{"another key", again(0, `{}`, "c2VjcmV0LWtleS1zZWNyZXQta2V5"), 401},
		{"another path", func(r *http.Request) { r.URL.RawQuery = "api-version=2022-10-01" }, 401},
		{"another method signed", func(r *http.Request) {
			r.Method = http.MethodGet
			sign(r, `{}`, key, f.clock.Now())
			r.Method = http.MethodPost
		}, 401},
		{"another host", func(r *http.Request) { r.Host = "contoso.communication.azure.com" }, 401},
		{"no date", func(r *http.Request) { r.Header.Del("x-ms-date") }, 401},
		{"no hash", func(r *http.Request) { r.Header.Del("x-ms-content-sha256") }, 401},
		{"no authorization", func(r *http.Request) { r.Header.Del("Authorization") }, 401},
		{"two authorizations", func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }, 401},
		{"other signed headers", func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "host;", "", 1))
		}, 401},
		{"Entra", func(r *http.Request) { r.Header.Set("Authorization", "Bearer entra") }, 201},
		{"another Entra token", func(r *http.Request) { r.Header.Set("Authorization", "Bearer a.b.c") }, 401},
	} {
		if got := denied(test.change); got != test.want {
			t.Errorf("%s: status %d, want %d", test.name, got, test.want)
		}
	}
}

func TestTokenClaims(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	id, token := f.user()
	segments := strings.Split(token, ".")
	if len(segments) != 3 {
		t.Fatalf("%d segments", len(segments))
	}
	payload, err := base64.RawURLEncoding.DecodeString(segments[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"skypeid": strings.TrimPrefix(id, "8:"), "acsScope": "chat", "resourceId": emulator.DefaultResourceID, "scp": 1792.0,
		"exp": float64(f.clock.Now().Add(24 * time.Hour).Unix()), "iat": float64(f.clock.Now().Unix()),
	} {
		if claims[name] != want {
			t.Errorf("%s is %v, want %v", name, claims[name], want)
		}
	}
}

func TestChatAuthentication(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	_, token := f.user()
	other := emulator.New(emulator.Options{})
	_, foreign := (&fixture{T: t, emu: other, server: startOther(t, other), clock: &clock{now: time.Now()}}).user()
	segments := strings.Split(token, ".")
	forged := base64.RawURLEncoding.EncodeToString([]byte(`{"skypeid":"` + sampleUser[2:] + `","exp":99999999999,"acsScope":"chat"}`))
	for name, header := range map[string]string{
		"none":              "",
		"no scheme":         token,
		"no token":          "Bearer ",
		"not a JWT":         "Bearer token",
		"cut":               "Bearer " + token[:len(token)-1],
		"no signature":      "Bearer " + segments[0] + "." + segments[1] + ".",
		"forged payload":    "Bearer " + segments[0] + "." + forged + "." + segments[2],
		"another emulator":  "Bearer " + foreign,
		"HMAC, as Identity": "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=AAAA",
	} {
		r := f.send(call{method: http.MethodGet, path: "/chat/threads", header: http.Header{"Authorization": {header}}})
		if r.status != http.StatusUnauthorized || r.body != "" {
			t.Errorf("%s: %d %q, want 401 without a body", name, r.status, r.body)
		}
	}
	f.chat(200, token, http.MethodGet, "/chat/threads", "")
	f.clock.advance(24*time.Hour - time.Second)
	f.chat(200, token, http.MethodGet, "/chat/threads", "")
	f.clock.advance(time.Second)
	f.chat(401, token, http.MethodGet, "/chat/threads", "")
}

func TestRotateAccessKey(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	id, token := f.user()
	before := f.emu.AccessKey()
	if after := f.emu.RotateAccessKey(); after == before || after != f.emu.AccessKey() {
		t.Error("the key did not change")
	}
	f.chat(401, token, http.MethodGet, "/chat/threads", "")
	request := f.request(call{method: http.MethodPost, path: "/identities"})
	sign(request, "", before, f.clock.Now())
	if r, err := f.try(request); err != nil || r.status != http.StatusUnauthorized {
		t.Errorf("old key: %d, %v", r.status, err)
	}
	r := f.send(call{method: http.MethodPost, path: "/identities/" + escape(id) + "/:issueAccessToken", body: `{"scopes":["chat"]}`, signed: true})
	renewed, _ := r.field("token").(string)
	f.chat(200, renewed, http.MethodGet, "/chat/threads", "")
	if want := "endpoint=https://contoso.example/;accesskey=" + f.emu.AccessKey(); f.emu.ConnectionString("https://contoso.example") != want {
		t.Error("the connection string is not " + want)
	}
}

func TestScopes(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	owner, token := f.user()
	full := []string{"chat"}
	joining := []string{"chat", "chat.join"}
	all := []string{"chat", "chat.join", "chat.join.limited"}
	for _, scope := range []string{"chat", "chat.join", "chat.join.limited", "voip"} {
		id, scoped := f.user(scope)
		thread := f.thread(token, `{"topic":"t","participants":[{"communicationIdentifier":{"rawId":"`+id+`"}}]}`)
		for _, test := range []struct {
			method, path, body string
			allowed            []string
			want               int
		}{
			{http.MethodGet, "/chat/threads", "", all, 200},
			{http.MethodGet, thread, "", all, 200},
			{http.MethodGet, thread + "/participants", "", all, 200},
			{http.MethodPost, thread + "/participants/:add", participants(sampleUser), joining, 201},
			{http.MethodPost, thread + "/participants/:remove", `{"rawId":"` + owner + `"}`, joining, 204},
			{http.MethodPost, "/chat/threads", `{"topic":"t"}`, full, 201},
			{http.MethodPatch, thread, `{"topic":"u"}`, full, 204},
			{http.MethodDelete, thread, "", full, 204},
		} {
			want := http.StatusForbidden
			for _, allowed := range test.allowed {
				if allowed == scope {
					want = test.want
				}
			}
			if r := f.send(call{method: test.method, path: test.path, body: test.body, token: scoped}); r.status != want {
				t.Errorf("%s: %s %s: status %d, want %d", scope, test.method, test.path, r.status, want)
			}
		}
	}
}
