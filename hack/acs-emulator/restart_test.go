// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// running is an emulator that serves until it is stopped.
type running struct {
	*testing.T
	dir   string
	admin string // address of its admin endpoints
	text  string // connection string
	stop  func()
}

// runEmulator starts an emulator with its files in the directory.
func runEmulator(t *testing.T, dir string, extra ...string) *running {
	t.Helper()
	r := &running{T: t, dir: dir, admin: freeAddress(t)}
	file := filepath.Join(dir, "connection-string")
	args := append([]string{
		"--listen=127.0.0.1:0", "--tls-dir=" + filepath.Join(dir, "tls"), "--connection-string-file=" + file,
		"--state-file=" + filepath.Join(dir, "state.json"), "--admin-listen=" + r.admin,
	}, extra...)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	var stderr bytes.Buffer
	go func() { ended <- run(ctx, args, io.Discard, &stderr) }()
	r.stop = func() {
		cancel()
		if status := <-ended; status != 0 {
			t.Errorf("status %d: %s", status, stderr.String())
		}
	}
	r.text = awaitFile(t, file, "endpoint=https://127.0.0.1:")
	return r
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// call calls an admin endpoint.
func (r *running) call(want int, method, path, body string) map[string]any {
	r.Helper()
	request, err := http.NewRequestWithContext(r.Context(), method, "http://"+r.admin+path, strings.NewReader(body))
	if err != nil {
		r.Fatal(err)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		r.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, _ := io.ReadAll(response.Body)
	if response.StatusCode != want {
		r.Fatalf("%s %s: %d %s", method, path, response.StatusCode, text)
	}
	out := map[string]any{}
	_ = json.Unmarshal(text, &out)
	return out
}

func (r *running) key() string {
	_, key, _ := strings.Cut(r.text, ";accesskey=")
	return key
}

func TestRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := runEmulator(t, dir)
	first.call(200, http.MethodPost, "/clock", `{"advance":"1h"}`)
	first.call(204, http.MethodPost, "/save", "")
	checkMode(t, filepath.Join(dir, "state.json"), 0o600)
	first.call(200, http.MethodPost, "/clock", `{"advance":"1h"}`)
	authority, err := os.ReadFile(filepath.Join(dir, "tls", "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	first.stop()
	second := runEmulator(t, dir)
	checkMode(t, filepath.Join(dir, "state.json"), 0o600)
	if moved := second.call(200, http.MethodGet, "/clock", "")["moved"]; moved != "2h0m0s" || second.key() != first.key() {
		t.Errorf("moved %v, another key: %v", moved, second.key() != first.key())
	}
	if again, err := os.ReadFile(filepath.Join(dir, "tls", "ca.pem")); err != nil || !bytes.Equal(again, authority) {
		t.Errorf("another authority, %v", err)
	}
	endpoint, _, _ := strings.Cut(strings.TrimPrefix(second.text, "endpoint="), "/;")
	checkAnswers(t, endpoint, filepath.Join(dir, "tls")) // with the certificate of the first run
	requests, _ := second.call(200, http.MethodGet, "/requests", "")["requests"].([]any)
	if len(requests) != 1 {
		t.Errorf("requests %v", requests)
	}
	second.call(204, http.MethodPost, "/reset", "")
	second.stop()
}

func TestSwitches(t *testing.T) {
	t.Parallel()
	r := runEmulator(t, t.TempDir(), "--with-kind", "--spec-errors", "--list-delay=1s", "--revocation-delay=15m", "--quotas=off")
	defer r.stop()
	if quotas := r.call(200, http.MethodGet, "/quotas", ""); quotas["enforced"] != false {
		t.Errorf("quotas %v", quotas)
	}
	endpoint, _, _ := strings.Cut(strings.TrimPrefix(r.text, "endpoint="), "/;")
	if body := checkAnswers(t, endpoint, filepath.Join(r.dir, "tls")); !strings.Contains(body, `{"error":{"code":"Unauthorized"`) {
		t.Errorf("error %s", body)
	}
}

func TestStateFileOfSomethingElse(t *testing.T) {
	t.Parallel()
	for _, content := range []string{"", "{", "{}", `{"service":{"version":2}}`} {
		file := filepath.Join(t.TempDir(), "state.json")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		var stderr bytes.Buffer
		status := run(t.Context(), []string{"--listen=127.0.0.1:0", "--state-file=" + file}, io.Discard, &stderr)
		if status != 1 || !strings.Contains(stderr.String(), "--state-file") || !strings.Contains(stderr.String(), file) {
			t.Errorf("%q: status %d: %s", content, status, stderr.String())
		}
		if left, err := os.ReadFile(file); err != nil || string(left) != content {
			t.Errorf("%q was written over", content)
		}
	}
}
