// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"net/http"
	"testing"
	"testing/synctest"

	. "github.com/onsi/gomega"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

func TestConfirmUnknown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newIdentityWorld(t)
		there, gone := w.emulator.CreateUser(), "8:acs:"+emulator.DefaultResourceID+"_00000000-0000-4000-8000-00000000dead"
		confirm := func(id string) error { return w.registry.ConfirmUnknown(t.Context(), w.session, id) }

		w.session.KnowUsers(UserIDs{gone})
		w.Expect(confirm(gone)).To(MatchError(errNoOtherUser), "there is no other user")
		w.session.KnowUsers(UserIDs{gone, there})
		w.Expect(confirm(gone)).To(Succeed())

		// The service finds nothing for a while.
		w.emulator.Inject(emulator.Fault{Operation: emulator.OperationIssueToken, Status: http.StatusNotFound})
		w.Expect(confirm(gone)).To(MatchError(errNoOtherUser))
		w.emulator.ClearFaults()

		w.session.KnowUsers(UserIDs{there, w.emulator.CreateUser()})
		w.Expect(confirm(there)).To(MatchError(errUserIsKnown))
	})
}
