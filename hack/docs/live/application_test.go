// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package live

import (
	"context"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

// ada is a member of the thread of the application, under another name than the pages declare.
const ada = "8:acs:" + emulator.DefaultResourceID + "_00000000-0000-4000-8000-00000000000a"

// makeThread has an application create a thread that a page imports, with the users that may then
// manage it.
func (w *world) makeThread(ctx context.Context, serviceUsers []string) (id string, err error) {
	_, chat, err := w.application.NewUser(ctx)
	if err != nil {
		return "", err
	}
	members := []acs.Participant{{ID: acs.ParseRawID(ada), DisplayName: "Ada"}}
	for _, id := range serviceUsers {
		members = append(members, acs.Participant{ID: acs.ParseRawID(id)})
	}
	created, err := chat.CreateThread(ctx, "4712", &acs.CreateThreadOptions{Participants: members})
	return created.Thread.ID, err
}
