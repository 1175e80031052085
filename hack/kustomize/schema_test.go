// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Only what leads to a list that is merged stays, through references that form a circle as well.
func TestReduce(t *testing.T) {
	t.Parallel()
	const api = `{"definitions": {
		"Pod": {"type": "object", "properties": {"spec": {"$ref": "#/definitions/Spec"}, "status": {"$ref": "#/definitions/Status"}},
			"x-kubernetes-group-version-kind": [{"group": "", "version": "v1", "kind": "Pod"}]},
		"Spec": {"properties": {"parent": {"$ref": "#/definitions/Spec"}, "host": {"type": "string"},
			"containers": {"type": "array", "items": {"$ref": "#/definitions/Container"}, "x-kubernetes-patch-strategy": "merge", "x-kubernetes-patch-merge-key": "name"}}},
		"Container": {"properties": {"args": {"type": "array", "items": {"type": "string"}}}},
		"Status": {"properties": {"circle": {"$ref": "#/definitions/Status"}}}}}`
	var whole document
	if err := json.Unmarshal([]byte(api), &whole); err != nil {
		t.Fatal(err)
	}
	want := map[string]*schema{
		"Pod": {Type: "object", Properties: map[string]*schema{"spec": {Ref: reference + "Spec", Properties: map[string]*schema{}}},
			Kinds: []kind{{Version: "v1", Kind: "Pod"}}},
		"Spec": {Properties: map[string]*schema{
			"parent":     {Ref: reference + "Spec", Properties: map[string]*schema{}},
			"containers": {Type: "array", Items: &schema{}, Properties: map[string]*schema{}, Strategy: merge, MergeKey: "name"},
		}},
	}
	if diff := cmp.Diff(want, whole.reduce()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestRunRefuses(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "swagger.json")
	if err := os.WriteFile(empty, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for kubernetes, want := range map[string]string{"": "-kubernetes", empty: "no list has a key"} {
		if err := run("", kubernetes, filepath.Join(t.TempDir(), "openapi.json")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %s", kubernetes, err, want)
		}
	}
}
