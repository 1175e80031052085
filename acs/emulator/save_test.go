// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

// restarted returns a fixture whose emulator has loaded the state of another one.
func (f *fixture) restarted(options emulator.Options) *fixture {
	f.Helper()
	var state bytes.Buffer
	if err := f.emu.SaveState(&state); err != nil {
		f.Fatal(err)
	}
	options.Clock = f.clock.Now
	next := &fixture{T: f.T, clock: f.clock, emu: emulator.New(options)}
	next.server = httptest.NewServer(next.emu)
	f.Cleanup(next.server.Close)
	if err := next.emu.LoadState(bytes.NewReader(state.Bytes())); err != nil {
		f.Fatal(err)
	}
	var again bytes.Buffer
	if err := next.emu.SaveState(&again); err != nil || again.String() != state.String() {
		f.Errorf("saved again, %v: %s, want %s", err, again.String(), state.String())
	}
	return next
}

func TestStateSurvives(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{Seed: "first"})
	id, token := f.user()
	formerID, former := f.user()
	goneID, gone := f.user()
	_, revoked := f.user()
	thread := f.thread(token, strings.Replace(participants(formerID, goneID), "{",
		`{"topic":"t","metadata":{"k":"v"},"retentionPolicy":{"kind":"threadCreationDate","deleteThreadAfterDays":30},`, 1))
	path := f.message(token, thread, `{"content":"Hello","metadata":{"k":"v"}}`)
	f.message(former, thread, `{"content":"mine"}`)
	f.chat(204, token, http.MethodPatch, path, `{"content":"edited"}`)
	f.chat(200, token, http.MethodPost, thread+"/readReceipts", `{"chatMessageId":"`+path[strings.LastIndex(path, "/")+1:]+`"}`)
	f.chat(204, token, http.MethodPost, thread+"/participants/:remove", `{"rawId":"`+formerID+`"}`)
	f.thread(token, `{"topic":"other","retentionPolicy":{"kind":"none"}}`)
	deleted := f.thread(token, `{"topic":"deleted"}`)
	f.chat(204, token, http.MethodDelete, deleted, "")
	f.message(token, thread, `{"content":"later"}`)
	f.identity(204, http.MethodDelete, "/identities/"+escape(goneID), "")
	users := f.emu.Users()
	f.identity(204, http.MethodPost, "/identities/"+escape(users[2])+"/:revokeAccessTokens", "")
	repeat := call{
		method: http.MethodPost, path: "/chat/threads", body: `{"topic":"repeated"}`, token: token,
		header: http.Header{"repeatability-request-id": {"1"}},
	}
	created := f.send(repeat)
	f.emu.AdvanceClock(time.Hour)

	next := f.restarted(emulator.Options{Seed: "second"})
	for _, read := range []struct{ token, path string }{
		{token, thread}, {token, thread + "/participants"}, {token, thread + "/messages"}, {token, thread + "/readReceipts"}, {token, path},
		{token, "/chat/threads"}, {token, deleted}, {former, "/chat/threads"}, {former, thread + "/messages"}, {former, thread}, {gone, "/chat/threads"}, {revoked, "/chat/threads"},
	} {
		was := f.send(call{method: http.MethodGet, path: read.path, token: read.token})
		is := next.send(call{method: http.MethodGet, path: read.path, token: read.token})
		if is.status != was.status || strings.ReplaceAll(is.body, next.server.URL, f.server.URL) != was.body {
			t.Errorf("%s: %d %s, before %d %s", read.path, is.status, is.body, was.status, was.body)
		}
	}
	if next.emu.AccessKey() != f.emu.AccessKey() || !reflect.DeepEqual(next.emu.Users(), users) || !reflect.DeepEqual(next.emu.Threads(), f.emu.Threads()) {
		t.Error("the key, the users or the threads are others")
	}
	if r := next.send(repeat); r.field("chatThread", "id") != created.field("chatThread", "id") {
		t.Errorf("repeated: %s", r.body)
	}
	before, _ := f.user()
	after, _ := next.user()
	if before != after {
		t.Error("the sequence of ids does not go on")
	}
	// Changes that were due before are still due.
	next.emu.AdvanceClock(30 * 24 * time.Hour)
	next.chat(404, next.issued(id), http.MethodGet, thread, "")
	next.restarted(emulator.Options{})
}

func TestStatesThatAreNone(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	_, token := f.user()
	thread := f.thread(token, `{"topic":"t","participants":[]}`)
	f.message(token, thread, `{"content":"Hello"}`)
	var state bytes.Buffer
	if err := f.emu.SaveState(&state); err != nil {
		t.Fatal(err)
	}
	for name, broken := range map[string]string{
		"nothing":             "",
		"no JSON":             "{",
		"no state":            "{}",
		"another version":     strings.Replace(state.String(), `"version":1`, `"version":2`, 1),
		"another resource":    strings.Replace(state.String(), `"resourceId":"6`, `"resourceId":"7`, 1),
		"unknown field":       strings.Replace(state.String(), `"seed"`, `"seeds"`, 1),
		"no key":              strings.Replace(state.String(), f.emu.AccessKey(), ``, 1),
		"a key that is none":  strings.Replace(state.String(), f.emu.AccessKey(), `?`, 1),
		"an unknown user":     strings.Replace(state.String(), `"users":["8:acs:`, `"users":["8:acs:x`, 1),
		"no thread id":        strings.Replace(state.String(), unescape(thread), `thread`, 1),
		"an unordered change": strings.Replace(state.String(), `"change":1`, `"change":`, 1),
		"no activity":         strings.Replace(state.String(), `"activity":`, `"activity":-`, 1),
	} {
		if broken == state.String() {
			t.Fatalf("%s: not broken", name)
		}
		if err := f.emu.LoadState(strings.NewReader(broken)); err == nil {
			t.Errorf("%s: loaded", name)
		}
	}
	f.chat(200, token, http.MethodGet, thread, "")
	if err := f.emu.LoadState(&state); err != nil {
		t.Error(err)
	}
	f.chat(200, token, http.MethodGet, thread, "")
}

// FuzzLoadState expects an error, or a state that can be served and saved.
func FuzzLoadState(f *testing.F) {
	emu := emulator.New(emulator.Options{AccessKey: "c2VjcmV0LWtleS1zZWNyZXQta2V5"})
	user := emu.CreateUser()
	thread := emu.CreateThread(user, "t", emulator.Member{ID: sampleUser})
	emu.AddMessage(thread, emulator.Message{Type: "text", Sender: user})
	emu.RemoveMember(thread, sampleUser)
	emu.UpdateThread(thread, func(t *emulator.Thread) { t.RetentionDays = 30 })
	var state bytes.Buffer
	if err := emu.SaveState(&state); err != nil {
		f.Fatal(err)
	}
	f.Add(state.Bytes())
	f.Add([]byte(`{"version":1,"resourceId":"` + emulator.DefaultResourceID + `","accessKey":"a2V5"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		loaded := emulator.New(emulator.Options{EntraToken: "entra"})
		if loaded.LoadState(bytes.NewReader(raw)) != nil {
			return
		}
		issued := &fixture{T: t, emu: loaded}
		for _, one := range loaded.Threads() {
			for _, member := range one.Members {
				loaded.RemoveMember(one.ID, member.ID)
			}
		}
		for _, user := range loaded.Users() {
			issued.issue(user)
		}
		var again bytes.Buffer
		if err := loaded.SaveState(&again); err != nil {
			t.Error(err)
		}
	})
}
