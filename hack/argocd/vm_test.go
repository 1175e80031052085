// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package argocd

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func runSource(t *testing.T, vm *VM, source string) (string, error) {
	t.Helper()
	compiled, err := compile("test", source)
	if err != nil {
		t.Fatal(err)
	}
	result, err := vm.run(t.Context(), compiled, map[string]any{"kind": "ChatThread"})
	return string(result), err
}

// A ConfigMap cannot reach files or processes, as in Argo CD.
func TestLibraries(t *testing.T) {
	const source = `local os = require("os")
return {tostring(string ~= nil), tostring(io ~= nil), tostring(os.execute ~= nil), tostring(os.time() > 0)}`
	for name, want := range map[string]string{"from a ConfigMap": `["false","false","false","true"]`, "as a part of Argo CD": `["true","true","false","true"]`} {
		if got, err := runSource(t, machines[name], source); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", name, got, err, want)
		}
	}
}

func TestScriptsThatFail(t *testing.T) {
	for source, want := range map[string]string{
		"while true do end":   "context deadline exceeded",
		"return 1":            "returned a number",
		"return obj.spec.x":   "attempt to index",
		`error("no such", 0)`: "no such",
		"return {1, nil, 3}":  "sparse array",
		"return {}":           "",
	} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			_, err := runSource(t, &VM{}, source)
			if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want %q", err, want)
			}
		})
	}
}

// A script that failed or left values behind does not change the next run.
func TestStatesAreReused(t *testing.T) {
	vm := &VM{}
	for range 3 {
		if _, err := runSource(t, vm, `error("no such", 0)`); err == nil {
			t.Fatal("no error")
		}
		if got, err := runSource(t, vm, `return {kind = obj.kind}`); err != nil || got != `{"kind":"ChatThread"}` {
			t.Errorf("%s, %v", got, err)
		}
	}
}

// The scripts set no global, which would stay for the next run.
func TestScriptsSetNoGlobals(t *testing.T) {
	for _, c := range customizations(t) {
		for name, compiled := range c.compiled {
			if setsGlobal(compiled.proto) {
				t.Errorf("%s %s sets a global", c.Kind, name)
			}
		}
	}
	compiled, err := compile("test", "local function set() x = 1 end\nreturn {}")
	if err != nil || !setsGlobal(compiled.proto) {
		t.Errorf("a script that sets a global is not recognized: %v", err)
	}
}

func setsGlobal(proto *lua.FunctionProto) bool {
	// The operation is in the highest 6 bits of an instruction.
	return slices.ContainsFunc(proto.Code, func(instruction uint32) bool { return int(instruction>>26) == lua.OP_SETGLOBAL }) ||
		slices.ContainsFunc(proto.FunctionPrototypes, setsGlobal)
}

// The largest object that the schema allows takes a small part of the time that Argo CD gives.
func TestLargestObject(t *testing.T) {
	for _, c := range customizations(t) {
		obj := c.object(t, "testdata/healthy.yaml")
		set := func(value any, fields ...string) {
			if err := unstructured.SetNestedField(obj.Object, value, fields...); err != nil {
				t.Fatal(err)
			}
		}
		var members, conditions, refused []any
		for i := range 249 {
			members = append(members, map[string]any{"userID": fmt.Sprintf("8:acs:%0250d", i), "displayName": strings.Repeat("x", 256)})
		}
		for i := range 8 {
			conditions = append(conditions, map[string]any{"type": fmt.Sprintf("Other%d", i), "status": "True", "message": strings.Repeat("x", 32768)})
		}
		for i := range 20 {
			refused = append(refused, map[string]any{"userID": fmt.Sprintf("8:acs:%0250d", i), "message": strings.Repeat("x", 1024)})
		}
		set(members, "spec", "participants")
		set(conditions, "status", "conditions")
		set(refused, "status", "rejected")
		start := time.Now()
		if _, err := c.Health(t.Context(), &VM{}, obj); err != nil {
			t.Errorf("%s: %v", c.Kind, err)
		}
		if took := time.Since(start); took > timeLimit/4 {
			t.Errorf("%s: took %s", c.Kind, took)
		}
	}
}
