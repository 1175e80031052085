// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"runtime"
	"testing"
)

func TestMain(m *testing.M) {
	// The programs and manifests have paths from the root.
	if err := os.Chdir("../.."); err != nil {
		fmt.Fprintln(os.Stderr, "monitoring:", err)
		os.Exit(2)
	}
	go launch()
	os.Exit(m.Run())
}

// launches are starts of processes. Linux kills a process with the thread that started it, so one
// goroutine starts them all and lives as long as the tests.
var launches = make(chan func())

func launch() {
	runtime.LockOSThread()
	for start := range launches {
		start()
	}
}
