// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
)

func always(value any) func(*mistakes) any { return func(*mistakes) any { return value } }

// unknownUser does not exist in the ACS resource. strangeUser belongs to another one.
const (
	unknownUser = "8:acs:" + emulator.DefaultResourceID + "_00000000-0000-4000-8000-0000000000ff"
	strangeUser = "8:acs:0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d_00000000-0000-4000-8000-0000000000ff"
)

func badValues() []badValue {
	return slices.Concat(badThreads(), badMembers(), badConnections(), badQuotas(), badParticipants())
}

func badThreads() []badValue {
	long := strings.Repeat("x", 600)
	return []badValue{
		{kind: "ChatThread", field: "spec.connectionRef.name", bad: append(refused("No Name", ""), bad{"missing", chatv1alpha1.ReasonConnectionNotFound}),
			good: always("default"), immutable: true},
		{kind: "ChatThread", field: "spec.connectionRef.namespace", bad: append(refused("No Name"), bad{"kube-public", chatv1alpha1.ReasonConnectionNotFound}),
			good: always(nil), immutable: true},
		{kind: "ChatThread", field: "spec.topic", bad: refused("", " blank", "line\nbreak", long), good: always("another topic")},
		{kind: "ChatThread", field: "spec.membershipPolicy", bad: refused("Both", ""), good: always("Additive")},
		{kind: "ChatThread", field: "spec.threadID", bad: append(refused("two words", "", ".", ".."), bad{"19:unknown@thread.v2", chatv1alpha1.ReasonThreadGone}),
			good: adoptable, immutable: true},
		{kind: "ChatThread", field: "spec.metadata", good: always(map[string]any{"team": "blue"}),
			bad: refused(map[string]any{"acsOperatorOwner": "me"}, map[string]any{"": "x"}, map[string]any{"x": long}, map[string]any{"x": int64(1)})},
		{kind: "ChatThread", field: "spec.retention.deleteAfterDays", bad: refused(int64(29), int64(91), "30"), good: always(int64(30))},
		{kind: "ChatThread", field: "spec.deletionPolicy", bad: refused("Keep"), good: always("Delete")},
		{kind: "ChatThread", field: "spec.managementPolicy", good: always("Manage"),
			bad: append(refused("Watch"), bad{"Observe", chatv1alpha1.ReasonDrifted})},
		{kind: "ChatThread", field: "spec.recreationPolicy", bad: refused("Always"), good: always("Never")},
		{kind: "ChatThread", field: "spec.resyncInterval", bad: refused("soon", "30s", int64(600)), good: always("2m")},
	}
}

// adoptable creates a thread with a service user of the connection as a member.
func adoptable(m *mistakes) any {
	m.t.Helper()
	conn := newConnection(m.namespace, "default")
	m.get(conn)
	return m.emulator.CreateThread(m.another, "made by people", emulator.Member{ID: connection.UsersOf(conn).Recorded()[0]})
}

func badMembers() []badValue {
	members := func(member map[string]any) any { return []any{member} }
	with := func(key string, value any) any { return members(map[string]any{"userID": unknownUser, key: value}) }
	good := func(key string, value any) func(*mistakes) any {
		return func(m *mistakes) any { return members(map[string]any{"userID": m.user, key: value}) }
	}
	return []badValue{
		{kind: "ChatThread", field: "spec.participants[]", covers: []string{"spec.participants[].userID"}, good: good("displayName", "Ada"),
			bad: append(refused(members(map[string]any{"userID": "ada"}), []any{map[string]any{"userID": unknownUser}, map[string]any{"userID": unknownUser}}),
				bad{members(map[string]any{"userID": strangeUser}), chatv1alpha1.ReasonParticipantRejected})},
		{kind: "ChatThread", field: "spec.participants[]", covers: []string{"spec.participants[].displayName"}, good: good("displayName", "Ada"),
			bad: refused(with("displayName", strings.Repeat("x", 257)))},
		{kind: "ChatThread", field: "spec.participants[]", covers: []string{"spec.participants[].shareHistory"}, good: good("shareHistory", "SinceJoin"),
			bad: refused(with("shareHistory", "Some"), with("shareHistory", "SinceTime"))},
		{kind: "ChatThread", field: "spec.participants[]", covers: []string{"spec.participants[].shareHistoryTime"}, good: good("shareHistory", "All"),
			bad: refused(with("shareHistoryTime", "yesterday"), with("shareHistoryTime", "2026-01-01T00:00:00Z"))},
	}
}

func badConnections() []badValue {
	entra := func(fields map[string]any) any { return map[string]any{"entra": fields} }
	secret := always(map[string]any{"connectionStringSecretRef": map[string]any{"name": "acs"}})
	const endpoint = "https://contoso.communication.azure.com"
	selector := func(selector map[string]any) any { return map[string]any{"from": "Selector", "selector": selector} }
	expression := func(key, operator string, values ...any) any {
		return selector(map[string]any{"matchExpressions": []any{map[string]any{"key": key, "operator": operator, "values": values}}})
	}
	return []badValue{
		{kind: "ChatConnection", field: "spec.connectionStringSecretRef.name", good: always("acs"),
			bad: append(refused("No Name", ""), bad{"missing", chatv1alpha1.ReasonSecretNotFound})},
		{kind: "ChatConnection", field: "spec.connectionStringSecretRef.key", good: always("connectionString"),
			bad: append(refused("a/b", ""), bad{"missing", chatv1alpha1.ReasonSecretNotFound})},
		{kind: "ChatConnection", field: "spec", good: secret, covers: []string{"spec.entra.endpoint", "spec.entra.clientID", "spec.entra.tenantID"},
			bad: append(refused(entra(map[string]any{"endpoint": "http://contoso"}), entra(map[string]any{"endpoint": endpoint, "clientID": "a b"}),
				entra(map[string]any{"endpoint": endpoint, "tenantID": "a b"}), map[string]any{}),
				bad{entra(map[string]any{"endpoint": endpoint}), chatv1alpha1.ReasonNamespaceNotAllowed})},
		{kind: "ChatConnection", field: "spec.serviceUsers.count", bad: refused(int64(0), int64(33), "2"), good: always(int64(2))},
		{kind: "ChatConnection", field: "spec.serviceUsers.displayName", bad: refused(strings.Repeat("x", 257)), good: always("Concierge")},
		{kind: "ChatConnection", field: "spec.serviceUsers.ids[]", good: func(m *mistakes) any { return []any{m.another} },
			bad: append(refused([]any{"8:orgid:ada"}, []any{unknownUser, unknownUser}),
				bad{[]any{unknownUser}, chatv1alpha1.ReasonInvalidRequest}, bad{[]any{strangeUser}, chatv1alpha1.ReasonInvalidRequest})},
		{kind: "ChatConnection", field: "spec.allowedNamespaces.from", bad: refused("Some"), good: always("All")},
		{kind: "ChatConnection", field: "spec.allowedNamespaces", good: always(selector(map[string]any{"matchLabels": map[string]any{"team": "blue"}})),
			covers: []string{"spec.allowedNamespaces.selector.matchLabels", "spec.allowedNamespaces.selector.matchExpressions[].key",
				"spec.allowedNamespaces.selector.matchExpressions[].operator", "spec.allowedNamespaces.selector.matchExpressions[].values[]"},
			bad: refused(selector(map[string]any{"matchLabels": map[string]any{"team": "b l u e"}}), selector(map[string]any{"matchLabels": map[string]any{"t e a m": "blue"}}),
				expression("t e a m", "In", "blue"), expression("team", "Near", "blue"), expression("team", "In", "b l u e"))},
	}
}

func badQuotas() []badValue {
	all := []badValue{{kind: "ChatConnection", field: "spec.maxDeletions", covers: []string{"spec.maxDeletions.count", "spec.maxDeletions.per"},
		bad:  refused(map[string]any{"count": int64(-1)}, map[string]any{"per": "1h"}, map[string]any{"count": int64(1), "per": "soon"}),
		good: always(map[string]any{"count": int64(5), "per": "10m"})}}
	for _, operation := range []string{"createThread", "deleteThread", "updateThread", "changeMembers", "readThread", "listMembers"} {
		all = append(all, badValue{kind: "ChatConnection", field: "spec.quotas." + operation,
			covers: []string{"spec.quotas." + operation + ".per10s", "spec.quotas." + operation + ".perMinute"},
			bad:    refused(map[string]any{"per10s": int64(0)}, map[string]any{"per10s": int64(1), "perMinute": int64(0)}, map[string]any{"perMinute": int64(1)}),
			good:   always(map[string]any{"per10s": int64(5), "perMinute": int64(20)})})
	}
	return all
}

func badParticipants() []badValue {
	return []badValue{
		{kind: "ChatParticipant", field: "spec.threadRef.name", bad: append(refused("No Name", ""), bad{"missing", chatv1alpha1.ReasonThreadNotFound}),
			good: always("room"), immutable: true},
		{kind: "ChatParticipant", field: "spec.userID", bad: append(refused("ada"), bad{strangeUser, chatv1alpha1.ReasonRejected}),
			good: newUser, immutable: true},
		{kind: "ChatParticipant", field: "spec.displayName", bad: refused(strings.Repeat("x", 257)), good: always("Ada")},
		{kind: "ChatParticipant", field: "spec.shareHistory", bad: refused("Some", "SinceTime"), good: always("SinceJoin")},
		{kind: "ChatParticipant", field: "spec.shareHistoryTime", bad: refused("yesterday", "2026-01-01T00:00:00Z"), good: always(nil)},
	}
}

func newUser(m *mistakes) any { return m.emulator.CreateUser() }

// Every field of every kind has a bad value in the table.
func TestBadValuesOfAllFields(t *testing.T) {
	t.Parallel()
	tried := map[string]bool{}
	for _, c := range badValues() {
		for _, field := range append(c.covers, c.field) {
			tried[c.kind+" "+field] = true
		}
	}
	var untried []string
	files, err := filepath.Glob("../config/crd/bases/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict(data, crd); err != nil {
			t.Fatal(err)
		}
		for _, field := range leaves(crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"], "spec") {
			if !tried[crd.Spec.Names.Kind+" "+field] {
				untried = append(untried, crd.Spec.Names.Kind+" "+field)
			}
		}
	}
	if diff := cmp.Diff([]string(nil), untried); diff != "" {
		t.Errorf("fields without a bad value (-want +got):\n%s", diff)
	}
}

// leaves returns the fields of a schema that have no fields themselves.
func leaves(schema apiextensionsv1.JSONSchemaProps, path string) []string {
	switch {
	case schema.Items != nil && schema.Items.Schema != nil:
		return leaves(*schema.Items.Schema, path+"[]")
	case len(schema.Properties) == 0:
		return []string{path}
	}
	var all []string
	for name, property := range schema.Properties {
		all = append(all, leaves(property, path+"."+name)...)
	}
	slices.Sort(all)
	return all
}
