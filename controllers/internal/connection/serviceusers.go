// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"regexp"
	"slices"
	"strings"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

const (
	// maxStatusUsers is how many service users status lists, maxUserID how long each id may be.
	MaxStatusUsers = 256
	MaxUserID      = 256
)

// fitsStatus says whether status takes the id of a service user.
func FitsStatus(id string) bool { return len(id) <= MaxUserID && serviceUserForm.MatchString(id) }

// serviceUserForm is that of the ids that spec and status take.
var serviceUserForm = regexp.MustCompile(`^8:(acs|dod-acs|gcch-acs):[0-9A-Za-z_.=-]+$`)

// pinnedUsers are the service users that the spec names.
func PinnedUsers(conn *chatv1alpha1.ChatConnection) []string {
	if conn.Spec.ServiceUsers == nil {
		return nil
	}
	ids := make([]string, 0, len(conn.Spec.ServiceUsers.IDs))
	for _, id := range conn.Spec.ServiceUsers.IDs {
		ids = append(ids, string(id))
	}
	return ids
}

// recordedUsers are the service users in the annotation.
func RecordedUsers(conn *chatv1alpha1.ChatConnection) []string {
	var ids []string
	for id := range strings.SplitSeq(conn.Annotations[chatv1alpha1.AnnotationServiceUsers], ",") {
		if id = strings.TrimSpace(id); id != "" {
			ids = append(ids, id)
		}
	}
	return MergeUsers(ids)
}

// everRecorded are the service users in the annotation, and those that somebody dropped from it.
func EverRecorded(conn *chatv1alpha1.ChatConnection) []string {
	var fromStatus []string
	for _, id := range conn.Status.ServiceUsers {
		fromStatus = append(fromStatus, string(id))
	}
	return MergeUsers(RecordedUsers(conn), fromStatus)
}

// knownUsers are all service users that may act for threads of the connection.
func KnownUsers(conn *chatv1alpha1.ChatConnection) []string {
	return MergeUsers(RecordedUsers(conn), PinnedUsers(conn))
}

// poolUsers are the service users that new threads are given to.
func PoolUsers(conn *chatv1alpha1.ChatConnection) []string {
	if pinned := PinnedUsers(conn); len(pinned) > 0 {
		return pinned
	}
	recorded := RecordedUsers(conn)
	return recorded[:min(len(recorded), WantedUsers(conn))]
}

// wantedUsers is how many service users the connection asks for, where none are pinned. An object of an
// older schema may ask for any number.
func WantedUsers(conn *chatv1alpha1.ChatConnection) int {
	if conn.Spec.ServiceUsers == nil || conn.Spec.ServiceUsers.Count == nil {
		return 1
	}
	return min(max(int(*conn.Spec.ServiceUsers.Count), 1), chatv1alpha1.MaxServiceUsers)
}

// containsUser says whether a user is among others.
func ContainsUser(users []string, id string) bool {
	return slices.ContainsFunc(users, func(user string) bool { return acs.UserKey(user) == acs.UserKey(id) })
}

// mergeUsers joins lists of ids, each user once, in the order of first mention.
func MergeUsers(lists ...[]string) []string {
	var merged []string
	seen := map[string]bool{}
	for _, list := range lists {
		for _, id := range list {
			if !seen[acs.UserKey(id)] {
				seen[acs.UserKey(id)] = true
				merged = append(merged, id)
			}
		}
	}
	return merged
}
