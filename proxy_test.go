// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

const (
	proxiedHost = "contoso.communication.azure.com"
	// proxiedCall makes the test binary call the host, as the operator would, and nothing else: a
	// process reads the proxy from its environment only once.
	proxiedCall = "ACS_CHAT_OPERATOR_TEST_CALL"
	credential  = "Bearer of-some-value"
)

func TestMain(m *testing.M) {
	if authority := os.Getenv(proxiedCall); authority != "" {
		os.Exit(callProxied(authority))
	}
	if os.Getenv(asManager) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// callProxied calls the host with the client of the operator, and prints the result.
func callProxied(authority string) int {
	s := &settings{}
	flags := flag.NewFlagSet("manager", flag.ContinueOnError)
	s.bind(flags)
	if err := flags.Parse([]string{"--acs-ca-file=" + authority}); err != nil {
		return 2
	}
	options, err := s.controllerOptions()
	if err != nil {
		return 2
	}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "https://"+proxiedHost+"/", http.NoBody) //nolint:forbidigo // this process runs no test
	if err != nil {
		return 2
	}
	req.Header.Set("Authorization", credential)
	response, err := options.HTTPClient.Do(req)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Fprintln(os.Stderr, response.Status)
	if response.Body.Close() != nil {
		return 2
	}
	return 0
}

// proxy is an HTTP proxy that directs all tunnels to one address, and records their content.
type proxy struct {
	*httptest.Server
	mu      sync.Mutex
	asked   []string
	tunnels bytes.Buffer
}

func newProxy(t *testing.T, address string) *proxy {
	t.Helper()
	p := &proxy{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		p.mu.Lock()
		p.asked = append(p.asked, req.Method+" "+req.RequestURI+" "+req.Header.Get("Authorization")+req.Header.Get("Proxy-Authorization"))
		p.mu.Unlock()
		there, err := (&net.Dialer{}).DialContext(req.Context(), "tcp", address)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer there.Close() //nolint:errcheck // the tunnel has ended
		w.WriteHeader(http.StatusOK)
		here, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer here.Close() //nolint:errcheck // as above
		var back sync.WaitGroup
		back.Go(func() {
			_, _ = io.Copy(here, there)
			_ = here.Close()
		})
		_, _ = io.Copy(io.MultiWriter(there, p), buffered)
		_ = there.Close()
		back.Wait()
	}))
	t.Cleanup(p.Close)
	return p
}

// Write records the content of a tunnel.
func (p *proxy) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tunnels.Write(data)
}

// A proxy from the environment is used, and sees only the name of the host.
func TestProxyOfTheEnvironment(t *testing.T) {
	t.Parallel()
	config, authority, err := emulator.GenerateTLS(proxiedHost)
	if err != nil {
		t.Fatal(err)
	}
	host := serveTLS(t, config)
	p := newProxy(t, host.Listener.Addr().String())
	if said, err := callThrough(t, p.URL, authority); err != nil {
		t.Errorf("%v: %s", err, said)
	}
	p.check(t)
	if received := host.received(); !slices.Equal(received, []string{credential}) {
		t.Errorf("the host received %q", received)
	}
}

// A proxy that responds in place of the host receives nothing.
func TestProxyThatAnswersItself(t *testing.T) {
	t.Parallel()
	config, _, err := emulator.GenerateTLS(proxiedHost)
	if err != nil {
		t.Fatal(err)
	}
	_, authority, err := emulator.GenerateTLS(proxiedHost)
	if err != nil {
		t.Fatal(err)
	}
	host := serveTLS(t, config)
	p := newProxy(t, host.Listener.Addr().String())
	said, err := callThrough(t, p.URL, authority)
	if err == nil || !strings.Contains(said, "certificate") {
		t.Errorf("%v: %s", err, said)
	}
	p.check(t)
	if received := host.received(); len(received) != 0 {
		t.Errorf("the proxy received %q", received)
	}
}

// check checks that the proxy opened one tunnel, and saw none of its content.
func (p *proxy) check(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.Equal(p.asked, []string{"CONNECT " + proxiedHost + ":443 "}) {
		t.Errorf("the proxy was asked %q", p.asked)
	}
	if p.tunnels.Len() == 0 || strings.Contains(p.tunnels.String(), credential) {
		t.Error("the tunnel holds the credential, or nothing at all")
	}
}

// tlsHost is a server that records the credentials it receives.
type tlsHost struct {
	*httptest.Server
	mu          sync.Mutex
	credentials []string
}

func serveTLS(t *testing.T, config *tls.Config) *tlsHost {
	t.Helper()
	host := &tlsHost{}
	host.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		host.mu.Lock()
		defer host.mu.Unlock()
		host.credentials = append(host.credentials, req.Header.Get("Authorization"))
	}))
	host.TLS = config
	// It is expected that callers close the connection.
	host.Config.ErrorLog = log.New(io.Discard, "", 0)
	host.StartTLS()
	t.Cleanup(host.Close)
	return host
}

func (h *tlsHost) received() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.credentials)
}

// callThrough calls the host in a process whose environment names a proxy.
func callThrough(t *testing.T, proxyURL string, authority []byte) (said string, err error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, authority, 0o600); err != nil {
		t.Fatal(err)
	}
	call := exec.CommandContext(t.Context(), os.Args[0]) //nolint:gosec // this binary
	call.Env = []string{proxiedCall + "=" + file, "HTTPS_PROXY=" + proxyURL}
	output, err := call.CombinedOutput()
	return string(output), err
}
