// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"cmp"
	"crypto/tls"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/operatortest"
)

// transport connects a process with the service.
type transport struct {
	world   *world
	process *process
}

// handlerTransport sends requests to a service directly, as for a client that is no operator.
type handlerTransport struct{ handler http.Handler }

// Do sends a request to the service.
func (s handlerTransport) Do(req *http.Request) (*http.Response, error) {
	served := req.Clone(req.Context())
	served.RequestURI, served.TLS = req.URL.RequestURI(), &tls.ConnectionState{}
	if served.Body == nil {
		served.Body = http.NoBody
	}
	recorder := httptest.NewRecorder()
	s.handler.ServeHTTP(recorder, served)
	response := recorder.Result()
	response.Request = req
	return response, nil
}

// serve sends a request of an operator to the service.
func (t *transport) serve(req *http.Request) (*http.Response, error) {
	response, err := handlerTransport{cmp.Or(t.world.hosts[req.URL.Host], t.world.emulator)}.Do(req)
	if err != nil {
		return nil, err
	}
	if response.StatusCode == http.StatusTooManyRequests {
		t.world.mu.Lock()
		t.world.refused++
		t.world.mu.Unlock()
	}
	return response, nil
}

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	operation, _ := req.Context().Value(runtime.CtxAPINameKey{}).(string)
	if t.world.outage != nil {
		if response, err := t.world.outage(req); response != nil || err != nil {
			return response, err
		}
	}
	if t.world.network == nil {
		return t.call(operation, req)
	}
	return t.world.network.send(operation, req, func() (*http.Response, error) { return t.call(operation, req) })
}

// call sends a request to the service, unless a strike hits it.
func (t *transport) call(operation string, req *http.Request) (*http.Response, error) {
	// The request for a token changes nothing at the service, and runs in a goroutine of its own.
	if strings.HasSuffix(operation, "IssueToken") {
		return t.serve(req)
	}
	t.process.pause()
	t.world.mu.Lock()
	t.world.requests++
	t.world.mu.Unlock()
	if t.world.onCall != nil {
		t.world.onCall(operation, req.URL)
	}
	if req.Method == http.MethodGet {
		return t.serve(req)
	}
	way := t.world.strike(operation)
	if way == strikeBefore {
		t.process.die()
	}
	if way == strikeHalf {
		if err := operatortest.Halve(req); err != nil {
			return nil, err
		}
	}
	response, err := t.world.countMembers(func() (*http.Response, error) { return t.serve(req) })
	t.world.mu.Lock()
	t.world.lastWrite = time.Now()
	t.world.mu.Unlock()
	switch way {
	case strikeAfter, strikeHalf:
		t.process.die()
	case strikeAnswerLost:
		return nil, errAnswerLost
	}
	if req.Context().Err() != nil {
		return nil, req.Context().Err()
	}
	return response, err
}

// threads returns the threads at the service that are not deleted.
func (w *world) threads() []emulator.Thread {
	return slices.DeleteFunc(w.emulator.Threads(), func(thread emulator.Thread) bool { return thread.DeletedOn != nil })
}

// rotate changes the access key. update writes the new one to the Secret.
func (w *world) rotate() (update func()) {
	w.emulator.RotateAccessKey()
	return func() {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: testNamespace, Name: "acs"}}
		edit(w, secret, func(s *corev1.Secret) {
			s.Data = map[string][]byte{"connectionString": []byte(w.emulator.ConnectionString(defaultEndpoint))}
		})
	}
}

// httpClient returns the client of a process for the service.
func (w *world) httpClient(p *process) *http.Client {
	httpClient, err := connection.NewHTTPClient("")
	if err != nil {
		w.t.Fatal(err)
	}
	httpClient.Transport = &transport{world: w, process: p}
	return httpClient
}

// serviceUsers returns the users at the service that no thread declares.
func (w *world) serviceUsers() []string {
	people := map[string]bool{}
	for _, id := range w.people {
		people[id] = true
	}
	return slices.DeleteFunc(slices.Clone(w.emulator.Users()), func(id string) bool { return people[id] })
}

func (w *world) counts() (joins, removals map[string]int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.joins), maps.Clone(w.removals)
}
