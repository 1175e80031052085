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
type environment struct {
	// hosts are other services by their host, line is what lies between the operator and all of
	// them, and canary listens to whatever the operator says.
	hosts   map[string]*emulator.Server
	network *network
	canary  *canary
	// parallel says that passes go on beside each other, as workers make them.
	parallel bool
	// late, where there is one, has each of these passes come late.
	late func()
}

// simLine is what lies between an operator and the services. It carries calls, and lets some of
// them meet with a fault. Whatever credential it sees it makes known to the canary, and it knows
// where each belongs.
type network struct {
	world   *world
	wording errorWording

	mu    sync.Mutex
	fault *injectedFault
	calls []sentCall
	// origins say for which endpoint a token was issued.
	origins map[string]string
	// read is how much of a body was read at most.
	read int64
}

// simBreakage is a fault in its place.
type injectedFault struct {
	fault serviceFault
	// operation is what it strikes; empty: any.
	operation string
	// target is the thread or user that a call is about; empty: any.
	target string
	// times is how often it strikes; zero: until it is mended.
	times int
	hits  []time.Time
}

// simCall is a call that was sent.
type sentCall struct {
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
	echo    []string
	network *network
}

func newNetwork(w *world) *network { return &network{world: w, origins: map[string]string{}} }

// put puts a fault on the calls of an operation; mend takes it off.
func (l *network) inject(fault *injectedFault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fault = fault
}

func (l *network) repair() { l.inject(nil) }

// carry takes a call to its service, or has it meet with a fault.
func (l *network) send(operation string, req *http.Request, call func() (*http.Response, error)) (*http.Response, error) {
	endpoint := req.URL.Scheme + "://" + strings.TrimSuffix(req.URL.Host, ":443")
	l.mu.Lock()
	l.calls = append(l.calls, sentCall{at: time.Now(), operation: operation, path: req.URL.Path, endpoint: endpoint})
	l.mu.Unlock()
	if err := l.check(endpoint, req); err != nil {
		l.world.t.Errorf("%s %s %s: %s", operation, req.Method, req.URL, err)
		return nil, err
	}
	serve := func() (*http.Response, error) { return l.recordTokens(endpoint, operation, call) }
	injected, number := l.match(endpoint, operation, req)
	if injected == nil {
		return serve()
	}
	return injected.fault.answer(&exchange{req: req, serve: serve, number: number, echo: l.echo(req), network: l})
}

// check says whether the call goes where its credential belongs.
func (l *network) check(endpoint string, req *http.Request) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if endpoint != defaultEndpoint && endpoint != otherEndpoint || req.Host != "" && req.Host != req.URL.Host || req.URL.User != nil {
		return errors.New("a call to another place than the endpoint")
	}
	token, isToken := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer ")
	if isToken && l.origins[token] != endpoint {
		return errors.New("a token for " + l.origins[token])
	}
	return nil
}

// strikes says whether the call meets with the fault, and how many did.
func (l *network) match(endpoint, operation string, req *http.Request) (*injectedFault, int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	injected := l.fault
	if injected == nil || endpoint != defaultEndpoint || injected.operation != "" && operation != injected.operation || !strings.Contains(req.URL.Path, injected.target) ||
		injected.times > 0 && len(injected.hits) >= injected.times {
		return nil, 0
	}
	injected.hits = append(injected.hits, time.Now())
	return injected, len(injected.hits)
}

// overhear has a call take effect and makes the token known that it gives.
func (l *network) recordTokens(endpoint, operation string, call func() (*http.Response, error)) (*http.Response, error) {
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
			l.world.canary.addSecret("token", token)
			l.mu.Lock()
			l.origins[token] = endpoint
			l.mu.Unlock()
		}
	}
	return response, nil
}

// echo are the credentials that a hostile service can repeat.
func (l *network) echo(req *http.Request) []string {
	server := l.world.emulator
	return []string{req.Header.Get("Authorization"), server.AccessKey(), server.ConnectionString(defaultEndpoint)}
}

// hits are the moments at which the fault struck.
func (l *network) hits() []time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.fault.hits)
}

// during are the calls between two moments that keep lets through.
func (l *network) callsBetween(from, until time.Time, matches func(sentCall) bool) []sentCall {
	l.mu.Lock()
	defer l.mu.Unlock()
	var calls []sentCall
	for _, c := range l.calls {
		if !c.at.Before(from) && c.at.Before(until) && matches(c) {
			calls = append(calls, c)
		}
	}
	return calls
}
