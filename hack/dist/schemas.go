// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"github.com/acs-operator/acs-chat-operator/hack/programs"
)

const crdFiles = "config/crd/bases/*.yaml"

// forOtherTools are files of the repository that other tools read, by their names in a release.
var forOtherTools = map[string]string{
	"kustomize-openapi.json":  "config/kustomize/openapi.json",
	"argocd-cm-patch.yaml":    "config/argo-cd/argocd-cm-patch.yaml",
	"prometheus-rules.yaml":   "config/monitoring/rules.yaml",
	"grafana-dashboard.json":  "config/components/monitoring/dashboard.json",
	"kube-state-metrics.yaml": "config/monitoring/kube-state-metrics.yaml",
}

// copyForOtherTools writes files that users may name by the address of the release.
func (d *dist) copyForOtherTools(context.Context) error {
	for name, source := range forOtherTools {
		content, err := os.ReadFile(source)
		if err != nil {
			return err
		}
		if err := d.save(name, content); err != nil {
			return err
		}
	}
	return nil
}

// writeSchemas writes a JSON schema of each kind, under the names by which editors and kubeconform
// find them: by default, and in the form of catalogs of CRDs.
func (d *dist) writeSchemas(context.Context) error {
	names, err := filepath.Glob(crdFiles)
	if err != nil || len(names) == 0 {
		return fmt.Errorf("no file %s: %w", crdFiles, err)
	}
	var files []programs.File
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.Unmarshal(content, crd); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for i := range crd.Spec.Versions {
			schema, err := jsonSchema(crd, &crd.Spec.Versions[i])
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			group, _, _ := strings.Cut(crd.Spec.Group, ".")
			kind, version := strings.ToLower(crd.Spec.Names.Kind), crd.Spec.Versions[i].Name
			files = append(files,
				programs.File{Name: fmt.Sprintf("master-standalone-strict/%s-%s-%s.json", kind, group, version), Mode: 0o644, Content: schema},
				programs.File{Name: fmt.Sprintf("%s/%s_%s.json", crd.Spec.Group, kind, version), Mode: 0o644, Content: schema},
			)
		}
	}
	archive, err := tarball(files)
	if err != nil {
		return err
	}
	return d.save("crd-schemas.tar.gz", archive)
}

// jsonSchema returns the schema of a version of a kind, which refuses unknown fields.
func jsonSchema(crd *apiextensionsv1.CustomResourceDefinition, version *apiextensionsv1.CustomResourceDefinitionVersion) ([]byte, error) {
	content, err := json.Marshal(version.Schema.OpenAPIV3Schema)
	if err != nil {
		return nil, err
	}
	var schema map[string]any
	if err := json.Unmarshal(content, &schema); err != nil {
		return nil, err
	}
	refuseUnknown(schema)
	properties, ok := schema["properties"].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("version %s has no properties", version.Name)
	}
	properties["apiVersion"] = map[string]any{"type": "string", "const": crd.Spec.Group + "/" + version.Name}
	properties["kind"] = map[string]any{"type": "string", "const": crd.Spec.Names.Kind}
	required := []string{"apiVersion", "kind", "metadata"}
	schema["required"] = append(required, version.Schema.OpenAPIV3Schema.Required...)
	schema["$schema"] = "http://json-schema.org/draft-07/schema#"
	indented, err := json.MarshalIndent(schema, "", "  ")
	return append(indented, '\n'), err
}

// refuseUnknown makes each object with declared properties refuse all others.
func refuseUnknown(schema map[string]any) {
	for key, value := range schema {
		child, ok := value.(map[string]any)
		if !ok {
			continue
		}
		if key != "properties" {
			refuseUnknown(child)
			continue
		}
		if _, has := schema["additionalProperties"]; !has {
			schema["additionalProperties"] = false
		}
		for _, property := range child {
			if property, ok := property.(map[string]any); ok {
				refuseUnknown(property)
			}
		}
	}
}
