// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

const (
	readHeaderTimeout = 10 * time.Second
	shutdownTimeout   = 5 * time.Second
)

// serve runs the emulator until the context ends. The file with the connection string exists
// only while it is ready, so that a script can wait for it.
func serve(ctx context.Context, c config, logger *slog.Logger) error {
	if c.connectionStringFile != "" {
		if err := os.Remove(c.connectionStringFile); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("--connection-string-file: %w", err)
		}
		defer func() { _ = os.Remove(c.connectionStringFile) }() // the key in it ends with the process
	}
	host := c.host()
	scheme, tlsConfig, err := prepareTLS(c.tlsDir, host)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.listen)
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String()) // always host:port
	endpoint := scheme + "://" + net.JoinHostPort(host, port)
	if tlsConfig != nil {
		listener = tls.NewListener(listener, tlsConfig)
	}
	emu := emulator.New(emulator.Options{
		// A thread of an earlier run is unknown to this one, and must not be taken for another.
		ResourceID: c.resourceID, Seed: rand.Text(), Quotas: c.quotas, Latency: c.latency, Logger: logger, KeepRequests: -1,
	})
	server := &http.Server{
		Handler: emu, TLSConfig: tlsConfig, ReadHeaderTimeout: readHeaderTimeout,
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	if c.connectionStringFile != "" {
		if err := writeFile(c.connectionStringFile, emu.ConnectionString(endpoint), 0o600); err != nil {
			return errors.Join(fmt.Errorf("--connection-string-file: %w", err), server.Close())
		}
	}
	logger.Info("Serving", "endpoint", endpoint, "resource", c.resourceID, "quotas", c.quotas)
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return shutDown(ctx, server)
	}
}

// host is how clients on this machine reach the address to listen on.
func (c config) host() string {
	host, _, _ := net.SplitHostPort(c.listen) // checked with the flags
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		return "localhost"
	}
	return host
}

// shutDown lets the calls under way end, but not for ever.
func shutDown(ctx context.Context, server *http.Server) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return server.Close()
	}
	return nil
}

// prepareTLS writes a new authority's certificate, for clients to trust, when there is a
// directory for it. Nothing is reused: the key of an authority must not lie about.
func prepareTLS(dir, host string) (scheme string, tlsConfig *tls.Config, err error) {
	if dir == "" {
		return "http", nil, nil
	}
	hosts := []string{"localhost", "127.0.0.1", "::1"}
	if !slices.Contains(hosts, host) {
		hosts = append(hosts, host)
	}
	tlsConfig, authority, err := emulator.GenerateTLS(hosts...)
	if err != nil {
		return "", nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // holds a public certificate
		return "", nil, fmt.Errorf("--tls-dir: %w", err)
	}
	if err := writeFile(filepath.Join(dir, "ca.pem"), string(authority), 0o644); err != nil {
		return "", nil, fmt.Errorf("--tls-dir: %w", err)
	}
	return "https", tlsConfig, nil
}

// writeFile makes a file appear complete and with its mode, or not at all.
func writeFile(name, content string, mode os.FileMode) error {
	temporary, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return err
	}
	_, err = temporary.WriteString(content)
	err = errors.Join(err, temporary.Chmod(mode), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), name)
	}
	if err != nil {
		_ = os.Remove(temporary.Name())
	}
	return err
}
