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

	"github.com/acs-operator/acs-chat-operator/controllers/internal/reach"
)

const (
	// idleConnTimeout is how long a connection, and the transport of a host, stays without a call.
	idleConnTimeout = 90 * time.Second
	// After maxTimeouts calls in a row without an answer in time, connections to the host are
	// replaced.
	maxTimeouts = 2
)

// liveness says how long a connection may be silent before it counts as dead.
type liveness struct {
	// Silence is how long nothing arrives before a ping is sent, and Answer how long its answer may
	// take.
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

// hostTransports holds a transport for each host. A transport cannot close connections that are in
// use, so one that died without an error would be used forever. The transport is replaced instead,
// and calls that are under way end on the old one. It is also replaced when the trusted authorities
// change.
type hostTransports struct {
	alive liveness
	// authorities is nil if only those of the system are trusted.
	authorities *authorityFile
	// dial connects to a host; nil leaves it to net/http.
	dial func(ctx context.Context, network, address string) (net.Conn, error)

	mu    sync.Mutex
	links map[string]*hostLink
}

// hostLink is the way to a host at present.
type hostLink struct {
	transport *http.Transport
	roots     *x509.CertPool
	used      time.Time
	// timeouts counts the calls by this transport without an answer in time, since the last answer.
	timeouts int
}

// DialWith has hosts reached by another way than that of net/http, from the first call on.
func (h *hostTransports) DialWith(dial func(ctx context.Context, network, address string) (net.Conn, error)) {
	h.dial = dial
}

// RoundTrip sends a request by the present transport of its host.
func (h *hostTransports) RoundTrip(req *http.Request) (*http.Response, error) {
	host := req.URL.Host
	transport := h.transportFor(host)
	resp, err := transport.RoundTrip(req)
	h.judge(host, transport, err)
	if err != nil && h.authorities != nil && reach.IsCertificateError(err) {
		h.authorities.expire()
	}
	return resp, err
}

// CloseIdleConnections closes connections that are not in use.
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

// forgetUnused drops hosts that are no longer called: tenants may name any number.
func (h *hostTransports) forgetUnused(now time.Time) {
	for host, link := range h.links {
		if now.Sub(link.used) > idleConnTimeout {
			link.transport.CloseIdleConnections()
			delete(h.links, host)
		}
	}
}

// judge records the end of a call. A call by a transport that was replaced meanwhile says nothing
// about the new one.
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
	// Connections in use close once they are idle, or when their pings get no answer.
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
		OnProxyConnectResponse: reach.CheckProxyAnswer,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: h.alive.Silence, PingTimeout: h.alive.Answer},
	}
}

// isTimeout reports whether a call got no answer in time. A canceled call says nothing.
func isTimeout(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	network, ok := errors.AsType[net.Error](err)
	return ok && network.Timeout()
}
