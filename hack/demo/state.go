// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"github.com/acs-operator/acs-chat-operator/hack/sandbox"
)

// The state of a running demo. It is below the current directory, so that its printed paths are
// short enough to type.
const (
	stateDir = "bin/demo-state"

	lockFile        = "lock"
	acsDir          = "acs" // files of the service
	applicationFile = "application"
	looksFile       = "looks"
)

var (
	// errRunning reports that another demo is running.
	errRunning = errors.New("a demo is running here already; use it, or end it with Ctrl-C where it was started")
	// errNotRunning reports that there is no running demo.
	errNotRunning = errors.New("no demo is running here, or it is not ready yet; start one by `make demo`")
)

// state is the directory with all files of a demo.
type state struct {
	dir  string
	lock *os.File
}

func (s *state) path(name string) string { return filepath.Join(s.dir, name) }

// open takes the directory, and removes the files of a demo that was killed.
func (s *state) open() error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	lock, err := os.OpenFile(s.path(lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	// The system releases the lock whenever the demo exits.
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return errors.Join(errRunning, lock.Close())
	}
	s.lock = lock
	return s.clear(lockFile)
}

// attach returns the state of the running demo. Files alone are not enough, since a killed demo
// does not remove them.
func attach() (*state, error) {
	s := &state{dir: stateDir}
	lock, err := os.Open(s.path(lockFile))
	if err != nil {
		return nil, errNotRunning
	}
	defer func() { _ = lock.Close() }()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); err == nil {
		return nil, errNotRunning
	}
	return s, nil
}

// close removes everything, or everything except the logs.
func (s *state) close(keepLogs bool) error {
	defer func() { _ = s.lock.Close() }()
	if keepLogs {
		return s.clear(sandbox.LogsDir)
	}
	return os.RemoveAll(s.dir)
}

// clear removes all but one entry.
func (s *state) clear(except string) error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.Name() != except {
			err = errors.Join(err, os.RemoveAll(s.path(entry.Name())))
		}
	}
	return err
}
