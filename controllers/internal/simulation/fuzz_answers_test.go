// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// fuzzLies changes the answers of the service. An unchanged answer uses one byte of the input.
type fuzzLies struct {
	mu      sync.Mutex
	source  fuzzSource
	honest  bool
	changed int
	// bodies are earlier answers, and tokens the credentials in them.
	bodies [][]byte
	tokens []string
}

var fuzzToken = regexp.MustCompile(`"token":"([^"]{20,})"`)

// transform changes an answer after the call took effect.
func (l *fuzzLies) transform(status int, header http.Header, body []byte) (int, []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, match := range fuzzToken.FindAllSubmatch(body, -1) {
		l.tokens = append(l.tokens, string(match[1]))
	}
	if len(l.bodies) < 32 {
		l.bodies = append(l.bodies, body)
	}
	if l.honest || l.source.isEmpty() {
		return status, body
	}
	lie := l.source.below(16)
	if lie <= 4 {
		return status, body
	}
	l.changed++
	return l.lie(lie, status, header, body)
}

// lie changes an answer in one of several ways.
func (l *fuzzLies) lie(way, status int, header http.Header, body []byte) (int, []byte) {
	switch way {
	case 5, 6:
		return l.status(), body
	case 7:
		return l.status(), l.refusal()
	case 8:
		return status, l.flip(body)
	case 9:
		return status, body[:min(l.source.below(256), len(body))]
	case 10:
		return status, l.bodies[l.source.below(len(l.bodies))]
	case 11, 12, 13:
		return status, l.replaceValue(body)
	case 14:
		l.changeHeader(header)
		return status, body
	case 15:
		return l.redirect(header), body
	default:
		return status, body
	}
}

// turnHonest stops the changes.
func (l *fuzzLies) turnHonest() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.honest = true
}

// secrets returns the credentials that answers contained.
func (l *fuzzLies) secrets() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.tokens)
}

var fuzzStatuses = []int{200, 201, 202, 204, 206, 207, 226, 304, 400, 401, 403, 404, 405, 408, 409, 410, 412, 413, 415, 418, 422, 429, 451, 499, 500, 501, 502, 503, 504, 507, 511, 599}

func (l *fuzzLies) status() int { return fuzzStatuses[l.source.below(len(fuzzStatuses))] }

// refusal returns a body in one of the error envelopes, with arbitrary content.
func (l *fuzzLies) refusal() []byte {
	said := fuzzWords[l.source.below(len(fuzzWords))] + l.source.raw()
	if l.source.below(4) == 3 {
		said = strings.Repeat(said, 1+l.source.below(200))
	}
	quoted, err := json.Marshal(said)
	if err != nil {
		return nil
	}
	forms := []string{`{"error":{"code":%s,"message":%s,"target":%s}}`, `{"CommunicationError":{"Code":%s,"Message":%s,"Target":%s}}`, `{"Code":%s,"Message":%s,"Target":%s}`,
		`{"error":%s}`, `[%s]`, `%s`, `<html>%s`, `{"invalidParticipants":[{"code":%s,"message":%s,"target":%s}]}`}
	form := forms[l.source.below(len(forms))]
	return []byte(strings.ReplaceAll(form, "%s", string(quoted)))
}

func (l *fuzzLies) flip(body []byte) []byte {
	changed := slices.Clone(body)
	for range 1 + l.source.below(4) {
		if len(changed) > 0 {
			changed[(l.source.below(256)<<4+l.source.below(16))%len(changed)] ^= 1 + l.source.byte()
		}
	}
	return changed
}

// replaceValue replaces a value somewhere in a JSON text.
func (l *fuzzLies) replaceValue(body []byte) []byte {
	var content any
	if json.Unmarshal(body, &content) != nil {
		return body
	}
	content = l.replaceIn(content)
	changed, err := json.Marshal(content)
	if err != nil {
		return body
	}
	return changed
}

func (l *fuzzLies) replaceIn(node any) any {
	switch value := node.(type) {
	case map[string]any:
		if keys := sortedKeys(value); len(keys) > 0 && l.source.below(8) > 0 {
			key := keys[l.source.below(len(keys))]
			value[key] = l.replaceIn(value[key])
			return value
		}
	case []any:
		if len(value) > 0 && l.source.below(8) > 0 {
			at := l.source.below(len(value))
			value[at] = l.replaceIn(value[at])
			return value
		}
	}
	others := []any{nil, "", float64(-1), 1e300, true, []any{}, map[string]any{}, "2000-13-45", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
		"https://evil.example/chat/threads", "http://contoso.communication.azure.com/chat/threads", strings.Repeat("z", 5000), []any{nil, node, node}, map[string]any{"rawId": "8:acs:x"}}
	if choice := l.source.below(len(others) + 4); choice < len(others) {
		return others[choice]
	}
	return fuzzWords[l.source.below(len(fuzzWords))] + l.source.raw()
}

func (l *fuzzLies) changeHeader(header http.Header) {
	name := []string{"Retry-After", "Content-Type", "Location", "Content-Encoding", "Ms-Cv", "X-Ms-Retry-After-Ms", "Date", "Www-Authenticate"}[l.source.below(8)]
	values := []string{"", "0", "-1", "5", "120", "99999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT", "text/html", "gzip", "application/json; charset=utf-7",
		"https://evil.example/", "\x01", strings.Repeat("h", 5000), time.Now().Add(time.Minute).UTC().Format(http.TimeFormat)}
	header.Set(name, values[l.source.below(len(values))])
}

func (l *fuzzLies) redirect(header http.Header) int {
	header.Set("Location", []string{"https://evil.example/chat/threads", "//evil.example", "/chat/threads", ""}[l.source.below(4)])
	return []int{301, 302, 303, 307, 308, 300}[l.source.below(6)]
}

// refuseOtherHosts refuses and reports a call to another host.
func refuseOtherHosts(t reporter) func(*http.Request) (*http.Response, error) {
	return func(req *http.Request) (*http.Response, error) {
		if at := req.URL.Scheme + "://" + req.URL.Host; at != defaultEndpoint {
			t.Errorf("a call to %s", at)
			return nil, fmt.Errorf("no such host: %s", req.URL.Host)
		}
		return nil, nil
	}
}
