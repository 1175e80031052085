// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	sigsyaml "sigs.k8s.io/yaml"
)

const (
	page     = "docs/flux.md"
	examples = "docs/examples/flux"
)

// repositoryFiles are the files that the page puts into a repository.
func repositoryFiles(t *testing.T) files {
	t.Helper()
	return filesOf(t, examples+"/repository")
}

// filesOf returns the files in a directory.
func filesOf(t *testing.T, dir string) files {
	t.Helper()
	found := files{}
	must(t, fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path.Join(dir, name))
		found[name] = string(content)
		return err
	}))
	return found
}

// example returns the objects of a file of the page.
func example(t *testing.T, name string) (objects []*unstructured.Unstructured) {
	t.Helper()
	content, err := os.ReadFile(path.Join(examples, name))
	must(t, err)
	reader := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return objects
		}
		must(t, err)
		object := &unstructured.Unstructured{}
		must(t, sigsyaml.UnmarshalStrict(document, &object.Object))
		objects = append(objects, object)
	}
}

// The page shows each file as the tests apply it.
func TestPageShowsTheExamples(t *testing.T) {
	content, err := os.ReadFile(page)
	must(t, err)
	for name, text := range filesOf(t, examples) {
		if !strings.Contains(string(content), "```yaml\n"+text+"```\n") {
			t.Errorf("%s does not show %s/%s as it is", page, examples, name)
		}
		if !strings.Contains(string(content), name) {
			t.Errorf("%s does not name %s", page, name)
		}
	}
}
