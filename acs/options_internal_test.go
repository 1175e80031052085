// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// forwarder stands between client and server, and can freeze the connections without closing them.
type forwarder struct {
	t        *testing.T
	listener net.Listener
	target   string
	copying  sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn
}

func newForwarder(t *testing.T, target string) *forwarder {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &forwarder{t: t, listener: listener, target: target}
	accepting := make(chan struct{})
	go func() {
		defer close(accepting)
		f.accept()
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-accepting
		for _, conn := range f.conns {
			_ = conn.Close()
		}
		f.copying.Wait()
	})
	return f
}

func (f *forwarder) accept() {
	for {
		near, err := f.listener.Accept()
		if err != nil {
			return
		}
		far, err := (&net.Dialer{}).DialContext(context.WithoutCancel(f.t.Context()), "tcp", f.target)
		if err != nil {
			_ = near.Close()
			return
		}
		f.mu.Lock()
		f.conns = append(f.conns, near, far)
		f.copying.Go(func() { _, _ = io.Copy(far, near) })
		f.copying.Go(func() { _, _ = io.Copy(near, far) })
		f.mu.Unlock()
	}
}

// freeze stops forwarding on the present connections, and leaves them open.
func (f *forwarder) freeze() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, conn := range f.conns {
		_ = conn.SetReadDeadline(time.Unix(1, 0))
	}
	f.copying.Wait()
}

func (f *forwarder) opened() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.conns) / 2
}

// TestFrozenConnection freezes the connection while a call waits for its response.
func TestFrozenConnection(t *testing.T) {
	t.Parallel()
	for name, retries := range map[string]int32{"next call": -1, "retry": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			arrived := make(chan string, 10)
			var calls atomic.Int32
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				arrived <- r.Proto
				if calls.Add(1) == 1 {
					<-r.Context().Done()
				}
				w.WriteHeader(http.StatusNoContent)
			}))
			server.EnableHTTP2 = true
			server.StartTLS()
			t.Cleanup(server.Close)
			f := newForwarder(t, server.Listener.Addr().String())
			chat := f.chat(t, server, retries)

			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			failed := make(chan error, 1)
			go func() {
				_, err := chat.DeleteThread(ctx, "thread", nil)
				failed <- err
			}()
			if got := <-arrived; got != "HTTP/2.0" {
				t.Fatalf("the call came by %s", got)
			}
			f.freeze()
			if err := <-failed; (err == nil) != (retries > 0) || errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error of the call is %v", err)
			}
			if _, err := chat.DeleteThread(ctx, "thread", nil); err != nil {
				t.Errorf("error of the next call is %v", err)
			}
			if got := f.opened(); got != 2 {
				t.Errorf("%d connections were opened, want 2", got)
			}
		})
	}
}

// chat returns a client with the default transport, but with shorter timeouts.
func (f *forwarder) chat(t *testing.T, server *httptest.Server, retries int32) *ChatClient {
	t.Helper()
	transport := newTransport()
	if h2 := transport.HTTP2; h2 == nil || h2.SendPingTimeout != 10*time.Second || h2.PingTimeout != 5*time.Second {
		t.Fatalf("HTTP/2 is set up as %+v", h2)
	}
	transport.HTTP2.SendPingTimeout, transport.HTTP2.PingTimeout = 50*time.Millisecond, time.Second
	trusting, ok := server.Client().Transport.(*http.Transport)
	if !ok {
		t.Fatal("the server's client has another transport")
	}
	transport.TLSClientConfig.RootCAs = trusting.TLSClientConfig.RootCAs
	t.Cleanup(transport.CloseIdleConnections)
	chat, err := NewChatClient("https://"+f.listener.Addr().String(), NewStaticUserCredential("token"), &ClientOptions{
		ClientOptions: azcore.ClientOptions{
			Transport: &http.Client{Transport: transport},
			Retry:     policy.RetryOptions{MaxRetries: retries, RetryDelay: time.Millisecond, MaxRetryDelay: time.Millisecond},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return chat
}
