// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build soak

package soak

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/acs-operator/acs-chat-operator/hack/processes"
	"github.com/acs-operator/acs-chat-operator/hack/sandbox"
)

const (
	toxiproxyProgram = "bin/tools/toxiproxy-server"
	// toxiproxyPatience is longer than toxiproxy's own limit for a call.
	toxiproxyPatience = 30 * time.Second
)

// toxiproxy disturbs connections.
type toxiproxy struct {
	t      testing.TB
	api    string
	client *http.Client
}

// link is a connection between two programs, through toxiproxy.
type link struct {
	proxy   *toxiproxy
	name    string
	address string // the address for the client
}

// toxic is a disturbance of a link.
type toxic struct {
	Name       string         `json:"name"`
	Type       string         `json:"type"`
	Stream     string         `json:"stream"`
	Toxicity   float64        `json:"toxicity"`
	Attributes map[string]any `json:"attributes"`
}

func (w *world) startToxiproxy(ctx context.Context) *toxiproxy {
	w.Helper()
	address := w.FreeAddress()
	host, port, err := net.SplitHostPort(address)
	w.Must(err)
	p := &toxiproxy{t: w, api: "http://" + address, client: &http.Client{Timeout: toxiproxyPatience}}
	program := w.Program("toxiproxy", toxiproxyProgram, "-host="+host, "-port="+port)
	w.Must(w.Run(ctx, program, sandbox.Answers(p.api+"/version")))
	w.Cleanup(p.client.CloseIdleConnections)
	return p
}

// link creates a link to a program.
func (p *toxiproxy) link(ctx context.Context, name, upstream string) *link {
	p.t.Helper()
	address, err := processes.FreeAddress(ctx)
	if err != nil {
		p.t.Fatal(err)
	}
	p.call(ctx, http.MethodPost, "/proxies", map[string]any{"name": name, "listen": address, "upstream": upstream, "enabled": true})
	return &link{proxy: p, name: name, address: address}
}

// call makes a call to toxiproxy, and fails the test if the call fails.
func (p *toxiproxy) call(ctx context.Context, method, path string, body any) {
	p.t.Helper()
	if err := p.try(ctx, method, path, body); err != nil {
		p.t.Errorf("toxiproxy: %v", err)
	}
}

func (p *toxiproxy) try(ctx context.Context, method, path string, body any) error {
	encoded, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, p.api+path, bytes.NewReader(encoded))
	if err != nil {
		return err
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s %s: %s %s (%w)", method, path, resp.Status, text, err)
	}
	return nil
}

// spoil disturbs the link until heal is called.
func (l *link) spoil(ctx context.Context, spoiled toxic) {
	l.proxy.t.Helper()
	l.proxy.call(ctx, http.MethodPost, "/proxies/"+l.name+"/toxics", spoiled)
}

func (l *link) heal(ctx context.Context, name string) {
	l.proxy.t.Helper()
	l.proxy.call(ctx, http.MethodDelete, "/proxies/"+l.name+"/toxics/"+name, nil)
}

// cut closes all connections and prevents new ones until restore is called.
func (l *link) cut(ctx context.Context) {
	l.proxy.t.Helper()
	l.proxy.call(ctx, http.MethodPost, "/proxies/"+l.name, map[string]any{"enabled": false})
}

func (l *link) restore(ctx context.Context) {
	l.proxy.t.Helper()
	l.proxy.call(ctx, http.MethodPost, "/proxies/"+l.name, map[string]any{"enabled": true})
}
