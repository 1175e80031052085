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
	IdleConnTimeout = 90 * time.Second
	// maxTimeouts calls in a row without an answer in time give up the connections to their host.
	MaxTimeouts = 2
)

// liveness is how long a connection may be silent before it counts as dead.
type Liveness struct {
	// silence is how long nothing comes before a ping is sent, answer how long its answer may take.
	Silence, Answer time.Duration
}

var DefaultLiveness = Liveness{Silence: 10 * time.Second, Answer: 5 * time.Second}

// NewHTTPClient returns the client for all calls to ACS. It follows no redirect: credentials go to
// the endpoint that was checked and nowhere else. caFile adds PEM roots to those of the system, and
// is read again when it changes.
func NewHTTPClient(caFile string) (*http.Client, error) {
	return HTTPClientWith(caFile, DefaultLiveness)
}

func HTTPClientWith(caFile string, alive Liveness) (*http.Client, error) {
	hosts := &HostTransports{alive: alive, Links: map[string]*HostLink{}}
	if caFile != "" {
		hosts.Authorities = &authorityFile{name: caFile, Log: ctrl.Log.WithName("acs-ca-file")}
		if err := hosts.Authorities.load(); err != nil {
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
type HostTransports struct {
	alive Liveness
	// authorities is nil where the system's are all that count.
	Authorities *authorityFile
	// dial connects to a host; nil leaves it to net/http.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	mu    sync.Mutex
	Links map[string]*HostLink
}

// hostLink is how a host is reached at present.
type HostLink struct {
	transport *http.Transport
	roots     *x509.CertPool
	Used      time.Time
	// timeouts counts the calls by this transport that got no answer in time, since the last that got one.
	timeouts int
}

// RoundTrip sends a request by the transport that its host has at present.
func (h *HostTransports) RoundTrip(req *http.Request) (*http.Response, error) {
	host := req.URL.Host
	transport := h.TransportFor(host)
	resp, err := transport.RoundTrip(req)
	h.Judge(host, transport, err)
	if err != nil && h.Authorities != nil && outcome.IsCertificateError(err) {
		h.Authorities.expire()
	}
	return resp, err
}

// CloseIdleConnections closes what is open and not in use.
func (h *HostTransports) CloseIdleConnections() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, link := range h.Links {
		link.transport.CloseIdleConnections()
	}
}

func (h *HostTransports) TransportFor(host string) *http.Transport {
	h.mu.Lock()
	defer h.mu.Unlock()
	var roots *x509.CertPool
	if h.Authorities != nil {
		roots = h.Authorities.Current()
	}
	now := time.Now()
	link := h.Links[host]
	switch {
	case link == nil:
		h.forgetUnused(now)
		link = &HostLink{transport: h.NewTransport(roots), roots: roots}
		h.Links[host] = link
	case link.roots != roots:
		link.replace(h.NewTransport(roots), roots)
	}
	link.Used = now
	return link.transport
}

// forgetUnused keeps what tenants name once from being kept for ever.
func (h *HostTransports) forgetUnused(now time.Time) {
	for host, link := range h.Links {
		if now.Sub(link.Used) > IdleConnTimeout {
			link.transport.CloseIdleConnections()
			delete(h.Links, host)
		}
	}
}

// judge notes how a call ended. A call by a transport that was replaced meanwhile says nothing of the new one.
func (h *HostTransports) Judge(host string, transport *http.Transport, err error) {
	late := isTimeout(err)
	if err != nil && !late {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	link := h.Links[host]
	if link == nil || link.transport != transport {
		return
	}
	if !late {
		link.timeouts = 0
		return
	}
	if link.timeouts++; link.timeouts >= MaxTimeouts {
		link.replace(h.NewTransport(link.roots), link.roots)
	}
}

func (l *HostLink) replace(transport *http.Transport, roots *x509.CertPool) {
	// What is in use closes once it is idle, or when its pings stay without an answer.
	l.transport.CloseIdleConnections()
	l.transport, l.roots, l.timeouts = transport, roots, 0
}

func (h *HostTransports) NewTransport(roots *x509.CertPool) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            h.Dial,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    32,
		IdleConnTimeout:        IdleConnTimeout,
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
