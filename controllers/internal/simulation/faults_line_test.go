// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

// otherEndpoint is another ACS resource than that of the faults.
const otherEndpoint = "https://fabrikam.communication.azure.com"

// simSurroundings are what a world may have besides.
type simSurroundings struct {
	// hosts are other services by their host, line is what lies between the operator and all of
	// them, and canary listens to whatever the operator says.
	hosts  map[string]*emulator.Server
	line   *simLine
	canary *simCanary
	// parallel says that passes go on beside each other, as workers make them.
	parallel bool
	// late, where there is one, has each of these passes come late.
	late func()
}

// simLine is what lies between an operator and the services. It carries calls, and lets some of
// them meet with a fault. Whatever credential it sees it makes known to the canary, and it knows
// where each belongs.
type simLine struct {
	world   *simWorld
	wording simWording

	mu     sync.Mutex
	broken *simBreakage
	calls  []simCall
	// origins say for which endpoint a token was issued.
	origins map[string]string
	// read is how much of a body was read at most.
	read int64
}

// simBreakage is a fault in its place.
type simBreakage struct {
	fault simFault
	// operation is what it strikes; empty: any.
	operation string
	// target is the thread or user that a call is about; empty: any.
	target string
	// times is how often it strikes; zero: until it is mended.
	times int
	hits  []time.Time
}

// simCall is a call that was sent.
type simCall struct {
	at              time.Time
	operation, path string
	endpoint        string
}

// exchange is one call that meets with a fault.
type exchange struct {
	req *http.Request
	// serve has the call take effect and gives the true answer.
	serve func() (*http.Response, error)
	// number counts the calls that met with the fault.
	number int
	// echo is all that a hostile service knows, or has from the call.
	echo []string
	line *simLine
}

func newSimLine(w *simWorld) *simLine { return &simLine{world: w, origins: map[string]string{}} }

// put puts a fault on the calls of an operation; mend takes it off.
func (l *simLine) put(b *simBreakage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = b
}

func (l *simLine) mend() { l.put(nil) }

// carry takes a call to its service, or has it meet with a fault.
func (l *simLine) carry(operation string, req *http.Request, call func() (*http.Response, error)) (*http.Response, error) {
	endpoint := req.URL.Scheme + "://" + strings.TrimSuffix(req.URL.Host, ":443")
	l.mu.Lock()
	l.calls = append(l.calls, simCall{at: time.Now(), operation: operation, path: req.URL.Path, endpoint: endpoint})
	l.mu.Unlock()
	if err := l.check(endpoint, req); err != nil {
		l.world.t.Errorf("%s %s %s: %s", operation, req.Method, req.URL, err)
		return nil, err
	}
	serve := func() (*http.Response, error) { return l.overhear(endpoint, operation, call) }
	broken, number := l.strikes(endpoint, operation, req)
	if broken == nil {
		return serve()
	}
	return broken.fault.answer(&exchange{req: req, serve: serve, number: number, echo: l.echo(req), line: l})
}

// check says whether the call goes where its credential belongs.
func (l *simLine) check(endpoint string, req *http.Request) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if endpoint != simEndpoint && endpoint != otherEndpoint || req.Host != "" && req.Host != req.URL.Host || req.URL.User != nil {
		return errors.New("a call to another place than the endpoint")
	}
	token, isToken := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer ")
	if isToken && l.origins[token] != endpoint {
		return errors.New("a token for " + l.origins[token])
	}
	return nil
}

// strikes says whether the call meets with the fault, and how many did.
func (l *simLine) strikes(endpoint, operation string, req *http.Request) (*simBreakage, int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.broken
	if b == nil || endpoint != simEndpoint || b.operation != "" && operation != b.operation || !strings.Contains(req.URL.Path, b.target) ||
		b.times > 0 && len(b.hits) >= b.times {
		return nil, 0
	}
	b.hits = append(b.hits, time.Now())
	return b, len(b.hits)
}

// overhear has a call take effect and makes the token known that it gives.
func (l *simLine) overhear(endpoint, operation string, call func() (*http.Response, error)) (*http.Response, error) {
	response, err := call()
	if err != nil || !strings.HasPrefix(operation, "IdentityClient.") {
		return response, err
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	var answer struct {
		Token       string
		AccessToken struct{ Token string }
	}
	// What is no answer with a token gives none.
	_ = json.Unmarshal(body, &answer)
	for _, token := range []string{answer.Token, answer.AccessToken.Token} {
		if token != "" {
			l.world.canary.learn("token", token)
			l.mu.Lock()
			l.origins[token] = endpoint
			l.mu.Unlock()
		}
	}
	return response, nil
}

// echo are the credentials that a hostile service can repeat.
func (l *simLine) echo(req *http.Request) []string {
	server := l.world.emulator
	return []string{req.Header.Get("Authorization"), server.AccessKey(), server.ConnectionString(simEndpoint)}
}

// hits are the moments at which the fault struck.
func (l *simLine) hits() []time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.broken.hits)
}

// during are the calls between two moments that keep lets through.
func (l *simLine) during(from, until time.Time, keep func(simCall) bool) []simCall {
	l.mu.Lock()
	defer l.mu.Unlock()
	var calls []simCall
	for _, c := range l.calls {
		if !c.at.Before(from) && c.at.Before(until) && keep(c) {
			calls = append(calls, c)
		}
	}
	return calls
}
