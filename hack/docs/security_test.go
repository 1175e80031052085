// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"
)

// The table of permissions has each rule of the operator's role, and no other.
func TestSecurityModelHasThePermissions(t *testing.T) {
	role := &rbacv1.ClusterRole{}
	if err := yaml.UnmarshalStrict([]byte(document(t, "config/rbac/role.yaml")), role); err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, rule := range role.Rules {
		want = append(want, describeRule(rule.APIGroups, slices.Concat(rule.Resources, rule.ResourceNames), rule.Verbs))
	}
	for row := range strings.Lines(between(t, "docs/security-model.md", "\n## Permissions of the operator\n")) {
		cells := strings.Split(row, " | ")
		if len(cells) != 4 || !strings.Contains(cells[2], "`") {
			continue
		}
		groups := quoted(cells[0])
		if strings.HasPrefix(cells[0], "| core") {
			groups = append(groups, "")
		}
		got = append(got, describeRule(groups, quoted(cells[1]), quoted(cells[2])))
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("permissions in config/rbac/role.yaml and in docs/security-model.md: -want +got\n%s", diff)
	}
}

func describeRule(lists ...[]string) string {
	var parts []string
	for _, list := range lists {
		slices.Sort(list)
		parts = append(parts, strings.Join(list, ","))
	}
	return strings.Join(parts, " ")
}

// quoted returns the pieces of code in a text.
func quoted(text string) (all []string) {
	for _, found := range code.FindAllStringSubmatch(text, -1) {
		all = append(all, found[1])
	}
	return all
}
