// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"maps"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// These are the states of an object during a fault.
const (
	showsReady                = "Ready " + chatv1alpha1.ReasonSucceeded
	showsGone                 = "gone"
	showsUnavailable          = "Reconciling " + chatv1alpha1.ReasonServiceUnavailable
	showsThrottled            = "Reconciling " + chatv1alpha1.ReasonThrottled
	showsConnectionNotReady   = "Reconciling " + chatv1alpha1.ReasonConnectionNotReady
	showsInvalidRequest       = "Stalled " + chatv1alpha1.ReasonInvalidRequest
	showsAuthenticationFailed = "Stalled " + chatv1alpha1.ReasonAuthenticationFailed
	showsAccessLost           = "Stalled " + chatv1alpha1.ReasonAccessLost
	showsRejected             = "Stalled " + chatv1alpha1.ReasonParticipantRejected
)

// The operator retries by itself after each fault that is not in a table: the service gave no
// answer, or an unreadable one, or one that reports a temporary problem.
var (
	shownByDefault = map[string]string{
		"400": showsInvalidRequest,
		// The credential is good: ACS has just issued a token with it.
		"401": showsAuthenticationFailed,
		"403": showsAccessLost,
		"413": showsInvalidRequest,
		"429": showsThrottled, "429 seconds": showsThrottled, "429 date": showsThrottled,
		// The body counts, not its declared type.
		"content type": showsReady,
	}

	// The request took effect, and the next reconcile sees it.
	shownOnWrite = forFaultsWithEffect(showsReady)

	// The operator finds a thread whose create was not answered. A caller that may not create has no
	// credential for it.
	shownOnCreate = with(shownOnWrite, map[string]string{"403": showsAuthenticationFailed})
	// The search is part of the create.
	shownOnSearch = map[string]string{"403": showsAuthenticationFailed}
	// One answer does not prove that a thread is gone or owned by another resource while other calls
	// find it.
	shownOnOneDenial = map[string]string{"403": showsUnavailable}
	// Members that are refused as malformed are reported one by one.
	shownOnAdd = with(shownOnWrite, map[string]string{"400": showsRejected})
	// An absent thread need not be deleted.
	shownOnDelete = with(forFaultsWithEffect(showsGone), map[string]string{"404": showsGone})

	// The first service user is missing. The connection shows the reason.
	shownWithoutUser = forAllFaults(showsConnectionNotReady, map[string]string{"content type": showsReady})
	// One service user is enough for a thread, unless the credential is refused.
	shownWithOneUser = forAllFaults(showsReady, map[string]string{"401": showsConnectionNotReady})
	// A thread without a token for its user shows that itself, as other threads have other users.
	shownOnToken = map[string]string{"400": showsAuthenticationFailed, "401": showsConnectionNotReady, "403": showsAuthenticationFailed, "404": showsAuthenticationFailed, "413": showsAuthenticationFailed}

	connectionOnCreateUser = map[string]string{
		"400": showsInvalidRequest, "401": showsAuthenticationFailed, "403": showsAuthenticationFailed, "413": showsInvalidRequest,
		"429": showsThrottled, "429 seconds": showsThrottled, "429 date": showsThrottled, "content type": showsReady,
	}
	// The service user has changed, so a person must act.
	connectionOnToken = with(connectionOnCreateUser, map[string]string{"400": showsAuthenticationFailed, "404": showsAuthenticationFailed, "413": showsAuthenticationFailed})
)

func with(table, more map[string]string) map[string]string {
	all := maps.Clone(table)
	maps.Copy(all, more)
	return all
}

// forAllFaults returns a table with one state for all faults.
func forAllFaults(shows string, more map[string]string) map[string]string {
	table := map[string]string{}
	for _, fault := range serviceFaults {
		table[fault.name] = shows
	}
	return with(table, more)
}

// forFaultsWithEffect returns a table of the faults in which the call took effect.
func forFaultsWithEffect(shows string) map[string]string {
	table := map[string]string{}
	for _, fault := range serviceFaults {
		if fault.effect {
			table[fault.name] = shows
		}
	}
	return table
}

// shownBy returns the state that ChatThread room must show during a fault.
func (o faultedOperation) shownBy(fault serviceFault) string {
	return lookUp(fault.name, o.expected, shownByDefault)
}

// shownByConnection returns the state that the connection must show. It does not depend on the
// threads.
func (o faultedOperation) shownByConnection(fault serviceFault) string {
	if o.connection == nil {
		return showsReady
	}
	return lookUp(fault.name, o.connection)
}

func lookUp(fault string, tables ...map[string]string) string {
	for _, table := range tables {
		if shows, ok := table[fault]; ok {
			return shows
		}
	}
	return showsUnavailable
}
