// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package processes

import "syscall"

// attributes keep Ctrl-C from a process, which whoever started it stops in its turn.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
