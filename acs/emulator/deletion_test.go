// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

// identity makes a signed call of the Identity API, which must return the status.
func (f *fixture) identity(want int, method, path, body string) reply {
	f.Helper()
	r := f.send(call{method: method, path: path, body: body, signed: true})
	if r.status != want {
		f.Fatalf("%s %s %s: status %d, want %d; body %s", method, path, body, r.status, want, r.body)
	}
	return r
}

func TestRevokeTokens(t *testing.T) {
	t.Parallel()
	for _, delay := range []time.Duration{0, 15 * time.Minute} {
		f := start(t, emulator.Options{RevocationDelay: delay})
		id, token := f.user()
		if r := f.identity(204, http.MethodPost, "/identities/"+escape(id)+"/:revokeAccessTokens", ""); r.body != "" {
			t.Errorf("body %s", r.body)
		}
		issued := f.identity(200, http.MethodPost, "/identities/"+escape(id)+"/:issueAccessToken", `{"scopes":["chat"]}`)
		later, _ := issued.field("token").(string)
		if delay > 0 {
			f.chat(200, token, http.MethodGet, "/chat/threads", "")
			f.clock.advance(delay)
		}
		f.chat(401, token, http.MethodGet, "/chat/threads", "")
		f.chat(200, later, http.MethodGet, "/chat/threads", "")
		r := f.identity(404, http.MethodPost, "/identities/"+escape(sampleUser)+"/:revokeAccessTokens", "")
		f.wants(r, map[string]any{"error.code": "NotFound"})
	}
}

func TestDeleteIdentity(t *testing.T) {
	t.Parallel()
	for _, delay := range []time.Duration{0, 15 * time.Minute} {
		f := start(t, emulator.Options{RevocationDelay: delay})
		id, token := f.user()
		otherID, other := f.user()
		thread := f.thread(token, strings.Replace(participants(otherID), "{", `{"topic":"t",`, 1))
		alone := f.thread(token, `{"topic":"alone"}`)
		f.identity(204, http.MethodDelete, "/identities/"+escape(id), "")
		f.identity(404, http.MethodDelete, "/identities/"+escape(id), "")
		f.identity(404, http.MethodPost, "/identities/"+escape(id)+"/:issueAccessToken", `{"scopes":["chat"]}`)
		if !slices.Equal(f.emu.Users(), []string{otherID}) {
			t.Errorf("users %v", f.emu.Users())
		}
		if delay > 0 { // an old token still deletes the thread, as recorded
			f.chat(204, token, http.MethodDelete, alone, "")
			f.clock.advance(delay)
		}
		f.chat(401, token, http.MethodGet, "/chat/threads", "")
		members := f.chat(200, other, http.MethodGet, thread+"/participants", "")
		f.wants(members, map[string]any{"value.0.communicationIdentifier.rawId": otherID, "value.1": nil})
		messages := f.chat(200, other, http.MethodGet, thread+"/messages", "")
		f.wants(messages, map[string]any{
			"value.0.type": "participantRemoved", "value.0.content.participants.0.communicationIdentifier.rawId": id,
		})
		r := f.chat(201, other, http.MethodPost, thread+"/participants/:add", participants(id))
		f.wants(r, map[string]any{"invalidParticipants.0.code": "404", "invalidParticipants.0.target": id})
	}
}

func TestExchangeTeamsToken(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	const user, path = "00000000-0000-4000-8000-00000000000a", "/teamsUser/:exchangeAccessToken"
	r := f.identity(200, http.MethodPost, path, `{"token":"of Entra","appId":"app","userId":"`+user+`"}`)
	token, _ := r.field("token").(string)
	f.wants(r, map[string]any{"expiresOn": "2026-03-05T05:06:07.8910000+00:00"})
	f.chat(403, token, http.MethodGet, "/chat/threads", "")
	for _, body := range []string{
		``, `{}`, `{"token":"","appId":"app","userId":"` + user + `"}`, `{"token":"t","appId":"app","userId":"somebody"}`,
		`{"token":"t","appId":"app","userId":"` + user + `","scope":"chat"}`,
	} {
		r := f.identity(400, http.MethodPost, path, body)
		f.wants(r, map[string]any{"error.code": "ValidationError"})
	}
	for _, request := range f.emu.Requests() {
		if strings.Contains(string(request.Body), "of Entra") {
			t.Error("the token of Entra is remembered")
		}
	}
	if len(f.emu.Users()) != 0 {
		t.Errorf("users %v", f.emu.Users())
	}
}

func TestScopesOfEachOperation(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	full, _ := f.user()
	tokens := map[string]string{}
	var members []emulator.Member
	for _, scope := range []string{"chat", "chat.join", "chat.join.limited", "voip"} {
		id, token := f.user(scope)
		tokens[scope] = token
		members = append(members, emulator.Member{ID: id})
	}
	thread := "/chat/threads/" + f.emu.CreateThread(full, "t", members...)
	for _, test := range []struct {
		method, path, body string
		scopes             string // that allow the operation, from the widest
		want               int
	}{
		{"POST", "/chat/threads", `{"topic":"t"}`, "chat", 201},
		{"PATCH", thread, `{"topic":"u"}`, "chat", 204},
		{"POST", thread + "/participants/:add", participants(sampleUser), "chat chat.join", 201},
		{"POST", thread + "/participants/:remove", `{"rawId":"` + sampleUser + `"}`, "chat chat.join", 204},
		{"GET", "/chat/threads", "", "chat chat.join chat.join.limited", 200},
		{"GET", thread, "", "chat chat.join chat.join.limited", 200},
		{"GET", thread + "/participants", "", "chat chat.join chat.join.limited", 200},
		{"POST", thread + "/messages", `{"content":"c"}`, "chat chat.join chat.join.limited", 201},
		{"GET", thread + "/messages", "", "chat chat.join chat.join.limited", 200},
		{"GET", thread + "/messages/1", "", "chat chat.join chat.join.limited", 404},
		{"PATCH", thread + "/messages/1", `{}`, "chat chat.join chat.join.limited", 404},
		{"DELETE", thread + "/messages/1", "", "chat chat.join chat.join.limited", 404},
		{"POST", thread + "/readReceipts", `{"chatMessageId":"1"}`, "chat chat.join chat.join.limited", 404},
		{"GET", thread + "/readReceipts", "", "chat chat.join chat.join.limited", 200},
		{"POST", thread + "/typing", `{}`, "chat chat.join chat.join.limited", 200},
		{"DELETE", thread, "", "chat", 204},
	} {
		for scope, token := range tokens {
			if scope == "chat" {
				continue // last, as it may end the thread
			}
			want := http.StatusForbidden
			if slices.Contains(strings.Fields(test.scopes), scope) {
				want = test.want
			}
			if r := f.send(call{method: test.method, path: test.path, body: test.body, token: token}); r.status != want {
				t.Errorf("%s %s with %s: %d, want %d", test.method, test.path, scope, r.status, want)
			}
		}
		f.chat(test.want, tokens["chat"], test.method, test.path, test.body)
	}
}

func TestRetentionEndsAThread(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{DeletedThreads: emulator.DeletedMarked})
	user := f.emu.CreateUser()
	token := f.issued(user)
	const policy = `"retentionPolicy":{"kind":"threadCreationDate","deleteThreadAfterDays":`
	short := f.thread(token, `{"topic":"short",`+policy+`30}}`)
	longer := f.thread(token, `{"topic":"longer",`+policy+`30}}`)
	kept := f.thread(token, `{"topic":"kept",`+policy+`30}}`)
	f.chat(204, token, http.MethodPatch, longer, `{`+policy+`31}}`)
	f.chat(204, token, http.MethodPatch, kept, `{"retentionPolicy":{"kind":"none"}}`)
	const day = 24 * time.Hour
	f.emu.AdvanceClock(30*day - time.Second)
	token = f.issued(user)
	f.chat(200, token, http.MethodGet, short+"/participants", "")
	f.emu.AdvanceClock(time.Second)
	r := f.chat(200, token, http.MethodGet, short, "")
	f.wants(r, map[string]any{"deletedOn": "2026-04-03T05:06:07Z"})
	f.chat(404, token, http.MethodGet, short+"/messages", "")
	f.chat(200, token, http.MethodGet, longer+"/messages", "")
	f.emu.AdvanceClock(100 * day)
	token = f.issued(user)
	f.chat(404, token, http.MethodGet, longer+"/messages", "")
	f.chat(200, token, http.MethodGet, kept+"/messages", "")
	if thread, _ := f.emu.Thread(unescape(longer)); thread.DeletedOn == nil || !thread.DeletedOn.Equal(thread.CreatedOn.Add(31*day)) {
		t.Errorf("deleted on %v", thread.DeletedOn)
	}
}

// issued issues a token with a call that is signed at the time of the unmoved clock.
func (f *fixture) issued(user string) string {
	f.Helper()
	r := f.identity(200, http.MethodPost, "/identities/"+escape(user)+"/:issueAccessToken", `{"scopes":["chat"]}`)
	token, _ := r.field("token").(string)
	return token
}

func TestTokensExpire(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	id, token := f.user()
	short := f.identity(200, http.MethodPost, "/identities/"+escape(id)+"/:issueAccessToken", `{"scopes":["chat"],"expiresInMinutes":60}`)
	hour, _ := short.field("token").(string)
	f.emu.AdvanceClock(time.Hour)
	f.chat(401, hour, http.MethodGet, "/chat/threads", "")
	f.chat(200, token, http.MethodGet, "/chat/threads", "")
	f.emu.AdvanceClock(23 * time.Hour)
	f.chat(401, token, http.MethodGet, "/chat/threads", "")
	defer func() {
		if recover() == nil {
			t.Error("time went back")
		}
	}()
	f.emu.AdvanceClock(-time.Second)
}
