// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestUpdate(t *testing.T) {
	t.Parallel()
	const (
		id        = "spec.threadID"
		ref       = "spec.connectionRef"
		threadRef = "spec.threadRef"
		user      = "spec.userID"
	)
	keptID := verdict{id, "threadID can be neither set, changed nor taken out after creation"}
	keptRef := verdict{ref, "connectionRef is immutable"}
	keptUser := verdict{user, "userID is immutable"}
	namespaced := map[string]any{"name": "acs", "namespace": "platform"}
	for _, tc := range []struct {
		name, kind    string
		before, after fields
		want          verdict
	}{
		{"topic", thread, nil, fields{"spec.topic": "Release 2.0"}, verdict{}},
		{"threadID kept", thread, fields{id: "19:a"}, fields{"spec.topic": "Release 2.0"}, verdict{}},
		{"threadID set", thread, nil, fields{id: "19:a"}, keptID},
		{"threadID changed", thread, fields{id: "19:a"}, fields{id: "19:b"}, keptID},
		{"threadID in another case", thread, fields{id: "19:a"}, fields{id: "19:A"}, keptID},
		{"threadID removed", thread, fields{id: "19:a"}, fields{id: absent{}}, keptID},
		{"threadID null", thread, fields{id: "19:a"}, fields{id: nil}, keptID},
		{"connectionRef spelled out", thread, nil, fields{ref: map[string]any{"name": "default"}}, verdict{}},
		{"connectionRef removed where default", thread, fields{ref: map[string]any{}}, fields{ref: absent{}}, verdict{}},
		{"connectionRef removed", thread, fields{ref: namespaced}, fields{ref: absent{}}, keptRef},
		{"connection changed", thread, nil, fields{ref + ".name": "acs"}, keptRef},
		{"namespace added", thread, fields{ref + ".name": "acs"}, fields{ref: namespaced}, keptRef},
		{"namespace changed", thread, fields{ref: namespaced}, fields{ref + ".namespace": "other"}, keptRef},
		{"namespace removed", thread, fields{ref: namespaced}, fields{ref + ".namespace": absent{}}, keptRef},
		{"participants", thread, nil, fields{"spec.participants": []any{map[string]any{"userID": "8:acs:a"}}}, verdict{}},
		{"participant's name", participant, nil, fields{"spec.displayName": "Anna"}, verdict{}},
		{"participant's thread", participant, nil, fields{threadRef + ".name": "other"},
			verdict{threadRef, "threadRef is immutable"}},
		{"participant's user", participant, nil, fields{user: "8:acs:bert"}, keptUser},
		{"participant's user in another case", participant, nil, fields{user: "8:acs:Anna"}, keptUser},
		{"secret", connection, nil, fields{"spec.connectionStringSecretRef.name": "other"}, verdict{}},
		{"credentials of another sort", connection, nil, fields{
			"spec.connectionStringSecretRef": absent{}, "spec.entra": map[string]any{"endpoint": "https://contoso.com"},
		}, verdict{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			object := newObject(t, tc.kind, newNamespace(t), tc.before)
			create(t, object)
			change(t, object, tc.after)
			tc.want.check(t, api.Update(t.Context(), object))
		})
	}
}

func TestUpdateOfUnchangedObject(t *testing.T) {
	t.Parallel()
	eachFull(t, func(t *testing.T, object *unstructured.Unstructured) {
		t.Helper()
		status := object.Object["status"]
		create(t, object)
		object.Object["status"] = status
		if err := api.Status().Update(t.Context(), object); err != nil {
			t.Fatalf("update status: %v", err)
		}
		version, generation := object.GetResourceVersion(), object.GetGeneration()
		if err := api.Update(t.Context(), object); err != nil {
			t.Errorf("update: %v", err)
		}
		if err := api.Status().Update(t.Context(), object); err != nil {
			t.Errorf("update status again: %v", err)
		}
		if object.GetResourceVersion() != version {
			t.Errorf("an update without a change was stored")
		}
		object.SetLabels(map[string]string{"team": "a"})
		if err := api.Update(t.Context(), object); err != nil {
			t.Errorf("label: %v", err)
		}
		if object.GetGeneration() != generation {
			t.Errorf("generation = %d after a label, want %d", object.GetGeneration(), generation)
		}
	})
}
