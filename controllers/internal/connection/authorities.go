// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
)

// authorityInterval is how often the file of certificate authorities is read while there are calls.
const authorityInterval = 5 * time.Second

// authorityUsable has a value only in a process with a file of authorities.
var authorityUsable = prometheus.NewGaugeVec(prometheus.GaugeOpts{
	Name: "acs_chat_operator_ca_file_usable",
	Help: "1 if the file of --acs-ca-file could be used when it was last read; 0 if the authorities of an earlier read are trusted.",
}, nil)

// authorityFile is a PEM file of certificate authorities to trust besides those of the system. It
// can change: a certificate authority is replaced before it expires.
type authorityFile struct {
	name string
	log  logr.Logger

	mu sync.Mutex
	// roots are the authorities that the file last held and that could be used.
	roots *x509.CertPool
	// content is the content of the file, used or not; nil if the file could not be read.
	content []byte
	looked  time.Time
}

// load reads the file for the first time.
func (f *authorityFile) load() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looked = time.Now()
	content, err := f.read()
	if err != nil {
		return err
	}
	f.content = content
	if f.roots, err = f.parse(content); err != nil {
		return err
	}
	authorityUsable.WithLabelValues().Set(1)
	return nil
}

// current returns the roots to trust. A file that cannot be used changes nothing.
func (f *authorityFile) current() *x509.CertPool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.looked) < authorityInterval {
		return f.roots
	}
	f.looked = time.Now()
	content, err := f.read()
	if bytes.Equal(content, f.content) {
		return f.roots
	}
	f.content = content
	var roots *x509.CertPool
	if err == nil {
		roots, err = f.parse(content)
	}
	if err != nil {
		authorityUsable.WithLabelValues().Set(0)
		f.log.Error(err, "Kept the former certificate authorities, as the file cannot be used", "file", f.name)
		return f.roots
	}
	f.log.Info("Read new certificate authorities", "file", f.name)
	authorityUsable.WithLabelValues().Set(1)
	f.roots = roots
	return f.roots
}

// expire has the file read with the next call, because a certificate was refused.
func (f *authorityFile) expire() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looked = time.Time{}
}

func (f *authorityFile) read() ([]byte, error) {
	content, err := os.ReadFile(f.name)
	if err != nil {
		return nil, fmt.Errorf("read CA file: %w", err)
	}
	return content, nil
}

func (f *authorityFile) parse(content []byte) (*x509.CertPool, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(content) {
		return nil, fmt.Errorf("CA file %s holds no PEM certificate", f.name)
	}
	return roots, nil
}
