// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	sigsyaml "sigs.k8s.io/yaml"
)

const (
	root      = "../.."
	chart     = root + "/charts/acs-chat-operator"
	release   = "acs-chat-operator"
	namespace = "acs-chat-operator-system"
	// kubeVersion is what Helm assumes about the cluster where it asks none.
	kubeVersion = "1.37"
)

// helmVersions are the versions of Helm that the chart works with.
var helmVersions = []string{"helm3", "helm4"}

// helm returns what Helm of a version prints on its standard output, and fails the test if Helm
// fails.
func helm(t *testing.T, version string, args ...string) string {
	t.Helper()
	stdout, stderr, err := tryHelm(t, version, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", version, strings.Join(args, " "), err, stdout, stderr)
	}
	return stdout
}

// tryHelm runs Helm of a version, without the plugins and settings of the user.
func tryHelm(t *testing.T, version string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	return try(t, root+"/bin/tools/"+version, args...)
}

// kustomize returns what a kustomization builds.
func kustomize(t *testing.T, dir string) string {
	t.Helper()
	stdout, stderr, err := try(t, root+"/bin/controlplane/kubectl", "kustomize", dir)
	if err != nil {
		t.Fatalf("kustomize %s: %v\n%s", dir, err, stderr)
	}
	return stdout
}

func try(t *testing.T, program string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	program, err = filepath.Abs(program)
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	var out, log bytes.Buffer
	command := exec.CommandContext(t.Context(), program, args...) //nolint:gosec // a tool of the project
	command.Env = append(os.Environ(), "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home)
	command.Stdout, command.Stderr = &out, &log
	err = command.Run()
	return out.String(), log.String(), err
}

// valuesFiles are the files of a set of values, in the order in which Helm gets them.
func valuesFiles(set string) []string {
	files := []string{filepath.Join("testdata", "values", set+".yaml")}
	if set == "aks" {
		return append([]string{chart + "/values-aks.yaml"}, files...)
	}
	return files
}

// valuesSets returns the names of all sets of values in testdata.
func valuesSets(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/values/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no values in testdata: %v", err)
	}
	sets := make([]string, 0, len(files))
	for _, file := range files {
		sets = append(sets, strings.TrimSuffix(filepath.Base(file), ".yaml"))
	}
	return sets
}

// render returns the documents that the chart renders with a set of values.
func render(t *testing.T, version, set string) string {
	t.Helper()
	args := []string{"template", release, chart, "--namespace", namespace, "--kube-version", kubeVersion}
	for _, file := range valuesFiles(set) {
		args = append(args, "--values", file)
	}
	return helm(t, version, args...)
}

// objects returns the objects of a stream of YAML documents by a name of each: its kind, namespace
// and name. An object must be there only once, and a key only once in an object.
func objects(documents string) (map[string]*unstructured.Unstructured, error) {
	all := map[string]*unstructured.Unstructured{}
	reader := yaml.NewYAMLReader(bufio.NewReader(strings.NewReader(documents)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		object := &unstructured.Unstructured{}
		if err := sigsyaml.UnmarshalStrict(document, &object.Object); err != nil {
			return nil, fmt.Errorf("%w in:\n%s", err, document)
		}
		if len(object.Object) == 0 {
			continue
		}
		name := fmt.Sprintf("%s %s/%s", object.GetKind(), object.GetNamespace(), object.GetName())
		if all[name] != nil {
			return nil, fmt.Errorf("%s is there twice", name)
		}
		all[name] = object
	}
}

// mustObjects is objects for documents that must be right.
func mustObjects(t *testing.T, documents string) map[string]*unstructured.Unstructured {
	t.Helper()
	all, err := objects(documents)
	if err != nil {
		t.Fatal(err)
	}
	return all
}
