// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package main

import "syscall"

// childAttributes keep Ctrl-C from a component, which the demo stops in its turn.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
