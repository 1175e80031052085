// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

// stateFile holds the data with which the next run can replace this one: the state of the service,
// and the certificate that clients already trust.
type stateFile struct {
	name string // empty: nothing is saved
	emu  *emulator.Server

	mu  sync.Mutex
	tls *keptTLS
}

// keptTLS is a server's certificate and its authority.
type keptTLS struct {
	Hosts       []string `json:"hosts"`
	Authority   []byte   `json:"authority"`   // PEM
	Certificate []byte   `json:"certificate"` // DER
	Key         []byte   `json:"key"`         // PKCS #8
}

type stateContent struct {
	Service json.RawMessage `json:"service"`
	TLS     *keptTLS        `json:"tls,omitempty"`
}

// loadState reads the file into the emulator. A missing file is not an error.
func loadState(name string, emu *emulator.Server) (*stateFile, error) {
	kept := &stateFile{name: name, emu: emu}
	if name == "" {
		return kept, nil
	}
	raw, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return kept, nil
	}
	if err != nil {
		return nil, err
	}
	var content stateContent
	if err := json.Unmarshal(raw, &content); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := emu.LoadState(bytes.NewReader(content.Service)); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	kept.tls = content.TLS
	return kept, nil
}

// save writes the file. Only its owner can read it.
func (k *stateFile) save() error {
	if k.name == "" {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	var service bytes.Buffer
	if err := k.emu.SaveState(&service); err != nil {
		return err
	}
	content, err := json.Marshal(stateContent{Service: service.Bytes(), TLS: k.tls})
	if err != nil {
		return err
	}
	return writeFile(k.name, content, 0o600)
}

// prepareTLS writes the authority's certificate, for clients to trust, if there is a directory for
// it. The authority is a new one, and its key is discarded, unless the state file has the
// certificate of an earlier run.
func prepareTLS(dir, host string, kept *stateFile) (scheme string, tlsConfig *tls.Config, err error) {
	if dir == "" {
		return "http", nil, nil
	}
	hosts := []string{"localhost", "127.0.0.1", "::1"}
	if !slices.Contains(hosts, host) {
		hosts = append(hosts, host)
	}
	tlsConfig, authority, ok := kept.tls.config(hosts)
	if !ok {
		if tlsConfig, authority, err = emulator.GenerateTLS(hosts...); err != nil {
			return "", nil, err
		}
		if kept.tls, err = keepTLS(hosts, tlsConfig, authority); err != nil {
			return "", nil, err
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // holds a public certificate
		return "", nil, fmt.Errorf("--tls-dir: %w", err)
	}
	if err := writeFile(filepath.Join(dir, "ca.pem"), authority, 0o644); err != nil {
		return "", nil, fmt.Errorf("--tls-dir: %w", err)
	}
	return "https", tlsConfig, nil
}

func keepTLS(hosts []string, config *tls.Config, authority []byte) (*keptTLS, error) {
	key, err := x509.MarshalPKCS8PrivateKey(config.Certificates[0].PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("keep the certificate: %w", err)
	}
	return &keptTLS{Hosts: hosts, Authority: authority, Certificate: config.Certificates[0].Certificate[0], Key: key}, nil
}

// config returns the configuration of the earlier run, if it is still valid for these hosts for
// some time.
func (k *keptTLS) config(hosts []string) (config *tls.Config, authority []byte, ok bool) {
	const rest = 24 * time.Hour
	if k == nil || !slices.Equal(k.Hosts, hosts) {
		return nil, nil, false
	}
	certificate, err := tls.X509KeyPair(
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: k.Certificate}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: k.Key}),
	)
	if err != nil || time.Until(certificate.Leaf.NotAfter) < rest {
		return nil, nil, false
	}
	return &tls.Config{
		Certificates: []tls.Certificate{certificate},
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"h2", "http/1.1"},
	}, k.Authority, true
}
