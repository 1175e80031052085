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
	showsReady    = "Ready " + chatv1alpha1.ReasonSucceeded
	showsGone     = "gone"
	showsBroken   = "Reconciling " + chatv1alpha1.ReasonServiceUnavailable
	showsWaiting  = "Reconciling " + chatv1alpha1.ReasonThrottled
	showsUnready  = "Reconciling " + chatv1alpha1.ReasonConnectionNotReady
	showsInvalid  = "Stalled " + chatv1alpha1.ReasonInvalidRequest
	showsDenied   = "Stalled " + chatv1alpha1.ReasonAuthenticationFailed
	showsShut     = "Stalled " + chatv1alpha1.ReasonAccessLost
	showsRejected = "Stalled " + chatv1alpha1.ReasonParticipantRejected
)

// What is not in a table is tried again by itself: the service gave no answer, or none that can be
// understood, or one that says that this is not its best moment.
var (
	whereAny = map[string]string{
		"400": showsInvalid,
		// The credential is good: ACS has just issued a token with it.
		"401": showsDenied,
		"403": showsShut,
		"413": showsInvalid,
		"429": showsWaiting, "429 seconds": showsWaiting, "429 date": showsWaiting,
		// The body counts, not what it is called.
		"content type": showsReady,
	}

	// What was sent took effect, and the next pass sees it.
	whereWritten = effective(showsReady)

	// A thread whose create was not answered is found. Whoever may not create has no credential for
	// it.
	whereCreated = with(whereWritten, map[string]string{"403": showsDenied})
	// To search is part of creating.
	whereSearched = map[string]string{"403": showsDenied}
	// One call does not make a thread gone, or another's, while others answer for it.
	whereBelied = map[string]string{"403": showsBroken}
	// Members that are refused as malformed are told of one by one.
	whereAdded = with(whereWritten, map[string]string{"400": showsRejected})
	// What is not there need not be deleted.
	whereDeleted = with(effective(showsGone), map[string]string{"404": showsGone})

	// The first service user is missing: its connection shows why.
	whereWithoutUser = everywhere(showsUnready, map[string]string{"content type": showsReady})
	// One service user is enough for a thread, save where the credential is refused.
	whereUsersSuffice = everywhere(showsReady, map[string]string{"401": showsUnready})
	// Without a token for its user a thread shows that itself, as other threads have other users.
	whereTokenIssued = map[string]string{"400": showsDenied, "401": showsUnready, "403": showsDenied, "404": showsDenied, "413": showsDenied}

	whereUserMade = map[string]string{
		"400": showsInvalid, "401": showsDenied, "403": showsDenied, "413": showsInvalid,
		"429": showsWaiting, "429 seconds": showsWaiting, "429 date": showsWaiting, "content type": showsReady,
	}
	// The service user is not what it was: a person must act.
	whereTokenNeeded = with(whereUserMade, map[string]string{"400": showsDenied, "404": showsDenied, "413": showsDenied})
)

func with(table, more map[string]string) map[string]string {
	all := maps.Clone(table)
	maps.Copy(all, more)
	return all
}

// everywhere is a table for all faults.
func everywhere(shows string, more map[string]string) map[string]string {
	table := map[string]string{}
	for _, fault := range simFaults {
		table[fault.name] = shows
	}
	return with(table, more)
}

// effective is a table of the faults that come after the effect.
func effective(shows string) map[string]string {
	table := map[string]string{}
	for _, fault := range simFaults {
		if fault.effect {
			table[fault.name] = shows
		}
	}
	return table
}

// shownBy is what ChatThread room is to show while a fault lasts.
func (o faultedOperation) shownBy(fault simFault) string {
	return lookUp(fault.name, o.expected, whereAny)
}

// shownByConnection is what the connection is to show. What happens to a thread is no matter of it.
func (o faultedOperation) shownByConnection(fault simFault) string {
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
	return showsBroken
}
