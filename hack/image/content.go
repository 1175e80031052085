// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
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
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"golang.org/x/crypto/x509roots/fallback/bundle"

	"github.com/acs-operator/acs-chat-operator/hack/programs"
)

// authoritiesFile is where programs look for certificate authorities on Linux.
const authoritiesFile = "etc/ssl/certs/ca-certificates.crt"

// file is a file or, if its name ends in a slash, a directory of an image.
type file struct {
	name    string
	mode    int64
	content []byte
}

// newLayer returns a layer with the files and the directories that they need. All times are the
// same, and all files belong to root.
func newLayer(files []file) (v1.Layer, error) {
	var buffer bytes.Buffer
	archive := tar.NewWriter(&buffer)
	for _, f := range withDirectories(files) {
		header := &tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.content)), Typeflag: tar.TypeReg, ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
		if strings.HasSuffix(f.name, "/") {
			header.Typeflag = tar.TypeDir
		}
		if len(f.name) > 100 {
			header.Format = tar.FormatPAX
		}
		if err := archive.WriteHeader(header); err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		if _, err := archive.Write(f.content); err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	content := buffer.Bytes()
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil },
		tarball.WithCompressionLevel(gzip.BestCompression))
}

// withDirectories adds the directories of the files and sorts all by name.
func withDirectories(files []file) []file {
	all := slices.Clone(files)
	known := map[string]bool{}
	for _, f := range files {
		known[f.name] = true
	}
	for _, f := range files {
		for directory := path.Dir(strings.TrimSuffix(f.name, "/")); directory != "."; directory = path.Dir(directory) {
			if name := directory + "/"; !known[name] {
				known[name] = true
				all = append(all, file{name: name, mode: 0o755})
			}
		}
	}
	slices.SortFunc(all, func(a, b file) int { return cmp.Compare(a.name, b.name) })
	return all
}

// commonFiles are the files of each image besides the program.
func commonFiles() ([]file, error) {
	license, err := os.ReadFile(filepath.Join(repository, "LICENSE"))
	if err != nil {
		return nil, err
	}
	return []file{
		{"etc/passwd", 0o644, []byte("root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n")},
		{"etc/group", 0o644, []byte("root:x:0:\nnonroot:x:65532:\n")},
		{"tmp/", 0o1777, nil},
		{authoritiesFile, 0o644, authorities()},
		{"licenses/LICENSE", 0o644, license},
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
func licenseFiles(ctx context.Context, p programs.Program, platform programs.Platform) ([]file, error) {
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
	var files []file
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

func licensesIn(directory, target string) (files []file, err error) {
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
		files = append(files, file{target + "/" + entry.Name(), 0o644, content})
	}
	return files, nil
}
