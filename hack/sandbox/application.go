// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"context"
	"os"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/hack/processes"
)

// Application uses ACS without the operator, with a key of the resource.
type Application struct {
	Endpoint string
	Identity *acs.IdentityClient
	options  *acs.ClientOptions
}

// OpenApplication reads the files of a service.
func OpenApplication(connectionStringFile, authority string) (*Application, error) {
	connectionString, err := os.ReadFile(connectionStringFile)
	if err != nil {
		return nil, err
	}
	certificates, err := os.ReadFile(authority)
	if err != nil {
		return nil, err
	}
	client, err := processes.ClientTrusting(certificates)
	if err != nil {
		return nil, err
	}
	resource, err := acs.ParseConnectionString(string(connectionString))
	if err != nil {
		return nil, err
	}
	a := &Application{Endpoint: resource.Endpoint, options: &acs.ClientOptions{}}
	a.options.Transport = client
	a.Identity, err = acs.NewIdentityClientWithAccessKey(resource.Endpoint, resource.AccessKey, a.options)
	return a, err
}

// Application returns an application of the service.
func (s *Service) Application() (*Application, error) {
	return OpenApplication(s.ConnectionStringFile, s.Authority)
}

// Chat returns the client of one user.
func (a *Application) Chat(user string) (*acs.ChatClient, error) {
	credential := acs.NewUserCredential(func(ctx context.Context) (acs.AccessToken, error) {
		issued, err := a.Identity.IssueToken(ctx, user, []acs.TokenScope{acs.ScopeChat}, nil)
		return issued.AccessToken, err
	}, nil)
	return acs.NewChatClient(a.Endpoint, credential, a.options)
}

// NewUser creates a user, and returns its id and its client.
func (a *Application) NewUser(ctx context.Context) (id string, chat *acs.ChatClient, err error) {
	user, err := a.Identity.CreateUser(ctx, nil)
	if err != nil {
		return "", nil, err
	}
	chat, err = a.Chat(user.ID)
	return user.ID, chat, err
}
