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
	"strings"
	"sync"
	"testing"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

const (
	proxiedHost = "contoso.communication.azure.com"
	// proxiedCall has the test binary call the host, as the operator would, and nothing else: the
	// environment is asked for a proxy once in the life of a process.
	proxiedCall = "ACS_CHAT_OPERATOR_TEST_CALL"
	credential  = "Bearer of-some-value"
)

func TestMain(m *testing.M) {
	if authority := os.Getenv(proxiedCall); authority != "" {
		os.Exit(callProxied(authority))
	}
	os.Exit(m.Run())
}

// callProxied calls the host with the client of the operator, and tells how it went.
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
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "https://"+proxiedHost+"/", http.NoBody) //nolint:forbidigo,usetesting // there is no test in this process
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

// proxy is an HTTP proxy that leads all tunnels to one address, and keeps what goes into them.
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
		defer there.Close() //nolint:errcheck // the tunnel is over
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

// Write keeps what goes into a tunnel.
func (p *proxy) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tunnels.Write(data)
}

// A proxy of the environment is used, and sees no more than the name of the host: what is inside is for
// whoever has a certificate for the name.
func TestProxyOfTheEnvironment(t *testing.T) {
	t.Parallel()
	for name, trusted := range map[string]bool{"it leads to the host": true, "it answers itself": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config, authority, err := emulator.GenerateTLS(proxiedHost)
			if err != nil {
				t.Fatal(err)
			}
			if !trusted {
				if config, _, err = emulator.GenerateTLS(proxiedHost); err != nil {
					t.Fatal(err)
				}
			}
			var mu sync.Mutex
			var received []string
			host := serveTLS(t, config, func(req *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				received = append(received, req.Header.Get("Authorization"))
			})
			p := newProxy(t, host)
			said, err := callThrough(t, p.URL, authority)
			p.mu.Lock()
			defer p.mu.Unlock()
			mu.Lock()
			defer mu.Unlock()
			if len(p.asked) != 1 || p.asked[0] != "CONNECT "+proxiedHost+":443 " {
				t.Errorf("the proxy was asked %q; the call said %s", p.asked, said)
			}
			if p.tunnels.Len() == 0 || strings.Contains(p.tunnels.String(), credential) {
				t.Error("the tunnel holds the credential, or nothing at all")
			}
			if trusted && (err != nil || len(received) != 1 || received[0] != credential) {
				t.Errorf("error %v (%s), the host received %q", err, said, received)
			}
			if !trusted && (err == nil || !strings.Contains(said, "certificate") || len(received) != 0) {
				t.Errorf("error %v (%s), the proxy received %q", err, said, received)
			}
		})
	}
}

// serveTLS gives the address of a server that notes what it receives.
func serveTLS(t *testing.T, config *tls.Config, note func(*http.Request)) string {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { note(req) }))
	server.TLS = config
	// A caller that turns away is what some tests want.
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
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
