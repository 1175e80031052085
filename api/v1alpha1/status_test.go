// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"strings"
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestStatusOfThread(t *testing.T) {
	t.Parallel()
	type values = map[string]any
	kept := verdict{"status.threadID", "threadID changes only when incarnation grows"}
	for _, tc := range []struct {
		name          string
		before, after values
		want          verdict
	}{
		{"first", values{}, values{"threadID": "a"}, verdict{}},
		{"first with an incarnation", values{"incarnation": 3}, values{"threadID": "a", "incarnation": 3}, verdict{}},
		{"kept", values{"threadID": "a"}, values{"threadID": "a", "joined": "1/1"}, verdict{}},
		{"kept with a larger incarnation", values{"threadID": "a"}, values{"threadID": "a", "incarnation": 1}, verdict{}},
		{"changed", values{"threadID": "a"}, values{"threadID": "b"}, kept},
		{"changed in case", values{"threadID": "a"}, values{"threadID": "A"}, kept},
		{"changed with the same incarnation", values{"threadID": "a", "incarnation": 1},
			values{"threadID": "b", "incarnation": 1}, kept},
		{"changed with a smaller incarnation", values{"threadID": "a", "incarnation": 2},
			values{"threadID": "b", "incarnation": 1}, kept},
		{"changed with no incarnation", values{"threadID": "a", "incarnation": 1}, values{"threadID": "b"}, kept},
		{"changed with a larger incarnation", values{"threadID": "a"}, values{"threadID": "b", "incarnation": 1}, verdict{}},
		{"changed with the next incarnation", values{"threadID": "a", "incarnation": 1},
			values{"threadID": "b", "incarnation": 2}, verdict{}},
		{"removed", values{"threadID": "a"}, values{"observedGeneration": 1}, kept},
		{"null", values{"threadID": "a"}, values{"threadID": nil}, kept},
		{"removed with the same incarnation", values{"threadID": "a", "incarnation": 1}, values{"incarnation": 1}, kept},
		{"removed with a larger incarnation", values{"threadID": "a", "incarnation": 1}, values{"incarnation": 2}, verdict{}},
		{"empty", values{}, values{"threadID": ""}, verdict{"status.threadID", "at least 1 chars"}},
		{"long", values{}, values{"threadID": strings.Repeat("a", 1025)},
			verdict{"status.threadID", "may not be more than 1024"}},
		{"negative incarnation", values{}, values{"incarnation": -1},
			verdict{"status.incarnation", "greater than or equal to 0"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			object := newObject(t, thread, newNamespace(t))
			create(t, object)
			change(t, object, fields{"status": tc.before})
			if err := api.Status().Update(t.Context(), object); err != nil {
				t.Fatal(err)
			}
			change(t, object, fields{"status": tc.after})
			tc.want.check(t, api.Status().Update(t.Context(), object))
		})
	}
}

// TestStatusRemoved removes the whole status, as a user that may edit it could.
func TestStatusRemoved(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]any{"absent": absent{}, "null": nil, "empty": map[string]any{}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			object := newObject(t, thread, newNamespace(t))
			create(t, object)
			change(t, object, fields{"status": map[string]any{"threadID": "a"}})
			if err := api.Status().Update(t.Context(), object); err != nil {
				t.Fatal(err)
			}
			change(t, object, fields{"status": value})
			verdict{"status.threadID", "threadID changes only"}.check(t, api.Status().Update(t.Context(), object))
		})
	}
}

// TestStatusBeforeTheFirstReconcile checks that Flux does not regard an object as ready before the
// first reconcile.
func TestStatusBeforeTheFirstReconcile(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{connection, thread, participant} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			object := newObject(t, kind, newNamespace(t), fields{"status": map[string]any{}})
			create(t, object)
			wantUnseen(t, object)
			for _, emptied := range []any{map[string]any{}, nil, absent{}, map[string]any{"conditions": []any{}}} {
				change(t, object, fields{"status": emptied})
				if err := api.Status().Update(t.Context(), object); err != nil {
					t.Fatal(err)
				}
				wantUnseen(t, object)
			}
		})
	}
}

func wantUnseen(t *testing.T, object *unstructured.Unstructured) {
	t.Helper()
	if err := api.Get(t.Context(), client.ObjectKeyFromObject(object), object); err != nil {
		t.Fatal(err)
	}
	generation, found, err := unstructured.NestedInt64(object.Object, "status", "observedGeneration")
	if generation != -1 || !found || err != nil {
		t.Errorf("status.observedGeneration = %d, %t, %v, want -1", generation, found, err)
	}
	result, err := status.Compute(object)
	if err != nil {
		t.Fatal(err)
	}
	if result.Status != status.InProgressStatus {
		t.Errorf("kstatus = %s (%s), want InProgress", result.Status, result.Message)
	}
}

func TestStatusIsASubresource(t *testing.T) {
	t.Parallel()
	eachFull(t, func(t *testing.T, object *unstructured.Unstructured) {
		t.Helper()
		full := object.Object["status"]
		create(t, object)
		unseen := map[string]any{"observedGeneration": int64(-1)}
		if diff := cmp.Diff(unseen, object.Object["status"]); diff != "" {
			t.Errorf("status after create (-want +got):\n%s", diff)
		}
		object.Object["status"] = full
		object.SetLabels(map[string]string{"team": "a"})
		if err := api.Update(t.Context(), object); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(unseen, object.Object["status"]); diff != "" {
			t.Errorf("status after an update of the object (-want +got):\n%s", diff)
		}
		spec := object.Object["spec"]
		object.Object["status"], object.Object["spec"] = full, newObject(t, object.GetKind(), "").Object["spec"]
		if err := api.Status().Update(t.Context(), object); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(full, object.Object["status"]); diff != "" {
			t.Errorf("status after an update of it (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(spec, object.Object["spec"]); diff != "" || object.GetGeneration() != 1 {
			t.Errorf("spec of generation %d after an update of the status (-want +got):\n%s", object.GetGeneration(), diff)
		}
	})
}
