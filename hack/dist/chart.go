// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/acs-operator/acs-chat-operator/hack/programs"
)

const chartDir = "charts/acs-chat-operator"

var (
	chartVersion = regexp.MustCompile(`(?m)^version: .*$`)
	appVersion   = regexp.MustCompile(`(?m)^appVersion: .*$`)
	annotations  = regexp.MustCompile(`(?m)^annotations:$`)
	registry     = regexp.MustCompile(`(?m)^  registry: .*$`)
	repository   = regexp.MustCompile(`(?m)^  repository: .*$`)
)

// writeChart writes the chart, with the version and the image. The digest is an annotation of the
// chart and no value: helm upgrade --reuse-values keeps the values of the release before. Helm
// itself writes the time into the archive.
func (d *dist) writeChart(context.Context) error {
	digest, err := d.digest(programs.Operator)
	if err != nil {
		return err
	}
	version := strings.TrimPrefix(d.release.Version, "v")
	image := d.registry + "/" + programs.Operator.Name
	host, path, _ := strings.Cut(image, "/")
	replacements := map[string][]struct {
		pattern *regexp.Regexp
		line    string
	}{
		"Chart.yaml": {
			{chartVersion, "version: " + version}, {appVersion, "appVersion: " + d.release.Version},
			{annotations, "annotations:\n  chat.acs-operator.io/image: " + image + "@" + digest},
		},
		"values.yaml": {{registry, "  registry: " + host}, {repository, "  repository: " + path}},
	}
	ignored, err := ignoredFiles()
	if err != nil {
		return err
	}
	var files []programs.File
	err = fs.WalkDir(os.DirFS(chartDir), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case ignored[name]:
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		case entry.IsDir():
			return nil
		}
		content, err := os.ReadFile(filepath.Join(chartDir, name))
		if err != nil {
			return err
		}
		for _, r := range replacements[name] {
			if len(r.pattern.FindAll(content, -1)) != 1 {
				return fmt.Errorf("%s: not one line like %s", name, r.pattern)
			}
			content = r.pattern.ReplaceAllLiteral(content, []byte(r.line))
		}
		files = append(files, programs.File{Name: "acs-chat-operator/" + name, Mode: 0o644, Content: content})
		return nil
	})
	if err != nil {
		return err
	}
	archive, err := tarball(files)
	if err != nil {
		return err
	}
	return d.save("acs-chat-operator-"+version+".tgz", archive)
}

// ignoredFiles returns the names in .helmignore, of files that users of the chart do not need.
func ignoredFiles() (map[string]bool, error) {
	content, err := os.ReadFile(filepath.Join(chartDir, ".helmignore"))
	if err != nil {
		return nil, err
	}
	ignored := map[string]bool{".helmignore": true}
	for line := range bytes.Lines(content) {
		if name := strings.Trim(strings.TrimSpace(string(line)), "/"); name != "" && !strings.HasPrefix(name, "#") {
			ignored[name] = true
		}
	}
	return ignored, nil
}
