// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package pacing

import (
	"time"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// The windows in which ACS counts calls.
const (
	ShortWindow = 10 * time.Second
	LongWindow  = time.Minute
)

// quota is a number of calls in any window of a length.
type Quota struct {
	Limit  int
	Window time.Duration
}

// room is when so many more calls can be sent, where those at the moments ahead count and the limit is no
// more than a part of the quota. More calls than fit into a window are counted as a whole window.
func (q Quota) room(ahead []time.Time, limit, calls int) time.Time {
	full := len(ahead) + min(calls, limit) - 1 - limit
	if full < 0 {
		return time.Time{}
	}
	return ahead[full].Add(q.Window)
}

// quotaClass is a group of operations that ACS counts together.
type QuotaClass string

const (
	ClassCreateThread  QuotaClass = "create thread"
	ClassDeleteThread  QuotaClass = "delete thread"
	classUpdateThread  QuotaClass = "update thread"
	ClassChangeMembers QuotaClass = "change members"
	ClassReadThread    QuotaClass = "read threads"
	classListMembers   QuotaClass = "list members"
)

// documentedQuotas are the limits of ACS per user or thread.
// https://learn.microsoft.com/azure/communication-services/concepts/service-limits
var DocumentedQuotas = map[QuotaClass][]Quota{
	ClassCreateThread:  {{10, ShortWindow}},
	ClassDeleteThread:  {{10, ShortWindow}},
	classUpdateThread:  {{5, ShortWindow}},
	ClassChangeMembers: {{10, ShortWindow}, {30, LongWindow}},
	ClassReadThread:    {{50, ShortWindow}},
	classListMembers:   {{10, ShortWindow}},
}

// resourceQuota limits the threads that all users of an ACS resource create together.
var resourceQuota = []Quota{{3000, LongWindow}}

// operationClasses says how ACS counts the calls of the client.
var operationClasses = map[string]QuotaClass{
	"ChatClient.CreateThread":        ClassCreateThread,
	"ChatClient.DeleteThread":        ClassDeleteThread,
	"ChatClient.ListThreads":         ClassReadThread,
	"ThreadClient.GetProperties":     ClassReadThread,
	"ThreadClient.UpdateProperties":  classUpdateThread,
	"ThreadClient.AddParticipants":   ClassChangeMembers,
	"ThreadClient.RemoveParticipant": ClassChangeMembers,
	"ThreadClient.ListParticipants":  classListMembers,
}

// quotasOf are the limits of a connection: the documented ones where its spec names no others.
func QuotasFor(spec *chatv1alpha1.Quotas) map[QuotaClass][]Quota {
	if spec == nil {
		return DocumentedQuotas
	}
	quotas := make(map[QuotaClass][]Quota, len(DocumentedQuotas))
	for class, override := range map[QuotaClass]*chatv1alpha1.Quota{
		ClassCreateThread: spec.CreateThread, ClassDeleteThread: spec.DeleteThread, classUpdateThread: spec.UpdateThread,
		ClassChangeMembers: spec.ChangeMembers, ClassReadThread: spec.ReadThread, classListMembers: spec.ListMembers,
	} {
		if override == nil {
			quotas[class] = DocumentedQuotas[class]
			continue
		}
		quotas[class] = []Quota{{int(override.Per10s), ShortWindow}}
		if override.PerMinute != nil {
			quotas[class] = append(quotas[class], Quota{int(*override.PerMinute), LongWindow})
		}
	}
	return quotas
}
