// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

type schema = apiextensionsv1.JSONSchemaProps

const (
	// element is the path segment for the elements of a list, and member that for the values of a
	// map.
	element = "[]"
	member  = "{}"
)

// walk visits a schema and its subschemas, outer ones first.
func walk(path []string, node *schema, visit func(path []string, node *schema)) {
	visit(path, node)
	for _, name := range slices.Sorted(maps.Keys(node.Properties)) {
		property := node.Properties[name]
		walk(append(slices.Clone(path), name), &property, visit)
	}
	if node.Items != nil && node.Items.Schema != nil {
		walk(append(slices.Clone(path), element), node.Items.Schema, visit)
	}
	if node.AdditionalProperties != nil && node.AdditionalProperties.Schema != nil {
		walk(append(slices.Clone(path), member), node.AdditionalProperties.Schema, visit)
	}
}

// section returns the schema of spec or status.
func section(t *testing.T, kind, name string) *schema {
	t.Helper()
	versions := definitions[kind].Spec.Versions
	if len(versions) != 1 {
		t.Fatalf("versions = %d, want 1", len(versions))
	}
	node, found := versions[0].Schema.OpenAPIV3Schema.Properties[name]
	if !found {
		t.Fatalf("%s has no %s", kind, name)
	}
	return &node
}

// eachNode runs a check on each schema in the spec and the status of each kind.
func eachNode(t *testing.T, check func(t *testing.T, path []string, node *schema)) {
	t.Helper()
	for _, kind := range []string{connection, thread, participant} {
		for _, name := range []string{"spec", "status"} {
			visited := 0
			walk([]string{kind, name}, section(t, kind, name), func(path []string, node *schema) {
				visited++
				check(t, path, node)
			})
			if visited < 5 {
				t.Errorf("%s.%s has %d fields, want more", kind, name, visited)
			}
		}
	}
}

func TestSchemaIsBounded(t *testing.T) {
	t.Parallel()
	eachNode(t, func(t *testing.T, path []string, node *schema) {
		t.Helper()
		// No marker applies to fields of metav1.Condition. A rule on the list makes the API server
		// parse this time.
		isTime := node.Format == "date-time" && path[len(path)-1] == "lastTransitionTime"
		if !isBounded(node) && !isTime {
			t.Errorf("%s: %s is not bounded", strings.Join(path, "."), node.Type)
		}
		if node.XIntOrString || node.XPreserveUnknownFields != nil || node.XEmbeddedResource || node.Nullable {
			t.Errorf("%s holds more than one type", strings.Join(path, "."))
		}
	})
}

func isBounded(node *schema) bool {
	switch node.Type {
	case "string":
		return node.MaxLength != nil || len(node.Enum) > 0
	case "integer":
		return node.Format != ""
	case "array":
		return node.MaxItems != nil && node.XListType != nil
	case "object":
		return len(node.Properties) > 0 || node.MaxProperties != nil
	default:
		return node.Type == "boolean"
	}
}

func TestSchemaIsDescribed(t *testing.T) {
	t.Parallel()
	eachNode(t, func(t *testing.T, path []string, node *schema) {
		t.Helper()
		if last := path[len(path)-1]; last != element && last != member && node.Description == "" {
			t.Errorf("%s has no description", strings.Join(path, "."))
		}
		for _, rule := range node.XValidations {
			if rule.Message == "" && rule.MessageExpression == "" {
				t.Errorf("%s: rule %s has no message", strings.Join(path, "."), rule.Rule)
			}
		}
	})
}

func TestSchemaOfStatus(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{connection, thread, participant} {
		node := section(t, kind, "status")
		if conditions := node.Properties["conditions"]; conditions.MaxItems == nil || *conditions.MaxItems > 8 {
			t.Errorf("%s: conditions hold at most %v, want 8", kind, conditions.MaxItems)
		}
		if node.Default == nil || string(node.Default.Raw) != `{"observedGeneration":-1}` {
			t.Errorf("%s: default of status = %v", kind, node.Default)
		}
		if definitions[kind].Spec.Versions[0].Subresources.Status == nil {
			t.Errorf("%s: status is no subresource", kind)
		}
	}
}
