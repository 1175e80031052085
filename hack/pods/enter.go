// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package pods

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// enterVariable has the description of the container that a process becomes.
const enterVariable = "ACS_CHAT_OPERATOR_POD"

// Enter makes this process a container, if Run started it for that. A program that calls Run must
// call Enter before all else. A process needs steps that no system call for its start takes: its
// files, then its user, then the program.
func Enter() {
	description := os.Getenv(enterVariable)
	if description == "" {
		return
	}
	runtime.LockOSThread()
	s := &start{}
	err := json.Unmarshal([]byte(description), s)
	if err == nil {
		err = s.become()
	}
	fmt.Fprintln(os.Stderr, "pods: start a container:", err)
	os.Exit(1)
}

// become replaces this process by the program. It returns only if that fails.
func (s *start) become() error {
	if err := s.enterRoot(); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("forbid new privileges: %w", err)
	}
	for capability := uintptr(0); ; capability++ {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0); errors.Is(err, unix.EINVAL) {
			break // there are no more
		} else if err != nil {
			return fmt.Errorf("drop capability %d: %w", capability, err)
		}
	}
	if err := errors.Join(syscall.Setgroups(s.Groups), syscall.Setgid(s.GID), syscall.Setuid(s.UID)); err != nil {
		return fmt.Errorf("become user %d: %w", s.UID, err)
	}
	// A change of the user takes this back, so it comes last.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("end with the process that started this one: %w", err)
	}
	return fmt.Errorf("run %s: %w", s.Command[0], syscall.Exec(s.Command[0], s.Command, s.Env)) //nolint:gosec // the manifest's command
}

// enterRoot leaves the files of the machine for those of the container.
func (s *start) enterRoot() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("separate the mounts: %w", err)
	}
	if err := bind(s.Root, s.Root, false); err != nil {
		return err
	}
	for _, m := range s.Mounts {
		target := filepath.Join(s.Root, m.Target)
		if err := os.MkdirAll(target, 0o755); err != nil { //nolint:gosec // of the container, which is another user
			return err
		}
		if err := bind(m.Source, target, m.ReadOnly); err != nil {
			return err
		}
	}
	if s.ReadOnlyRoot {
		if err := unix.Mount("", s.Root, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
			return fmt.Errorf("make the root read-only: %w", err)
		}
	}
	if err := unix.Chroot(s.Root); err != nil {
		return fmt.Errorf("enter the root: %w", err)
	}
	return unix.Chdir("/")
}

func bind(source, target string, readOnly bool) error {
	if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount %s: %w", target, err)
	}
	if !readOnly {
		return nil
	}
	if err := unix.Mount("", target, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("make %s read-only: %w", target, err)
	}
	return nil
}
