// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
)

// mistakes is the world in which users write bad values and correct them.
type mistakes struct {
	*world
	// user and another are users of the ACS resource. A thread "room" exists for ChatParticipants.
	user, another string
}

// A bad value and its correction lead to the same state as the good value, whether the API server
// or ACS refuses the bad one.
func TestBadValueAndItsCorrection(t *testing.T) {
	t.Parallel()
	m := &mistakes{world: newWorld(t, emulator.Options{})}
	m.options.Pacing = false
	m.ready()
	m.create(m.newThread("room"))
	t.Run("all", func(t *testing.T) {
		for i, c := range badValues() {
			for n, bad := range c.bad {
				t.Run(fmt.Sprintf("%s %s %d", c.kind, c.field, n), func(t *testing.T) {
					t.Parallel()
					inner := &mistakes{world: m.within(t), user: m.emulator.CreateUser(), another: m.emulator.CreateUser()}
					inner.check(c, bad, fmt.Sprintf("mistake-%d-%d", i, n))
				})
			}
		}
	})
}

// badValue is a field with bad values and one good value.
type badValue struct {
	kind, field string
	bad         []bad
	// good returns the value; nil is no value.
	good func(*mistakes) any
	// immutable fields can be corrected only by a new object.
	immutable bool
	// covers lists the fields of the schema that the entry tests, if not just field.
	covers []string
}

// bad is a bad value. reason is its result; empty if the API server refuses it.
type bad struct {
	value  any
	reason string
}

func refused(values ...any) []bad {
	var all []bad
	for _, value := range values {
		all = append(all, bad{value: value})
	}
	return all
}

// check plays both ways and compares the final states.
func (m *mistakes) check(c badValue, b bad, name string) {
	m.t.Helper()
	good := c.good(m)
	direct := m.object(c, name+"-direct", good)
	m.create(direct)
	want := m.end(direct)
	if c.kind != "ChatConnection" {
		// Both may concern the same member or thread.
		m.delete(direct)
		m.awaitGone(direct)
		good = c.good(m)
	}

	name += "-corrected"
	wrong := m.object(c, name, b.value)
	err := admin.Create(m.t.Context(), wrong)
	switch {
	case b.reason == "":
		m.Expect(apierrors.IsInvalid(err)).To(BeTrue(), "create with %v: %v", b.value, err)
		path := strings.Split(strings.TrimSuffix(c.field, "[]"), ".")
		m.Expect(err.Error()).To(And(ContainSubstring(path[0]), ContainSubstring(path[len(path)-1])), "the error names the field")
		m.refuseEdit(c, b, name)
	case err != nil:
		m.t.Fatal(err)
	default:
		m.awaitReason(m.typed(wrong), b.reason)
	}
	if c.immutable {
		m.delete(wrong)
		m.awaitGone(wrong)
	}
	m.correct(c, name, good)
	got := m.end(m.object(c, name, good))
	if diff := cmp.Diff(want, got); diff != "" {
		m.t.Errorf("the end differs (-directly +corrected):\n%s", diff)
	}
}

// refuseEdit checks that the API server also refuses the bad value for an existing object.
func (m *mistakes) refuseEdit(c badValue, b bad, name string) {
	m.t.Helper()
	if c.immutable {
		return
	}
	obj := m.object(c, name, c.good(m))
	m.create(obj)
	m.end(obj)
	before := obj.DeepCopy()
	m.set(obj, c.field, b.value)
	m.Expect(apierrors.IsInvalid(admin.Patch(m.t.Context(), obj, client.MergeFrom(before)))).To(BeTrue(), "edit to %v", b.value)
}

// correct writes the good value, into a new object if none exists.
func (m *mistakes) correct(c badValue, name string, good any) {
	m.t.Helper()
	obj := m.object(c, name, good)
	err := admin.Create(m.t.Context(), obj)
	if !apierrors.IsAlreadyExists(err) {
		m.Expect(err).NotTo(HaveOccurred())
		return
	}
	edit(m.world, obj, func(o *unstructured.Unstructured) { m.set(o, c.field, good) })
}

// object returns an object of the kind with a value in the field.
func (m *mistakes) object(c badValue, name string, value any) *unstructured.Unstructured {
	m.t.Helper()
	spec := map[string]any{}
	switch c.kind {
	case "ChatThread":
		spec["topic"] = "topic"
	case "ChatConnection":
		spec["connectionStringSecretRef"] = map[string]any{"name": "acs"}
	default:
		spec["threadRef"] = map[string]any{"name": "room"}
		spec["userID"] = m.user
	}
	obj := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
	obj.SetGroupVersionKind(chatv1alpha1.GroupVersion.WithKind(c.kind))
	obj.SetNamespace(m.namespace)
	obj.SetName(name)
	m.set(obj, c.field, value)
	return obj
}

// set sets a field; nil removes it.
func (m *mistakes) set(obj *unstructured.Unstructured, field string, value any) {
	m.t.Helper()
	path := strings.Split(strings.TrimSuffix(field, "[]"), ".")
	if value == nil {
		unstructured.RemoveNestedField(obj.Object, path...)
		return
	}
	m.Expect(unstructured.SetNestedField(obj.Object, value, path...)).To(Succeed())
}

func (m *mistakes) typed(obj *unstructured.Unstructured) objects.Conditioned {
	m.t.Helper()
	var typed objects.Conditioned
	switch obj.GetKind() {
	case "ChatThread":
		typed = &chatv1alpha1.ChatThread{}
	case "ChatConnection":
		typed = &chatv1alpha1.ChatConnection{}
	default:
		typed = &chatv1alpha1.ChatParticipant{}
	}
	m.Expect(runtime.DefaultUnstructuredConverter.FromUnstructured(map[string]any{
		"metadata": map[string]any{"namespace": obj.GetNamespace(), "name": obj.GetName()},
	}, typed)).To(Succeed())
	return typed
}

// namesInEnd matches names of users and threads, which differ between objects.
var namesInEnd = regexp.MustCompile(`8:acs:[0-9a-f_-]+|19:[A-Za-z0-9_-]+@thread\.v2`)

// end waits until an object is in sync, and describes its state.
func (m *mistakes) end(obj *unstructured.Unstructured) []string {
	m.t.Helper()
	typed := m.typed(obj)
	m.awaitReason(typed, chatv1alpha1.ReasonSucceeded)
	var lines []string
	for _, condition := range typed.GetConditions() {
		lines = append(lines, namesInEnd.ReplaceAllString(fmt.Sprintln(condition.Type, condition.Status, condition.Reason, condition.Message), "ID"))
	}
	switch o := typed.(type) {
	case *chatv1alpha1.ChatConnection:
		lines = append(lines, fmt.Sprint(len(o.Status.ServiceUsers), " service users at ", o.Status.Endpoint))
	case *chatv1alpha1.ChatThread:
		lines = append(lines, m.describeThread(o)...)
	case *chatv1alpha1.ChatParticipant:
		room := m.newThread("room")
		for _, member := range m.remote(room).Members {
			if member.ID == string(o.Spec.UserID) {
				lines = append(lines, describeMember(member))
			}
		}
	}
	return lines
}

func (m *mistakes) describeThread(thread *chatv1alpha1.ChatThread) []string {
	m.t.Helper()
	remote := m.remote(thread)
	delete(remote.Metadata, chatv1alpha1.StampUID)
	delete(remote.Metadata, chatv1alpha1.StampOwner)
	lines := []string{fmt.Sprintf("%q %v, %d days, joined %s, incarnation %d", remote.Topic, remote.Metadata, remote.RetentionDays, thread.Status.Joined, thread.Status.Incarnation)}
	for _, member := range remote.Members {
		lines = append(lines, describeMember(member))
	}
	slices.Sort(lines)
	return lines
}

func describeMember(member emulator.Member) string {
	// The whole history begins in 1970 or with the thread. The stamp ends with the declaration.
	stamp := member.Metadata[chatv1alpha1.StampMember]
	return fmt.Sprintf("member %q %s, all %t", member.DisplayName, stamp[strings.LastIndex(stamp, ":")+1:], member.ShareHistoryTime.Unix() == 0)
}
