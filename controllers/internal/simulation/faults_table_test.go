// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"maps"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// What an object shows while a fault lasts.
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

// What is not in a table is tried again by itself: the service gave no answer, or none that can be
// understood, or one that says that this is not its best moment.
var (
	shownByDefault = map[string]string{
		"400": showsInvalidRequest,
		// The credential is good: ACS has just issued a token with it.
		"401": showsAuthenticationFailed,
		"403": showsAccessLost,
		"413": showsInvalidRequest,
		"429": showsThrottled, "429 seconds": showsThrottled, "429 date": showsThrottled,
		// The body counts, not what it is called.
		"content type": showsReady,
	}

	// What was sent took effect, and the next pass sees it.
	shownOnWrite = forFaultsWithEffect(showsReady)

	// A thread whose create was not answered is found. Whoever may not create has no credential for
	// it.
	shownOnCreate = with(shownOnWrite, map[string]string{"403": showsAuthenticationFailed})
	// To search is part of creating.
	shownOnSearch = map[string]string{"403": showsAuthenticationFailed}
	// One call does not make a thread gone, or another's, while others answer for it.
	shownOnOneDenial = map[string]string{"403": showsUnavailable}
	// Members that are refused as malformed are told of one by one.
	shownOnAdd = with(shownOnWrite, map[string]string{"400": showsRejected})
	// What is not there need not be deleted.
	shownOnDelete = with(forFaultsWithEffect(showsGone), map[string]string{"404": showsGone})

	// The first service user is missing: its connection shows why.
	shownWithoutUser = forAllFaults(showsConnectionNotReady, map[string]string{"content type": showsReady})
	// One service user is enough for a thread, save where the credential is refused.
	shownWithOneUser = forAllFaults(showsReady, map[string]string{"401": showsConnectionNotReady})
	// Without a token for its user a thread shows that itself, as other threads have other users.
	shownOnToken = map[string]string{"400": showsAuthenticationFailed, "401": showsConnectionNotReady, "403": showsAuthenticationFailed, "404": showsAuthenticationFailed, "413": showsAuthenticationFailed}

	connectionOnCreateUser = map[string]string{
		"400": showsInvalidRequest, "401": showsAuthenticationFailed, "403": showsAuthenticationFailed, "413": showsInvalidRequest,
		"429": showsThrottled, "429 seconds": showsThrottled, "429 date": showsThrottled, "content type": showsReady,
	}
	// The service user is not what it was: a person must act.
	connectionOnToken = with(connectionOnCreateUser, map[string]string{"400": showsAuthenticationFailed, "404": showsAuthenticationFailed, "413": showsAuthenticationFailed})
)

func with(table, more map[string]string) map[string]string {
	all := maps.Clone(table)
	maps.Copy(all, more)
	return all
}

// everywhere is a table for all faults.
func forAllFaults(shows string, more map[string]string) map[string]string {
	table := map[string]string{}
	for _, fault := range serviceFaults {
		table[fault.name] = shows
	}
	return with(table, more)
}

// effective is a table of the faults that come after the effect.
func forFaultsWithEffect(shows string) map[string]string {
	table := map[string]string{}
	for _, fault := range serviceFaults {
		if fault.effect {
			table[fault.name] = shows
		}
	}
	return table
}

// shownBy is what ChatThread room is to show while a fault lasts.
func (o faultedOperation) shownBy(fault serviceFault) string {
	return lookUp(fault.name, o.expected, shownByDefault)
}

// shownByConnection is what the connection is to show. What happens to a thread is no matter of it.
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
