// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

// asManager makes the test binary run the operator.
const asManager = "ACS_CHAT_OPERATOR_TEST_MANAGER"

// An operator without the permission to list anything is alive and not ready, and exits soon after
// it was asked to.
func TestOperatorWithoutRights(t *testing.T) {
	t.Parallel()
	var asked atomic.Bool
	kubeconfig := refusingAPI(t, func(path string) { asked.Store(asked.Load() || strings.Contains(path, "/chatthreads")) })
	probes := freeAddress(t)
	operator, log := startOperator(t, "--kubeconfig="+kubeconfig, "--metrics-bind-address=0", "--health-probe-bind-address="+probes)
	ended := make(chan error, 1)
	go func() { ended <- operator.Wait() }()
	waitFor(t, "the operator to be alive", func() bool { return probe(t, probes, "/healthz") == http.StatusOK })
	waitFor(t, "the operator to list", asked.Load)
	if status := probe(t, probes, "/readyz"); status == http.StatusOK {
		t.Error("an operator without caches is ready")
	}
	if err := operator.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the operator ended with %v:\n%s", err, log)
		}
	case <-time.After(10 * time.Second):
		_ = operator.Process.Kill()
		t.Errorf("the operator is there 10 s after SIGTERM:\n%s", log)
	}
}

// refusingAPI serves an API server that refuses everything but discovery, and returns a kubeconfig.
func refusingAPI(t *testing.T, note func(path string)) (kubeconfig string) {
	t.Helper()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		note(r.URL.Path)
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/api", "/apis", "/api/v1", "/apis/chat.acs-operator.io/v1alpha1":
			_, _ = fmt.Fprint(w, discovery(r.URL.Path))
		default:
			w.WriteHeader(http.StatusForbidden)
			_, _ = fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","message":"no","code":403}`)
		}
	}))
	t.Cleanup(api.Close)
	kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	config := fmt.Sprintf("{apiVersion: v1, kind: Config, current-context: x, contexts: [{name: x, context: {cluster: x, user: x}}], users: [{name: x}], clusters: [{name: x, cluster: {server: %q}}]}", api.URL)
	if err := os.WriteFile(kubeconfig, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return kubeconfig
}

// startOperator starts the operator as a process.
func startOperator(t *testing.T, arguments ...string) (operator *exec.Cmd, log *strings.Builder) {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	operator = exec.CommandContext(t.Context(), binary, arguments...) //nolint:gosec // this test itself
	operator.Env = append(os.Environ(), asManager+"=1")
	log = &strings.Builder{}
	operator.Stdout, operator.Stderr = log, log
	if err := operator.Start(); err != nil {
		t.Fatal(err)
	}
	return operator, log
}

// The certificate of the metrics endpoint comes from files and is read again when they change. The
// profiles have an endpoint of their own.
func TestMetricsCertificateIsReloaded(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	certificate := writeCertificate(t, directory)
	metrics, profiles := freeAddress(t), freeAddress(t)
	operator, log := startOperator(t, "--kubeconfig="+refusingAPI(t, func(string) {}), "--metrics-bind-address="+metrics,
		"--metrics-cert-dir="+directory, "--pprof-bind-address="+profiles, "--health-probe-bind-address=0")
	t.Cleanup(func() {
		_ = operator.Process.Kill()
		_ = operator.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	waitFor(t, "the first certificate", func() bool { return bytes.Equal(servedCertificate(metrics), certificate) })
	certificate = writeCertificate(t, directory)
	waitFor(t, "the second certificate", func() bool { return bytes.Equal(servedCertificate(metrics), certificate) })
	if status := probe(t, profiles, "/debug/pprof/cmdline"); status != http.StatusOK {
		t.Errorf("the profiles answer with %d", status)
	}
}

// writeCertificate writes a new certificate and its key, and returns the certificate.
func writeCertificate(t *testing.T, directory string) []byte {
	t.Helper()
	config, _, err := emulator.GenerateTLS("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	pair := config.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		certificateFile: {Type: "CERTIFICATE", Bytes: pair.Certificate[0]}, keyFile: {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(filepath.Join(directory, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return pair.Certificate[0]
}

// servedCertificate returns the certificate that a server shows, or nil if it shows none.
func servedCertificate(address string) []byte {
	connection, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec,noctx // it is compared
	if err != nil {
		return nil
	}
	defer func() { _ = connection.Close() }()
	return connection.ConnectionState().PeerCertificates[0].Raw
}

// discovery is the response of an API server about the kinds that it serves.
func discovery(path string) string {
	switch path {
	case "/api":
		return `{"kind":"APIVersions","versions":["v1"]}`
	case "/apis":
		return `{"kind":"APIGroupList","apiVersion":"v1","groups":[{"name":"chat.acs-operator.io","versions":[{"groupVersion":"chat.acs-operator.io/v1alpha1","version":"v1alpha1"}],` +
			`"preferredVersion":{"groupVersion":"chat.acs-operator.io/v1alpha1","version":"v1alpha1"}}]}`
	case "/api/v1":
		return `{"kind":"APIResourceList","groupVersion":"v1","resources":[{"name":"namespaces","namespaced":false,"kind":"Namespace","verbs":["get","list","watch"]}]}`
	default:
		var resources []string
		for _, kind := range []string{"ChatConnection", "ChatThread", "ChatParticipant"} {
			resources = append(resources, fmt.Sprintf(`{"name":%q,"namespaced":true,"kind":%q,"verbs":["get","list","watch"]}`, strings.ToLower(kind)+"s", kind))
		}
		return `{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"chat.acs-operator.io/v1alpha1","resources":[` + strings.Join(resources, ",") + `]}`
	}
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

// probe returns the status of a probe, or 0 if there is no response.
func probe(t *testing.T, address, path string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	_ = response.Body.Close()
	return response.StatusCode
}

func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(20 * time.Second); !holds(); {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
