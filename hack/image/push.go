// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// push pushes the index of an OCI layout, with the credentials of the caller's container engine. It
// returns the reference with the digest.
func push(ctx context.Context, directory, image string) (string, error) {
	if directory == "" || image == "" {
		return "", errors.New("flags -layout and -image: name both")
	}
	tag, err := name.NewTag(image, name.StrictValidation)
	if err != nil {
		return "", fmt.Errorf("flag -image: %w", err)
	}
	index, err := layoutIndex(directory)
	if err != nil {
		return "", err
	}
	if err := remote.WriteIndex(tag, index, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)); err != nil {
		return "", fmt.Errorf("push %s: %w", tag, err)
	}
	digest, err := index.Digest()
	if err != nil {
		return "", err
	}
	return tag.String() + "@" + digest.String(), nil
}

// layoutIndex returns the only index in an OCI layout.
func layoutIndex(directory string) (v1.ImageIndex, error) {
	all, err := layout.ImageIndexFromPath(directory)
	if err != nil {
		return nil, fmt.Errorf("read the OCI layout %s: %w", directory, err)
	}
	manifest, err := all.IndexManifest()
	if err != nil {
		return nil, err
	}
	if len(manifest.Manifests) != 1 {
		return nil, fmt.Errorf("the OCI layout %s has %d images, not 1", directory, len(manifest.Manifests))
	}
	return all.ImageIndex(manifest.Manifests[0].Digest)
}
