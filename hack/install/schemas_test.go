// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/acs-operator/acs-chat-operator/hack/cluster"
)

// foreignKinds are those of the Prometheus operator, whose schemas this project does not have.
const foreignKinds = "PodMonitor,PrometheusRule,ServiceMonitor"

// What the chart renders and what a release installs satisfies the schemas of the API server, and
// the samples satisfy the schemas of the release. Unknown fields are errors.
func TestSchemas(t *testing.T) {
	directory := t.TempDir()
	writeServerSchemas(t, cluster.Start(t, nil), directory)
	unpackSchemas(t, directory)
	files := t.TempDir()
	for _, set := range valuesSets(t) {
		must(t, os.WriteFile(filepath.Join(files, set+".yaml"), []byte(render(t, "helm4", set)), 0o600))
	}
	conform(t, directory, files, dist+"/install.yaml", dist+"/quickstart.yaml", root+"/config/samples/thread.yaml",
		root+"/config/samples/connection.yaml", root+"/config/samples/participants.yaml", root+"/config/samples/retention.yaml")

	for what, manifest := range map[string]string{
		"a field that a Deployment does not have": `{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}, spec: {replica: 2, selector: {}, template: {}}}`,
		"a field that a ChatThread does not have": `{apiVersion: chat.acs-operator.io/v1alpha1, kind: ChatThread, metadata: {name: a}, spec: {topics: a}}`,
		"a ChatThread without a spec":             `{apiVersion: chat.acs-operator.io/v1alpha1, kind: ChatThread, metadata: {name: a}}`,
		"a value that a ChatThread does not have": `{apiVersion: chat.acs-operator.io/v1alpha1, kind: ChatThread, metadata: {name: a}, spec: {topic: a, deletionPolicy: Never}}`,
	} {
		name := filepath.Join(t.TempDir(), "bad.yaml")
		must(t, os.WriteFile(name, []byte(manifest), 0o600))
		if output, err := kubeconform(t, directory, name); err == nil {
			t.Errorf("%s is accepted: %s", what, output)
		}
	}
}

func conform(t *testing.T, directory string, files ...string) {
	t.Helper()
	output, err := kubeconform(t, directory, files...)
	if err != nil {
		t.Errorf("%v\n%s", err, output)
	}
	t.Log(strings.TrimSpace(output))
}

func kubeconform(t *testing.T, directory string, files ...string) (string, error) {
	t.Helper()
	// Its names of schemas are also those that it has by default.
	arguments := append([]string{"-strict", "-summary", "-skip", foreignKinds,
		"-schema-location", directory + "/master-standalone-strict/{{ .ResourceKind }}{{ .KindSuffix }}.json"}, files...)
	output, err := exec.CommandContext(t.Context(), root+"/bin/tools/kubeconform", arguments...).CombinedOutput() //nolint:gosec // a tool of the project
	return string(output), err
}

// writeServerSchemas writes a schema of each kind that an API server has by itself.
func writeServerSchemas(t *testing.T, c *cluster.Cluster, directory string) {
	t.Helper()
	content, err := c.Client.Discovery().RESTClient().Get().AbsPath("/openapi/v2").Do(t.Context()).Raw()
	must(t, err)
	var document struct {
		Definitions map[string]map[string]any `json:"definitions"`
	}
	must(t, json.Unmarshal(content, &document))
	for _, definition := range document.Definitions {
		if _, has := definition["additionalProperties"]; definition["properties"] != nil && !has {
			definition["additionalProperties"] = false
		}
	}
	// Manifests may have numbers for these, although the API server itself writes strings.
	for _, name := range []string{"util.intstr.IntOrString", "api.resource.Quantity"} {
		document.Definitions["io.k8s.apimachinery.pkg."+name] = map[string]any{"type": []string{"string", "number"}}
	}
	must(t, os.MkdirAll(filepath.Join(directory, "master-standalone-strict"), 0o700))
	for name, definition := range document.Definitions {
		kinds, ok := definition["x-kubernetes-group-version-kind"].([]any)
		if !ok || len(kinds) != 1 {
			continue
		}
		kind, ok := kinds[0].(map[string]any)
		if !ok {
			t.Fatalf("%s: kind %v", name, kinds[0])
		}
		schema, err := json.Marshal(map[string]any{"$ref": "#/definitions/" + name, "definitions": document.Definitions})
		must(t, err)
		must(t, os.WriteFile(filepath.Join(directory, "master-standalone-strict", schemaName(kind)), schema, 0o600))
	}
}

// schemaName is the name by which kubeconform looks for the schema of a kind.
func schemaName(kind map[string]any) string {
	text := func(key string) string {
		value, _ := kind[key].(string)
		return value
	}
	group, _, _ := strings.Cut(text("group"), ".")
	parts := []string{strings.ToLower(text("kind")), group, text("version")}
	if group == "" {
		parts = []string{parts[0], parts[2]}
	}
	return strings.Join(parts, "-") + ".json"
}

// unpackSchemas unpacks the schemas of the release.
func unpackSchemas(t *testing.T, directory string) {
	t.Helper()
	content, err := os.ReadFile(dist + "/crd-schemas.tar.gz")
	must(t, err)
	compressed, err := gzip.NewReader(bytes.NewReader(content))
	must(t, err)
	for archive := tar.NewReader(compressed); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		must(t, err)
		schema, err := io.ReadAll(archive)
		must(t, err)
		name := filepath.Join(directory, header.Name) //nolint:gosec // an archive of this project
		must(t, os.MkdirAll(filepath.Dir(name), 0o700))
		must(t, os.WriteFile(name, schema, 0o600))
	}
}
