// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"time"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// The windows in which ACS counts calls.
const (
	shortWindow = 10 * time.Second
	longWindow  = time.Minute
)

// quota is a number of calls in any window of a length.
type quota struct {
	limit  int
	window time.Duration
}

// room is when so many more calls can be sent, where those at the moments ahead count and the limit is no
// more than a part of the quota. More calls than fit into a window are counted as a whole window.
func (q quota) room(ahead []time.Time, limit, calls int) time.Time {
	full := len(ahead) + min(calls, limit) - 1 - limit
	if full < 0 {
		return time.Time{}
	}
	return ahead[full].Add(q.window)
}

// quotaClass is a group of operations that ACS counts together.
type quotaClass string

const (
	classCreateThread  quotaClass = "create thread"
	classDeleteThread  quotaClass = "delete thread"
	classUpdateThread  quotaClass = "update thread"
	classChangeMembers quotaClass = "change members"
	classReadThread    quotaClass = "read threads"
	classListMembers   quotaClass = "list members"
)

// documentedQuotas are the limits of ACS per user or thread.
// https://learn.microsoft.com/azure/communication-services/concepts/service-limits
var documentedQuotas = map[quotaClass][]quota{
	classCreateThread:  {{10, shortWindow}},
	classDeleteThread:  {{10, shortWindow}},
	classUpdateThread:  {{5, shortWindow}},
	classChangeMembers: {{10, shortWindow}, {30, longWindow}},
	classReadThread:    {{50, shortWindow}},
	classListMembers:   {{10, shortWindow}},
}

// resourceQuota limits the threads that all users of an ACS resource create together.
var resourceQuota = []quota{{3000, longWindow}}

// operationClasses says how ACS counts the calls of the client.
var operationClasses = map[string]quotaClass{
	"ChatClient.CreateThread":        classCreateThread,
	"ChatClient.DeleteThread":        classDeleteThread,
	"ChatClient.ListThreads":         classReadThread,
	"ThreadClient.GetProperties":     classReadThread,
	"ThreadClient.UpdateProperties":  classUpdateThread,
	"ThreadClient.AddParticipants":   classChangeMembers,
	"ThreadClient.RemoveParticipant": classChangeMembers,
	"ThreadClient.ListParticipants":  classListMembers,
}

// quotasOf are the limits of a connection: the documented ones where its spec names no others.
func quotasOf(spec *chatv1alpha1.Quotas) map[quotaClass][]quota {
	if spec == nil {
		return documentedQuotas
	}
	quotas := make(map[quotaClass][]quota, len(documentedQuotas))
	for class, override := range map[quotaClass]*chatv1alpha1.Quota{
		classCreateThread: spec.CreateThread, classDeleteThread: spec.DeleteThread, classUpdateThread: spec.UpdateThread,
		classChangeMembers: spec.ChangeMembers, classReadThread: spec.ReadThread, classListMembers: spec.ListMembers,
	} {
		if override == nil {
			quotas[class] = documentedQuotas[class]
			continue
		}
		quotas[class] = []quota{{int(override.Per10s), shortWindow}}
		if override.PerMinute != nil {
			quotas[class] = append(quotas[class], quota{int(*override.PerMinute), longWindow})
		}
	}
	return quotas
}
