// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const selectorPath = "spec.allowedNamespaces.selector"

// labelKeys are valid keys of labels, and badLabelKeys are not.
func labelKeys() []string {
	name, prefix := strings.Repeat("n", 63), strings.Repeat("p", 253)
	return []string{"a", "A", "0", "a-b_c.d", name, "kubernetes.io/metadata.name", "a/b", "a.b-c/D_e", prefix + "/" + name}
}

func badLabelKeys() []string {
	return []string{"-a", "a-", "a b", "a\n", "ä", "/a", "a/", "A/b", "a/b/c", "a..b/c", "a.-b/c", "a-.b/c", ".a/c",
		"a./c", "-a/c", "a_b/c", strings.Repeat("n", 64), "a/" + strings.Repeat("n", 64), strings.Repeat("p", 254) + "/n"}
}

func badLabelValues() []string {
	return []string{" ", "-a", "a-", ".a", "a b", "a/b", "a\n", "ä", "a\u0000"}
}

func TestSelectorMatchLabels(t *testing.T) {
	t.Parallel()
	const (
		path    = selectorPath + ".matchLabels"
		message = "matchLabels must hold valid label keys and values"
	)
	var cases []admission
	add := func(key, value string, want verdict) {
		name := short(fmt.Sprintf("%q=%q", value, key))
		cases = append(cases, admission{name, selecting(fields{path: map[string]any{key: value}}), want})
	}
	for _, key := range labelKeys() {
		add(key, "v", verdict{})
	}
	for _, key := range append(badLabelKeys(), "") {
		add(key, "v", verdict{path, message})
	}
	for _, value := range []string{"", "a", "A-b_c.0", strings.Repeat("v", 63)} {
		add("k", value, verdict{})
	}
	for _, value := range badLabelValues() {
		add("k", value, verdict{path, message})
	}
	add("k", strings.Repeat("v", 64), verdict{path + ".k", "may not be more than 63"})
	many := map[string]any{}
	for i := range 17 {
		many[fmt.Sprintf("k%d", i)] = "v"
	}
	tooMany := verdict{path, "must have at most 16 items"}
	cases = append(cases, admission{"17 labels", selecting(fields{path: many}), tooMany})
	testAdmission(t, connection, cases)
}

func TestSelectorMatchExpressions(t *testing.T) {
	t.Parallel()
	const (
		path    = selectorPath + ".matchExpressions"
		first   = path + "[0]"
		message = "values are required with In and NotIn, and forbidden with Exists and DoesNotExist"
	)
	cases := []admission{}
	add := func(name string, expression map[string]any, want verdict) {
		cases = append(cases, admission{name, selecting(fields{path: []any{expression}}), want})
	}
	for _, key := range labelKeys() {
		add(short("key "+key), map[string]any{"key": key, "operator": "Exists"}, verdict{})
	}
	for _, key := range badLabelKeys() {
		add(short("key "+key), map[string]any{"key": key, "operator": "Exists"}, verdict{first + ".key", ""})
	}
	for _, value := range badLabelValues() {
		add("value "+value, map[string]any{"key": "k", "operator": "In", "values": []any{value}},
			verdict{first + ".values[0]", "should match"})
	}
	for _, operator := range []string{"In", "NotIn"} {
		add(operator, map[string]any{"key": "k", "operator": operator, "values": []any{"a", ""}}, verdict{})
		add(operator+" of none", map[string]any{"key": "k", "operator": operator, "values": []any{}}, verdict{first, message})
		add(operator+" alone", map[string]any{"key": "k", "operator": operator}, verdict{first, message})
	}
	for _, operator := range []string{"Exists", "DoesNotExist"} {
		add(operator, map[string]any{"key": "k", "operator": operator}, verdict{})
		add(operator+" of none", map[string]any{"key": "k", "operator": operator, "values": []any{}}, verdict{})
		add(operator+" of one", map[string]any{"key": "k", "operator": operator, "values": []any{"a"}},
			verdict{first, message})
	}
	add("key empty", map[string]any{"key": "", "operator": "Exists"}, verdict{first + ".key", "at least 1 chars"})
	add("key missing", map[string]any{"operator": "Exists"}, verdict{first + ".key", "Required value"})
	add("operator missing", map[string]any{"key": "k"}, verdict{first + ".operator", "Required value"})
	add("operator unknown", map[string]any{"key": "k", "operator": "Gt"},
		verdict{first + ".operator", "Unsupported value"})
	add("65 values", map[string]any{"key": "k", "operator": "In", "values": numbered(65)},
		verdict{first + ".values", "must have at most 64 items"})
	testAdmission(t, connection, cases)
}

func selecting(set fields) fields {
	set["spec.allowedNamespaces.from"] = "Selector"
	return set
}

func numbered(n int) []string {
	list := []string{}
	for i := range n {
		list = append(list, fmt.Sprint(i))
	}
	return list
}

// TestSelectorIsAsInKubernetes compares the accepted and refused values with the validation of
// apimachinery.
func TestSelectorIsAsInKubernetes(t *testing.T) {
	t.Parallel()
	valid := func(key, value string) bool {
		_, err := metav1.LabelSelectorAsSelector(&metav1.LabelSelector{MatchLabels: map[string]string{key: value}})
		return err == nil
	}
	for _, key := range labelKeys() {
		if !valid(key, "v") {
			t.Errorf("key %q is not valid", key)
		}
	}
	for _, key := range badLabelKeys() {
		if valid(key, "v") {
			t.Errorf("key %q is valid", key)
		}
	}
	for _, value := range badLabelValues() {
		if valid("k", value) {
			t.Errorf("value %q is valid", value)
		}
	}
}
