// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"net/http"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// denyUpdates has an admission policy refuse updates of ChatThreads without the label team.
func denyUpdates(w *world) {
	w.t.Helper()
	name := w.namespace
	fail := admissionregistrationv1.Fail
	policy := &admissionregistrationv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{
			FailurePolicy: &fail,
			MatchConstraints: &admissionregistrationv1.MatchResources{
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: name}},
				ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{RuleWithOperations: admissionregistrationv1.RuleWithOperations{
					Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Update},
					Rule:       admissionregistrationv1.Rule{APIGroups: []string{chatv1alpha1.GroupVersion.Group}, APIVersions: []string{"*"}, Resources: []string{"chatthreads"}},
				}}},
			},
			Validations: []admissionregistrationv1.Validation{{
				Expression: "has(object.metadata.labels) && 'team' in object.metadata.labels", Message: "the label team is required",
			}},
		},
	}
	binding := &admissionregistrationv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{PolicyName: name, ValidationActions: []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny}},
	}
	w.create(policy, binding)
	w.t.Cleanup(func() {
		ctx := context.WithoutCancel(w.t.Context())
		_ = admin.Delete(ctx, binding)
		_ = admin.Delete(ctx, policy)
	})
	probe := w.newThread("probe")
	w.create(probe)
	w.Eventually(func() bool {
		before := probe.DeepCopy()
		probe.Annotations = map[string]string{"probe": probe.ResourceVersion + "x"}
		err := admin.Update(w.t.Context(), probe)
		if err == nil {
			return false
		}
		probe = before
		if apierrors.IsConflict(err) {
			w.get(probe)
		}
		return strings.Contains(err.Error(), "the label team is required")
	}).Should(BeTrue())
}

// What the API server refuses is told in the status, which it takes, and no deleted thread is Ready.
func TestAdmissionPolicyIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready(allow)
	labeled := w.newThread("labeled")
	w.create(labeled)
	w.awaitReason(labeled, chatv1alpha1.ReasonSucceeded)
	denyUpdates(w)
	thread := w.newThread("room")
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonPermissionDenied)
	w.Expect(w.message(thread)).To(ContainSubstring("the label team is required"))
	w.delete(labeled)
	w.awaitReason(labeled, chatv1alpha1.ReasonPermissionDenied)
	w.Expect(w.message(labeled)).To(And(ContainSubstring("the label team is required"), ContainSubstring(chatv1alpha1.AnnotationAbandon)))
	for _, obj := range []*chatv1alpha1.ChatThread{labeled, thread} {
		edit(w, obj, func(o *chatv1alpha1.ChatThread) { o.Labels = map[string]string{"team": "blue"} })
	}
	edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Topic = "another" })
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
}

// A CRD that the operator may not read could be terminating: nothing is deleted at ACS, and the status says why.
func TestDeletionNeedsToReadTheCRD(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.connect(allow)
	denied := rest.CopyConfig(operatorConfig)
	denied.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(req *http.Request) (*http.Response, error) {
			if strings.Contains(req.URL.Path, "customresourcedefinitions") {
				req = req.Clone(req.Context())
				req.URL.Path += "-other"
			}
			return next.RoundTrip(req)
		})
	})
	w.startAs(denied, w.options)
	w.awaitReason(conn, chatv1alpha1.ReasonSucceeded)
	thread := w.newThread("room")
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.delete(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonPermissionDenied)
	w.Expect(w.threads()).To(HaveLen(1))
}

// A ChatParticipant that cannot be taken out yet says for what it waits.
func TestWaitingParticipantIsNotReady(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready(allow)
	thread, guest := w.newThread("room"), w.newParticipant("guest", "room", w.users(1)[0])
	w.create(thread, guest)
	w.awaitReason(guest, chatv1alpha1.ReasonSucceeded)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	remove := w.emulator.Inject(emulator.Fault{Status: http.StatusServiceUnavailable})
	w.delete(guest)
	w.awaitReason(guest, chatv1alpha1.ReasonThreadNotReady)
	w.Expect(w.message(guest)).To(And(ContainSubstring(chatv1alpha1.ReasonServiceUnavailable), ContainSubstring(chatv1alpha1.AnnotationAbandon)))
	remove()
	w.awaitGone(guest)
	w.Expect(w.memberIDs(thread)).To(BeEmpty())
}
