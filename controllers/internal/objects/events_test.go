// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// The log has one constant message for each kind of change, so that it can be searched and counted.
func TestLogMessages(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]struct {
		obj   client.Object
		event Event
	}{
		"Created thread":                {&chatv1alpha1.ChatThread{}, Event{Reason: chatv1alpha1.EventCreated}},
		"Created service users":         {&chatv1alpha1.ChatConnection{}, Event{Reason: chatv1alpha1.EventCreated}},
		"Removed members":               {&chatv1alpha1.ChatThread{}, Event{Reason: chatv1alpha1.EventMembersRemoved}},
		"Marked thread ready":           {&chatv1alpha1.ChatThread{}, Event{Reason: chatv1alpha1.ReasonSucceeded}},
		"Marked participant stalled":    {&chatv1alpha1.ChatParticipant{}, Event{Reason: chatv1alpha1.ReasonRejected, Stalled: true}},
		"Marked connection reconciling": {&chatv1alpha1.ChatConnection{}, Event{Reason: chatv1alpha1.ReasonSecretNotFound, Warning: true}},
	} {
		if got := logMessage(c.obj, c.event); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
