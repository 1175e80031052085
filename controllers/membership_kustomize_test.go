// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/acstest"
	"github.com/acs-operator/acs-chat-operator/hack/processes"
)

// Objects without their spec.
const (
	chatThread     = "{apiVersion: chat.acs-operator.io/v1alpha1, kind: ChatThread, metadata: {name: room}, spec: %s}"
	chatConnection = "{apiVersion: chat.acs-operator.io/v1alpha1, kind: ChatConnection, metadata: {name: room}, spec: %s}"
	deployment     = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: room}, spec: {template: {spec: %s}}}"
)

// schemaFile gives kustomize the merge keys of the lists.
var schemaFile = filepath.Join("..", "config", "kustomize", "openapi.json")

// With the schema, an overlay that names some participants keeps the others. Otherwise they would
// be removed, and lose their history. The same holds for pinned service users, without which no
// rebuilt cluster finds its threads, and for what kustomize merges anyway.
func TestKustomizeOverlay(t *testing.T) {
	t.Parallel()
	const (
		members    = `{participants: [{userID: "8:acs:ada", displayName: Ada}, {userID: "8:acs:bob", displayName: Bob}]}`
		users      = `{serviceUsers: {ids: ["8:acs:one", "8:acs:two"]}}`
		containers = `{containers: [{name: app, ports: [{containerPort: 53, protocol: UDP}, {containerPort: 53, protocol: TCP}]}, {name: proxy}]}`
	)
	for name, c := range map[string]struct{ form, base, patch, want string }{
		"adds one":    {chatThread, members, `{participants: [{userID: "8:acs:eve"}]}`, "8:acs:ada Ada, 8:acs:bob Bob, 8:acs:eve"},
		"renames one": {chatThread, members, `{participants: [{userID: "8:acs:bob", displayName: Robert}]}`, "8:acs:ada Ada, 8:acs:bob Robert"},
		"removes one": {chatThread, members, `{participants: [{userID: "8:acs:bob", $patch: delete}]}`, "8:acs:ada Ada"},
		"pins one":    {chatConnection, users, `{serviceUsers: {ids: ["8:acs:two", "8:acs:three"]}}`, "8:acs:one, 8:acs:three, 8:acs:two"},
		"a sidecar":   {deployment, containers, `{containers: [{name: logs}]}`, "app 53/TCP 53/UDP, logs, proxy"},
		"a port": {deployment, containers, `{containers: [{name: app, ports: [{containerPort: 53, protocol: TCP, name: dns}]}]}`,
			"app 53/TCP=dns 53/UDP, proxy"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, buildOverlay(t, c.form, c.base, c.patch, copySchema)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// Without the schema the list of participants is replaced: the reason for it.
func TestKustomizeReplacesWithoutSchema(t *testing.T) {
	t.Parallel()
	got := buildOverlay(t, chatThread, `{participants: [{userID: "8:acs:ada"}]}`, `{participants: [{userID: "8:acs:eve"}]}`,
		func(*testing.T, *os.Root) string { return "" })
	if got != "8:acs:eve" {
		t.Errorf("kustomize knows the key without the schema: %s", got)
	}
}

// A kustomization may name the file of a release by its address.
func TestKustomizeSchemaByAddress(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.FileServer(http.Dir(filepath.Dir(schemaFile))))
	t.Cleanup(server.Close)
	got := buildOverlay(t, chatThread, `{participants: [{userID: "8:acs:ada"}]}`, `{participants: [{userID: "8:acs:eve"}]}`,
		func(*testing.T, *os.Root) string { return server.URL + "/openapi.json" })
	if got != "8:acs:ada, 8:acs:eve" {
		t.Errorf("got %s", got)
	}
}

func copySchema(t *testing.T, directory *os.Root) string {
	t.Helper()
	content, err := os.ReadFile(schemaFile)
	acstest.MustSucceed(t, err)
	acstest.MustSucceed(t, directory.WriteFile("openapi.json", content, 0o600))
	return "openapi.json"
}

// buildOverlay builds a base with a patch, and describes the lists of the result.
func buildOverlay(t *testing.T, form, base, patch string, schema func(*testing.T, *os.Root) string) string {
	t.Helper()
	directory, err := os.OpenRoot(t.TempDir())
	acstest.MustSucceed(t, err)
	defer func() { _ = directory.Close() }()
	kustomization := map[string]any{"resources": []string{"room.yaml"}, "patches": []any{map[string]string{"patch": fmt.Sprintf(form, patch)}}}
	if path := schema(t, directory); path != "" {
		kustomization["openapi"] = map[string]string{"path": path}
	}
	content, err := yaml.Marshal(kustomization)
	acstest.MustSucceed(t, err)
	acstest.MustSucceed(t, directory.WriteFile("kustomization.yaml", content, 0o600))
	acstest.MustSucceed(t, directory.WriteFile("room.yaml", fmt.Appendf(nil, form, base), 0o600))
	output, err := processes.NewKubectl("", t.TempDir()).Run(t.Context(), "", "kustomize", directory.Name())
	acstest.MustSucceed(t, err)
	var built struct {
		Spec struct {
			chatv1alpha1.ChatThreadSpec
			ServiceUsers *chatv1alpha1.ServiceUsers
			Template     corev1.PodTemplateSpec
		}
	}
	acstest.MustSucceed(t, yaml.Unmarshal([]byte(output), &built))
	var entries []string
	for _, member := range built.Spec.Participants {
		entries = append(entries, strings.TrimSpace(string(member.UserID)+" "+member.DisplayName))
	}
	if users := built.Spec.ServiceUsers; users != nil {
		for _, id := range users.IDs {
			entries = append(entries, string(id))
		}
	}
	for _, container := range built.Spec.Template.Spec.Containers {
		entries = append(entries, container.Name+describePorts(container.Ports))
	}
	slices.Sort(entries)
	return strings.Join(entries, ", ")
}

func describePorts(ports []corev1.ContainerPort) string {
	var all []string
	for _, port := range ports {
		text := fmt.Sprintf(" %d/%s", port.ContainerPort, port.Protocol)
		if port.Name != "" {
			text += "=" + port.Name
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return strings.Join(all, "")
}

// The schema contains each list of a spec that the API server merges, for all kinds, with its key.
func TestKustomizeSchemaIsComplete(t *testing.T) {
	t.Parallel()
	want, got := map[string]string{}, map[string]string{}
	crds, err := filepath.Glob(filepath.Join("..", "config", "crd", "bases", "*.yaml"))
	acstest.MustSucceed(t, err)
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
		want[crd.Spec.Names.Kind] = "a kind"
		crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"].merged(crd.Spec.Names.Kind, want)
	}
	content, err := os.ReadFile(schemaFile)
	acstest.MustSucceed(t, err)
	schema := struct{ Definitions map[string]properties }{}
	acstest.MustSucceed(t, json.Unmarshal(content, &schema))
	for _, definition := range schema.Definitions {
		for _, kind := range definition.Kinds {
			if kind.Group == chatv1alpha1.GroupVersion.Group && kind.Version == chatv1alpha1.GroupVersion.Version {
				got[kind.Kind] = "a kind"
				definition.Properties["spec"].merged(kind.Kind, got)
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("merged lists (-CRDs +schema):\n%s", diff)
	}
	if want["ChatThread.participants"] != "userID" || want["ChatConnection.serviceUsers.ids"] != "its values" {
		t.Errorf("the CRDs merge %v", want)
	}
}

// properties is the part of a schema that concerns objects and lists. A CRD has the type of a list,
// and a schema of kustomize the strategy of a merge.
type properties struct {
	Properties map[string]properties                   `json:"properties"`
	Items      *properties                             `json:"items"`
	ListType   string                                  `json:"x-kubernetes-list-type"`
	MapKeys    []string                                `json:"x-kubernetes-list-map-keys"`
	Strategy   string                                  `json:"x-kubernetes-patch-strategy"`
	Kinds      []struct{ Group, Version, Kind string } `json:"x-kubernetes-group-version-kind"`
}

// merged collects the lists below a path that are merged, each with its key.
func (p properties) merged(path string, keys map[string]string) {
	switch {
	case p.ListType == "map", p.Strategy == "merge" && len(p.MapKeys) > 0:
		keys[path] = strings.Join(p.MapKeys, " ")
	case p.ListType == "set", p.Strategy == "merge":
		keys[path] = "its values"
	}
	for name, property := range p.Properties {
		property.merged(path+"."+name, keys)
	}
	if p.Items != nil {
		p.Items.merged(path+"[]", keys)
	}
}
