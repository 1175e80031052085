// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"strings"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// The cache keeps the fields that the operator reads, and no others.
func TestFieldsThatTheCacheKeeps(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 4096)
	meta := metav1.ObjectMeta{
		Name: "a", UID: "u1", ResourceVersion: "7", Generation: 3, Finalizers: []string{chatv1alpha1.Finalizer},
		Labels: map[string]string{"team": "blue"}, OwnerReferences: []metav1.OwnerReference{{Name: "b"}},
		ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubectl"}},
		Annotations: map[string]string{
			"kubectl.kubernetes.io/last-applied-configuration": long, chatv1alpha1.AnnotationServiceUser: "8:acs:a",
			chatv1alpha1.AnnotationServiceUsers: long, chatv1alpha1.AnnotationAbandon: "true",
			chatv1alpha1.AnnotationReconcileRequestedAt: long, chatv1alpha1.AnnotationRecover: long,
		},
	}
	thread := &chatv1alpha1.ChatThread{ObjectMeta: *meta.DeepCopy()}
	if _, err := TrimForCache(thread); err != nil {
		t.Fatal(err)
	}
	whole := &chatv1alpha1.ChatThread{ObjectMeta: *meta.DeepCopy()}
	if got := ReconcileRequested(thread); got != ReconcileRequested(whole) {
		t.Errorf("the request is answered with %q", got)
	}
	if got := thread.Annotations[chatv1alpha1.AnnotationRecover]; len(got) > 4096 {
		t.Errorf("%d bytes are kept", len(got))
	}
	delete(thread.Annotations, chatv1alpha1.AnnotationReconcileRequestedAt)
	delete(thread.Annotations, chatv1alpha1.AnnotationRecover)
	want := metav1.ObjectMeta{
		Name: "a", UID: "u1", ResourceVersion: "7", Generation: 3, Finalizers: []string{chatv1alpha1.Finalizer},
		Annotations: map[string]string{
			chatv1alpha1.AnnotationServiceUser: "8:acs:a", chatv1alpha1.AnnotationServiceUsers: long, chatv1alpha1.AnnotationAbandon: "true",
		},
	}
	if diff := cmp.Diff(want, thread.ObjectMeta); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}

	namespace := &corev1.Namespace{ObjectMeta: *meta.DeepCopy()}
	if _, err := TrimForCache(namespace); err != nil {
		t.Fatal(err)
	}
	if namespace.Annotations != nil || namespace.Labels["team"] != "blue" {
		t.Errorf("a namespace kept %v, %v", namespace.Annotations, namespace.Labels)
	}
	gone := toolscache.DeletedFinalStateUnknown{Key: "a", Obj: thread}
	if got, err := TrimForCache(gone); err != nil || got != any(gone) {
		t.Errorf("a deletion became %v, %v", got, err)
	}
}

// The cache holds one copy of a value that many threads share, and no room for more participants.
func TestValuesThatTheCacheShares(t *testing.T) {
	t.Parallel()
	cached := func() *chatv1alpha1.ChatThread {
		thread := &chatv1alpha1.ChatThread{}
		thread.Spec.Participants = append(make([]chatv1alpha1.Member, 0, 16), chatv1alpha1.Member{UserID: chatv1alpha1.UserID(strings.Clone("8:acs:ann"))})
		thread.Status.ServiceUser = strings.Clone("8:acs:service")
		thread.Status.Conditions = []metav1.Condition{{Type: "Ready", Message: strings.Clone("The thread is as declared.")}}
		if _, err := TrimForCache(thread); err != nil {
			t.Fatal(err)
		}
		return thread
	}
	a, b := cached(), cached()
	for name, pair := range map[string][2]string{
		"user":         {string(a.Spec.Participants[0].UserID), string(b.Spec.Participants[0].UserID)},
		"service user": {a.Status.ServiceUser, b.Status.ServiceUser},
		"message":      {a.Status.Conditions[0].Message, b.Status.Conditions[0].Message},
	} {
		if pair[0] == "" || unsafe.StringData(pair[0]) != unsafe.StringData(pair[1]) { //nolint:gosec // only compared
			t.Errorf("%s: %q and %q are two copies", name, pair[0], pair[1])
		}
	}
	if room := cap(a.Spec.Participants); room > 1 {
		t.Errorf("there is room for %d participants", room)
	}
}
