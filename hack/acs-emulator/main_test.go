// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBadFlagsAreNamed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ flag, want string }{
		{"--quotas=maybe", "-quotas"},
		{"--latency=-1s", "--latency"},
		{"--latency=5", "-latency"},
		{"--list-delay=-1s", "--list-delay"},
		{"--revocation-delay=-1s", "--revocation-delay"},
		{"--admin-listen=9443", "--admin-listen"},
		{"--admin-listen=:9443", "--admin-remote"},
		{"--admin-listen=0.0.0.0:9443", "--admin-remote"},
		{"--admin-listen=emulator.example:9443", "--admin-remote"},
		{"--listen=8443", "--listen"},
		{"--listen=localhost:http", "--listen"},
		{"--listen=localhost:65536", "--listen"},
		{"--resource-id=1", "--resource-id"},
		{"--resource-id={6f3a2b1c-0d4e-4f5a-8b6c-7d8e9f0a1b2c}", "--resource-id"},
		{"--no-such-flag", "-no-such-flag"},
		{"serve", `"serve"`},
	} {
		var stderr bytes.Buffer
		if status := run(t.Context(), []string{test.flag}, io.Discard, &stderr); status != 2 || !strings.Contains(stderr.String(), test.want) {
			t.Errorf("%s: status %d, output %q; want status 2 and %s", test.flag, status, stderr.String(), test.want)
		}
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	if status := run(t.Context(), []string{"--help"}, io.Discard, &stderr); status != 0 || !strings.Contains(stderr.String(), "-tls-dir") {
		t.Errorf("status %d, output %q", status, stderr.String())
	}
}

func TestCannotServe(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for flag, args := range map[string][]string{
		"--listen":                 {"--listen=192.0.2.1:0"}, // not an address of this machine
		"--admin-listen":           {"--listen=localhost:0", "--admin-listen=192.0.2.1:0", "--admin-remote"},
		"--tls-dir":                {"--listen=localhost:0", "--tls-dir=" + file},
		"--connection-string-file": {"--listen=localhost:0", "--connection-string-file=" + filepath.Join(t.TempDir(), "no", "file")},
	} {
		var stderr bytes.Buffer
		if status := run(t.Context(), args, io.Discard, &stderr); status != 1 || !strings.Contains(stderr.String(), flag) {
			t.Errorf("%s: status %d, output %q", flag, status, stderr.String())
		}
	}
}

func TestServe(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, listen, prefix string
		tls                  bool
	}{
		{"http", "127.0.0.1:0", "endpoint=http://127.0.0.1:", false},
		{"https", "127.0.0.1:0", "endpoint=https://127.0.0.1:", true},
		{"https on every address", ":0", "endpoint=https://localhost:", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file := filepath.Join(dir, "connection-string")
			if err := os.WriteFile(file, []byte("of an earlier run"), 0o644); err != nil {
				t.Fatal(err)
			}
			args := []string{"--listen", test.listen, "--connection-string-file", file, "--quotas=off", "--latency=1ms"}
			tlsDir := filepath.Join(dir, "tls")
			if test.tls {
				args = append(args, "--tls-dir", tlsDir)
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan int, 1)
			var stderr bytes.Buffer
			go func() { ended <- run(ctx, args, io.Discard, &stderr) }()
			text := awaitFile(t, file, test.prefix)
			checkMode(t, file, 0o600)
			endpoint, key, _ := strings.Cut(strings.TrimPrefix(text, "endpoint="), "/;accesskey=")
			checkAnswers(t, endpoint, tlsDir)
			cancel()
			if status := <-ended; status != 0 {
				t.Errorf("status %d: %s", status, stderr.String())
			}
			if _, err := os.Stat(file); !os.IsNotExist(err) {
				t.Errorf("the connection string is still there: %v", err)
			}
			if log := stderr.String(); !strings.Contains(log, `"operation":"ListThreads"`) || key == "" || strings.Contains(log, key) {
				t.Errorf("log without the request, or with the key: %s", log)
			}
		})
	}
}

// awaitFile waits for a file that starts like this: a former one may exist for a moment.
func awaitFile(t *testing.T, name, prefix string) string {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		if content, err := os.ReadFile(name); err == nil && strings.HasPrefix(string(content), prefix) {
			return string(content)
		}
		select {
		case <-deadline:
			t.Fatal("no connection string")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func checkMode(t *testing.T, name string, want os.FileMode) {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil || info.Mode().Perm() != want {
		t.Errorf("%s: mode %v, %v; want %v", name, info.Mode(), err, want)
	}
}

// checkAnswers makes a call without a token, trusting only the authority in the directory, and
// returns the body of the refusal.
func checkAnswers(t *testing.T, endpoint, tlsDir string) (body string) {
	t.Helper()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	if strings.HasPrefix(endpoint, "https:") {
		checkMode(t, filepath.Join(tlsDir, "ca.pem"), 0o644)
		authority, err := os.ReadFile(filepath.Join(tlsDir, "ca.pem"))
		roots := x509.NewCertPool()
		if err != nil || !roots.AppendCertsFromPEM(authority) {
			t.Fatalf("ca.pem: %v", err)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
		entries, err := os.ReadDir(tlsDir)
		if err != nil || len(entries) != 1 {
			t.Errorf("more than ca.pem in %s: %v, %v", tlsDir, entries, err)
		}
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, endpoint+"/chat/threads?api-version=2025-03-15", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("status %d without a token", response.StatusCode)
	}
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Error(err)
	}
	return string(text)
}

func TestVersion(t *testing.T) {
	t.Parallel()
	var stdout bytes.Buffer
	if status := run(t.Context(), []string{"--version"}, &stdout, io.Discard); status != 0 || !strings.HasPrefix(stdout.String(), "acs-emulator v") {
		t.Errorf("status %d, output %q", status, stdout.String())
	}
}

// A key from a file signs the calls, as one that a Secret of a cluster holds does.
func TestAccessKeyFile(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	file := func(content string) string {
		name := filepath.Join(directory, rand.Text())
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	key := base64.StdEncoding.EncodeToString([]byte("a key for this test"))
	if got, err := (config{accessKeyFile: file(key + "\n")}).accessKey(); err != nil || got != key {
		t.Errorf("key %q, error %v", got, err)
	}
	for name, c := range map[string]config{
		"no base64": {accessKeyFile: file("?")}, "short": {accessKeyFile: file("YWJj")}, "missing": {accessKeyFile: directory + "/nowhere"},
	} {
		c.listen = "127.0.0.1:0"
		if err := serve(t.Context(), c, slog.New(slog.DiscardHandler)); err == nil || !strings.HasPrefix(err.Error(), "--access-key-file: ") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
