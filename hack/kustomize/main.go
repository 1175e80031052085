// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Kustomize writes config/kustomize/openapi.json, from which kustomize learns the keys by which it
// merges lists. kustomize replaces its own schema by this one, so it has the kinds of Kubernetes as
// well as ours.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

func main() {
	crds := flag.String("crds", filepath.Join("config", "crd", "bases"), "`directory` of the CRDs")
	kubernetes := flag.String("kubernetes", "", "`file` with the API of Kubernetes, swagger.json")
	to := flag.String("to", filepath.Join("config", "kustomize", "openapi.json"), "`file` to write")
	flag.Parse()
	if err := run(*crds, *kubernetes, *to); err != nil {
		fmt.Fprintln(os.Stderr, "kustomize:", err)
		os.Exit(1)
	}
}

func run(crds, kubernetes, to string) error {
	content, err := os.ReadFile(kubernetes)
	if err != nil {
		return fmt.Errorf("-kubernetes: %w", err)
	}
	var api document
	if err := json.Unmarshal(content, &api); err != nil {
		return fmt.Errorf("%s: %w", kubernetes, err)
	}
	merged := document{Definitions: api.reduce()}
	if len(merged.Definitions) == 0 {
		return fmt.Errorf("%s: no list has a key", kubernetes)
	}
	own, err := ownDefinitions(crds)
	if err != nil {
		return err
	}
	maps.Copy(merged.Definitions, own)
	content, err = json.MarshalIndent(merged, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(to, append(content, '\n'), 0o600)
}

// ownDefinitions returns the definitions of our kinds.
func ownDefinitions(directory string) (map[string]*schema, error) {
	files, err := filepath.Glob(filepath.Join(directory, "*.yaml"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no CRD in %s: %w", directory, err)
	}
	all := map[string]*schema{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict(content, crd); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for i := range crd.Spec.Versions {
			version := &crd.Spec.Versions[i]
			definition := fromCRD(version.Schema.OpenAPIV3Schema)
			definition.Properties["metadata"] = &schema{Ref: objectMeta}
			delete(definition.Properties, "status")
			definition.Kinds = []kind{{Group: crd.Spec.Group, Version: version.Name, Kind: crd.Spec.Names.Kind}}
			all["io.acs-operator.chat."+version.Name+"."+crd.Spec.Names.Kind] = definition
		}
	}
	return all, nil
}
