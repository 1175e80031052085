// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

const (
	reference  = "#/definitions/"
	objectMeta = reference + "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
	merge      = "merge"
)

// document is the part of an API description that concerns the structure of objects.
type document struct {
	Definitions map[string]*schema `json:"definitions"`
}

// schema is the part of a definition that a merge of manifests depends on.
type schema struct {
	Ref                  string             `json:"$ref,omitempty"`
	Type                 string             `json:"type,omitempty"`
	Properties           map[string]*schema `json:"properties,omitempty"`
	Items                *schema            `json:"items,omitempty"`
	AdditionalProperties *schema            `json:"additionalProperties,omitempty"`
	MapKeys              []string           `json:"x-kubernetes-list-map-keys,omitempty"`
	MergeKey             string             `json:"x-kubernetes-patch-merge-key,omitempty"`
	Strategy             string             `json:"x-kubernetes-patch-strategy,omitempty"`
	Kinds                []kind             `json:"x-kubernetes-group-version-kind,omitempty"`
}

// kind is a kind of objects that a definition describes.
type kind struct {
	Group   string `json:"group"`
	Kind    string `json:"kind"`
	Version string `json:"version"`
}

// reduce returns the definitions that have a list to merge, and of these only what leads to such a
// list. kustomize replaces all other lists, and merges all other objects, without a schema too.
func (d document) reduce() map[string]*schema {
	needed := map[string]bool{}
	for before := -1; before != len(needed); {
		before = len(needed)
		for name, definition := range d.Definitions {
			if definition.merges(needed) {
				needed[name] = true
			}
		}
	}
	reduced := map[string]*schema{}
	for name := range needed {
		reduced[name] = d.Definitions[name].only(needed)
	}
	return reduced
}

// merges reports whether a list below a schema is merged, given the definitions that have one.
func (s *schema) merges(definitions map[string]bool) bool {
	if s == nil {
		return false
	}
	if s.Strategy != "" || definitions[strings.TrimPrefix(s.Ref, reference)] {
		return true
	}
	for _, property := range s.Properties {
		if property.merges(definitions) {
			return true
		}
	}
	return s.Items.merges(definitions) || s.AdditionalProperties.merges(definitions)
}

// only returns a schema without what has no list to merge.
func (s *schema) only(definitions map[string]bool) *schema {
	if !s.merges(definitions) {
		return nil
	}
	kept := *s
	kept.Properties = map[string]*schema{}
	for name, property := range s.Properties {
		if property := property.only(definitions); property != nil {
			kept.Properties[name] = property
		}
	}
	kept.Items = s.Items.only(definitions)
	kept.AdditionalProperties = s.AdditionalProperties.only(definitions)
	if s.Items != nil && kept.Items == nil {
		kept.Items = &schema{Type: s.Items.Type}
	}
	return &kept
}

// fromCRD converts a schema of a CRD. A list that the API server merges by a key, or as a set,
// kustomize merges too.
func fromCRD(from *apiextensionsv1.JSONSchemaProps) *schema {
	to := &schema{Type: from.Type, MapKeys: from.XListMapKeys}
	if len(from.Properties) > 0 {
		to.Properties = map[string]*schema{}
	}
	for name := range from.Properties {
		property := from.Properties[name]
		to.Properties[name] = fromCRD(&property)
	}
	if from.Items != nil && from.Items.Schema != nil {
		to.Items = fromCRD(from.Items.Schema)
	}
	if from.AdditionalProperties != nil && from.AdditionalProperties.Schema != nil {
		to.AdditionalProperties = fromCRD(from.AdditionalProperties.Schema)
	}
	switch list := from.XListType; {
	case list == nil:
	case *list == "map":
		to.Strategy, to.MergeKey = merge, from.XListMapKeys[0]
	case *list == "set":
		to.Strategy = merge
	}
	return to
}
