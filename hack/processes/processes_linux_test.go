// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package processes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// parentVariable names a log, and makes the test program the parent of a program with that log.
const parentVariable = "TEST_PARENT_LOG"

func TestMain(m *testing.M) {
	if log := os.Getenv(parentVariable); log != "" {
		beParent(log)
	}
	os.Exit(m.Run())
}

// beParent starts a program from a thread that ends, and waits to be killed.
func beParent(log string) {
	started := make(chan error)
	go func() {
		_, err := Program{Name: "child", Binary: "/bin/sh", Arguments: []string{"-c", "echo $$; exec sleep 600"}, Log: log}.Start(context.Background()) //nolint:forbidigo // this process has no test
		started <- err
	}()
	if err := <-started; err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	select {}
}

func TestProgramsEndWithTheProcessThatStartedThem(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "log")
	parent := exec.CommandContext(t.Context(), os.Args[0]) //nolint:gosec // this program
	parent.Env = append(os.Environ(), parentVariable+"="+log)
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var child int
	err := Poll(ctx, func(context.Context) error {
		text, err := os.ReadFile(log)
		if err != nil {
			return err
		}
		child, err = strconv.Atoi(strings.TrimSpace(string(text)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !isRunning(child) {
		t.Fatal("the program does not run while its parent does")
	}
	_ = parent.Process.Kill()
	_ = parent.Wait()
	err = Poll(ctx, func(context.Context) error {
		if isRunning(child) {
			return errors.New("the program still runs after its parent was killed")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// isRunning reports whether a process runs. One that waits for its parent to read its status does
// not: it has no command line any more.
func isRunning(process int) bool {
	commandLine, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", process))
	return err == nil && len(commandLine) > 0
}
