// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/acstest"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/reach"
)

// swallower forwards connections to a server. On command it still reads from the open ones and
// forwards nothing any more, as a middle box does that has forgotten them.
type swallower struct {
	listener net.Listener
	target   string
	running  sync.WaitGroup

	mu    sync.Mutex
	pairs [][2]net.Conn
	dead  int // how many of the pairs are swallowed
}

func newSwallower(t *testing.T, target string) *swallower {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &swallower{listener: listener, target: target}
	s.running.Go(s.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		s.mu.Lock()
		for _, pair := range s.pairs {
			_, _ = pair[0].Close(), pair[1].Close()
		}
		s.mu.Unlock()
		s.running.Wait()
	})
	return s
}

func (s *swallower) accept() {
	for {
		near, err := s.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", s.target) //nolint:noctx // as long as the listener
		if err != nil {
			_ = near.Close()
			return
		}
		s.mu.Lock()
		number := len(s.pairs)
		s.pairs = append(s.pairs, [2]net.Conn{near, far})
		s.mu.Unlock()
		s.running.Go(func() { s.forward(number, near, far) })
		s.running.Go(func() { s.forward(number, far, near) })
	}
}

// forward sends the data of one side to the other until the connection ends.
func (s *swallower) forward(number int, from, to net.Conn) {
	buffer := make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		s.mu.Lock()
		dead := number < s.dead
		s.mu.Unlock()
		if dead {
			continue
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func (s *swallower) swallow() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead = len(s.pairs)
}

func (s *swallower) opened() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pairs)
}

func (s *swallower) url() string { return "https://" + s.listener.Addr().String() }

// serveHTTP2 answers requests by HTTP/2, with a certificate of an authority that it returns.
func serveHTTP2(t *testing.T) (server *httptest.Server, authority []byte) {
	t.Helper()
	config, authority, err := emulator.GenerateTLS("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			w.WriteHeader(http.StatusHTTPVersionNotSupported)
		}
	}))
	server.TLS, server.EnableHTTP2 = config, true
	// That callers turn away is wanted.
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server, authority
}

func authorityAt(t *testing.T, content []byte) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "ca.pem")
	acstest.MustSucceed(t, os.WriteFile(file, content, 0o600))
	return file
}

func clientFor(t *testing.T, file string, alive liveness) *http.Client {
	t.Helper()
	client, err := httpClientWith(file, alive)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// call calls a server and says how it went.
func call(t *testing.T, client *http.Client, url string, patience time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		t.Errorf("the answer is %s", resp.Status)
	}
	return resp.Body.Close()
}

// Pings find a connection that died without a word, also where callers have more patience.
func TestDeadConnectionIsFound(t *testing.T) {
	t.Parallel()
	server, authority := serveHTTP2(t)
	s := newSwallower(t, server.Listener.Addr().String())
	client := clientFor(t, authorityAt(t, authority), liveness{Silence: 200 * time.Millisecond, Answer: time.Second})
	acstest.MustSucceed(t, call(t, client, s.url(), soon))
	s.swallow()
	if err := call(t, client, s.url(), soon); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the call by the dead connection ended with %v", err)
	}
	acstest.MustSucceed(t, call(t, client, s.url(), soon))
	if opened := s.opened(); opened != 2 {
		t.Errorf("%d connections were opened, want 2", opened)
	}
	if found := defaultLiveness.Silence + defaultLiveness.Answer; found > 15*time.Second {
		t.Errorf("the operator takes %s to find it", found)
	}
}

// Two calls without an answer in time give up the connections to their host, and no others.
func TestSilentConnectionIsNotUsedAgain(t *testing.T) {
	t.Parallel()
	server, authority := serveHTTP2(t)
	silent, sound := newSwallower(t, server.Listener.Addr().String()), newSwallower(t, server.Listener.Addr().String())
	client := clientFor(t, authorityAt(t, authority), defaultLiveness)
	acstest.MustSucceed(t, call(t, client, silent.url(), soon))
	acstest.MustSucceed(t, call(t, client, sound.url(), soon))
	silent.swallow()
	for range maxTimeouts {
		if err := call(t, client, silent.url(), 100*time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the call by the dead connection ended with %v", err)
		}
		acstest.MustSucceed(t, call(t, client, sound.url(), soon))
	}
	acstest.MustSucceed(t, call(t, client, silent.url(), soon))
	if opened := []int{silent.opened(), sound.opened()}; !slices.Equal(opened, []int{2, 1}) {
		t.Errorf("%d connections were opened", opened)
	}
}

// Some errors end a row of timeouts, and others say nothing of a connection.
func TestTimeoutsInARow(t *testing.T) {
	t.Parallel()
	hosts := &hostTransports{links: map[string]*hostLink{}}
	const host = "contoso.communication.azure.com"
	first := hosts.transportFor(host)
	for _, err := range []error{context.DeadlineExceeded, context.Canceled, io.ErrUnexpectedEOF, nil, os.ErrDeadlineExceeded} {
		hosts.judge(host, first, err)
	}
	if hosts.transportFor(host) != first {
		t.Fatal("the transport was replaced before two calls in a row were without an answer")
	}
	hosts.judge(host, first, context.DeadlineExceeded)
	second := hosts.transportFor(host)
	if second == first {
		t.Fatal("the transport was not replaced")
	}
	// The other calls that were sent by the first one end without an answer, too.
	for range 2 * maxTimeouts {
		hosts.judge(host, first, context.DeadlineExceeded)
	}
	if hosts.transportFor(host) != second {
		t.Error("calls by the old transport replaced the new one")
	}
	// A host that nobody calls any more is forgotten.
	hosts.links[host].used = time.Now().Add(-2 * idleConnTimeout)
	hosts.transportFor("fabrikam.communication.azure.com")
	if _, kept := hosts.links[host]; kept {
		t.Error("a host is kept for ever")
	}
}

// A certificate authority is replaced while the operator runs.
func TestAuthorityIsReplaced(t *testing.T) {
	t.Parallel()
	former, oldAuthority := serveHTTP2(t)
	latter, newAuthority := serveHTTP2(t)
	file := authorityAt(t, oldAuthority)
	client := clientFor(t, file, defaultLiveness)
	acstest.MustSucceed(t, call(t, client, former.URL, soon))
	if err := call(t, client, latter.URL, soon); !reach.IsCertificateError(err) {
		t.Fatalf("an unknown authority: %v", err)
	}
	acstest.MustSucceed(t, os.WriteFile(file, newAuthority, 0o600))
	// A file that was just read is read again, because a certificate was refused.
	acstest.MustSucceed(t, call(t, client, latter.URL, soon))
	if err := call(t, client, former.URL, soon); !reach.IsCertificateError(err) {
		t.Errorf("an authority that is not trusted any more: %v", err)
	}
}

// A file that cannot be used leaves the former authorities, and is logged once.
func TestAuthorityFileThatBreaks(t *testing.T) {
	t.Parallel()
	server, authority := serveHTTP2(t)
	file := authorityAt(t, authority)
	client := clientFor(t, file, defaultLiveness)
	hosts, ok := client.Transport.(*hostTransports)
	if !ok {
		t.Fatalf("the transport is a %T", client.Transport)
	}
	var logged []string
	hosts.authorities.log = funcr.New(func(_, line string) { logged = append(logged, line) }, funcr.Options{})
	before := hosts.authorities.current()
	for i, change := range []func() error{
		func() error { return os.WriteFile(file, []byte("no certificate"), 0o600) },
		func() error { return os.Remove(file) },
		func() error { return os.WriteFile(file, append(authority, '\n'), 0o600) },
	} {
		acstest.MustSucceed(t, change())
		acstest.MustSucceed(t, call(t, client, server.URL, soon))
		if len(logged) != i {
			t.Fatalf("the file was looked at all the time: %q", logged)
		}
		for range 3 {
			hosts.authorities.looked = time.Now().Add(-authorityInterval)
			acstest.MustSucceed(t, call(t, client, server.URL, soon))
		}
		if len(logged) != i+1 {
			t.Fatalf("change %d was logged as %q", i, logged)
		}
	}
	if hosts.authorities.current() == before {
		t.Error("the file that is well again is not read")
	}
}
