// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
)

// The profiles of package net/http/pprof that are taken.
const (
	heapProfile = "heap?gc=1"
	cpuProfile  = "profile?seconds=20"
)

// profile writes a profile of a program to a file, if profiles are wanted.
func (b *bench) profile(ctx context.Context, s *subject, of, name string) (err error) {
	if s.pprof == "" {
		return nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.pprof+of, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if err := os.MkdirAll(b.profiles, 0o755); err != nil { //nolint:gosec // for all to read
		return err
	}
	file, err := os.Create(filepath.Join(b.profiles, name+".pb.gz"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	_, err = io.Copy(file, resp.Body)
	return err
}
