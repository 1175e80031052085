// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// fields are values by their dotted paths.
type fields map[string]any

// absent removes a field.
type absent struct{}

// minimal holds the smallest set of fields that is accepted, by kind.
var minimal = map[string]fields{
	connection:  {"spec.connectionStringSecretRef.name": "acs"},
	thread:      {"spec.topic": "Release 1.0"},
	participant: {"spec.threadRef.name": "release", "spec.userID": "8:acs:anna"},
}

// newObject returns a minimal object of the kind with the changes applied.
func newObject(t *testing.T, kind, namespace string, changes ...fields) *unstructured.Unstructured {
	t.Helper()
	object := &unstructured.Unstructured{Object: map[string]any{}}
	object.SetGroupVersionKind(chatv1alpha1.GroupVersion.WithKind(kind))
	object.SetNamespace(namespace)
	object.SetGenerateName("test-")
	for _, set := range append([]fields{minimal[kind]}, changes...) {
		change(t, object, set)
	}
	return object
}

// change sets the outer fields before the inner ones.
func change(t *testing.T, object *unstructured.Unstructured, set fields) {
	t.Helper()
	for _, path := range slices.Sorted(maps.Keys(set)) {
		steps := strings.Split(path, ".")
		if _, remove := set[path].(absent); remove {
			unstructured.RemoveNestedField(object.Object, steps...)
			continue
		}
		if err := unstructured.SetNestedField(object.Object, plain(t, set[path]), steps...); err != nil {
			t.Fatal(err)
		}
	}
}

// plain converts a value to the types that an unstructured object may hold.
func plain(t *testing.T, value any) any {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var decoded any
	if err := utiljson.Unmarshal(data, &decoded); err != nil {
		t.Fatal(err)
	}
	return decoded
}

// full returns an object with every field, from testdata.
func full(t *testing.T, name string) *unstructured.Unstructured {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", strings.ToLower(name)+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal(data, &object.Object); err != nil {
		t.Fatal(err)
	}
	object.Object, _ = plain(t, object.Object).(map[string]any)
	object.SetGenerateName("full-")
	return object
}

// fullNames returns the names of the objects in testdata.
var fullNames = []string{connection, connection + "-entra", thread, participant}

// eachFull runs a test for each full object, before it is created.
func eachFull(t *testing.T, test func(t *testing.T, object *unstructured.Unstructured)) {
	t.Helper()
	for _, name := range fullNames {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			object := full(t, name)
			object.SetNamespace(newNamespace(t))
			test(t, object)
		})
	}
}

func newNamespace(t *testing.T) string {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
	if err := api.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	return namespace.Name
}

func create(t *testing.T, object *unstructured.Unstructured) {
	t.Helper()
	if err := api.Create(t.Context(), object); err != nil {
		t.Fatalf("create: %v", err)
	}
}

// verdict is the expected result of admission: without a field the object is accepted, otherwise
// the error names the field with the message.
type verdict struct{ field, message string }

func (v verdict) check(t *testing.T, err error) {
	t.Helper()
	if v.field == "" {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	if err == nil {
		t.Errorf("accepted, want %s: %s", v.field, v.message)
		return
	}
	var status *apierrors.StatusError
	if !apierrors.IsInvalid(err) || !errors.As(err, &status) || status.ErrStatus.Details == nil {
		t.Errorf("error = %v, want one that names invalid fields", err)
		return
	}
	for _, cause := range status.ErrStatus.Details.Causes {
		if cause.Field == v.field && strings.Contains(cause.Message, v.message) {
			return
		}
	}
	t.Errorf("causes = %+v, want %s: %s", status.ErrStatus.Details.Causes, v.field, v.message)
}

// admission is the creation of an object.
type admission struct {
	name string
	set  fields
	want verdict
}

func testAdmission(t *testing.T, kind string, cases []admission) {
	t.Helper()
	namespace := newNamespace(t)
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tc.want.check(t, api.Create(t.Context(), newObject(t, kind, namespace, tc.set)))
		})
	}
}

// accept returns cases in which each of the values is accepted.
func accept[T any](name, path string, values ...T) []admission {
	return refuse(name, path, verdict{}, values...)
}

// refuse returns cases in which each of the values is refused.
func refuse[T any](name, path string, want verdict, values ...T) []admission {
	cases := make([]admission, 0, len(values))
	for _, value := range values {
		cases = append(cases, admission{short(fmt.Sprint(name, " ", value)), fields{path: value}, want})
	}
	return cases
}

// short cuts a text that is too long for the name of a test.
func short(name string) string { return name[:min(len(name), 40)] }
