// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs

import (
	"regexp"
	"runtime/debug"
	"sync"
)

const (
	// modulePath is the module that contains this package.
	modulePath = "github.com/acs-operator/acs-chat-operator"
	// unreleased is the version of a program that was built from sources without a version.
	unreleased = "v0.0.0-devel"
)

// release is set in the build of a release, and in no other build:
// go build -ldflags "-X github.com/acs-operator/acs-chat-operator/acs.release=v0.1.0".
var release string

// versionStart is the part of a version that may be in a User-Agent: without "+dirty", the mark of
// sources that were changed.
var versionStart = regexp.MustCompile(`^v\d+\.\d+\.\d+(?:-[a-zA-Z0-9_.-]+)?`)

// Version returns the version of this module that the program was built with, as in "v0.1.0". It is
// part of the User-Agent of each request. In a program with the module in its go.mod, it is the
// version in go.mod. In a program that was built in a clone, it is a tag or a pseudo-version, or
// "v0.0.0-devel" if Go could not find out either.
func Version() string { return version() }

var version = sync.OnceValue(func() string {
	if release != "" {
		return released(release)
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return unreleased
	}
	return versionIn(info)
})

// versionIn returns the version of this module in a program.
func versionIn(info *debug.BuildInfo) string {
	if info.Main.Path == modulePath {
		return released(info.Main.Version)
	}
	for _, dependency := range info.Deps {
		if dependency.Path == modulePath {
			return released(dependency.Version)
		}
	}
	return unreleased
}

func released(version string) string {
	if start := versionStart.FindString(version); start != "" {
		return start
	}
	return unreleased
}
