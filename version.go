// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/acs-operator/acs-chat-operator/acs"
)

// operatorName is how the operator introduces itself: to the API server, in the managedFields of
// objects, and to ACS.
const operatorName = "acs-chat-operator"

// revision is the commit of a build without data from version control:
// go build -ldflags "-X main.revision=0123456789ab".
var revision string

// build tells which build of the operator runs.
type build struct {
	version, revision, goVersion, platform string
}

func ownBuild() build {
	b := build{version: acs.Version(), revision: revision, goVersion: runtime.Version(), platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok && b.revision == "" {
		b.revision = revisionIn(info)
	}
	b.revision = cmp.Or(b.revision, "unknown")
	return b
}

// revisionIn returns the commit of a program that was built in a clone, marked if there were
// changes.
func revisionIn(info *debug.BuildInfo) string {
	settings := map[string]string{}
	for _, setting := range info.Settings {
		settings[setting.Key] = setting.Value
	}
	commit := settings["vcs.revision"]
	if commit != "" && settings["vcs.modified"] == "true" {
		commit += "-dirty"
	}
	return commit
}

func (b build) String() string {
	return fmt.Sprintf("%s %s (revision %s, %s, %s)", operatorName, b.version, b.revision, b.goVersion, b.platform)
}

// userAgent is the User-Agent of requests to the API server. Its first part is also the manager in
// the managedFields of objects.
func (b build) userAgent() string {
	return fmt.Sprintf("%s/%s (%s) %s", operatorName, b.version, b.platform, b.revision)
}

// register adds the metric that shows the build.
func (b build) register() error {
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "acs_chat_operator_build_info",
		Help: "Which build of the operator runs; always 1.",
		ConstLabels: prometheus.Labels{
			"version": b.version, "revision": b.revision, "go_version": b.goVersion,
		},
	})
	info.Set(1)
	if err := metrics.Registry.Register(info); err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	return nil
}
