// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/acs-operator/acs-chat-operator/acs"
)

var (
	errNoOtherUser = errors.New("ACS issues no token for another service user of the connection")
	errUserIsKnown = errors.New("ACS knows the service user again")
)

// ConfirmUnknown returns nil if ACS issues a token for another service user of the connection, and
// then once more knows no such user as this one. While ACS knows no user at all, it says nothing
// about one of them. Kept answers do not count: they may be older.
func (r *Registry) ConfirmUnknown(ctx context.Context, found *Connection, id string) error {
	ask := func(user string) error {
		_, err := found.IdentityClient().IssueToken(ctx, user, []acs.TokenScope{acs.ScopeChat}, nil)
		return err
	}
	isOther := func(user string) bool { return acs.UserKey(user) != acs.UserKey(id) }
	if !slices.ContainsFunc(found.UsersKnown(), func(user string) bool { return isOther(user) && ask(user) == nil }) {
		return errNoOtherUser
	}
	err := ask(id)
	switch {
	case acs.HasStatus(err, http.StatusBadRequest, http.StatusNotFound):
		return nil
	case err != nil:
		return err
	}
	user, err := r.User(found, id)
	if err == nil {
		user.tokens.askAgain()
	}
	return errors.Join(errUserIsKnown, err)
}
