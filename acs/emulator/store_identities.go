// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator

import (
	"container/heap"
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

// identity is a user. A deleted one stays, so that its id and its old tokens are still recognized.
type identity struct {
	id        string
	serial    uint64 // of the latest token
	deletedOn *time.Time
	revoked   []revocation // in order
}

// revocation makes the tokens up to a serial number invalid from a given time on.
type revocation struct {
	UpTo uint64    `json:"upTo"`
	From time.Time `json:"from"`
}

func (st *store) createIdentity() string {
	st.lock()
	defer st.mu.Unlock()
	digest := st.digest("user")
	h := hex.EncodeToString(digest[:16])
	id := "8:acs:" + st.resourceID + "_" + strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
	st.identities[userKey(id)] = &identity{id: id}
	st.users = append(st.users, id)
	return id
}

// admitTeamsUser ensures that a Teams user, which is not an identity of this resource, can have
// tokens.
func (st *store) admitTeamsUser(id string) {
	st.lock()
	defer st.mu.Unlock()
	if key := userKey(id); st.identities[key] == nil {
		st.identities[key] = &identity{id: id}
	}
}

// existing returns an identity that is not deleted, or nil.
func (st *store) existing(id string) *identity {
	known := st.identities[userKey(id)]
	if known == nil || known.deletedOn != nil {
		return nil
	}
	return known
}

// nextToken returns the id of an identity and the serial number for its next token.
func (st *store) nextToken(id string) (user string, serial uint64, ok bool) {
	st.lock()
	defer st.mu.Unlock()
	known := st.existing(id)
	if known == nil {
		return "", 0, false
	}
	known.serial++
	return known.id, known.serial, true
}

// tokenIsGood reports whether the token was issued to the identity and is still valid.
func (st *store) tokenIsGood(id string, serial uint64) bool {
	now := st.lock()
	defer st.mu.Unlock()
	known := st.identities[userKey(id)]
	if known == nil || serial == 0 || serial > known.serial {
		return false
	}
	return !slices.ContainsFunc(known.revoked, func(r revocation) bool { return serial <= r.UpTo && !now.Before(r.From) })
}

// isDeleted reports whether the id belongs to a deleted identity.
func (st *store) isDeleted(id string) bool {
	st.lock()
	defer st.mu.Unlock()
	known := st.identities[userKey(id)]
	return known != nil && known.deletedOn != nil
}

// revokeTokens makes the tokens issued so far invalid, and reports whether the identity exists.
func (st *store) revokeTokens(id string) bool {
	now := st.lock()
	defer st.mu.Unlock()
	known := st.existing(id)
	if known != nil {
		known.revoke(now.Add(st.revocation))
	}
	return known != nil
}

func (i *identity) revoke(from time.Time) {
	i.revoked = append(i.revoked, revocation{UpTo: i.serial, From: from})
}

// deleteIdentity deletes an identity and reports whether it existed. The identity leaves its
// threads when its tokens become invalid: in a recording, a call with an old token succeeded right
// after the deletion.
func (st *store) deleteIdentity(id string) bool {
	now := st.lock()
	defer st.mu.Unlock()
	known := st.existing(id)
	if known == nil {
		return false
	}
	known.deletedOn = &now
	known.revoke(now.Add(st.revocation))
	st.users = slices.DeleteFunc(st.users, func(user string) bool { return user == known.id })
	heap.Push(&st.agenda, appointment{at: now.Add(st.revocation), user: known})
	st.settle(now)
	return true
}
