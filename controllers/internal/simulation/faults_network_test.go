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

// otherEndpoint is the endpoint of a second ACS resource, which has no faults.
const otherEndpoint = "https://fabrikam.communication.azure.com"

// environment holds the optional parts of a world.
type environment struct {
	// hosts are further services by host name. network connects the operator with all services, and
	// canary captures the output of the operator.
	hosts   map[string]*emulator.Server
	network *network
	canary  *canary
	// parallel runs reconciles concurrently, as the workers of a manager do.
	parallel bool
	// late, if set, delays each of these reconciles.
	late func()
}

// network connects an operator with the services. It sends calls, and makes some of them meet a
// fault. It adds each credential that it sees to the canary, and checks that each one is sent only
// to its own endpoint.
type network struct {
	world   *world
	wording errorWording

	mu    sync.Mutex
	fault *injectedFault
	calls []sentCall
	// origins maps each token to the endpoint that issued it.
	origins map[string]string
	// read is the largest number of bytes that was read of one body.
	read int64
}

// injectedFault is a fault together with the calls that it strikes.
type injectedFault struct {
	fault serviceFault
	// operation is the operation that meets the fault; empty means any.
	operation string
	// target is the thread or user of the call; empty means any.
	target string
	// times is the number of calls that meet the fault; zero means all until it is repaired.
	times int
	hits  []time.Time
}

// sentCall is a call that was sent.
type sentCall struct {
	at              time.Time
	operation, path string
	endpoint        string
}

// exchange is one call that meets a fault.
type exchange struct {
	req *http.Request
	// serve has the call take effect and returns the true answer.
	serve func() (*http.Response, error)
	// number counts the calls that met the fault.
	number int
	// echo holds the secrets that a hostile service knows or receives with the call.
	echo    []string
	network *network
}

func newNetwork(w *world) *network { return &network{world: w, origins: map[string]string{}} }

// inject puts a fault on the calls of an operation. repair removes it.
func (l *network) inject(fault *injectedFault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fault = fault
}

func (l *network) repair() { l.inject(nil) }

// send sends a call to its service, or makes it meet the fault.
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

// check returns an error if the call does not go to the endpoint of its credential.
func (l *network) check(endpoint string, req *http.Request) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if endpoint != defaultEndpoint && endpoint != otherEndpoint || req.Host != "" && req.Host != req.URL.Host || req.URL.User != nil {
		return errors.New("a call to another host than the endpoint")
	}
	token, isToken := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer ")
	if isToken && l.origins[token] != endpoint {
		return errors.New("a token for " + l.origins[token])
	}
	return nil
}

// match returns the fault if the call meets it, and the number of calls that met it.
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

// recordTokens has a call take effect and records the token that it returns.
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
	// An answer without a token has nothing to record.
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

// echo returns the credentials that a hostile service can repeat.
func (l *network) echo(req *http.Request) []string {
	server := l.world.emulator
	return []string{req.Header.Get("Authorization"), server.AccessKey(), server.ConnectionString(defaultEndpoint)}
}

// hits returns the times at which calls met the fault.
func (l *network) hits() []time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.fault.hits)
}

// callsBetween returns the calls between two moments that match.
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
