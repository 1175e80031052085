// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// module is the module that contains the programs, at repository, relative to this directory.
const (
	module     = "github.com/acs-operator/acs-chat-operator"
	repository = "../.."
)

// user is the account of the processes, as number since a container engine cannot check a name.
const user = "65532:65532"

// architectures are those of an image's index.
var architectures = []string{"linux/amd64", "linux/arm64"}

// program is a program that gets an image.
type program struct {
	name        string
	directory   string // below the repository
	title       string
	description string
}

var programs = []program{
	{"acs-chat-operator", ".", "acs-chat-operator", "Kubernetes operator for chat threads of Azure Communication Services"},
	{"acs-emulator", "hack/acs-emulator", "acs-emulator", "Emulator of Azure Communication Services Chat and Identity"},
}

func programNames() []string {
	var names []string
	for _, p := range programs {
		names = append(names, p.name)
	}
	return names
}

// release identifies what is built.
type release struct {
	version  string
	revision string
	created  time.Time
}

// buildIndex builds a program for each architecture, and the index of the images.
func buildIndex(ctx context.Context, p program, r release) (v1.ImageIndex, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	annotations := p.annotations(r)
	for _, architecture := range architectures {
		system, processor, _ := strings.Cut(architecture, "/")
		platform := v1.Platform{OS: system, Architecture: processor}
		image, err := buildImage(ctx, p, r, platform)
		if err != nil {
			return nil, fmt.Errorf("%s for %s: %w", p.name, architecture, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: &platform}})
	}
	annotated, ok := mutate.Annotations(index, annotations).(v1.ImageIndex)
	if !ok {
		return nil, fmt.Errorf("%s: an annotated index is no index", p.name)
	}
	return annotated, nil
}

// buildImage puts a program and what it needs into an image from scratch.
func buildImage(ctx context.Context, p program, r release, platform v1.Platform) (v1.Image, error) {
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
		files []file
	}{
		{"accounts and certificate authorities", files},
		{"licenses", licenses},
		{p.name, []file{{name: p.name, mode: 0o755, content: binary}}},
	} {
		layer, err := newLayer(content.files)
		if err != nil {
			return nil, fmt.Errorf("layer of %s: %w", content.what, err)
		}
		layers = append(layers, mutate.Addendum{Layer: layer, MediaType: types.OCILayer,
			History: v1.History{CreatedBy: "hack/image: " + content.what, Created: v1.Time{Time: r.created}}})
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
	config.OS, config.Architecture, config.Created = platform.OS, platform.Architecture, v1.Time{Time: r.created}
	config.Config = v1.Config{
		User: user, WorkingDir: "/", Entrypoint: []string{"/" + p.name}, Labels: p.annotations(r),
		Env: []string{"PATH=/", "SSL_CERT_FILE=/" + authoritiesFile},
	}
	if image, err = mutate.ConfigFile(image, config); err != nil {
		return nil, err
	}
	annotated, ok := mutate.Annotations(image, p.annotations(r)).(v1.Image)
	if !ok {
		return nil, fmt.Errorf("an annotated image is no image")
	}
	return annotated, nil
}

// annotations describe an image in the terms of the Open Container Initiative.
func (p program) annotations(r release) map[string]string {
	const prefix = "org.opencontainers.image."
	annotations := map[string]string{
		prefix + "title":         p.title,
		prefix + "description":   p.description,
		prefix + "licenses":      "Apache-2.0",
		prefix + "source":        "https://" + module,
		prefix + "documentation": "https://" + module + "/tree/main/docs",
		prefix + "vendor":        "The acs-chat-operator authors",
		prefix + "created":       r.created.UTC().Format(time.RFC3339),
	}
	if r.version != "" {
		annotations[prefix+"version"] = r.version
	}
	if r.revision != "" {
		annotations[prefix+"revision"] = r.revision
	}
	return annotations
}

// compile returns a static binary. It contains no path and no date of this machine.
func compile(ctx context.Context, p program, r release, platform v1.Platform) ([]byte, error) {
	directory, err := os.MkdirTemp("", "image-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(directory) }()
	output := filepath.Join(directory, p.name)
	flags := "-s -w -X main.revision=" + r.revision
	if r.version != "" {
		flags += " -X " + module + "/acs.release=" + r.version
	}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-mod=readonly", "-ldflags", flags, "-o", output, "./"+p.directory) //nolint:gosec // programs of this repository
	build.Dir = repository
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off", "GOOS="+platform.OS, "GOARCH="+platform.Architecture, "GOAMD64=v1", "GOARM64=v8.0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("go build: %w", err)
	}
	return os.ReadFile(output)
}

// writeLayout writes an OCI layout with the index, in place of an earlier one, and returns the
// digest of the index.
func writeLayout(directory string, index v1.ImageIndex, r release) (v1.Hash, error) {
	if err := os.RemoveAll(directory); err != nil {
		return v1.Hash{}, err
	}
	path, err := layout.Write(directory, empty.Index)
	if err != nil {
		return v1.Hash{}, fmt.Errorf("write the OCI layout: %w", err)
	}
	var options []layout.Option
	if r.version != "" {
		options = append(options, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": r.version}))
	}
	if err := path.AppendIndex(index, options...); err != nil {
		return v1.Hash{}, fmt.Errorf("write the OCI layout: %w", err)
	}
	return index.Digest()
}
