// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"errors"
	"net/http"

	"github.com/acs-operator/acs-chat-operator/acs"
)

var (
	errNoOtherUser  = errors.New("ACS issues no token for another service user of the connection")
	errUserIsKnown  = errors.New("ACS knows the service user again")
	onlyChatIsAsked = []acs.TokenScope{acs.ScopeChat}
)

// ConfirmUnknown returns nil if ACS issues a token for another service user of the connection, and
// then once more knows no such user as this one. While ACS knows no user at all, it says nothing
// about one of them. Kept answers do not count: they may be older.
func (r *Registry) ConfirmUnknown(ctx context.Context, found *Connection, id string) error {
	isOtherKnown := false
	for _, other := range found.UsersKnown() {
		if acs.UserKey(other) != acs.UserKey(id) && !isOtherKnown {
			_, err := found.IdentityClient().IssueToken(ctx, other, onlyChatIsAsked, nil)
			isOtherKnown = err == nil
		}
	}
	if !isOtherKnown {
		return errNoOtherUser
	}
	_, err := found.IdentityClient().IssueToken(ctx, id, onlyChatIsAsked, nil)
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
