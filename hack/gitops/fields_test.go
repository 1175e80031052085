// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// operatorManager is the field manager of the operator.
const operatorManager = "acs-chat-operator"

// resources returns the tenant's resources by kind and name.
func (n *tenant) resources(t *testing.T) map[string]*unstructured.Unstructured {
	t.Helper()
	all := map[string]*unstructured.Unstructured{}
	for _, kind := range kinds {
		list := &unstructured.UnstructuredList{}
		list.SetAPIVersion(chatAPI)
		list.SetKind(kind + "List")
		must(t, n.client.List(t.Context(), list, client.InNamespace(n.name)))
		for i := range list.Items {
			all[kind+"/"+list.Items[i].GetName()] = &list.Items[i]
		}
	}
	return all
}

// fieldsOf returns the entries of one field manager.
func fieldsOf(objects map[string]*unstructured.Unstructured, manager string) map[string][]metav1.ManagedFieldsEntry {
	all := map[string][]metav1.ManagedFieldsEntry{}
	for name, object := range objects {
		for _, entry := range object.GetManagedFields() {
			if entry.Manager == manager {
				all[name] = append(all[name], entry)
			}
		}
	}
	return all
}

// applyEvents returns the events in which Flux says that it created or changed something.
func (n *tenant) applyEvents(t *testing.T) (messages []string) {
	t.Helper()
	list := &corev1.EventList{}
	must(t, n.client.List(t.Context(), list, client.InNamespace(fluxNamespace)))
	for _, event := range list.Items {
		if event.InvolvedObject.Name == n.kustomization().GetName() && (strings.Contains(event.Message, " configured") || strings.Contains(event.Message, " created")) {
			messages = append(messages, fmt.Sprintf("%d %s", event.Count, event.Message))
		}
	}
	return messages
}

// A second reconcile of Flux writes nothing, to Kubernetes or to ACS.
func (w *world) testSecondReconcile(t *testing.T) {
	t.Parallel()
	n := newTenant(t, w)
	n.begin(t, n.repo)
	threadID := n.chatThread(t, support).Status.ThreadID
	before, events := n.resources(t), n.applyEvents(t)
	if len(events) == 0 {
		t.Error("Flux told of nothing that it created")
	}
	mark, _ := n.service.writes(t, threadID, 0)
	for range 2 {
		n.reconcile(t)
	}
	if diff := cmp.Diff(before, n.resources(t)); diff != "" {
		t.Errorf("-before +after:\n%s", diff)
	}
	if diff := cmp.Diff(events, n.applyEvents(t)); diff != "" {
		t.Errorf("events (-before +after):\n%s", diff)
	}
	if _, writes := n.service.writes(t, threadID, mark); len(writes) > 0 {
		t.Errorf("writes to ACS: %v", writes)
	}
	checkOwners(t, before)
}

// checkOwners checks that Flux has no field of a status, and the operator none of a spec.
func checkOwners(t *testing.T, objects map[string]*unstructured.Unstructured) {
	t.Helper()
	for name, entries := range fieldsOf(objects, fluxManager) {
		for _, entry := range entries {
			if fields := entry.FieldsV1.GetRawString(); entry.Operation != metav1.ManagedFieldsOperationApply || strings.Contains(fields, "f:status") {
				t.Errorf("%s: Flux has %s by %s", name, fields, entry.Operation)
			}
		}
	}
	for name, entries := range fieldsOf(objects, operatorManager) {
		for _, entry := range entries {
			if strings.Contains(entry.FieldsV1.GetRawString(), "f:spec") {
				t.Errorf("%s: the operator has %s", name, entry.FieldsV1.GetRawString())
			}
		}
	}
}

// What the operator writes, and what others do to it, is no drift that Flux corrects.
func (w *world) testStatusIsNoDrift(t *testing.T) {
	t.Parallel()
	n := newTenant(t, w)
	n.begin(t, n.repo)
	threadID := n.chatThread(t, support).Status.ThreadID
	flux, events := fieldsOf(n.resources(t), fluxManager), n.applyEvents(t)
	for _, damage := range [][]string{
		{"patch", "chatthread", support, "--subresource=status", "--type=merge", `--patch={"status":{"joined":"0/9"}}`},
		{"annotate", "chatthread", support, chatv1alpha1.AnnotationServiceUser + "-"},
		{"patch", "chatthread", support, "--type=merge", `--patch={"metadata":{"finalizers":null}}`},
		{"annotate", "chatconnection", "default", chatv1alpha1.AnnotationServiceUsers + "-"},
		{"annotate", "chatthread", support, "example.com/owner=somebody"},
	} {
		// Flux takes back what kubectl writes under its own name, and its plugins.
		n.mustKubectl(t, append(damage, "--field-manager=somebody")...)
		n.reconcile(t)
	}
	eventually(t, func(context.Context) error {
		thread := n.chatThread(t, support)
		if len(thread.Finalizers) == 0 || thread.Annotations[chatv1alpha1.AnnotationServiceUser] == "" {
			return fmt.Errorf("the operator has not repaired %v, %v", thread.Finalizers, thread.Annotations)
		}
		return nil
	})
	n.reconcile(t)
	if diff := cmp.Diff(flux, fieldsOf(n.resources(t), fluxManager)); diff != "" {
		t.Errorf("the fields of Flux (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(events, n.applyEvents(t)); diff != "" {
		t.Errorf("events (-before +after):\n%s", diff)
	}
	if got := n.chatThread(t, support); got.Status.ThreadID != threadID || got.Annotations["example.com/owner"] != "somebody" || got.Generation != 1 {
		t.Errorf("the ChatThread: %+v", got)
	}
}

// kubectl and Flux apply the same in turn, without a conflict.
func (w *world) testKubectlAndFlux(t *testing.T) {
	t.Parallel()
	n := newTenant(t, w)
	n.begin(t, n.repo)
	threadID := n.chatThread(t, support).Status.ThreadID
	mark, _ := n.service.writes(t, threadID, 0)
	for range 2 {
		for _, args := range [][]string{{"diff"}, {"diff", "--server-side"}, {"apply", "--server-side"}} {
			output, err := n.kubectlIn(t, n.manifest(), append(args, "--filename=-")...)
			if err != nil || args[0] == "diff" && output != "" {
				t.Errorf("kubectl %v: %v\n%s", args, err, output)
			}
		}
		n.reconcile(t)
	}
	thread := n.chatThread(t, support)
	if _, writes := n.service.writes(t, threadID, mark); len(writes) > 0 || thread.Generation != 1 {
		t.Errorf("generation %d, writes to ACS: %v", thread.Generation, writes)
	}
}

// manifest returns the manifest of the thread as Flux applies it.
func (n *tenant) manifest() string {
	return strings.NewReplacer("${environment}", "production", "${acs_resource}", resourceID).Replace(n.repo[threadFile])
}

// kubectl and Flux conflict over a field to which they give different values.
func (w *world) testKubectlAgainstFlux(t *testing.T) {
	t.Parallel()
	n := newTenant(t, w)
	n.begin(t, n.repo)
	threadID := n.chatThread(t, support).Status.ThreadID
	other := strings.ReplaceAll(n.manifest(), pageTopic, "From a shell")
	_, err := n.kubectlIn(t, other, "apply", "--server-side", "--filename=-")
	if err == nil || !strings.Contains(err.Error(), `conflict with "kustomize-controller": .spec.topic`) {
		t.Errorf("another topic by kubectl: %v", err)
	}
	_, err = n.kubectlIn(t, other, "apply", "--server-side", "--force-conflicts", "--filename=-")
	must(t, err)
	n.awaitTopic(t, threadID, "From a shell")
	n.reconcile(t)
	n.awaitTopic(t, threadID, pageTopic)

	n.mustKubectl(t, "annotate", "chatthread", support, "example.com/owner=somebody")
	n.reconcile(t)
	if got, isThere := n.chatThread(t, support).Annotations["example.com/owner"]; isThere {
		t.Errorf("an annotation that kubectl set is still there: %s", got)
	}

	// What is not in Git stays under a field manager of its own.
	field := "apiVersion: chat.acs-operator.io/v1alpha1\nkind: ChatThread\nmetadata: {name: support}\nspec: {resyncInterval: 5m}\n"
	_, err = n.kubectlIn(t, field, "apply", "--server-side", "--field-manager=on-call", "--filename=-")
	must(t, err)
	n.reconcile(t)
	if got := n.chatThread(t, support).Spec.ResyncInterval; got == nil || got.Minutes() != 5 {
		t.Errorf("the resync interval of another field manager is %v", got)
	}
}
