// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// TestJunk puts junk into every field of every kind. All objects that the API server accepts must
// decode: a single one that does not stops the informers, and with them the whole kind for every
// tenant.
func TestJunk(t *testing.T) {
	t.Parallel()
	for _, name := range fullNames {
		kind, _, _ := strings.Cut(name, "-")
		for _, section := range []string{"spec", "status"} {
			for _, apply := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %s apply=%t", name, section, apply), func(t *testing.T) {
					t.Parallel()
					j := &junk{base: full(t, name).Object, kind: kind, section: section, namespace: newNamespace(t), apply: apply}
					j.run(t)
				})
			}
		}
	}
}

// junk is one kind, one section of it and one way to write it.
type junk struct {
	base                     map[string]any
	kind, section, namespace string
	apply                    bool
	names, sent, stored      atomic.Int64
}

func (j *junk) run(t *testing.T) {
	t.Helper()
	t.Run("fields", func(t *testing.T) {
		seen := schemas{}
		walk([]string{j.section}, section(t, j.kind, j.section), func(path []string, node *schema) {
			if _, found := put(j.base, path, nil); !found {
				return
			}
			thorough := !j.apply && seen.first(t, node)
			t.Run(strings.Join(path, "."), func(t *testing.T) {
				t.Parallel()
				j.field(t, path, nasty(path, node, thorough))
			})
		})
	})
	t.Logf("%d of %d pieces of junk passed", j.stored.Load(), j.sent.Load())
	decoded := decodeAll(t, j.kind, j.namespace)
	if stored := int(j.stored.Load()); stored == 0 || decoded < stored {
		t.Errorf("decoded %d objects, want the %d that hold junk", decoded, stored)
	}
}

// schemas are the schemas seen so far, without their descriptions.
type schemas map[string]bool

func (s schemas) first(t *testing.T, node *schema) bool {
	t.Helper()
	bare := *node
	bare.Description = ""
	data, err := json.Marshal(bare)
	if err != nil {
		t.Fatal(err)
	}
	met := s[string(data)]
	s[string(data)] = true
	return !met
}

// field sends each of the values in an object of its own, unless the previous one was refused.
func (j *junk) field(t *testing.T, path, values []string) {
	t.Helper()
	name := ""
	for _, value := range values {
		if name == "" {
			name = fmt.Sprintf("junk-%d", j.names.Add(1))
			if j.section == "status" && !j.write(t, name, "", j.base["spec"]) {
				t.Fatal("the object without junk was refused")
			}
		}
		root, _ := put(j.base, path, json.RawMessage(value))
		j.sent.Add(1)
		subresource := strings.TrimPrefix(j.section, "spec")
		content, _ := root.(map[string]any)
		if j.write(t, name, subresource, content[j.section]) {
			j.stored.Add(1)
			name = ""
		}
	}
}

// write reports whether the content was stored. Any error other than a refusal fails the test.
func (j *junk) write(t *testing.T, name, subresource string, content any) bool {
	t.Helper()
	object := map[string]any{
		"apiVersion": chatv1alpha1.GroupVersion.String(), "kind": j.kind,
		"metadata": map[string]any{"name": name}, j.section: content,
	}
	path := resourcePath(j.kind, j.namespace, name, subresource)
	request := server.RESTClient().Post().AbsPath(resourcePath(j.kind, j.namespace)).
		SetHeader("Content-Type", "application/json")
	var body any = object
	switch {
	case subresource == "" && j.section == "status":
		delete(object, j.section)
		object["spec"] = content
	case j.apply:
		request = server.RESTClient().Patch(types.ApplyYAMLPatchType).AbsPath(path).
			Param("fieldManager", "junk")
	case subresource != "":
		request = server.RESTClient().Patch(types.JSONPatchType).AbsPath(path)
		body = []any{map[string]any{"op": "add", "path": "/status", "value": content}}
	}
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	if err := request.Body(data).Do(t.Context()).Error(); err != nil {
		if !isRefusal(err) {
			t.Errorf("write %.300s: %v", data, err)
		}
		return false
	}
	return true
}

func isRefusal(err error) bool {
	var status *apierrors.StatusError
	if !errors.As(err, &status) {
		return false
	}
	// Apply responds with 500 to content that does not match the schema's types.
	untyped := strings.HasPrefix(status.ErrStatus.Message, "failed to create typed patch object")
	return apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || untyped
}

// decodeAll lists the kind as the operator does, and returns the number of objects.
func decodeAll(t *testing.T, kind, namespace string) int {
	t.Helper()
	made, err := api.Scheme().New(chatv1alpha1.GroupVersion.WithKind(kind + "List"))
	if err != nil {
		t.Fatal(err)
	}
	list, ok := made.(client.ObjectList)
	if !ok {
		t.Fatalf("%T is no list", made)
	}
	if err := api.List(t.Context(), list, client.InNamespace(namespace)); err != nil {
		t.Errorf("list: %v", err)
		nameUndecodable(t, kind, namespace)
	}
	return apimeta.LenList(list)
}

func nameUndecodable(t *testing.T, kind, namespace string) {
	t.Helper()
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(chatv1alpha1.GroupVersion.WithKind(kind))
	if err := api.List(t.Context(), list, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	for _, item := range list.Items {
		typed, err := api.Scheme().New(item.GroupVersionKind())
		if err != nil {
			t.Fatal(err)
		}
		item.SetManagedFields(nil)
		data, err := item.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, typed); err != nil {
			t.Errorf("stored, but does not decode: %v: %.2000s", err, data)
		}
	}
}

// put returns a copy of the tree with the value at the path.
func put(node any, path []string, value any) (any, bool) {
	if len(path) == 0 {
		return value, true
	}
	switch parent := node.(type) {
	case map[string]any:
		key := path[0]
		if keys := slices.Sorted(maps.Keys(parent)); key == member && len(keys) > 0 {
			key = keys[0]
		}
		child, found := put(parent[key], path[1:], value)
		changed := maps.Clone(parent)
		changed[key] = child
		_, exists := parent[key]
		return changed, found && exists
	case []any:
		if path[0] != element || len(parent) == 0 {
			return nil, false
		}
		child, found := put(parent[0], path[1:], value)
		changed := slices.Clone(parent)
		changed[0] = child
		return changed, found
	}
	return nil, false
}

// TestFullObjects compares the objects in testdata with the schema: a field that none of them has
// would get no junk.
func TestFullObjects(t *testing.T) {
	t.Parallel()
	eachNode(t, func(t *testing.T, path []string, _ *schema) {
		t.Helper()
		for _, name := range fullNames {
			if kind, _, _ := strings.Cut(name, "-"); kind != path[0] {
				continue
			}
			if _, found := put(full(t, name).Object, path[1:], nil); found {
				return
			}
		}
		t.Errorf("no object in testdata has %s", strings.Join(path, "."))
	})
}
