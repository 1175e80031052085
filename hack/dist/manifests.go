// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/acs-operator/acs-chat-operator/hack/programs"
)

// developmentTag is the tag of the images in config/.
const developmentTag = ":dev"

func (d *dist) writeManifests(ctx context.Context) error {
	for name, directory := range map[string]string{
		"install.yaml":    "config/default",
		"crds.yaml":       "config/crd",
		"quickstart.yaml": "config/overlays/quickstart",
	} {
		content, err := d.kustomize(ctx, directory)
		if err != nil {
			return err
		}
		if content, err = d.pinImages(content); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := d.save(name, append(d.heading(name), content...)); err != nil {
			return err
		}
	}
	return nil
}

// heading says which release a file belongs to.
func (d *dist) heading(name string) []byte {
	return fmt.Appendf(nil, "# acs-chat-operator %s: %s\n# https://%s\n", d.release.Version, name, programs.Module)
}

// kustomize builds a directory, with the version in a label of all objects.
func (d *dist) kustomize(ctx context.Context, directory string) ([]byte, error) {
	overlay, err := os.MkdirTemp(".", ".dist-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(overlay) }()
	kustomization := fmt.Sprintf("resources: [../%s]\nlabels:\n- pairs: {app.kubernetes.io/version: %s}\n", directory, d.release.Version)
	if err := os.WriteFile(filepath.Join(overlay, "kustomization.yaml"), []byte(kustomization), 0o600); err != nil {
		return nil, err
	}
	var output bytes.Buffer
	build := exec.CommandContext(ctx, d.builder, "build", overlay) //nolint:gosec // a tool of the project
	build.Stdout, build.Stderr = &output, os.Stderr
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("kustomize %s: %w", directory, err)
	}
	return output.Bytes(), nil
}

// pinImages replaces the images of a clone by those of the release, with tag and digest.
func (d *dist) pinImages(manifests []byte) ([]byte, error) {
	for _, p := range programs.All() {
		digest, err := d.digest(p)
		if err != nil {
			return nil, err
		}
		pinned := fmt.Sprintf("image: %s/%s:%s@%s\n", d.registry, p.Name, d.release.Version, digest)
		manifests = bytes.ReplaceAll(manifests, []byte("image: "+p.Name+developmentTag+"\n"), []byte(pinned))
	}
	if bytes.Contains(manifests, []byte(developmentTag+"\n")) {
		return nil, fmt.Errorf("an image of a clone is left")
	}
	return manifests, nil
}

// digest returns the digest of a program's image.
func (d *dist) digest(p programs.Program) (string, error) {
	content, err := os.ReadFile(filepath.Join(d.images, p.Name, "index.json"))
	if err != nil {
		return "", err
	}
	var index struct {
		Manifests []struct {
			Digest string `json:"digest"`
		} `json:"manifests"`
	}
	if err := json.Unmarshal(content, &index); err != nil {
		return "", err
	}
	if len(index.Manifests) != 1 {
		return "", fmt.Errorf("the OCI layout of %s has %d images, not 1", p.Name, len(index.Manifests))
	}
	return index.Manifests[0].Digest, nil
}
