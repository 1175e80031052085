// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

const (
	readHeaderTimeout = 10 * time.Second
	shutdownTimeout   = 5 * time.Second
	// keptRequests limits the requests that the admin endpoints can show.
	keptRequests = 10_000
	// minAccessKey is the number of bytes that FIPS 140-3 asks of a key for HMAC.
	minAccessKey = 14
)

// serve runs the emulator until the context ends. The file with the connection string exists only
// while the emulator is ready, so that a script can wait for it.
func serve(ctx context.Context, c config, logger *slog.Logger) error {
	if c.connectionStringFile != "" {
		if err := os.Remove(c.connectionStringFile); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("--connection-string-file: %w", err)
		}
		defer func() { _ = os.Remove(c.connectionStringFile) }() // the key in it is valid only until the process ends
	}
	key, err := c.accessKey()
	if err != nil {
		return fmt.Errorf("--access-key-file: %w", err)
	}
	emu := newEmulator(c, key, logger)
	kept, err := loadState(c.stateFile, emu)
	if err != nil {
		return fmt.Errorf("--state-file: %w", err)
	}
	scheme, tlsConfig, err := prepareTLS(c.tlsDir, c.host(), kept)
	if err != nil {
		return err
	}
	servers, endpoint, err := c.open(ctx, emu, kept, tlsConfig, logger)
	if err != nil {
		return err
	}
	endpoint = scheme + "://" + endpoint
	logger.Info("Serving", "endpoint", endpoint, "resource", c.resourceID, "quotas", c.quotas)
	err = c.attend(ctx, servers, emu.ConnectionString(endpoint))
	if saveErr := kept.save(); saveErr != nil {
		return errors.Join(err, fmt.Errorf("--state-file: %w", saveErr))
	}
	return err
}

// attend runs the servers until the context ends or one of them fails.
func (c config) attend(ctx context.Context, servers []listening, connectionString string) error {
	failed := make(chan error, len(servers))
	for _, s := range servers {
		go func() { failed <- s.Serve(s.listener) }()
	}
	defer shutDown(ctx, servers)
	if c.connectionStringFile != "" {
		if err := writeFile(c.connectionStringFile, []byte(connectionString), 0o600); err != nil {
			return fmt.Errorf("--connection-string-file: %w", err)
		}
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return nil
	}
}

// accessKey reads the access key; it is empty if the emulator is to make one.
func (c config) accessKey() (string, error) {
	if c.accessKeyFile == "" {
		return "", nil
	}
	content, err := os.ReadFile(c.accessKeyFile)
	if err != nil {
		return "", err
	}
	key := strings.TrimSpace(string(content))
	if decoded, err := base64.StdEncoding.DecodeString(key); err != nil || len(decoded) < minAccessKey {
		return "", fmt.Errorf("%s does not hold base64 of at least %d bytes", c.accessKeyFile, minAccessKey)
	}
	return key, nil
}

func newEmulator(c config, key string, logger *slog.Logger) *emulator.Server {
	options := emulator.Options{
		// This run does not know a thread of an earlier one, and must not give its id to another.
		ResourceID: c.resourceID, AccessKey: key, Seed: rand.Text(), Quotas: c.quotas, Latency: c.latency, Logger: logger, KeepRequests: -1,
		ListDelay: c.listDelay, RevocationDelay: c.revocationDelay, WithKind: c.withKind, SpecErrors: c.specErrors,
	}
	if c.adminListen != "" {
		options.KeepRequests = keptRequests
	}
	return emulator.New(options)
}

// listening is a server and its listener.
type listening struct {
	*http.Server
	listener net.Listener
}

// open listens for the service and, if configured, for the admin endpoints. It returns the host and
// port of the service.
func (c config) open(
	ctx context.Context, emu *emulator.Server, kept *stateFile, tlsConfig *tls.Config, logger *slog.Logger,
) (servers []listening, address string, err error) {
	service, err := listen(ctx, c.listen, emu, logger)
	if err != nil {
		return nil, "", fmt.Errorf("--listen: %w", err)
	}
	_, port, _ := net.SplitHostPort(service.listener.Addr().String()) // always host:port
	if tlsConfig != nil {
		service.listener, service.TLSConfig = tls.NewListener(service.listener, tlsConfig), tlsConfig
	}
	servers = []listening{service}
	if c.adminListen != "" {
		var save func() error
		if c.stateFile != "" {
			save = kept.save
		}
		admin, err := listen(ctx, c.adminListen, emu.AdminHandler(save), logger)
		if err != nil {
			_ = service.listener.Close()
			return nil, "", fmt.Errorf("--admin-listen: %w", err)
		}
		logger.Info("Serving admin endpoints", "endpoint", "http://"+admin.listener.Addr().String())
		servers = append(servers, admin)
	}
	return servers, net.JoinHostPort(c.host(), port), nil
}

func listen(ctx context.Context, address string, handler http.Handler, logger *slog.Logger) (listening, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	return listening{&http.Server{
		Handler: handler, ReadHeaderTimeout: readHeaderTimeout, ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}, listener}, err
}

// host returns the host with which clients on this machine connect to the address to listen on.
func (c config) host() string {
	host, _, _ := net.SplitHostPort(c.listen) // it is checked with the flags
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		return "localhost"
	}
	return host
}

// shutDown waits a limited time for the calls in progress.
func shutDown(ctx context.Context, servers []listening) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	for _, s := range servers {
		if err := s.Shutdown(ctx); err != nil {
			_ = s.Close()
		}
	}
}

// writeFile makes a file appear complete and with its mode, or not at all.
func writeFile(name string, content []byte, mode os.FileMode) error {
	temporary, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return err
	}
	_, err = temporary.Write(content)
	err = errors.Join(err, temporary.Chmod(mode), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), name)
	}
	if err != nil {
		_ = os.Remove(temporary.Name())
	}
	return err
}
