// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"log"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// The media types of what `flux push artifact` pushes.
const (
	artifactConfig  = types.MediaType("application/vnd.cncf.flux.config.v1+json")
	artifactContent = types.MediaType("application/vnd.cncf.flux.content.v1.tar+gzip")
)

// tag is that of the page.
const tag = "production"

// files are the contents of files by their paths.
type files map[string]string

// with returns a copy in which a file has another text. An edit without effect would prove nothing.
func (f files) with(t *testing.T, path, old, replacement string) files {
	t.Helper()
	if !strings.Contains(f[path], old) {
		t.Fatalf("%s does not have %q:\n%s", path, old, f[path])
	}
	changed := maps.Clone(f)
	changed[path] = strings.ReplaceAll(f[path], old, replacement)
	return changed
}

// and returns a copy with one more file.
func (f files) and(path, content string) files {
	changed := maps.Clone(f)
	changed[path] = content
	return changed
}

// without returns a copy without some files.
func (f files) without(paths ...string) files {
	changed := maps.Clone(f)
	for _, path := range paths {
		delete(changed, path)
	}
	return changed
}

// serveRegistry serves a registry, which keeps its images in memory.
func serveRegistry(t *testing.T) (address string) {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// pushArtifact pushes an artifact and returns its revision, as Flux names it.
func (w *world) pushArtifact(t *testing.T, repository string, content files) (revision string) {
	t.Helper()
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), artifactConfig)
	image, err := mutate.AppendLayers(image, static.NewLayer(archive(t, content), artifactContent))
	must(t, err)
	annotated, ok := mutate.Annotations(image, map[string]string{
		"org.opencontainers.image.source": "oci://" + repository, "org.opencontainers.image.revision": tag,
	}).(v1.Image)
	if !ok {
		t.Fatal("an annotated image is no image")
	}
	reference, err := name.NewTag(w.registry+"/"+repository+":"+tag, name.Insecure)
	must(t, err)
	must(t, remote.Write(reference, annotated, remote.WithContext(t.Context())))
	digest, err := annotated.Digest()
	must(t, err)
	return tag + "@" + digest.String()
}

func archive(t *testing.T, content files) []byte {
	t.Helper()
	var buffer bytes.Buffer
	compressed := gzip.NewWriter(&buffer)
	packed := tar.NewWriter(compressed)
	for _, path := range slices.Sorted(maps.Keys(content)) {
		must(t, packed.WriteHeader(&tar.Header{Name: path, Mode: 0o644, Size: int64(len(content[path]))}))
		_, err := io.WriteString(packed, content[path])
		must(t, err)
	}
	must(t, packed.Close())
	must(t, compressed.Close())
	return buffer.Bytes()
}
