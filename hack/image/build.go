// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/acs-operator/acs-chat-operator/hack/programs"
)

// repository is the root of the repository, relative to this directory.
const repository = "../.."

// user is the account of the processes, as number since a container engine cannot check a name.
const user = "65532:65532"

// platforms are those of an image's index.
var platforms = []programs.Platform{{OS: "linux", Arch: "amd64"}, {OS: "linux", Arch: "arm64"}}

// buildIndex builds a program for each architecture, and the index of the images.
func buildIndex(ctx context.Context, p programs.Program, r programs.Release) (v1.ImageIndex, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, platform := range platforms {
		image, err := buildImage(ctx, p, r, platform)
		if err != nil {
			return nil, fmt.Errorf("%s for %s: %w", p.Name, platform, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{
			Platform: &v1.Platform{OS: platform.OS, Architecture: platform.Arch},
		}})
	}
	annotated, ok := mutate.Annotations(index, annotations(p, r)).(v1.ImageIndex)
	if !ok {
		return nil, fmt.Errorf("%s: an annotated index is no index", p.Name)
	}
	return annotated, nil
}

// buildImage puts a program and what it needs into an image from scratch.
func buildImage(ctx context.Context, p programs.Program, r programs.Release, platform programs.Platform) (v1.Image, error) {
	binary, err := compile(ctx, p, r, platform)
	if err != nil {
		return nil, err
	}
	files, err := commonFiles()
	if err != nil {
		return nil, err
	}
	licenses, err := licenseFiles(ctx, p, platform)
	if err != nil {
		return nil, err
	}
	var layers []mutate.Addendum
	for _, content := range []struct {
		what  string
		files []programs.File
	}{
		{"accounts and certificate authorities", files},
		{"licenses", licenses},
		{p.Name, []programs.File{{Name: p.Name, Mode: 0o755, Content: binary}}},
	} {
		layer, err := newLayer(content.files)
		if err != nil {
			return nil, fmt.Errorf("layer of %s: %w", content.what, err)
		}
		layers = append(layers, mutate.Addendum{Layer: layer, MediaType: types.OCILayer,
			History: v1.History{CreatedBy: "hack/image: " + content.what, Created: v1.Time{Time: r.Created}}})
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	if image, err = mutate.Append(image, layers...); err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = platform.OS, platform.Arch, v1.Time{Time: r.Created}
	config.Config = v1.Config{
		User: user, WorkingDir: "/", Entrypoint: []string{"/" + p.Name}, Labels: annotations(p, r),
		Env: []string{"PATH=/", "SSL_CERT_FILE=/" + authoritiesFile},
	}
	if image, err = mutate.ConfigFile(image, config); err != nil {
		return nil, err
	}
	annotated, ok := mutate.Annotations(image, annotations(p, r)).(v1.Image)
	if !ok {
		return nil, fmt.Errorf("an annotated image is no image")
	}
	return annotated, nil
}

// annotations describe an image in the terms of the Open Container Initiative.
func annotations(p programs.Program, r programs.Release) map[string]string {
	const prefix = "org.opencontainers.image."
	annotations := map[string]string{
		prefix + "title":         p.Name,
		prefix + "description":   p.Description,
		prefix + "licenses":      "Apache-2.0",
		prefix + "source":        "https://" + programs.Module,
		prefix + "documentation": "https://" + programs.Module + "/tree/main/docs",
		prefix + "vendor":        "The acs-chat-operator authors",
		prefix + "created":       r.Created.UTC().Format(time.RFC3339),
	}
	if r.Version != "" {
		annotations[prefix+"version"] = r.Version
	}
	if r.Revision != "" {
		annotations[prefix+"revision"] = r.Revision
	}
	return annotations
}

// compile returns the binary of a program.
func compile(ctx context.Context, p programs.Program, r programs.Release, platform programs.Platform) ([]byte, error) {
	directory, err := os.MkdirTemp("", "image-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(directory) }()
	output := filepath.Join(directory, p.Name)
	if err := p.Build(ctx, repository, r, platform, output); err != nil {
		return nil, err
	}
	return os.ReadFile(output)
}

// writeLayout writes an OCI layout with the index, in place of an earlier one, and returns the
// digest of the index.
func writeLayout(directory string, index v1.ImageIndex, r programs.Release) (v1.Hash, error) {
	entries, err := os.ReadDir(directory)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return v1.Hash{}, err
	}
	if _, err := os.Stat(filepath.Join(directory, "oci-layout")); err != nil && len(entries) > 0 {
		return v1.Hash{}, fmt.Errorf("flag -out: %s has files and is no OCI layout; name another directory", directory)
	}
	if err := os.RemoveAll(directory); err != nil {
		return v1.Hash{}, err
	}
	path, err := layout.Write(directory, empty.Index)
	if err != nil {
		return v1.Hash{}, fmt.Errorf("write the OCI layout: %w", err)
	}
	var options []layout.Option
	if r.Version != "" {
		options = append(options, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": r.Version}))
	}
	if err := path.AppendIndex(index, options...); err != nil {
		return v1.Hash{}, fmt.Errorf("write the OCI layout: %w", err)
	}
	return index.Digest()
}
