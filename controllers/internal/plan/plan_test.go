// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"testing"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// A change that was tried before is not tried again, and a plan lists its changes.
func TestFor(t *testing.T) {
	t.Parallel()
	thread := &chatv1alpha1.ChatThread{}
	thread.Namespace, thread.Name, thread.UID = "ns", "a", "uid"
	thread.Spec.Topic = "topic"
	thread.Spec.Participants = []chatv1alpha1.Member{{UserID: "8:acs:a", DisplayName: "Ann"}, {UserID: "8:acs:b"}}
	declared := Declare(thread, nil, nil, []string{"8:acs:user"})
	ann := declared.Members[0]
	stamped := map[string]string{chatv1alpha1.StampOwner: "ns/a", chatv1alpha1.StampUID: "uid"}
	observed := &Observed{Properties: acs.ThreadProperties{Topic: "other", Metadata: stamped},
		Members: []ObservedMember{{ID: "8:acs:user"}, {ID: "8:acs:a", DisplayName: "Bob"}}}
	mark := RenewalMark(ann, observed.Members[1])
	for name, c := range map[string]struct {
		observed *Observed
		tried    Tried
		want     string
	}{
		"no thread":    {nil, Tried{}, "create the thread with 2 participants"},
		"a thread":     {observed, Tried{}, "set topic, add 1, add again 1"},
		"malformed":    {nil, Tried{Malformed: map[string]Refusal{"8:acs:b": {Code: "400"}}}, "create the thread with 2 participants"},
		"topic sent":   {observed, Tried{Sent: map[string]Sent{FieldTopic: {"topic", "other"}}}, "add 1, add again 1"},
		"other topic":  {observed, Tried{Sent: map[string]Sent{FieldTopic: {"topic", "third"}}}, "set topic, add 1, add again 1"},
		"renewed":      {observed, Tried{Renewed: map[string]string{"8:acs:a": mark}}, "set topic, add 1"},
		"refused":      {observed, Tried{Refused: map[string]Refusal{"8:acs:b": {Code: "403"}}}, "set topic, add again 1"},
		"refused then": {observed, Tried{Refused: map[string]Refusal{"8:acs:b": {Code: "403", Generation: 7}}}, "set topic, add 1, add again 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := For(declared, c.observed, c.tried)
			if got := p.String(); got != c.want {
				t.Errorf("would %s, want %s", got, c.want)
			}
			if c.observed != nil && !p.Members.Differing["8:acs:a"] {
				t.Error("a member that differs is not named")
			}
		})
	}
}
