// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package live

import (
	"context"
	"os"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	"github.com/acs-operator/acs-chat-operator/hack/processes"
)

// ada is a member of the thread of the application, under another name than the pages declare.
const ada = "8:acs:" + emulator.DefaultResourceID + "_00000000-0000-4000-8000-00000000000a"

// application uses ACS without the operator.
type application struct {
	endpoint string
	identity *acs.IdentityClient
	options  *acs.ClientOptions
}

// openApplication reads the files that the emulator writes when it is ready.
func openApplication(connectionStringFile, authorityFile string) (*application, error) {
	connectionString, err := os.ReadFile(connectionStringFile)
	if err != nil {
		return nil, err
	}
	authority, err := os.ReadFile(authorityFile)
	if err != nil {
		return nil, err
	}
	client, err := processes.ClientTrusting(authority)
	if err != nil {
		return nil, err
	}
	resource, err := acs.ParseConnectionString(string(connectionString))
	if err != nil {
		return nil, err
	}
	a := &application{endpoint: resource.Endpoint, options: &acs.ClientOptions{}}
	a.options.Transport = client
	a.identity, err = acs.NewIdentityClientWithAccessKey(resource.Endpoint, resource.AccessKey, a.options)
	return a, err
}

// makeThread creates a thread that a page imports, with the users that may then manage it.
func (a *application) makeThread(ctx context.Context, serviceUsers []string) (id string, err error) {
	user, err := a.identity.CreateUser(ctx, nil)
	if err != nil {
		return "", err
	}
	credential := acs.NewUserCredential(func(ctx context.Context) (acs.AccessToken, error) {
		issued, err := a.identity.IssueToken(ctx, user.ID, []acs.TokenScope{acs.ScopeChat}, nil)
		return issued.AccessToken, err
	}, nil)
	chat, err := acs.NewChatClient(a.endpoint, credential, a.options)
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
