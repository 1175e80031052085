// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

const (
	// maxStatusUsers is how many service users status lists, and maxUserID is the length of the
	// longest id in it.
	maxStatusUsers = 256
	maxUserID      = 256
)

// userForm is the form of the ids that spec and status take.
var userForm = regexp.MustCompile(`^8:(acs|dod-acs|gcch-acs):[0-9A-Za-z_.=-]+$`)

// UserIDs is a list of service users. ACS compares ids without regard to case, and so do its
// methods.
type UserIDs []string

// Contains reports whether a user is in the list.
func (ids UserIDs) Contains(id string) bool {
	return slices.ContainsFunc(ids, func(user string) bool { return acs.UserKey(user) == acs.UserKey(id) })
}

// With appends the users that the list lacks. The result has each user once, in the order of first
// mention.
func (ids UserIDs) With(more ...string) UserIDs {
	var all UserIDs
	seen := map[string]bool{}
	for _, list := range [][]string{ids, more} {
		for _, id := range list {
			if key := acs.UserKey(id); !seen[key] {
				seen[key] = true
				all = append(all, id)
			}
		}
	}
	return all
}

// Users are the service users that a ChatConnection names. A user is used only if it is pinned in
// the spec or recorded in the annotation; status alone is no permission to act.
type Users struct {
	recorded, pinned, shown, usable UserIDs
	// count is how many users the connection asks for if none are pinned.
	count int
}

// UsersOf reads the service users of a ChatConnection.
func UsersOf(conn *chatv1alpha1.ChatConnection) Users {
	u := Users{count: 1}
	for id := range strings.SplitSeq(conn.Annotations[chatv1alpha1.AnnotationServiceUsers], ",") {
		if id = strings.TrimSpace(id); id != "" {
			u.recorded = append(u.recorded, id)
		}
	}
	u.recorded = u.recorded.With()
	for _, id := range conn.Status.ServiceUsers {
		u.shown = append(u.shown, string(id))
	}
	if spec := conn.Spec.ServiceUsers; spec != nil {
		for _, id := range spec.IDs {
			u.pinned = append(u.pinned, string(id))
		}
		if spec.Count != nil {
			// An object of an older schema may ask for any number.
			u.count = min(max(int(*spec.Count), 1), chatv1alpha1.MaxServiceUsers)
		}
	}
	u.usable = u.recorded.With(u.pinned...)
	return u
}

// usersRead are the service users that a version of a ChatConnection names: each reconcile of a
// thread needs them, and there may be hundreds.
type usersRead struct {
	mu      sync.Mutex
	uid     types.UID
	version string
	users   Users
}

// of reads the service users, unless it did so for this version.
func (r *usersRead) of(conn *chatv1alpha1.ChatConnection) Users {
	r.mu.Lock()
	defer r.mu.Unlock()
	if conn.ResourceVersion == "" || r.uid != conn.UID || r.version != conn.ResourceVersion {
		r.uid, r.version, r.users = conn.UID, conn.ResourceVersion, UsersOf(conn)
	}
	return r.users
}

// ArePinned reports whether the spec names the users.
func (u Users) ArePinned() bool { return len(u.pinned) > 0 }

// Recorded returns the users in the annotation.
func (u Users) Recorded() UserIDs { return u.recorded }

// EverRecorded returns the users in the annotation, and those that somebody removed from it.
func (u Users) EverRecorded() UserIDs { return u.recorded.With(u.shown...) }

// IsCut reports whether somebody removed users from the annotation.
func (u Users) IsCut() bool { return len(u.EverRecorded()) > len(u.recorded) }

// Usable returns the users that may act for threads of the connection.
func (u Users) Usable() UserIDs { return u.usable }

// ForNewThreads returns the users that create threads: those that are pinned, or as many of the
// recorded ones as the spec asks for.
func (u Users) ForNewThreads() UserIDs {
	if u.ArePinned() {
		return u.pinned
	}
	return u.recorded[:min(len(u.recorded), u.count)]
}

// Missing is how many users are still to be created. None are created while the spec names them.
func (u Users) Missing() int {
	if u.ArePinned() {
		return 0
	}
	return max(u.count-len(u.EverRecorded()), 0)
}

// ForStatus returns the recorded users that status takes. Somebody may have written others into the
// annotation.
func (u Users) ForStatus() []chatv1alpha1.ServiceUserID {
	var ids []chatv1alpha1.ServiceUserID
	for _, id := range u.recorded {
		if len(ids) < maxStatusUsers && fitsStatus(id) {
			ids = append(ids, chatv1alpha1.ServiceUserID(id))
		}
	}
	return ids
}

func fitsStatus(id string) bool { return len(id) <= maxUserID && userForm.MatchString(id) }
