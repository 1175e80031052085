// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"slices"
	"strings"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// Conditioned is an object of one of the kinds of the operator.
type Conditioned interface {
	client.Object
	GetConditions() []metav1.Condition
	SetConditions([]metav1.Condition)
}

// Mark sets the conditions to an outcome, after kstatus: Ready always, and of Reconciling and
// Stalled the one that is true. A quiet outcome changes nothing.
func Mark(obj Conditioned, o outcome.Outcome) {
	if o.Quiet {
		return
	}
	conditions := slices.Clone(obj.GetConditions())
	// The same refusal in other words is not written again.
	if shown := apimeta.FindStatusCondition(conditions, chatv1alpha1.ConditionReady); shown != nil && o.StablePrefix != "" &&
		shown.Reason == o.Reason && shown.ObservedGeneration == obj.GetGeneration() && strings.HasPrefix(shown.Message, o.StablePrefix) {
		o.Message = shown.Message
	}
	set := func(conditionType string, status metav1.ConditionStatus) {
		apimeta.SetStatusCondition(&conditions, metav1.Condition{Type: conditionType, Status: status,
			Reason: o.Reason, Message: o.Message, ObservedGeneration: obj.GetGeneration()})
	}
	if o.Ready {
		set(chatv1alpha1.ConditionReady, metav1.ConditionTrue)
	} else {
		set(chatv1alpha1.ConditionReady, metav1.ConditionFalse)
	}
	for conditionType, holds := range map[string]bool{
		chatv1alpha1.ConditionReconciling: !o.Ready && !o.Stalled,
		chatv1alpha1.ConditionStalled:     o.Stalled,
	} {
		if holds {
			set(conditionType, metav1.ConditionTrue)
		} else {
			apimeta.RemoveStatusCondition(&conditions, conditionType)
		}
	}
	obj.SetConditions(conditions)
}

// ObservedGeneration returns the observed generation of a status after an outcome; former is the
// one before. A status that was restored from a backup may have a later one than the object.
func ObservedGeneration(obj client.Object, former int64, o outcome.Outcome) int64 {
	switch {
	case o.Ready || o.Stalled:
		return obj.GetGeneration()
	case !o.Quiet && former > obj.GetGeneration():
		return -1
	}
	return former
}

// ReadyReason returns the status and the reason of the Ready condition; both are empty if there is
// none.
func ReadyReason(obj Conditioned) (metav1.ConditionStatus, string) {
	ready := apimeta.FindStatusCondition(obj.GetConditions(), chatv1alpha1.ConditionReady)
	if ready == nil {
		return "", ""
	}
	return ready.Status, ready.Reason
}

// StatusTime is a moment as status keeps it, in whole seconds; nil if it takes no such moment.
func StatusTime(t time.Time) *metav1.Time {
	if year := t.UTC().Year(); year < 1970 || year > 2999 {
		return nil
	}
	stored := metav1.NewTime(t.UTC().Truncate(time.Second))
	return &stored
}
