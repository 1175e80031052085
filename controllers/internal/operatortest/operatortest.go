// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package operatortest makes the objects that tests of the operator declare. It checks and
// describes the state in which an operator left them. The tests with a real API server and the
// simulation share it. It does not run an operator.
package operatortest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/fluxcd/pkg/runtime/conditions/check"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
)

// Connection returns a ChatConnection that reads the Secret "acs".
func Connection(namespace, name string) *chatv1alpha1.ChatConnection {
	return &chatv1alpha1.ChatConnection{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       chatv1alpha1.ChatConnectionSpec{ConnectionStringSecretRef: &chatv1alpha1.SecretKeyReference{Name: "acs"}},
	}
}

// Thread returns a ChatThread with inline members.
func Thread(namespace, name string, members ...string) *chatv1alpha1.ChatThread {
	thread := &chatv1alpha1.ChatThread{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       chatv1alpha1.ChatThreadSpec{Topic: "topic of " + name},
	}
	for _, id := range members {
		thread.Spec.Participants = append(thread.Spec.Participants, chatv1alpha1.Member{UserID: chatv1alpha1.UserID(id)})
	}
	return thread
}

// Participant returns a ChatParticipant.
func Participant(namespace, name, thread, user string) *chatv1alpha1.ChatParticipant {
	return &chatv1alpha1.ChatParticipant{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: chatv1alpha1.ChatParticipantSpec{
			ThreadRef: chatv1alpha1.ThreadReference{Name: thread},
			UserID:    chatv1alpha1.UserID(user),
		},
	}
}

// KindOf returns the kind of an object.
func KindOf(obj client.Object) string {
	name := fmt.Sprintf("%T", obj)
	return name[strings.LastIndex(name, ".")+1:]
}

// ObservedGeneration returns the observed generation in the status of an object.
func ObservedGeneration(obj objects.Conditioned) int64 {
	switch o := obj.(type) {
	case *chatv1alpha1.ChatConnection:
		return o.Status.ObservedGeneration
	case *chatv1alpha1.ChatThread:
		return o.Status.ObservedGeneration
	case *chatv1alpha1.ChatParticipant:
		return o.Status.ObservedGeneration
	}
	return 0
}

// BrokenInvariant returns the rule of Flux or kstatus that the conditions of an object break; it is
// empty if they are sound.
func BrokenInvariant(ctx context.Context, obj objects.Conditioned) string {
	checked := objects.CopyOf(obj)
	if ready := apimeta.FindStatusCondition(obj.GetConditions(), chatv1alpha1.ConditionReady); ready != nil {
		// A reconcile that saw the spec before an edit shows that by its observedGeneration.
		checked.SetGeneration(ready.ObservedGeneration)
		checker := check.NewChecker(nil, &check.Conditions{NegativePolarity: []string{chatv1alpha1.ConditionReconciling, chatv1alpha1.ConditionStalled}})
		checker.DisableFetch = true
		if fail, warn := checker.Check(ctx, checked); fail != nil || warn != nil {
			return fmt.Sprintf("conditions: fail %v, warn %v", fail, warn)
		}
	}
	_, result, err := compute(obj)
	if err != nil {
		return err.Error()
	}
	if want := expectedStatus(obj); result.Status != want {
		return fmt.Sprintf("kstatus computes %s, want %s", result.Status, want)
	}
	return ""
}

// compute returns the result of kstatus for an object, and the object as it computes it.
func compute(obj objects.Conditioned) (*unstructured.Unstructured, *status.Result, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		return nil, nil, err
	}
	content["apiVersion"], content["kind"] = chatv1alpha1.GroupVersion.String(), KindOf(obj)
	stored := &unstructured.Unstructured{Object: content}
	result, err := status.Compute(stored)
	return stored, result, err
}

// expectedStatus returns the status that kstatus should compute for an object.
func expectedStatus(obj objects.Conditioned) status.Status {
	ready := apimeta.FindStatusCondition(obj.GetConditions(), chatv1alpha1.ConditionReady)
	switch {
	case !obj.GetDeletionTimestamp().IsZero():
		return status.TerminatingStatus
	case ready == nil || ObservedGeneration(obj) != obj.GetGeneration():
		return status.InProgressStatus
	case ready.Status == metav1.ConditionTrue:
		return status.CurrentStatus
	case apimeta.IsStatusConditionTrue(obj.GetConditions(), chatv1alpha1.ConditionStalled):
		return status.FailedStatus
	default:
		return status.InProgressStatus
	}
}

var userID = regexp.MustCompile(`8:acs:[0-9a-f_-]+`)

// Describe returns an object as an operator left it, with its thread at the service, without values
// that differ between runs.
func Describe(obj objects.Conditioned, service *emulator.Server) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: finalizer %t, judged %t", KindOf(obj), obj.GetName(), objects.HasFinalizer(obj), ObservedGeneration(obj) == obj.GetGeneration())
	switch o := obj.(type) {
	case *chatv1alpha1.ChatConnection:
		fmt.Fprintf(&b, ", %d users, recorded alike %t", len(o.Status.ServiceUsers), len(connection.UsersOf(o).Recorded()) == len(o.Status.ServiceUsers))
	case *chatv1alpha1.ChatThread:
		remote, found := service.Thread(o.Status.ThreadID)
		fmt.Fprintf(&b, ", incarnation %d, joined %s, rejected %d, there %t, user alike %t %t", o.Status.Incarnation, o.Status.Joined, len(o.Status.Rejected),
			found && remote.DeletedOn == nil, o.Status.ServiceUser == o.Annotations[chatv1alpha1.AnnotationServiceUser],
			o.Adopts() || remote.CreatedBy == o.Status.ServiceUser)
	case *chatv1alpha1.ChatParticipant:
		fmt.Fprintf(&b, ", thread %q", o.Status.ThreadID)
	}
	for _, c := range obj.GetConditions() {
		fmt.Fprintf(&b, "\n  %s %s %s %s", c.Type, c.Status, c.Reason, userID.ReplaceAllString(c.Message, "USER"))
	}
	return b.String()
}

// DescribeThread returns a thread at the service, with all service users shown as the same.
func DescribeThread(thread emulator.Thread, isServiceUser map[string]bool) string {
	lines := make([]string, 0, len(thread.Members))
	for _, m := range thread.Members {
		id := m.ID
		if isServiceUser[id] {
			id = "service user"
		}
		// The owner in the stamp differs between tests.
		stamp := m.Metadata[chatv1alpha1.StampMember]
		lines = append(lines, fmt.Sprintf("\n  %s %q %s all %t", id, m.DisplayName, stamp[strings.LastIndex(stamp, ":")+1:], m.ShareHistoryTime.Unix() == 0))
	}
	slices.Sort(lines)
	return fmt.Sprintf("thread %q %v %d%s", thread.Topic, thread.Metadata, thread.RetentionDays, strings.Join(lines, ""))
}

// Halve removes half of the participants from a call to the service.
func Halve(req *http.Request) error {
	if req.Body == nil {
		return nil
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return err
	}
	var content map[string]json.RawMessage
	var participants []json.RawMessage
	if json.Unmarshal(body, &content) == nil && json.Unmarshal(content["participants"], &participants) == nil && len(participants) > 1 {
		half, err := json.Marshal(participants[:len(participants)/2])
		if err != nil {
			return err
		}
		content["participants"] = half
		if body, err = json.Marshal(content); err != nil {
			return err
		}
	}
	req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return nil
}
