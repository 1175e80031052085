// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package processes

import "syscall"

// attributes prevent Ctrl-C from reaching a process. Its parent stops it in order.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
