// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Command acs-emulator serves Azure Communication Services Chat and Identity on this machine.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/acs-operator/acs-chat-operator/acs"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run serves until the context ends and returns the exit status: 0, 1 if it could not serve, and 2
// for invalid flags.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	config, err := parseFlags(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		_, _ = fmt.Fprintln(stderr, "acs-emulator:", err)
		return 2
	case config.showVersion:
		_, _ = fmt.Fprintf(stdout, "acs-emulator %s (%s, %s/%s)\n", acs.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return 0
	}
	logger := slog.New(slog.NewJSONHandler(stderr, nil))
	if err := serve(ctx, config, logger); err != nil {
		logger.Error("Stopped serving", "error", err)
		return 1
	}
	return 0
}
