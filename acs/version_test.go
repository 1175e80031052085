// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs

import (
	"runtime/debug"
	"testing"
)

func TestVersionIn(t *testing.T) {
	t.Parallel()
	other := debug.Module{Path: "example.com/bot", Version: "v9.9.9"}
	for name, c := range map[string]struct {
		info debug.BuildInfo
		want string
	}{
		"tag":             {debug.BuildInfo{Main: debug.Module{Path: modulePath, Version: "v0.1.0"}}, "v0.1.0"},
		"changed sources": {debug.BuildInfo{Main: debug.Module{Path: modulePath, Version: "v0.1.1-0.20261126205618-cd99e4000000+dirty"}}, "v0.1.1-0.20261126205618-cd99e4000000"},
		"no version":      {debug.BuildInfo{Main: debug.Module{Path: modulePath, Version: "(devel)"}}, unreleased},
		"dependency":      {debug.BuildInfo{Main: other, Deps: []*debug.Module{{Path: modulePath + "x", Version: "v1.0.0"}, {Path: modulePath, Version: "v0.2.0"}}}, "v0.2.0"},
		"unrelated":       {debug.BuildInfo{Main: other}, unreleased},
	} {
		if got := versionIn(&c.info); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
