// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"regexp"
	"slices"
	"strings"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

const (
	// maxStatusUsers is how many service users status lists, maxUserID how long each id may be.
	maxStatusUsers = 256
	maxUserID      = 256
)

// fitsStatus says whether status takes the id of a service user.
func fitsStatus(id string) bool { return len(id) <= maxUserID && serviceUserForm.MatchString(id) }

// serviceUserForm is that of the ids that spec and status take.
var serviceUserForm = regexp.MustCompile(`^8:(acs|dod-acs|gcch-acs):[0-9A-Za-z_.=-]+$`)

// pinnedUsers are the service users that the spec names.
func pinnedUsers(conn *chatv1alpha1.ChatConnection) []string {
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
func recordedUsers(conn *chatv1alpha1.ChatConnection) []string {
	var ids []string
	for id := range strings.SplitSeq(conn.Annotations[chatv1alpha1.AnnotationServiceUsers], ",") {
		if id = strings.TrimSpace(id); id != "" {
			ids = append(ids, id)
		}
	}
	return mergeUsers(ids)
}

// everRecorded are the service users in the annotation, and those that somebody dropped from it.
func everRecorded(conn *chatv1alpha1.ChatConnection) []string {
	var fromStatus []string
	for _, id := range conn.Status.ServiceUsers {
		fromStatus = append(fromStatus, string(id))
	}
	return mergeUsers(recordedUsers(conn), fromStatus)
}

// knownUsers are all service users that may act for threads of the connection.
func knownUsers(conn *chatv1alpha1.ChatConnection) []string {
	return mergeUsers(recordedUsers(conn), pinnedUsers(conn))
}

// poolUsers are the service users that new threads are given to.
func poolUsers(conn *chatv1alpha1.ChatConnection) []string {
	if pinned := pinnedUsers(conn); len(pinned) > 0 {
		return pinned
	}
	recorded := recordedUsers(conn)
	return recorded[:min(len(recorded), wantedUsers(conn))]
}

// wantedUsers is how many service users the connection asks for, where none are pinned. An object of an
// older schema may ask for any number.
func wantedUsers(conn *chatv1alpha1.ChatConnection) int {
	if conn.Spec.ServiceUsers == nil || conn.Spec.ServiceUsers.Count == nil {
		return 1
	}
	return min(max(int(*conn.Spec.ServiceUsers.Count), 1), chatv1alpha1.MaxServiceUsers)
}

// containsUser says whether a user is among others.
func containsUser(users []string, id string) bool {
	return slices.ContainsFunc(users, func(user string) bool { return acs.UserKey(user) == acs.UserKey(id) })
}

// mergeUsers joins lists of ids, each user once, in the order of first mention.
func mergeUsers(lists ...[]string) []string {
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
