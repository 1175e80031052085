// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

const (
	// idleConnTimeout is how long a connection, and what is kept for a host, stays without a call.
	idleConnTimeout = 90 * time.Second
	// maxTimeouts calls in a row without an answer in time give up the connections to their host.
	maxTimeouts = 2
)

// liveness is how long a connection may be silent before it counts as dead.
type liveness struct {
	// silence is how long nothing comes before a ping is sent, answer how long its answer may take.
	Silence, Answer time.Duration
}

var defaultLiveness = liveness{Silence: 10 * time.Second, Answer: 5 * time.Second}

// NewHTTPClient returns the client for all calls to ACS. It follows no redirect: credentials go to
// the endpoint that was checked and nowhere else. caFile adds PEM roots to those of the system, and
// is read again when it changes.
func NewHTTPClient(caFile string) (*http.Client, error) {
	return httpClientWith(caFile, defaultLiveness)
}

func httpClientWith(caFile string, alive liveness) (*http.Client, error) {
	hosts := &hostTransports{alive: alive, links: map[string]*hostLink{}}
	if caFile != "" {
		hosts.authorities = &authorityFile{name: caFile, log: ctrl.Log.WithName("acs-ca-file")}
		if err := hosts.authorities.load(); err != nil {
			return nil, err
		}
	}
	return &http.Client{
		Transport:     hosts,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// hostTransports holds a transport for each host. A transport has no way to give up connections that
// are in use, so that one that died without an error would be used for ever: it is replaced instead,
// and calls in hand end on the old one. So it is when the authorities to trust have changed.
type hostTransports struct {
	alive liveness
	// authorities is nil where the system's are all that count.
	authorities *authorityFile
	// dial connects to a host; nil leaves it to net/http.
	dial func(ctx context.Context, network, address string) (net.Conn, error)

	mu    sync.Mutex
	links map[string]*hostLink
}

// hostLink is how a host is reached at present.
type hostLink struct {
	transport *http.Transport
	roots     *x509.CertPool
	used      time.Time
	// timeouts counts the calls by this transport that got no answer in time, since the last that got one.
	timeouts int
}

// DialWith has hosts reached by another way than that of net/http, from the first call on.
func (h *hostTransports) DialWith(dial func(ctx context.Context, network, address string) (net.Conn, error)) {
	h.dial = dial
}

// RoundTrip sends a request by the transport that its host has at present.
func (h *hostTransports) RoundTrip(req *http.Request) (*http.Response, error) {
	host := req.URL.Host
	transport := h.transportFor(host)
	resp, err := transport.RoundTrip(req)
	h.judge(host, transport, err)
	if err != nil && h.authorities != nil && outcome.IsCertificateError(err) {
		h.authorities.expire()
	}
	return resp, err
}

// CloseIdleConnections closes what is open and not in use.
func (h *hostTransports) CloseIdleConnections() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, link := range h.links {
		link.transport.CloseIdleConnections()
	}
}

func (h *hostTransports) transportFor(host string) *http.Transport {
	h.mu.Lock()
	defer h.mu.Unlock()
	var roots *x509.CertPool
	if h.authorities != nil {
		roots = h.authorities.current()
	}
	now := time.Now()
	link := h.links[host]
	switch {
	case link == nil:
		h.forgetUnused(now)
		link = &hostLink{transport: h.newTransport(roots), roots: roots}
		h.links[host] = link
	case link.roots != roots:
		link.replace(h.newTransport(roots), roots)
	}
	link.used = now
	return link.transport
}

// forgetUnused keeps what tenants name once from being kept for ever.
func (h *hostTransports) forgetUnused(now time.Time) {
	for host, link := range h.links {
		if now.Sub(link.used) > idleConnTimeout {
			link.transport.CloseIdleConnections()
			delete(h.links, host)
		}
	}
}

// judge notes how a call ended. A call by a transport that was replaced meanwhile says nothing of the new one.
func (h *hostTransports) judge(host string, transport *http.Transport, err error) {
	late := isTimeout(err)
	if err != nil && !late {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	link := h.links[host]
	if link == nil || link.transport != transport {
		return
	}
	if !late {
		link.timeouts = 0
		return
	}
	if link.timeouts++; link.timeouts >= maxTimeouts {
		link.replace(h.newTransport(link.roots), link.roots)
	}
}

func (l *hostLink) replace(transport *http.Transport, roots *x509.CertPool) {
	// What is in use closes once it is idle, or when its pings stay without an answer.
	l.transport.CloseIdleConnections()
	l.transport, l.roots, l.timeouts = transport, roots, 0
}

func (h *hostTransports) newTransport(roots *x509.CertPool) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            h.dial,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    32,
		IdleConnTimeout:        idleConnTimeout,
		TLSHandshakeTimeout:    10 * time.Second,
		ExpectContinueTimeout:  time.Second,
		OnProxyConnectResponse: outcome.CheckProxyAnswer,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: h.alive.Silence, PingTimeout: h.alive.Answer},
	}
}

// isTimeout says whether a call got no answer in time. One that was called off says nothing.
func isTimeout(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	network, ok := errors.AsType[net.Error](err)
	return ok && network.Timeout()
}
