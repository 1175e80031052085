// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Schema completes the schema that helm-tool makes of the values of the Helm chart. It reads that
// from the standard input.
package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"
)

// Each value has a definition, with this prefix before its path.
const prefix = "helm-values."

//go:embed constraints.yaml
var constraints []byte

func main() {
	to := flag.String("to", filepath.Join("charts", "acs-chat-operator", "values.schema.json"), "file to write")
	flag.Parse()
	if err := run(os.Stdin, *to); err != nil {
		fmt.Fprintln(os.Stderr, "schema:", err)
		os.Exit(1)
	}
}

func run(from io.Reader, to string) error {
	var schema struct {
		Schema      string                    `json:"$schema"`
		Ref         string                    `json:"$ref"`
		Definitions map[string]map[string]any `json:"$defs"`
	}
	if err := json.NewDecoder(from).Decode(&schema); err != nil {
		return fmt.Errorf("read the schema of helm-tool: %w", err)
	}
	var wanted map[string]map[string]any
	if err := yaml.UnmarshalStrict(constraints, &wanted); err != nil {
		return fmt.Errorf("constraints.yaml: %w", err)
	}
	for path, keywords := range wanted {
		definition, ok := schema.Definitions[prefix+path]
		if !ok {
			return fmt.Errorf("constraints.yaml: values.yaml has no %s", path)
		}
		maps.Copy(definition, keywords)
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(schema); err != nil {
		return err
	}
	return os.WriteFile(to, b.Bytes(), 0o644) //nolint:gosec // a source file
}
