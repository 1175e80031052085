// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"golang.org/x/crypto/x509roots/fallback/bundle"

	"github.com/acs-operator/acs-chat-operator/hack/programs"
)

// authoritiesFile is where programs look for certificate authorities on Linux.
const authoritiesFile = "etc/ssl/certs/ca-certificates.crt"

// newLayer returns a layer with the files and the directories that they need.
func newLayer(files []programs.File) (v1.Layer, error) {
	content, err := programs.Tar(withDirectories(files))
	if err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil },
		tarball.WithCompressionLevel(gzip.BestCompression))
}

// withDirectories adds the directories of the files and sorts all by name.
func withDirectories(files []programs.File) []programs.File {
	all := slices.Clone(files)
	known := map[string]bool{}
	for _, f := range files {
		known[f.Name] = true
	}
	for _, f := range files {
		for directory := path.Dir(strings.TrimSuffix(f.Name, "/")); directory != "."; directory = path.Dir(directory) {
			if name := directory + "/"; !known[name] {
				known[name] = true
				all = append(all, programs.File{Name: name, Mode: 0o755})
			}
		}
	}
	slices.SortFunc(all, func(a, b programs.File) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// commonFiles are the files of each image besides the program.
func commonFiles() ([]programs.File, error) {
	license, err := os.ReadFile(filepath.Join(repository, "LICENSE"))
	if err != nil {
		return nil, err
	}
	return []programs.File{
		{Name: "etc/passwd", Mode: 0o644, Content: []byte("root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n")},
		{Name: "etc/group", Mode: 0o644, Content: []byte("root:x:0:\nnonroot:x:65532:\n")},
		{Name: "tmp/", Mode: 0o1777},
		{Name: authoritiesFile, Mode: 0o644, Content: authorities()},
		{Name: "licenses/LICENSE", Mode: 0o644, Content: license},
	}, nil
}

// authorities are the certificate authorities that Mozilla trusts without a limit. A PEM file
// cannot express the limits of the others.
func authorities() []byte {
	var all bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			_ = pem.Encode(&all, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}) // a buffer takes all
		}
	}
	return all.Bytes()
}

// licenseName matches the files with which a module states its license.
var licenseName = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|copyright|patents)([.-].*)?$`)

// licenseFiles are the licenses of the modules, and of Go, in a program.
func licenseFiles(ctx context.Context, p programs.Program, platform programs.Platform) ([]programs.File, error) {
	list := exec.CommandContext(ctx, "go", "list", "-mod=readonly", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}@{{.Version}} {{.Dir}}{{end}}{{end}}", "./"+p.Directory) //nolint:gosec // programs of this repository
	list.Dir = repository
	list.Env = platform.Environment()
	list.Stderr = os.Stderr
	modules, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	lines := slices.Compact(slices.Sorted(strings.SplitSeq(strings.TrimSpace(string(modules)), "\n")))
	root := exec.CommandContext(ctx, "go", "env", "GOROOT")
	root.Dir = repository
	goroot, err := root.Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	lines = append(lines, "go "+strings.TrimSpace(string(goroot)))
	var files []programs.File
	for _, line := range lines {
		name, directory, _ := strings.Cut(line, " ")
		found, err := licensesIn(directory, "licenses/"+name)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 && line != "" {
			return nil, fmt.Errorf("module %s has no license", name)
		}
		files = append(files, found...)
	}
	return files, nil
}

func licensesIn(directory, target string) (files []programs.File, err error) {
	if directory == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(directory)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if entry.IsDir() || !licenseName.MatchString(entry.Name()) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(directory, entry.Name()))
		if err != nil {
			return nil, err
		}
		files = append(files, programs.File{Name: target + "/" + entry.Name(), Mode: 0o644, Content: content})
	}
	return files, nil
}
