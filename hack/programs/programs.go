// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package programs builds the programs of this project for a release: the same sources give the
// same bytes, wherever and whenever they are built.
package programs

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// Module is the module that contains the programs.
const Module = "github.com/acs-operator/acs-chat-operator"

// Program is a program that is released.
type Program struct {
	Name        string
	Directory   string // below the root of the repository
	Description string
}

// The programs.
var (
	Operator = Program{"acs-chat-operator", ".", "Kubernetes operator for chat threads of Azure Communication Services"}
	Emulator = Program{"acs-emulator", "hack/acs-emulator", "Emulator of Azure Communication Services Chat and Identity"}
)

// All returns the programs.
func All() []Program { return []Program{Operator, Emulator} }

// Release identifies what is built.
type Release struct {
	Version  string // as in v0.1.0; empty for a build from a clone
	Revision string // the commit
	Created  time.Time
}

// Platform is an operating system and a processor, as Go names them.
type Platform struct{ OS, Arch string }

func (p Platform) String() string { return p.OS + "/" + p.Arch }

// Environment returns the environment of Go for the platform. Settings of the caller that change a
// program do not count.
func (p Platform) Environment() []string {
	return append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=readonly", "GOWORK=off", "GOEXPERIMENT=", "GOFIPS140=off", "GOOS="+p.OS, "GOARCH="+p.Arch, "GOAMD64=v1", "GOARM64=v8.0")
}

// Build writes a static binary to a file. It contains no path and no date of this machine. root is
// the root of the repository.
func (p Program) Build(ctx context.Context, root string, r Release, platform Platform, output string) error {
	flags := []string{"-s", "-w"}
	if p == Operator {
		flags = append(flags, "-X main.revision="+r.Revision)
	}
	if r.Version != "" {
		flags = append(flags, "-X "+Module+"/acs.release="+r.Version)
	}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-mod=readonly", //nolint:gosec // programs of this repository
		"-ldflags", strings.Join(flags, " "), "-o", output, "./"+p.Directory)
	build.Dir = root
	build.Env = platform.Environment()
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build %s for %s: %w", p.Name, platform, err)
	}
	return nil
}

// Host returns the platform of this machine.
func Host() Platform { return Platform{OS: runtime.GOOS, Arch: runtime.GOARCH} }
