// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	"github.com/acs-operator/acs-chat-operator/hack/processes"
	"github.com/acs-operator/acs-chat-operator/hack/sandbox"
)

// customer is a member of the thread that the application creates, and stays one after the
// adoption.
const customer = "8:acs:" + emulator.DefaultResourceID + "_00000000-0000-4000-8000-00000000000e"

// openService returns an application of the service of the running demo.
func openService(s *state) (*sandbox.Application, error) {
	application, err := sandbox.OpenApplication(
		s.path(filepath.Join(acsDir, sandbox.ConnectionStringFile)), s.path(filepath.Join(acsDir, sandbox.AuthorityFile)))
	if errors.Is(err, os.ErrNotExist) {
		return nil, errNotRunning
	}
	return application, err
}

// makeThread creates a thread like an application without any knowledge of the operator, and then
// adds the operator's users, so that the thread can be adopted.
func makeThread(ctx context.Context, a *sandbox.Application, serviceUsers []string) (user, threadID string, err error) {
	user, chat, err := a.NewUser(ctx)
	if err != nil {
		return "", "", err
	}
	created, err := chat.CreateThread(ctx, "4711", &acs.CreateThreadOptions{
		Participants: []acs.Participant{{ID: acs.ParseRawID(customer), DisplayName: "Customer"}},
	})
	if err != nil {
		return "", "", err
	}
	var guests []acs.Participant
	for _, id := range serviceUsers {
		guests = append(guests, acs.Participant{ID: acs.ParseRawID(id), DisplayName: "Chat operator"})
	}
	_, err = chat.ThreadClient(created.Thread.ID).AddParticipants(ctx, guests, nil)
	return user, created.Thread.ID, err
}

// room is a thread with its members.
type room struct {
	acs.ThreadProperties
	members []acs.Participant
}

// rooms returns the threads that any of the users is a member of: the service has no list of all
// threads.
func rooms(ctx context.Context, a *sandbox.Application, users []string) ([]room, error) {
	var found []room
	seen := map[string]bool{}
	for _, user := range users {
		chat, err := a.Chat(user)
		if err != nil {
			return nil, err
		}
		for pager := chat.NewListThreadsPager(nil); pager.More(); {
			page, err := pager.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			for _, item := range page.Threads {
				if seen[item.ID] || item.DeletedOn != nil {
					continue
				}
				r, err := readRoom(ctx, chat.ThreadClient(item.ID))
				if acs.HasStatus(err, http.StatusForbidden, http.StatusNotFound) {
					continue // a former member's list still contains it
				}
				if err != nil {
					return nil, err
				}
				seen[item.ID] = true
				found = append(found, r)
			}
		}
	}
	return found, nil
}

func readRoom(ctx context.Context, thread *acs.ThreadClient) (room, error) {
	properties, err := thread.GetProperties(ctx, nil)
	if err != nil {
		return room{}, err
	}
	r := room{ThreadProperties: properties.ThreadProperties}
	for pager := thread.NewListParticipantsPager(nil); pager.More(); {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return room{}, err
		}
		r.members = append(r.members, page.Participants...)
	}
	return r, nil
}

// drift renames a thread and removes a member, as any user with a token can.
func drift(ctx context.Context) error {
	s, err := attach()
	if err != nil {
		return err
	}
	service, err := openService(s)
	if err != nil {
		return err
	}
	k := processes.NewKubectl(s.path(sandbox.AdminKubeconfig), s.dir)
	ids, err := k.Run(ctx, "", "get", "chatthread", "quickstart", "-o", "jsonpath={.status.serviceUser} {.status.threadID} {.spec.participants[0].userID}")
	if err != nil {
		return err
	}
	var user, threadID, member string
	if _, err := fmt.Sscan(ids, &user, &threadID, &member); err != nil {
		return errors.New("the ChatThread quickstart has no thread, or declares no participants")
	}
	chat, err := service.Chat(user)
	if err != nil {
		return err
	}
	thread, topic := chat.ThreadClient(threadID), "renamed behind the operator's back"
	if _, err := thread.UpdateProperties(ctx, &acs.UpdateThreadPropertiesOptions{Topic: &topic}); err != nil {
		return err
	}
	if _, err := thread.RemoveParticipant(ctx, acs.ParseRawID(member), nil); err != nil {
		return err
	}
	fmt.Printf("Renamed the thread of quickstart to %q, and took out %s.\n", topic, member)
	return nil
}
