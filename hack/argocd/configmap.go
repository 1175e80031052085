// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package argocd

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// keyPrefix is that of the keys of the ConfigMap argocd-cm that customize kinds:
// resource.customizations.<type>.<group>_<kind>.
const keyPrefix = "resource.customizations."

// actionsOf is the value of a key with the actions of a kind.
type actionsOf struct {
	Discovery   string             `json:"discovery.lua"`
	Definitions []actionDefinition `json:"definitions"`
}

type actionDefinition struct {
	Name string `json:"name"`
	Lua  string `json:"action.lua"`
}

// Data returns customizations as data of the ConfigMap argocd-cm.
func Data(all []*Customization) (map[string]string, error) {
	data := map[string]string{}
	for _, c := range all {
		actions := actionsOf{Discovery: c.DiscoveryLua}
		for _, name := range c.Actions() {
			actions.Definitions = append(actions.Definitions, actionDefinition{name, c.ActionLua[name]})
		}
		encoded, err := yaml.Marshal(actions)
		if err != nil {
			return nil, err
		}
		data[keyPrefix+"health."+c.Group+"_"+c.Kind] = c.HealthLua
		data[keyPrefix+"actions."+c.Group+"_"+c.Kind] = string(encoded)
	}
	return data, nil
}

// Parse returns the customizations in the data of the ConfigMap argocd-cm, as Argo CD reads it: a
// kind may have only a health check, or only actions.
func Parse(data map[string]string) ([]*Customization, error) {
	kinds := map[string]*Customization{}
	for _, key := range slices.Sorted(maps.Keys(data)) {
		// The group has dots, and the name of a type has none.
		parts := strings.SplitN(key, ".", 4)
		if len(parts) < 4 || !strings.HasPrefix(key, keyPrefix) {
			continue
		}
		group, kind, ok := strings.Cut(parts[3], "_")
		if !ok || strings.Contains(kind, "_") {
			return nil, fmt.Errorf("key %s does not end in <group>_<kind>", key)
		}
		c := kinds[parts[3]]
		if c == nil {
			c = &Customization{Group: group, Kind: kind, ActionLua: map[string]string{}}
			kinds[parts[3]] = c
		}
		if err := c.set(parts[2], data[key]); err != nil {
			return nil, fmt.Errorf("key %s: %w", key, err)
		}
	}
	var all []*Customization
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		c := kinds[name]
		if err := c.compile(); err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// set takes the value of a key.
func (c *Customization) set(kind, value string) error {
	switch kind {
	case "health":
		c.HealthLua = value
		return nil
	case "actions":
		var actions actionsOf
		if err := yaml.UnmarshalStrict([]byte(value), &actions); err != nil {
			return err
		}
		c.DiscoveryLua = actions.Discovery
		for _, definition := range actions.Definitions {
			c.ActionLua[definition.Name] = definition.Lua
		}
		return nil
	default:
		return fmt.Errorf("unknown type of customization %q", kind)
	}
}
