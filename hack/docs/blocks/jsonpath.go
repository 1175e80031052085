// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package blocks

import (
	"fmt"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/client-go/util/jsonpath"
)

// props is a place in a schema; nil is a place of which nothing is known.
type props = *apiextensionsv1.JSONSchemaProps

// walker follows a template through the schema of a kind.
type walker struct {
	kind   string
	places []props // the objects of nested ranges, innermost last
	errs   []error
}

// checkTemplate checks a template of kubectl's jsonpath. It must fit one of the kinds, or a list of
// them.
func checkTemplate(kinds []*kind, template string) (best []error) {
	parsed, err := jsonpath.Parse("block", template)
	if err != nil {
		return []error{fmt.Errorf("%s: %w", template, err)}
	}
	for i, k := range kinds {
		w := &walker{kind: k.names.Kind, places: []props{k.listable()}}
		w.list(parsed.Root, w.places[0])
		if len(w.errs) == 0 {
			return nil
		}
		if i == 0 || len(w.errs) < len(best) {
			best = w.errs
		}
	}
	return best
}

// listable is the schema of an object that may also be a list of such objects.
func (k *kind) listable() props {
	own := k.version.Schema.OpenAPIV3Schema
	both := own.DeepCopy()
	both.Properties["items"] = apiextensionsv1.JSONSchemaProps{
		Type: "array", Items: &apiextensionsv1.JSONSchemaPropsOrArray{Schema: own},
	}
	return both
}

// checkPath checks the names of nested fields, as kubectl explain has them.
func (k *kind) checkPath(names []string) []error {
	w := &walker{kind: k.names.Kind}
	at := k.version.Schema.OpenAPIV3Schema
	for _, name := range names {
		if name != "" {
			at = w.field(at, name)
			for at != nil && at.Items != nil {
				at = at.Items.Schema
			}
		}
	}
	return w.errs
}

// list follows the nodes of a list one after another, and returns the place that they lead to.
func (w *walker) list(list *jsonpath.ListNode, at props) props {
	for i, node := range list.Nodes {
		switch n := node.(type) {
		case *jsonpath.ListNode:
			w.list(n, w.places[len(w.places)-1])
		case *jsonpath.IdentifierNode:
			if n.Name == "range" {
				rest := &jsonpath.ListNode{Nodes: list.Nodes[i+1:]}
				w.places = append(w.places, w.list(rest, at))
				return at
			}
			if n.Name == "end" && len(w.places) > 1 {
				w.places = w.places[:len(w.places)-1]
			}
		default:
			at = w.node(node, at)
		}
	}
	return at
}

func (w *walker) node(node jsonpath.Node, at props) props {
	switch n := node.(type) {
	case *jsonpath.FieldNode:
		return w.field(at, n.Value)
	case *jsonpath.ArrayNode, *jsonpath.WildcardNode:
		return element(at)
	case *jsonpath.FilterNode:
		at = element(at)
		w.list(n.Left, at)
		return at
	case *jsonpath.TextNode:
		return at
	}
	return nil
}

// field returns the place of a field, and notes if there is no such field.
func (w *walker) field(at props, name string) props {
	if at == nil || name == "" || at.XPreserveUnknownFields != nil {
		return at
	}
	if next, ok := at.Properties[name]; ok {
		return &next
	}
	if at.AdditionalProperties != nil {
		return at.AdditionalProperties.Schema
	}
	if at.Type == "object" && len(at.Properties) == 0 {
		return nil // metadata
	}
	w.errs = append(w.errs, fmt.Errorf("a %s has no field %s here", w.kind, strings.TrimSpace(name)))
	return nil
}

// element returns the place of the elements of a list.
func element(at props) props {
	if at == nil || at.Items == nil {
		return nil
	}
	return at.Items.Schema
}
