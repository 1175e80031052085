// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

func TestCreateIdentity(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	for _, test := range []struct {
		body, message string
		status        int
		token         bool
	}{
		{``, "", 201, false},
		{`{}`, "", 201, false},
		{`{"createTokenWithScopes":[]}`, "", 201, false},
		{`{"createTokenWithScopes":["chat","voip"],"expiresInMinutes":60}`, "", 201, true},
		{`{"createTokenWithScopes":["chat"],"expiresInMinutes":1440}`, "", 201, true},
		{
			`{"createTokenWithScopes":["chat"],"expiresInMinutes":59}`,
			"ExpiresInMinutes value 59 is invalid. Value must be within the [60, 1440] interval.", 400, false,
		},
		{
			`{"expiresInMinutes":1441}`,
			"ExpiresInMinutes value 1441 is invalid. Value must be within the [60, 1440] interval.", 400, false,
		},
		{`{"expiresInMinutes":0}`, "ExpiresInMinutes value 0 is invalid. Value must be within the [60, 1440] interval.", 400, false},
		{`{"createTokenWithScopes":["talk"]}`, `Scope "talk" is invalid.`, 400, false},
		{`{"scopes":["chat"]}`, `unknown field "scopes"`, 400, false},
		{`[]`, "a JSON object is expected", 400, false},
	} {
		r := f.send(call{method: http.MethodPost, path: "/identities", body: test.body, signed: true})
		message, _ := r.field("error", "message").(string)
		if r.status != test.status || message != test.message || (r.field("accessToken", "token") != nil) != test.token {
			t.Errorf("%s: %d %s", test.body, r.status, r.body)
		}
	}
	users := f.emu.Users()
	form := regexp.MustCompile(`^8:acs:` + emulator.DefaultResourceID + `_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	if len(users) != 5 || slices.ContainsFunc(users, func(id string) bool { return !form.MatchString(id) }) {
		t.Errorf("users %v", users)
	}
	// The next emulator of the resource issues the same ids.
	if again := emulator.New(emulator.Options{}).CreateUser(); again != users[0] {
		t.Errorf("%s, then %s", users[0], again)
	}
}

func TestIssueToken(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{TokenLifetime: 2 * time.Hour})
	id := f.emu.CreateUser()
	path := "/identities/" + escape(id) + "/:issueAccessToken"
	for _, test := range []struct {
		path, body string
		want       int
	}{
		{path, `{"scopes":["chat"]}`, 200},
		{"/identities/" + id + "/:issueAccessToken", `{"scopes":["chat"]}`, 200},
		{path, `{"scopes":["chat"],"expiresInMinutes":59}`, 400},
		{path, `{"scopes":[]}`, 400},
		{path, `{}`, 400},
		{path, ``, 400},
		{path, `{"scopes":["chat"],"x":1}`, 400},
		{path, `{"scopes":"chat"}`, 400},
		{strings.Replace(path, escape(id), escape(sampleUser), 1), `{"scopes":["chat"]}`, 404},
		{strings.Replace(path, escape(id), "nobody", 1), `{"scopes":["chat"]}`, 404},
	} {
		r := f.send(call{method: http.MethodPost, path: test.path, body: test.body, signed: true})
		if r.status != test.want || test.want != 200 && r.field("error", "code") == nil {
			t.Errorf("%s %s: %d %s", test.path, test.body, r.status, r.body)
		}
	}
	first := f.send(call{method: http.MethodPost, path: path, body: `{"scopes":["chat"]}`, signed: true})
	second := f.send(call{method: http.MethodPost, path: path, body: `{"scopes":["chat"],"expiresInMinutes":60}`, signed: true})
	if first.field("expiresOn") != "2026-03-04T07:06:07.8910000+00:00" || second.field("expiresOn") != "2026-03-04T06:06:07.8910000+00:00" {
		t.Errorf("first %s, second %s", first.body, second.body)
	}
	if first.field("token") == second.field("token") {
		t.Error("two tokens are equal")
	}
}

func TestNewRefusesNonsense(t *testing.T) {
	t.Parallel()
	for _, options := range []emulator.Options{{ResourceID: "x"}, {AccessKey: "~"}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("no panic with %+v", options)
				}
			}()
			emulator.New(options)
		}()
	}
}
