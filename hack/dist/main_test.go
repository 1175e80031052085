// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// A call that cannot give a release ends before anything is written.
func TestParse(t *testing.T) {
	t.Parallel()
	sound := []string{"-version=v0.1.0", "-registry=registry.example.com", "-kustomize=kustomize", "-sbom=cyclonedx-gomod"}
	if err := (&dist{}).parse(sound); err != nil {
		t.Error(err)
	}
	for argument, names := range map[string]string{
		"-version=": "VERSION", "-version=0.1.0": "VERSION", "-version=v0.1": "VERSION", "-version=v0.1.0+dirty": "VERSION",
		"-registry=": "-registry", "-kustomize=": "-kustomize", "-sbom=": "-sbom", "-created=today": "-created",
	} {
		err := (&dist{}).parse(append(sound, argument))
		if err == nil || !strings.Contains(err.Error(), names) {
			t.Errorf("%s: error %v does not name %s", argument, err, names)
		}
	}
}

// Objects with declared fields refuse others; free maps do not.
func TestSchemasRefuseUnknownFields(t *testing.T) {
	t.Parallel()
	text := apiextensionsv1.JSONSchemaProps{Type: "string"}
	crd := &apiextensionsv1.CustomResourceDefinition{Spec: apiextensionsv1.CustomResourceDefinitionSpec{Group: "chat.example", Names: apiextensionsv1.CustomResourceDefinitionNames{Kind: "Room"}}}
	version := &apiextensionsv1.CustomResourceDefinitionVersion{Name: "v1", Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
		Type: "object", Properties: map[string]apiextensionsv1.JSONSchemaProps{
			"metadata": {Type: "object"},
			"spec": {Type: "object", Properties: map[string]apiextensionsv1.JSONSchemaProps{
				"topic":    text,
				"metadata": {Type: "object", AdditionalProperties: &apiextensionsv1.JSONSchemaPropsOrBool{Schema: &text}},
				"members":  {Type: "array", Items: &apiextensionsv1.JSONSchemaPropsOrArray{Schema: &apiextensionsv1.JSONSchemaProps{Type: "object", Properties: map[string]apiextensionsv1.JSONSchemaProps{"name": text}}}},
			}},
		}}}}
	content, err := jsonSchema(crd, version)
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		AdditionalProperties any `json:"additionalProperties"`
		Properties           struct {
			APIVersion struct{ Const string } `json:"apiVersion"`
			Metadata   struct {
				AdditionalProperties any `json:"additionalProperties"`
			} `json:"metadata"`
			Spec struct {
				AdditionalProperties any `json:"additionalProperties"`
				Properties           struct {
					Metadata struct {
						AdditionalProperties map[string]any `json:"additionalProperties"`
					} `json:"metadata"`
					Members struct {
						Items struct {
							AdditionalProperties any `json:"additionalProperties"`
						} `json:"items"`
					} `json:"members"`
				} `json:"properties"`
			} `json:"spec"`
		} `json:"properties"`
	}
	if err := json.Unmarshal(content, &schema); err != nil {
		t.Fatal(err)
	}
	p := schema.Properties
	for what, closed := range map[string]any{"root": schema.AdditionalProperties, "spec": p.Spec.AdditionalProperties, "member": p.Spec.Properties.Members.Items.AdditionalProperties} {
		if closed != false {
			t.Errorf("%s accepts unknown fields: %v", what, closed)
		}
	}
	if p.APIVersion.Const != "chat.example/v1" || p.Metadata.AdditionalProperties != nil || p.Spec.Properties.Metadata.AdditionalProperties["type"] != "string" {
		t.Errorf("schema %s", content)
	}
}

// Editors, kubeconform, kustomize, Argo CD, Prometheus and Grafana find their files in a release.
func TestFilesForOtherTools(t *testing.T) {
	t.Chdir("../..")
	d := &dist{out: t.TempDir()}
	if err := d.writeSchemas(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := d.copyForOtherTools(t.Context()); err != nil {
		t.Fatal(err)
	}
	names, err := d.files()
	want := []string{"argocd-cm-patch.yaml", "crd-schemas.tar.gz", "grafana-dashboard.json", "kube-state-metrics.yaml", "kustomize-openapi.json", "prometheus-rules.yaml"}
	if diff := cmp.Diff(want, names); diff != "" || err != nil {
		t.Errorf("%v, files (-want +got):\n%s", err, diff)
	}
	content, err := os.ReadFile(d.path("kustomize-openapi.json"))
	if err != nil || !json.Valid(content) || !strings.Contains(string(content), `"userID"`) {
		t.Errorf("the schema for kustomize has no userID: %v", err)
	}
}
