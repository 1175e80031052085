// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package pacing

import (
	"iter"
	"maps"
	"net/url"
	"strings"
	"time"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// The windows in which ACS counts calls.
const (
	// ShortWindow is the window of most quotas.
	ShortWindow = 10 * time.Second
	longWindow  = time.Minute
)

// Quotas are the limits of ACS by the class of a call.
type Quotas map[class][]quota

// quota is a number of calls in any window of a length.
type quota struct {
	limit  int
	window time.Duration
}

// class is a group of operations that ACS counts together.
type class string

const (
	classCreateThread  class = "create thread"
	classDeleteThread  class = "delete thread"
	classUpdateThread  class = "update thread"
	classChangeMembers class = "change members"
	classReadThread    class = "read threads"
	classListMembers   class = "list members"
)

// documentedQuotas are the limits of ACS per user or thread.
// https://learn.microsoft.com/azure/communication-services/concepts/service-limits
var documentedQuotas = Quotas{
	classCreateThread:  {{10, ShortWindow}},
	classDeleteThread:  {{10, ShortWindow}},
	classUpdateThread:  {{5, ShortWindow}},
	classChangeMembers: {{10, ShortWindow}, {30, longWindow}},
	classReadThread:    {{50, ShortWindow}},
	classListMembers:   {{10, ShortWindow}},
}

// resourceQuota limits the threads that all users of an ACS resource create together.
var resourceQuota = quota{3000, longWindow}

// operationClasses gives the class of each operation of the client that has a quota.
var operationClasses = map[string]class{
	"ChatClient.CreateThread":        classCreateThread,
	"ChatClient.DeleteThread":        classDeleteThread,
	"ChatClient.ListThreads":         classReadThread,
	"ThreadClient.GetProperties":     classReadThread,
	"ThreadClient.UpdateProperties":  classUpdateThread,
	"ThreadClient.AddParticipants":   classChangeMembers,
	"ThreadClient.RemoveParticipant": classChangeMembers,
	"ThreadClient.ListParticipants":  classListMembers,
}

// Operations returns the names of the operations of the client that have a quota.
func Operations() iter.Seq[string] { return maps.Keys(operationClasses) }

// QuotasFor returns the limits of a connection: the documented ones, unless its spec names others.
func QuotasFor(spec *chatv1alpha1.Quotas) Quotas {
	if spec == nil {
		return documentedQuotas
	}
	quotas := make(Quotas, len(documentedQuotas))
	for of, override := range map[class]*chatv1alpha1.Quota{
		classCreateThread: spec.CreateThread, classDeleteThread: spec.DeleteThread, classUpdateThread: spec.UpdateThread,
		classChangeMembers: spec.ChangeMembers, classReadThread: spec.ReadThread, classListMembers: spec.ListMembers,
	} {
		if override == nil {
			quotas[of] = documentedQuotas[of]
			continue
		}
		quotas[of] = []quota{{int(override.Per10s), ShortWindow}}
		if override.PerMinute != nil {
			quotas[of] = append(quotas[of], quota{int(*override.PerMinute), longWindow})
		}
	}
	return quotas
}

// limitKey names a limit: a class of calls, and the user or thread that ACS counts them for.
type limitKey struct {
	class class
	owner string
}

// keyFor returns the limit of a call. user is a key of acs.UserKey.
func keyFor(of class, user, thread string) limitKey {
	switch of {
	case classUpdateThread, classChangeMembers:
		return limitKey{of, thread}
	case classListMembers:
		return limitKey{of, user + " " + thread}
	default:
		return limitKey{of, user}
	}
}

// threadInPath returns the thread that a call is about, or "".
func threadInPath(u *url.URL) string {
	rest, found := strings.CutPrefix(u.Path, "/chat/threads/")
	if !found {
		return ""
	}
	thread, _, _ := strings.Cut(rest, "/")
	return thread
}
