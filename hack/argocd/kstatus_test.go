// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package argocd

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// healthAfter is the health that belongs to a result of kstatus.
var healthAfter = map[status.Status]string{
	status.CurrentStatus:     Healthy,
	status.FailedStatus:      Degraded,
	status.InProgressStatus:  Progressing,
	status.TerminatingStatus: Progressing,
}

// The health of each object with well-formed conditions is that of kstatus. An object that has no
// observed generation or no Ready condition is Progressing, and never Healthy.
func TestHealthIsKstatus(t *testing.T) {
	c, vm := customizations(t)[0], &VM{}
	seen := map[string]int{}
	for _, conditions := range listsOfConditions(3) {
		for _, deleted := range []bool{false, true} {
			for _, observed := range []any{int64(2), int64(1), int64(3), nil} {
				obj := withStatus(conditions, observed, deleted)
				want, why := expectedHealth(t, obj)
				if got, err := c.Health(t.Context(), vm, obj); err != nil || got.Status != want || got.Message == "" {
					t.Fatalf("health %+v, %v, but kstatus %s of %v", got, err, why, obj.Object)
				}
				seen[want]++
			}
		}
	}
	if seen[Healthy] < 100 || seen[Degraded] < 100 || seen[Progressing] < 100 {
		t.Errorf("compared: %v", seen)
	}
}

// withStatus returns an object of generation 2.
func withStatus(conditions []any, observed any, deleted bool) *unstructured.Unstructured {
	metadata, fields := map[string]any{"generation": int64(2)}, map[string]any{"conditions": conditions}
	if deleted {
		metadata["deletionTimestamp"] = "2026-11-27T08:00:00Z"
	}
	if observed != nil {
		fields["observedGeneration"] = observed
	}
	return &unstructured.Unstructured{Object: map[string]any{"metadata": metadata, "status": fields}}
}

// expectedHealth returns the health that an object should have, and what kstatus says.
func expectedHealth(t *testing.T, obj *unstructured.Unstructured) (health, why string) {
	t.Helper()
	result, err := status.Compute(obj)
	if err != nil {
		t.Fatal(err)
	}
	health, why = healthAfter[result.Status], fmt.Sprintf("%s (%s)", result.Status, result.Message)
	if _, isObserved, err := unstructured.NestedInt64(obj.Object, "status", "observedGeneration"); err != nil || !isObserved || result.Message == "Resource is current" {
		health = Progressing
	}
	return health, why
}

// listsOfConditions returns all lists of up to length conditions, in any order.
func listsOfConditions(length int) [][]any {
	lists := [][]any{{}}
	for from := 0; length > 0; length-- {
		to := len(lists)
		for _, list := range lists[from:to] {
			for _, name := range []string{"Ready", "Reconciling", "Stalled", "Other"} {
				for _, value := range []string{"True", "False", "Unknown"} {
					condition := map[string]any{"type": name, "status": value, "reason": "Reason", "message": "A message.", "observedGeneration": int64(2)}
					lists = append(lists, append(slices.Clone(list), condition))
				}
			}
		}
		from = to
	}
	return lists
}

// garbage are values of each type of JSON. nil removes a field.
var garbage = []any{nil, true, int64(1), 0.5, "", "True", []any{}, []any{nil, "x"}, map[string]any{}, map[string]any{"type": "Ready", "status": "True"}}

// An object with a wrong value at any place has a health, and no error, which Argo CD would show as
// Unknown. It is Healthy or Degraded only if kstatus finds the same.
func TestHealthOfGarbage(t *testing.T) {
	vm := &VM{}
	for _, c := range customizations(t) {
		for _, name := range c.testdata(t, "testdata") {
			obj := c.object(t, name)
			replaceEach(obj.Object, func() {
				got, err := c.Health(t.Context(), vm, obj)
				if err != nil || got.Status == "" {
					t.Fatalf("%s: health %+v, error %v of %v", name, got, err, obj.Object)
				}
				if got.Status == Progressing {
					return
				}
				result, err := status.Compute(withIntegers(t, obj))
				if err == nil && (healthAfter[result.Status] != got.Status || result.Message == "Resource is current") {
					t.Errorf("%s: health %s, but kstatus %s (%s) of %v", name, got.Status, result.Status, result.Message, obj.Object)
				}
			})
		}
	}
}

// replaceEach replaces each value in an object by garbage, one at a time, and restores it.
func replaceEach(value any, visit func()) {
	switch v := value.(type) {
	case map[string]any:
		for key, was := range v {
			replaceEach(was, visit)
			for _, v[key] = range garbage {
				if v[key] == nil {
					delete(v, key)
				}
				visit()
			}
			v[key] = was
		}
	case []any:
		for i, was := range v {
			replaceEach(was, visit)
			for _, v[i] = range garbage {
				visit()
			}
			v[i] = was
		}
	}
}

// withIntegers returns an object as a client of the API server has it.
func withIntegers(t *testing.T, obj *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	content, err := json.Marshal(obj.Object)
	if err != nil {
		t.Fatal(err)
	}
	decoded := map[string]any{}
	if err := utiljson.Unmarshal(content, &decoded); err != nil {
		t.Fatal(err)
	}
	return &unstructured.Unstructured{Object: decoded}
}

// The cases that matter most, by hand.
func TestHealthWithoutStatus(t *testing.T) {
	ready := map[string]any{"type": "Ready", "status": "True", "reason": "Succeeded", "message": "All is well.", "observedGeneration": int64(1)}
	for name, c := range map[string]struct {
		status any
		want   string
	}{
		"none":                     {nil, Progressing},
		"empty":                    {map[string]any{}, Progressing},
		"a text":                   {"Ready", Progressing},
		"the default":              {map[string]any{"observedGeneration": int64(-1)}, Progressing},
		"no conditions":            {map[string]any{"observedGeneration": int64(2)}, Progressing},
		"conditions that are text": {map[string]any{"observedGeneration": int64(2), "conditions": "Ready"}, Progressing},
		"of another generation":    {map[string]any{"observedGeneration": int64(1), "conditions": []any{ready}}, Progressing},
		"of a later generation":    {map[string]any{"observedGeneration": int64(3), "conditions": []any{ready}}, Progressing},
		"ready":                    {map[string]any{"observedGeneration": int64(2), "conditions": []any{"x", ready}}, Healthy},
	} {
		obj := &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"generation": int64(2)}}}
		if c.status != nil {
			obj.Object["status"] = c.status
		}
		for _, custom := range customizations(t) {
			if got, err := custom.Health(t.Context(), &VM{}, obj); err != nil || got.Status != c.want {
				t.Errorf("%s, status %s: %+v, %v, want %s", custom.Kind, name, got, err, c.want)
			}
		}
	}
}
