// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// GetConditions returns the conditions.
func (t *ChatThread) GetConditions() []metav1.Condition { return t.Status.Conditions }

// SetConditions replaces the conditions.
func (t *ChatThread) SetConditions(conditions []metav1.Condition) { t.Status.Conditions = conditions }

// ConnectionNamespace returns the namespace of the connection that the thread names.
func (t *ChatThread) ConnectionNamespace() string {
	if t.Spec.ConnectionRef.Namespace != "" {
		return t.Spec.ConnectionRef.Namespace
	}
	return t.Namespace
}

// UnknownValue returns the name of a field whose value this version of the code does not know,
// because a newer version of the schema accepted it. It is empty if there is none. The operator
// must not guess: the defaults are the most powerful values.
func (t *ChatThread) UnknownValue() string {
	spec := &t.Spec
	for _, field := range []struct {
		name    string
		isKnown bool
		value   string
	}{
		{"managementPolicy", isOneOf(spec.ManagementPolicy, "", ManagementManage, ManagementObserve), string(spec.ManagementPolicy)},
		{"membershipPolicy", isOneOf(spec.MembershipPolicy, "", MembershipExclusive, MembershipAdditive), string(spec.MembershipPolicy)},
		{"deletionPolicy", isOneOf(spec.DeletionPolicy, "", DeletionDelete, DeletionRetain), string(spec.DeletionPolicy)},
		{"recreationPolicy", isOneOf(spec.RecreationPolicy, "", RecreationRecreate, RecreationNever), string(spec.RecreationPolicy)},
	} {
		if !field.isKnown {
			return "spec." + field.name + ": " + field.value
		}
	}
	for _, member := range spec.Participants {
		if !member.ShareHistory.IsKnown() {
			return "spec.participants: shareHistory " + string(member.ShareHistory)
		}
	}
	return ""
}

func isOneOf[T comparable](value T, known ...T) bool { return slices.Contains(known, value) }

// Adopts reports whether the resource declares an existing thread, or has adopted it. A thread that
// was created as a replacement after a deletion belongs to the operator.
func (t *ChatThread) Adopts() bool { return t.Spec.ThreadID != "" && t.Status.Incarnation == 0 }

// Observes reports whether the operator only reads.
func (t *ChatThread) Observes() bool { return t.Spec.ManagementPolicy == ManagementObserve }

// Membership returns the membership policy with its default.
func (t *ChatThread) Membership() MembershipPolicy {
	switch {
	case t.Spec.MembershipPolicy != "":
		return t.Spec.MembershipPolicy
	case t.Spec.ThreadID != "":
		return MembershipAdditive
	default:
		return MembershipExclusive
	}
}

// Deletion returns the deletion policy with its default.
func (t *ChatThread) Deletion() DeletionPolicy {
	switch {
	case t.Spec.DeletionPolicy != "":
		return t.Spec.DeletionPolicy
	case t.Spec.ThreadID != "":
		return DeletionRetain
	default:
		return DeletionDelete
	}
}

// Recreation returns the recreation policy with its default.
func (t *ChatThread) Recreation() RecreationPolicy {
	switch {
	case t.Spec.RecreationPolicy != "":
		return t.Spec.RecreationPolicy
	case t.Spec.ThreadID != "", t.Spec.Retention != nil:
		return RecreationNever
	default:
		return RecreationRecreate
	}
}
