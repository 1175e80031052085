// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

func TestDefaults(t *testing.T) {
	t.Parallel()
	type values = map[string]any
	for _, tc := range []struct {
		name, kind string
		set        fields
		want       values
	}{
		{"connection", connection, nil, values{
			"connectionStringSecretRef": values{"name": "acs", "key": "connectionString"},
			"allowedNamespaces":         values{"from": "Same"},
		}},
		{"connection's lists", connection, fields{"spec.allowedNamespaces": values{}, "spec.serviceUsers": values{}}, values{
			"connectionStringSecretRef": values{"name": "acs", "key": "connectionString"},
			"allowedNamespaces":         values{"from": "Same"},
			"serviceUsers":              values{"count": int64(1)},
		}},
		{"thread", thread, nil, values{
			"topic": "Release 1.0", "connectionRef": values{"name": "default"}, "managementPolicy": "Manage",
			"resyncInterval": "10m",
		}},
		{"nulls", thread, fields{"spec.connectionRef": nil, "spec.managementPolicy": nil, "spec.resyncInterval": nil}, values{
			"topic": "Release 1.0", "connectionRef": values{"name": "default"}, "managementPolicy": "Manage",
			"resyncInterval": "10m",
		}},
		{"connection of a namespace", thread, fields{"spec.connectionRef": values{"namespace": "a"}}, values{
			"topic": "Release 1.0", "connectionRef": values{"name": "default", "namespace": "a"}, "managementPolicy": "Manage",
			"resyncInterval": "10m",
		}},
		{"inline participants have none", thread, fields{"spec.participants": []any{values{"userID": "8:acs:anna"}}}, values{
			"topic": "Release 1.0", "connectionRef": values{"name": "default"}, "managementPolicy": "Manage",
			"resyncInterval": "10m",
			"participants":   []any{values{"userID": "8:acs:anna"}},
		}},
		{"participant", participant, nil, values{
			"threadRef": values{"name": "release"}, "userID": "8:acs:anna", "shareHistory": "All",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			object := newObject(t, tc.kind, newNamespace(t), tc.set)
			create(t, object)
			if diff := cmp.Diff(tc.want, object.Object["spec"]); diff != "" {
				t.Errorf("spec (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPolicies checks the defaults that depend on other fields.
func TestPolicies(t *testing.T) {
	t.Parallel()
	type policies struct {
		Membership chatv1alpha1.MembershipPolicy
		Deletion   chatv1alpha1.DeletionPolicy
		Recreation chatv1alpha1.RecreationPolicy
	}
	for _, tc := range []struct {
		name string
		spec chatv1alpha1.ChatThreadSpec
		want policies
	}{
		{"own", chatv1alpha1.ChatThreadSpec{}, policies{"Exclusive", "Delete", "Recreate"}},
		{"adopted", chatv1alpha1.ChatThreadSpec{ThreadID: "19:a"}, policies{"Additive", "Retain", "Never"}},
		{"retention", chatv1alpha1.ChatThreadSpec{Retention: &chatv1alpha1.Retention{DeleteAfterDays: 30}},
			policies{"Exclusive", "Delete", "Never"}},
		{"own, declared", chatv1alpha1.ChatThreadSpec{
			Retention:        &chatv1alpha1.Retention{DeleteAfterDays: 30},
			MembershipPolicy: "Additive", DeletionPolicy: "Retain", RecreationPolicy: "Recreate",
		}, policies{"Additive", "Retain", "Recreate"}},
		{"adopted, declared", chatv1alpha1.ChatThreadSpec{
			ThreadID: "19:a", MembershipPolicy: "Exclusive", DeletionPolicy: "Delete", RecreationPolicy: "Recreate",
		}, policies{"Exclusive", "Delete", "Recreate"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			object := &chatv1alpha1.ChatThread{Spec: tc.spec}
			got := policies{object.Membership(), object.Deletion(), object.Recreation()}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("policies (-want +got):\n%s", diff)
			}
		})
	}
}

func TestConnectionNamespace(t *testing.T) {
	t.Parallel()
	object := &chatv1alpha1.ChatThread{ObjectMeta: metav1.ObjectMeta{Namespace: "team"}}
	if got := object.ConnectionNamespace(); got != "team" {
		t.Errorf("namespace = %q, want the thread's", got)
	}
	object.Spec.ConnectionRef.Namespace = "platform"
	if got := object.ConnectionNamespace(); got != "platform" {
		t.Errorf("namespace = %q, want the declared one", got)
	}
}
