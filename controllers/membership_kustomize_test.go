// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/acstest"
	"github.com/acs-operator/acs-chat-operator/hack/processes"
)

// chatThread is a ChatThread without its spec.
const chatThread = "{apiVersion: chat.acs-operator.io/v1alpha1, kind: ChatThread, metadata: {name: room}, spec: %s}"

// schemaFile gives kustomize the merge keys of the lists.
var schemaFile = filepath.Join("..", "config", "kustomize", "openapi.json")

// With the schema, an overlay that names some participants keeps the others. Otherwise they would
// be removed, and lose their history.
func TestKustomizeOverlay(t *testing.T) {
	t.Parallel()
	schema, err := os.ReadFile(schemaFile)
	acstest.MustSucceed(t, err)
	const base = `{topic: Room, participants: [{userID: "8:acs:ada", displayName: Ada}, {userID: "8:acs:bob", displayName: Bob}]}`
	for name, c := range map[string]struct {
		patch string
		want  []string
	}{
		"adds one":    {`{userID: "8:acs:eve"}`, []string{"8:acs:ada Ada", "8:acs:bob Bob", "8:acs:eve "}},
		"renames one": {`{userID: "8:acs:bob", displayName: Robert}`, []string{"8:acs:ada Ada", "8:acs:bob Robert"}},
		"removes one": {`{userID: "8:acs:bob", $patch: delete}`, []string{"8:acs:ada Ada"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			directory := t.TempDir()
			for file, content := range map[string]any{
				"openapi.json": json.RawMessage(schema), "room.yaml": json.RawMessage(manifest(t, base)),
				"kustomization.yaml": map[string]any{"resources": []string{"room.yaml"}, "openapi": map[string]string{"path": "openapi.json"},
					"patches": []any{map[string]string{"patch": manifest(t, "{participants: ["+c.patch+"]}")}}},
			} {
				data, err := yaml.Marshal(content)
				acstest.MustSucceed(t, err)
				acstest.MustSucceed(t, os.WriteFile(filepath.Join(directory, file), data, 0o600))
			}
			output, err := processes.NewKubectl("", t.TempDir()).Run(t.Context(), "", "kustomize", directory)
			acstest.MustSucceed(t, err)
			built := &chatv1alpha1.ChatThread{}
			acstest.MustSucceed(t, yaml.UnmarshalStrict([]byte(output), built))
			var got []string
			for _, member := range built.Spec.Participants {
				got = append(got, string(member.UserID)+" "+member.DisplayName)
			}
			slices.Sort(got)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("participants (-want +got):\n%s", diff)
			}
		})
	}
}

func manifest(t *testing.T, spec string) string {
	t.Helper()
	data, err := yaml.YAMLToJSON(fmt.Appendf(nil, chatThread, spec))
	acstest.MustSucceed(t, err)
	return string(data)
}

// The schema contains each list of a spec that the API server merges by a key.
func TestKustomizeSchemaIsComplete(t *testing.T) {
	t.Parallel()
	want, got := map[string]string{}, map[string]string{}
	crds, err := filepath.Glob(filepath.Join("..", "config", "crd", "bases", "*.yaml"))
	acstest.MustSucceed(t, err)
	if len(crds) != 3 {
		t.Fatalf("%d CRDs", len(crds))
	}
	for _, file := range crds {
		content, err := os.ReadFile(file)
		acstest.MustSucceed(t, err)
		crd := struct {
			Spec struct {
				Names    struct{ Kind string }
				Versions []struct {
					Schema struct{ OpenAPIV3Schema properties }
				}
			}
		}{}
		acstest.MustSucceed(t, yaml.Unmarshal(content, &crd))
		spec := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
		spec.mergeKeys(crd.Spec.Names.Kind+".spec", want)
	}
	content, err := os.ReadFile(schemaFile)
	acstest.MustSucceed(t, err)
	schema := struct{ Definitions map[string]properties }{}
	acstest.MustSucceed(t, yaml.Unmarshal(content, &schema))
	for _, definition := range schema.Definitions {
		definition.mergeKeys(definition.Kinds[0].Kind, got)
		if definition.Properties["spec"].Properties["participants"].PatchMergeKey != "userID" {
			t.Error("kustomize does not merge participants")
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("merged lists (-CRDs +schema):\n%s", diff)
	}
}

// properties is the part of a schema that concerns objects and lists.
type properties struct {
	Properties    map[string]properties   `json:"properties"`
	Items         *properties             `json:"items"`
	MapKeys       []string                `json:"x-kubernetes-list-map-keys"`
	PatchMergeKey string                  `json:"x-kubernetes-patch-merge-key"`
	Kinds         []struct{ Kind string } `json:"x-kubernetes-group-version-kind"`
}

// mergeKeys collects the keys of all lists below a path.
func (p properties) mergeKeys(path string, keys map[string]string) {
	for _, key := range p.MapKeys {
		keys[path] += key
	}
	for name, property := range p.Properties {
		property.mergeKeys(path+"."+name, keys)
	}
	if p.Items != nil {
		p.Items.mergeKeys(path+"[]", keys)
	}
}
