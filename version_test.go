// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// The version is one line, and needs no cluster.
func TestVersionFlag(t *testing.T) {
	t.Parallel()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	operator := exec.CommandContext(t.Context(), binary, "--version") //nolint:gosec // this test itself
	operator.Env = append(os.Environ(), asManager+"=1", "KUBECONFIG=/nowhere")
	printed, err := operator.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, printed)
	}
	line := regexp.MustCompile(`^acs-chat-operator v\d+\.\d+\.\d+\S* \(revision \S+, go\S+, \w+/\w+\)\n$`)
	if !line.Match(printed) {
		t.Errorf("it printed %q", printed)
	}
}

func TestRevisionIn(t *testing.T) {
	t.Parallel()
	commit := debug.BuildSetting{Key: "vcs.revision", Value: "cd99e40"}
	modified := func(value string) debug.BuildSetting { return debug.BuildSetting{Key: "vcs.modified", Value: value} }
	for _, c := range []struct {
		settings []debug.BuildSetting
		want     string
	}{
		{nil, ""},
		{[]debug.BuildSetting{commit, modified("false")}, "cd99e40"},
		{[]debug.BuildSetting{commit, modified("true")}, "cd99e40-dirty"},
		{[]debug.BuildSetting{modified("true")}, ""},
	} {
		if got := revisionIn(&debug.BuildInfo{Settings: c.settings}); got != c.want {
			t.Errorf("%v: %q, want %q", c.settings, got, c.want)
		}
	}
}

func TestUserAgent(t *testing.T) {
	t.Parallel()
	b := build{version: "v0.1.0", revision: "cd99e40", goVersion: "go1.26.8", platform: "linux/amd64"}
	if got, want := b.userAgent(), "acs-chat-operator/v0.1.0 (linux/amd64) cd99e40"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestBuildInfo(t *testing.T) {
	t.Parallel()
	b := build{version: "v0.1.0", revision: "cd99e40", goVersion: "go1.26.8"}
	if err := b.register(); err != nil {
		t.Fatal(err)
	}
	want := `
# HELP acs_chat_operator_build_info Which build of the operator runs; always 1.
# TYPE acs_chat_operator_build_info gauge
acs_chat_operator_build_info{go_version="go1.26.8",revision="cd99e40",version="v0.1.0"} 1
`
	if err := testutil.GatherAndCompare(metrics.Registry, strings.NewReader(want), "acs_chat_operator_build_info"); err != nil {
		t.Error(err)
	}
}
