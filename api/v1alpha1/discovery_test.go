// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

func TestNames(t *testing.T) {
	t.Parallel()
	type names struct {
		Plural, Singular string
		Short, Category  []string
		Namespaced       bool
	}
	list, err := server.ServerResourcesForGroupVersionWithContext(t.Context(), chatv1alpha1.GroupVersion.String())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]names{}
	var subresources []string
	for _, resource := range list.APIResources {
		if strings.Contains(resource.Name, "/") {
			subresources = append(subresources, resource.Name)
			continue
		}
		got[resource.Kind] = names{
			resource.Name, resource.SingularName, resource.ShortNames, resource.Categories, resource.Namespaced,
		}
	}
	want := map[string]names{
		connection:  {"chatconnections", "chatconnection", []string{"chconn"}, []string{"acs-chat"}, true},
		thread:      {"chatthreads", "chatthread", []string{"cht"}, []string{"acs-chat"}, true},
		participant: {"chatparticipants", "chatparticipant", []string{"chp"}, []string{"acs-chat"}, true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	slices.Sort(subresources)
	wantSubresources := []string{"chatconnections/status", "chatparticipants/status", "chatthreads/status"}
	if diff := cmp.Diff(wantSubresources, subresources); diff != "" {
		t.Errorf("subresources (-want +got):\n%s", diff)
	}
}

// TestColumns reads the table that kubectl prints.
func TestColumns(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ kind, narrow, wide, row string }{
		{connection, "Name Endpoint Ready Reason Age", "Service-Users Message",
			`full https://contoso.communication.azure.com False Throttled 0s ["8:acs:operator"] Wait a bit.`},
		{thread, "Name Topic Joined Ready Reason Age", "Thread-ID Service-User Message",
			`full Release 1.0 1/2 False Throttled 0s 19:abc@thread.v2 8:acs:operator Wait a bit.`},
		{participant, "Name Thread User Ready Reason Age", "Message",
			`full release 8:acs:anna False Throttled 0s Wait a bit.`},
	} {
		t.Run(tc.kind, func(t *testing.T) {
			t.Parallel()
			object := full(t, tc.kind)
			object.SetNamespace(newNamespace(t))
			object.SetName("full")
			status := object.Object["status"]
			create(t, object)
			change(t, object, fields{"status": status})
			if err := api.Status().Update(t.Context(), object); err != nil {
				t.Fatal(err)
			}
			var narrow, wide, row []string
			read := table(t, tc.kind, object.GetNamespace())
			for i, column := range read.ColumnDefinitions {
				cell, _ := read.Rows[0].Cells[i].(string)
				if column.Name == "Age" {
					cell = "0s"
				}
				row = append(row, cell)
				if column.Priority == 0 {
					narrow = append(narrow, column.Name)
				} else {
					wide = append(wide, column.Name)
				}
			}
			got := []string{strings.Join(narrow, " "), strings.Join(wide, " "), strings.Join(row, " ")}
			if diff := cmp.Diff([]string{tc.narrow, tc.wide, tc.row}, got); diff != "" {
				t.Errorf("columns, wide columns and cells (-want +got):\n%s", diff)
			}
		})
	}
}

func table(t *testing.T, kind, namespace string) metav1.Table {
	t.Helper()
	data, err := server.RESTClient().Get().AbsPath(resourcePath(kind, namespace)).
		SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").DoRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var read metav1.Table
	if err := json.Unmarshal(data, &read); err != nil {
		t.Fatal(err)
	}
	if len(read.Rows) != 1 {
		t.Fatalf("rows = %d, want 1", len(read.Rows))
	}
	return read
}

func resourcePath(kind, namespace string, more ...string) string {
	plural := definitions[kind].Spec.Names.Plural
	path := []string{"/apis", chatv1alpha1.GroupVersion.String(), "namespaces", namespace, plural}
	return strings.Join(append(path, more...), "/")
}

func TestSelectableFields(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	for _, name := range []string{"a", "a", "b"} {
		create(t, newObject(t, participant, namespace, fields{"spec.threadRef.name": name}))
	}
	for name, want := range map[string]int{"a": 2, "b": 1, "c": 0} {
		list := &chatv1alpha1.ChatParticipantList{}
		selected := client.MatchingFields{"spec.threadRef.name": name}
		if err := api.List(t.Context(), list, client.InNamespace(namespace), selected); err != nil {
			t.Fatal(err)
		}
		if len(list.Items) != want {
			t.Errorf("ChatParticipants of %s = %d, want %d", name, len(list.Items), want)
		}
	}
	for _, ref := range []fields{{}, {"spec.connectionRef.namespace": "x"}, {"spec.connectionRef.name": "a"}, {"spec.connectionRef.name": "a", "spec.connectionRef.namespace": "x"}} {
		create(t, newObject(t, thread, namespace, ref))
	}
	for _, c := range []struct {
		name, namespace string
		want            int
	}{{"default", "", 1}, {"default", "x", 1}, {"a", "", 1}, {"a", "x", 1}, {"a", "y", 0}, {"b", "", 0}} {
		list := &chatv1alpha1.ChatThreadList{}
		selected := client.MatchingFields{"spec.connectionRef.name": c.name, "spec.connectionRef.namespace": c.namespace}
		if err := api.List(t.Context(), list, client.InNamespace(namespace), selected); err != nil {
			t.Fatal(err)
		}
		if len(list.Items) != c.want {
			t.Errorf("ChatThreads of connection %s/%s = %d, want %d", c.namespace, c.name, len(list.Items), c.want)
		}
	}
}
