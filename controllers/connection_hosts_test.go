// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
)

// namedHost is an endpoint that the operator allows by its name.
const namedHost = "contoso.communication.azure.com"

// resolver holds the current address of the endpoint.
type resolver struct{ address atomic.Value }

// dial connects to the current address of the endpoint.
func (r *resolver) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if address == namedHost+":443" {
		address, _ = r.address.Load().(string)
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

// impostor is a server at an address that the name of the endpoint resolves to later. It records
// its input.
type impostor struct {
	listener net.Listener
	// config is the TLS configuration; nil is a server without TLS.
	config *tls.Config

	mu      sync.Mutex
	callers int
	// wire is all input, content is the decrypted part.
	wire, content bytes.Buffer
	open          []net.Conn
}

func newImpostor(t *testing.T, config *tls.Config) *impostor {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	i := &impostor{listener: listener, config: config}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			i.mu.Lock()
			i.callers++
			i.open = append(i.open, conn)
			i.mu.Unlock()
			running.Go(func() { i.serve(conn) })
		}
	})
	t.Cleanup(func() {
		listener.Close() //nolint:errcheck,gosec // nobody waits for it
		i.mu.Lock()
		for _, conn := range i.open {
			conn.Close() //nolint:errcheck,gosec // as above
		}
		i.mu.Unlock()
		running.Wait()
	})
	return i
}

// serve answers each request with an error.
func (i *impostor) serve(conn net.Conn) {
	defer conn.Close() //nolint:errcheck // the other side is refused anyway
	conn = &tapped{Conn: conn, kept: func(data []byte) { i.keep(&i.wire, data) }}
	if i.config != nil {
		conn = tls.Server(conn, i.config)
	}
	buffer := make([]byte, 4096)
	for {
		n, err := conn.Read(buffer)
		if i.config != nil {
			i.keep(&i.content, buffer[:n])
		}
		if err != nil {
			return
		}
		if _, err := io.WriteString(conn, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"); err != nil {
			return
		}
	}
}

func (i *impostor) keep(in *bytes.Buffer, data []byte) {
	i.mu.Lock()
	defer i.mu.Unlock()
	in.Write(data)
}

func (i *impostor) seen() (callers int, wire, content string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.callers, i.wire.String(), i.content.String()
}

// expectNothing fails the test unless the operator connected, and sent neither a request nor a
// credential.
func (i *impostor) expectNothing(w *world) {
	w.t.Helper()
	callers, wire, content := i.seen()
	w.Expect(callers).To(BeNumerically(">=", 2), "the operator came there")
	w.Expect(content).To(BeEmpty())
	for _, credential := range []string{"Authorization", "HMAC", "Bearer", "api-version", "impostor", w.emulator.AccessKey()} {
		w.Expect(strings.Contains(wire, credential)).To(BeFalse(), "%s was on the wire", credential)
	}
}

// tapped is a connection that records its input.
type tapped struct {
	net.Conn
	kept func([]byte)
}

func (t *tapped) Read(data []byte) (int, error) {
	n, err := t.Conn.Read(data)
	t.kept(data[:n])
	return n, err
}

// serveNamed serves the emulator under the name of the endpoint. It gives the operator its own
// client, which trusts the emulator and the other authorities, and resolves names with the
// resolver.
func (w *world) serveNamed(names *resolver, others ...[]byte) (*httptest.Server, *tls.Config) {
	w.t.Helper()
	config, authority, err := emulator.GenerateTLS(namedHost)
	w.Expect(err).NotTo(HaveOccurred())
	server := httptest.NewUnstartedServer(w.emulator)
	server.TLS = config
	server.StartTLS()
	w.t.Cleanup(server.Close)
	names.address.Store(server.Listener.Addr().String())
	file := filepath.Join(w.t.TempDir(), "ca.pem")
	w.Expect(os.WriteFile(file, bytes.Join(append(others, authority), nil), 0o600)).To(Succeed())
	client, err := connection.NewHTTPClient(file)
	w.Expect(err).NotTo(HaveOccurred())
	hosts, ok := client.Transport.(interface {
		DialWith(func(ctx context.Context, network, address string) (net.Conn, error))
	})
	w.Expect(ok).To(BeTrue())
	hosts.DialWith(names.dial)
	w.t.Cleanup(client.CloseIdleConnections)
	w.options.HTTPClient, w.options.AllowedEndpoints = client, connection.DefaultEndpointSuffixes
	return server, config
}

func (w *world) createNamedSecret() {
	w.t.Helper()
	w.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "acs"},
		StringData: map[string]string{"connectionString": w.emulator.ConnectionString("https://" + namedHost)}})
}

// If the name of an allowed endpoint resolves to another address, the server there gets no request
// before it shows a valid certificate for the name.
func TestNameThatMovesGetsNoCredentials(t *testing.T) {
	t.Parallel()
	foreign, _, err := emulator.GenerateTLS(namedHost)
	if err != nil {
		t.Fatal(err)
	}
	other, authority, err := emulator.GenerateTLS("evil.example.org")
	if err != nil {
		t.Fatal(err)
	}
	const untrusted, unreachable = "certificate that is not trusted", "could not be reached"
	for name, c := range map[string]struct {
		config func(sound *tls.Config) *tls.Config
		says   string
	}{
		"certificate of an unknown authority":      {func(*tls.Config) *tls.Config { return foreign }, untrusted},
		"trusted certificate for another host":     {func(*tls.Config) *tls.Config { return other }, untrusted},
		"right certificate, but an old version":    {outdated, unreachable},
		"no TLS":                                   {func(*tls.Config) *tls.Config { return nil }, unreachable},
		"right certificate, not the key that fits": {func(sound *tls.Config) *tls.Config { return withoutKey(sound, other) }, unreachable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			names := &resolver{}
			server, sound := w.serveNamed(names, authority)
			w.createNamedSecret()
			conn := newConnection(w.namespace, "default")
			w.create(conn)
			w.start()
			w.awaitReason(conn, chatv1alpha1.ReasonSucceeded)
			thread := w.readyThread("moved")

			there := newImpostor(t, c.config(sound))
			names.address.Store(there.listener.Addr().String())
			server.CloseClientConnections()
			// A thread calls with a token, and a new connection with the key.
			edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Topic = "not for the impostor" })
			late := newConnection(w.namespace, "late")
			w.create(late)
			w.awaitReason(thread, chatv1alpha1.ReasonServiceUnavailable)
			w.awaitReason(late, chatv1alpha1.ReasonServiceUnavailable)
			w.Expect(w.message(thread)).To(ContainSubstring(c.says))
			there.expectNothing(w)

			names.address.Store(server.Listener.Addr().String())
			edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Topic = "for the host" })
			askConnection(w, late, "now")
			w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
			w.awaitReason(late, chatv1alpha1.ReasonSucceeded)
			w.Expect(w.remote(thread).Topic).To(Equal("for the host"))
		})
	}
}

// outdated returns a server configuration with only unsafe versions of TLS.
func outdated(sound *tls.Config) *tls.Config {
	config := sound.Clone()
	config.MinVersion, config.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	return config
}

// withoutKey returns a server configuration with the right certificate, which is public, and the
// wrong key.
func withoutKey(sound, other *tls.Config) *tls.Config {
	config := sound.Clone()
	config.Certificates = []tls.Certificate{{Certificate: sound.Certificates[0].Certificate, PrivateKey: other.Certificates[0].PrivateKey}}
	return config
}
