// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/acs-operator/acs-chat-operator/hack/programs"
)

// writePrograms writes an archive with each program for each platform.
func (d *dist) writePrograms(ctx context.Context) error {
	license, err := os.ReadFile("LICENSE")
	if err != nil {
		return err
	}
	directory, err := os.MkdirTemp("", "dist-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(directory) }()
	for _, platform := range d.platforms() {
		for _, p := range programs.All() {
			name, pack, suffix := p.Name, tarball, ".tar.gz"
			if platform.OS == "windows" {
				name, pack, suffix = name+".exe", zipFile, ".zip"
			}
			binary := filepath.Join(directory, name)
			if err := p.Build(ctx, ".", d.release, platform, binary); err != nil {
				return err
			}
			content, err := os.ReadFile(binary)
			if err != nil {
				return err
			}
			archive, err := pack([]programs.File{{Name: name, Mode: 0o755, Content: content}, {Name: "LICENSE", Mode: 0o644, Content: license}})
			if err != nil {
				return err
			}
			if err := d.save(fmt.Sprintf("%s_%s_%s_%s%s", p.Name, d.release.Version, platform.OS, platform.Arch, suffix), archive); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeMaterials writes what each program for Linux consists of, in the form of CycloneDX.
func (d *dist) writeMaterials(ctx context.Context) error {
	for _, p := range programs.All() {
		list := exec.CommandContext(ctx, d.sbom, "app", "-json", "-noserial", "-notimestamp", "-licenses", "-std", "-main", p.Directory, ".") //nolint:gosec // a tool of this repository
		list.Env = programs.Platform{OS: "linux", Arch: "amd64"}.Environment()
		var output, messages bytes.Buffer
		list.Stdout, list.Stderr = &output, &messages
		if err := list.Run(); err != nil {
			return fmt.Errorf("%w\n%s", err, messages.String())
		}
		named, err := d.nameRelease(output.Bytes())
		if err != nil {
			return err
		}
		if err := d.save(fmt.Sprintf("%s_%s.cdx.json", p.Name, d.release.Version), named); err != nil {
			return err
		}
	}
	return nil
}

// nameRelease replaces the version that this module has in version control by that of the release.
func (d *dist) nameRelease(materials []byte) ([]byte, error) {
	bill := map[string]any{}
	if err := json.Unmarshal(materials, &bill); err != nil {
		return nil, err
	}
	component, found, err := unstructured.NestedMap(bill, "metadata", "component")
	version, ok := component["version"].(string)
	if !found || !ok || err != nil {
		return nil, fmt.Errorf("the bill names no version of the program: %w", err)
	}
	if err := unstructured.SetNestedField(bill, d.release.Version, "metadata", "component", "version"); err != nil {
		return nil, err
	}
	named, err := json.MarshalIndent(bill, "", "  ")
	if err != nil {
		return nil, err
	}
	here := programs.Module + "@"
	return append(bytes.ReplaceAll(named, []byte(here+version), []byte(here+d.release.Version)), '\n'), nil
}

// writeChecksums writes the SHA-256 of all files, as sha256sum does.
func (d *dist) writeChecksums(context.Context) error {
	names, err := d.files()
	if err != nil {
		return err
	}
	var sums bytes.Buffer
	for _, name := range names {
		content, err := os.ReadFile(d.path(name))
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(content), name)
	}
	return d.save(checksumsFile, sums.Bytes())
}
