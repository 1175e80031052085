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
	"regexp"
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

var yamlBlock = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```\n")

// The page shows the files as the tests apply them, and no other YAML.
func TestPageShowsTheExamples(t *testing.T) {
	content, err := os.ReadFile(page)
	must(t, err)
	shown := map[string]bool{}
	for _, block := range yamlBlock.FindAllStringSubmatch(string(content), -1) {
		shown[block[1]] = true
	}
	for name, text := range filesOf(t, examples) {
		if !shown[text] {
			t.Errorf("%s does not show %s/%s as it is", page, examples, name)
		}
		if !strings.Contains(string(content), "`"+strings.TrimPrefix(name, "repository/")+"`") {
			t.Errorf("%s does not name %s", page, name)
		}
		delete(shown, text)
	}
	for text := range shown {
		t.Errorf("%s shows YAML that is no example:\n%s", page, text)
	}
}

// The Secret that the External Secrets Operator writes is the one that the connection reads. The
// tests do not run that operator.
func TestExternalSecretIsThatOfTheConnection(t *testing.T) {
	external := example(t, "external-secret.yaml")[0].Object
	name, _, err := unstructured.NestedString(external, "spec", "target", "name")
	must(t, err)
	entries, _, err := unstructured.NestedSlice(external, "spec", "data")
	must(t, err)
	connection := example(t, "repository/"+connectionFile)[0].Object
	want, _, err := unstructured.NestedString(connection, "spec", "connectionStringSecretRef", "name")
	must(t, err)
	entry, ok := entries[0].(map[string]any)
	if name != want || len(entries) != 1 || !ok || entry["secretKey"] != "connectionString" {
		t.Errorf("the Secret is %s with %v, and the connection reads %s", name, entries, want)
	}
}
