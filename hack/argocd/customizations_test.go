// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package argocd

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	scripts "github.com/acs-operator/acs-chat-operator/config/argo-cd"
)

// healthTests and actionTests are the files health_test.yaml and action_test.yaml, which the tests
// of Argo CD read.
type healthTests struct {
	Tests []struct {
		InputPath    string `json:"inputPath"`
		HealthStatus Health `json:"healthStatus"`
	} `json:"tests"`
}

type actionTests struct {
	DiscoveryTests []struct {
		InputPath string   `json:"inputPath"`
		Result    []Action `json:"result"`
	} `json:"discoveryTests"`
	ActionTests []struct {
		Action               string `json:"action"`
		InputPath            string `json:"inputPath"`
		ExpectedOutputPath   string `json:"expectedOutputPath"`
		ExpectedErrorMessage string `json:"expectedErrorMessage"`
	} `json:"actionTests"`
}

// machines are the two ways in which Argo CD runs Lua: from a ConfigMap, and as a part of itself.
var machines = map[string]*VM{"from a ConfigMap": {}, "as a part of Argo CD": {OpenLibs: true}}

// root is the directory of the scripts.
func root(t *testing.T) fs.FS {
	t.Helper()
	root, err := scripts.Files()
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func customizations(t *testing.T) []*Customization {
	t.Helper()
	all, err := Read(root(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 3 {
		t.Fatalf("%d kinds, want 3", len(all))
	}
	return all
}

// read decodes a file beside the health check of a kind.
func (c *Customization) read(t *testing.T, name string, into any) {
	t.Helper()
	content, err := fs.ReadFile(root(t), path.Join(c.Group, c.Kind, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(content, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func (c *Customization) object(t *testing.T, name string) *unstructured.Unstructured {
	t.Helper()
	content := map[string]any{}
	c.read(t, name, &content)
	return &unstructured.Unstructured{Object: content}
}

// testdata returns the names of the objects in a directory.
func (c *Customization) testdata(t *testing.T, directory string) []string {
	t.Helper()
	files, err := fs.Glob(root(t), path.Join(c.Group, c.Kind, directory, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range files {
		files[i] = strings.TrimPrefix(files[i], path.Join(c.Group, c.Kind)+"/")
	}
	return files
}

// each runs a test for each kind and each way to run Lua.
func each(t *testing.T, test func(*testing.T, *VM, *Customization)) {
	t.Helper()
	for name, vm := range machines {
		for _, c := range customizations(t) {
			t.Run(name+"/"+c.Kind, func(t *testing.T) { test(t, vm, c) })
		}
	}
}

func TestHealthFiles(t *testing.T) {
	each(t, func(t *testing.T, vm *VM, c *Customization) {
		t.Helper()
		var tests healthTests
		c.read(t, "health_test.yaml", &tests)
		var inputs []string
		for _, test := range tests.Tests {
			inputs = append(inputs, test.InputPath)
			got, err := c.Health(t.Context(), vm, c.object(t, test.InputPath))
			if err != nil {
				t.Fatalf("%s: %v", test.InputPath, err)
			}
			if diff := cmp.Diff(test.HealthStatus, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.InputPath, diff)
			}
			if name := path.Base(test.InputPath); !strings.HasPrefix(name, strings.ToLower(got.Status)) {
				t.Errorf("%s is %s", name, got.Status)
			}
		}
		slices.Sort(inputs)
		if diff := cmp.Diff(c.testdata(t, "testdata"), inputs); diff != "" {
			t.Errorf("tested objects (-files +tests):\n%s", diff)
		}
	})
}

func TestDiscoveryFiles(t *testing.T) {
	each(t, func(t *testing.T, vm *VM, c *Customization) {
		t.Helper()
		var tests actionTests
		c.read(t, "actions/action_test.yaml", &tests)
		enabled := map[string]bool{}
		for _, test := range tests.DiscoveryTests {
			got, err := c.Discover(t.Context(), vm, c.object(t, path.Join("actions", test.InputPath)))
			if err != nil {
				t.Fatalf("%s: %v", test.InputPath, err)
			}
			slices.SortFunc(test.Result, func(a, b Action) int { return strings.Compare(a.Name, b.Name) })
			if diff := cmp.Diff(test.Result, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.InputPath, diff)
			}
			var names []string
			for _, action := range got {
				names = append(names, action.Name)
				enabled[action.Name] = enabled[action.Name] || !action.Disabled
			}
			if diff := cmp.Diff(c.Actions(), names); diff != "" {
				t.Errorf("%s: actions (-scripts +discovered):\n%s", test.InputPath, diff)
			}
		}
		for _, name := range c.Actions() {
			if !enabled[name] {
				t.Errorf("no test shows action %s enabled", name)
			}
		}
	})
}

func TestActionFiles(t *testing.T) {
	each(t, func(t *testing.T, vm *VM, c *Customization) {
		t.Helper()
		var tests actionTests
		c.read(t, "actions/action_test.yaml", &tests)
		outputs, actions := map[string]bool{}, map[string]bool{}
		for _, test := range tests.ActionTests {
			got, err := c.Run(t.Context(), vm, test.Action, c.object(t, path.Join("actions", test.InputPath)))
			if test.ExpectedErrorMessage != "" {
				if err == nil || err.Error() != test.ExpectedErrorMessage {
					t.Errorf("%s of %s: error %v, want %s", test.Action, test.InputPath, err, test.ExpectedErrorMessage)
				}
				continue
			}
			if err != nil {
				t.Fatalf("%s of %s: %v", test.Action, test.InputPath, err)
			}
			outputs[path.Join("actions", test.ExpectedOutputPath)], actions[test.Action] = true, true
			want := c.object(t, path.Join("actions", test.ExpectedOutputPath))
			if diff := cmp.Diff(plain(t, want), plain(t, got)); diff != "" {
				t.Errorf("%s of %s (-want +got):\n%s", test.Action, test.InputPath, diff)
			}
		}
		for _, name := range c.testdata(t, "actions/testdata") {
			if !outputs[name] {
				t.Errorf("no test has the output %s", name)
			}
		}
		for _, name := range c.Actions() {
			if !actions[name] {
				t.Errorf("action %s has no test", name)
			}
		}
	})
}

// plain returns an object with one type of numbers.
func plain(t *testing.T, obj *unstructured.Unstructured) string {
	t.Helper()
	content, err := yaml.Marshal(obj.Object)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// The kinds have the same conditions, and so the same health check.
func TestHealthChecksAreAlike(t *testing.T) {
	all := customizations(t)
	for _, c := range all[1:] {
		if diff := cmp.Diff(all[0].HealthLua, c.HealthLua); diff != "" {
			t.Errorf("%s differs from %s:\n%s", c.Kind, all[0].Kind, diff)
		}
	}
}

// Each request needs a value that the object did not have before.
func TestReconcileActionIsNew(t *testing.T) {
	for _, c := range customizations(t) {
		if !slices.Contains(c.Actions(), "reconcile") {
			continue
		}
		obj := c.object(t, "testdata/healthy.yaml")
		values := map[string]bool{}
		for _, version := range []string{"4711", "4712"} {
			obj.SetResourceVersion(version)
			changed, err := c.Run(t.Context(), &VM{}, "reconcile", obj)
			if err != nil {
				t.Fatal(err)
			}
			values[changed.GetAnnotations()["chat.acs-operator.io/reconcile-requested-at"]] = true
		}
		if len(values) != 2 {
			t.Errorf("%s: requests have the values %v", c.Kind, values)
		}
	}
}
