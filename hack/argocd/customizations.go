// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package argocd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Health is what Argo CD shows for an object.
type Health struct {
	Status  string `json:"status"`
	Message string `json:"message,omitempty"`
}

// The health that the scripts may return.
const (
	Healthy     = "Healthy"
	Progressing = "Progressing"
	Degraded    = "Degraded"
)

// Action is an entry of the menu that Argo CD shows for an object.
type Action struct {
	Name        string `json:"name"`
	DisplayName string `json:"displayName,omitempty"`
	Disabled    bool   `json:"disabled"`
}

// Customization is the Lua for one kind.
type Customization struct {
	// Group and Kind are those of the objects.
	Group, Kind string
	// HealthLua returns the health of an object. DiscoveryLua returns its actions.
	HealthLua, DiscoveryLua string
	// ActionLua returns the object as an action changes it, by the name of the action.
	ActionLua map[string]string

	compiled map[string]script
}

// Read returns the customizations below a directory that is laid out as the directory
// resource_customizations of Argo CD.
func Read(root fs.FS) ([]*Customization, error) {
	files, err := fs.Glob(root, "*/*/health.lua")
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, errors.New("no file <group>/<kind>/health.lua")
	}
	var all []*Customization
	for _, file := range files {
		c, err := readKind(root, path.Dir(file))
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

func readKind(root fs.FS, directory string) (*Customization, error) {
	c := &Customization{Group: path.Dir(directory), Kind: path.Base(directory), ActionLua: map[string]string{}}
	for name, to := range map[string]*string{"health.lua": &c.HealthLua, "actions/discovery.lua": &c.DiscoveryLua} {
		content, err := fs.ReadFile(root, path.Join(directory, name))
		if err != nil {
			return nil, err
		}
		*to = string(content)
	}
	actions, err := fs.Glob(root, path.Join(directory, "actions", "*", "action.lua"))
	if err != nil {
		return nil, err
	}
	for _, file := range actions {
		content, err := fs.ReadFile(root, file)
		if err != nil {
			return nil, err
		}
		c.ActionLua[path.Base(path.Dir(file))] = string(content)
	}
	return c, c.compile()
}

// The names of the scripts of a kind. The others are actions.
const (
	health    = "health"
	discovery = "discovery"
)

func (c *Customization) compile() error {
	sources := map[string]string{health: c.HealthLua, discovery: c.DiscoveryLua}
	for name, source := range c.ActionLua {
		sources["action "+name] = source
	}
	c.compiled = map[string]script{}
	for name, source := range sources {
		compiled, err := compile(c.Kind+" "+name, source)
		if err != nil {
			return err
		}
		c.compiled[name] = compiled
	}
	return nil
}

// Actions returns the names of the actions.
func (c *Customization) Actions() []string { return slices.Sorted(maps.Keys(c.ActionLua)) }

// Health runs the health check.
func (c *Customization) Health(ctx context.Context, vm *VM, obj *unstructured.Unstructured) (Health, error) {
	encoded, err := vm.run(ctx, c.compiled[health], obj.Object)
	if err != nil {
		return Health{}, err
	}
	var h Health
	if err := json.Unmarshal(encoded, &h); err != nil {
		return Health{}, fmt.Errorf("health check returned %s: %w", encoded, err)
	}
	return h, nil
}

// Discover returns the actions that Argo CD shows for an object.
func (c *Customization) Discover(ctx context.Context, vm *VM, obj *unstructured.Unstructured) ([]Action, error) {
	encoded, err := vm.run(ctx, c.compiled[discovery], obj.Object)
	if err != nil {
		return nil, err
	}
	found := map[string]Action{}
	if err := json.Unmarshal(encoded, &found); err != nil {
		return nil, fmt.Errorf("discovery returned %s: %w", encoded, err)
	}
	var actions []Action
	for name, action := range found {
		action.Name = name
		actions = append(actions, action)
	}
	slices.SortFunc(actions, func(a, b Action) int { return strings.Compare(a.Name, b.Name) })
	return actions, nil
}

// Run returns the object as an action changes it. Argo CD sends the difference to the API server as
// a merge patch.
func (c *Customization) Run(ctx context.Context, vm *VM, action string, obj *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	compiled, ok := c.compiled["action "+action]
	if !ok {
		return nil, fmt.Errorf("%s has no action %s", c.Kind, action)
	}
	encoded, err := vm.run(ctx, compiled, obj.Object)
	if err != nil {
		return nil, err
	}
	changed := &unstructured.Unstructured{}
	if err := changed.UnmarshalJSON(encoded); err != nil {
		return nil, fmt.Errorf("action %s returned %s: %w", action, encoded, err)
	}
	changed.Object, _ = likeBefore(changed.Object, obj.Object).(map[string]any)
	return changed, nil
}

// likeBefore returns a value in which the empty lists are empty maps again if they were maps before
// a script ran. Lua has one type for both.
func likeBefore(after, before any) any {
	switch was := before.(type) {
	case map[string]any:
		if list, ok := after.([]any); ok && len(list) == 0 {
			return map[string]any{}
		}
		if is, ok := after.(map[string]any); ok {
			for key := range is {
				is[key] = likeBefore(is[key], was[key])
			}
		}
	case []any:
		if is, ok := after.([]any); ok {
			for i := range min(len(is), len(was)) {
				is[i] = likeBefore(is[i], was[i])
			}
		}
	}
	return after
}
