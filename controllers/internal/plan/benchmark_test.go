// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// A plan is made some times in each reconcile, also in one that changes nothing.
func BenchmarkPlan(b *testing.B) {
	for _, count := range []int{10, 249} {
		thread := &chatv1alpha1.ChatThread{}
		thread.Namespace, thread.Name, thread.UID = "ns", "a", types.UID("uid")
		thread.Spec.Topic = "topic"
		for n := range count {
			thread.Spec.Participants = append(thread.Spec.Participants, declaredAs(n, "A member").Member)
		}
		declared := Declare(thread, nil, nil, []string{"8:acs:service"})
		properties := acs.ThreadProperties{ID: "19:a", Topic: "topic", Metadata: declared.WantedMetadata()}
		participants := []acs.Participant{{ID: acs.ParseRawID("8:acs:service")}}
		for _, m := range declared.Members {
			participants = append(participants, m.ParticipantFor(declared.Owner, thread.CreationTimestamp.Time, nil))
		}
		inSync := Observe(properties, participants, thread)
		lacking := Observe(properties, participants[:1+count/2], thread)
		for name, c := range map[string]struct {
			observed *Observed
			adds     int
		}{"in sync": {inSync, 0}, "adds": {lacking, count - count/2}} {
			b.Run(fmt.Sprintf("%s/members=%d", name, count), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if p := For(declared, c.observed, Tried{}); len(p.Members.Add) != c.adds || p.String() == "" != (c.adds == 0) {
						b.Fatal(p)
					}
				}
			})
		}
	}
}
