// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package argocd

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// What Argo CD reads from the ConfigMap is what the files contain.
func TestConfigMapHasTheFiles(t *testing.T) {
	all := customizations(t)
	data, err := Data(all)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(all, parsed, cmpopts.IgnoreUnexported(Customization{})); diff != "" {
		t.Errorf("(-files +ConfigMap):\n%s", diff)
	}
}

func TestParseRefuses(t *testing.T) {
	good, err := Data(customizations(t))
	if err != nil {
		t.Fatal(err)
	}
	const suffix = ".chat.acs-operator.io_ChatThread"
	for name, c := range map[string]struct{ key, value, want string }{
		"a key without a kind":     {"resource.customizations.health.example", "return {}", "does not end in <group>_<kind>"},
		"another type":             {"resource.customizations.helath" + suffix, "return {}", "unknown type"},
		"a script that is no Lua":  {"resource.customizations.health" + suffix, "this is no Lua", "parse error"},
		"actions that are no YAML": {"resource.customizations.actions" + suffix, "{", "yaml"},
	} {
		data := maps.Clone(good)
		data[c.key] = c.value
		if _, err := Parse(data); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}
