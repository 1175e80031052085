// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acs-operator/acs-chat-operator/controllers/shards"
)

func parse(t *testing.T, arguments ...string) *settings {
	t.Helper()
	s := &settings{}
	flags := flag.NewFlagSet("manager", flag.ContinueOnError)
	s.bind(flags)
	if err := flags.Parse(arguments); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestFlagDefaults(t *testing.T) {
	t.Parallel()
	s := parse(t)
	if !s.secureMetrics || !s.pacing || s.leaderElect || s.concurrency != 16 || s.timeout.String() != "10s" {
		t.Errorf("defaults %+v", *s)
	}
	options, err := s.controllerOptions()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{".communication.azure.com", ".communication.azure.us", ".communication.azure.cn"}, []string(options.AllowedEndpoints)); diff != "" {
		t.Error(diff)
	}
}

// The operator's own identity is for its own namespace, unless the flag names others.
func TestEntraNamespaces(t *testing.T) {
	t.Setenv("POD_NAMESPACE", "acs-system")
	for _, c := range []struct {
		arguments []string
		want      []string
	}{
		{nil, []string{"acs-system"}},
		{[]string{"--entra-namespaces= a , b,"}, []string{"a", "b"}},
	} {
		options, err := parse(t, c.arguments...).controllerOptions()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, options.EntraNamespaces); diff != "" {
			t.Error(diff)
		}
	}
}

func TestBadFlagsNameTheFlag(t *testing.T) {
	t.Parallel()
	junk := filepath.Join(t.TempDir(), "junk.pem")
	if err := os.WriteFile(junk, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for flagName, value := range map[string]string{
		"--allowed-endpoint-suffixes": "https://x/y",
		"--acs-ca-file":               junk,
		"--acs-timeout":               "0s",
		"--metrics-cert-dir":          t.TempDir(),
		"--max-concurrent-reconciles": "0",
		"--leader-election-id":        shards.ObjectName,
	} {
		_, err := parse(t, flagName+"="+value, "--leader-elect").controllerOptions()
		if err == nil || !strings.HasPrefix(err.Error(), "flag "+flagName+": ") {
			t.Errorf("%s=%s: error %v", flagName, value, err)
		}
	}
	if _, err := parse(t, "--acs-ca-file="+filepath.Join(t.TempDir(), "missing")).controllerOptions(); err == nil {
		t.Error("a missing CA file is accepted")
	}
}

// A flag that contradicts another one ends the operator, with both names in one line.
func TestContradictionsNameBothFlags(t *testing.T) {
	t.Setenv("POD_NAMESPACE", "")
	certificates := t.TempDir()
	for _, c := range [][]string{
		{"--metrics-cert-dir=" + certificates, "--metrics-secure=false"},
		{"--metrics-cert-dir=" + certificates, "--metrics-bind-address=0"},
		{"--leader-election-id=other", "--leader-elect=false"},
		{"--namespaced", "--watch-namespaces="},
		{"--metrics-bind-address=:9000", "--health-probe-bind-address=:9000"},
		{"--health-probe-bind-address=:9000", "--pprof-bind-address=:9000"},
	} {
		_, err := parse(t, c...).controllerOptions()
		if err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: error %v", c, err)
			continue
		}
		for _, argument := range c {
			name, _, _ := strings.Cut(argument, "=")
			if !strings.Contains(err.Error(), name) {
				t.Errorf("%v: error %v does not name %s", c, err, name)
			}
		}
	}
}

// With --namespaced alone the operator works in its own namespace.
func TestNamespacedAlone(t *testing.T) {
	t.Setenv("POD_NAMESPACE", "acs-system")
	options, err := parse(t, "--namespaced").controllerOptions()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"acs-system"}, options.WatchNamespaces); diff != "" || !options.Namespaced {
		t.Error(diff)
	}
}
