// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

// contract is the real client and the emulator, over TLS.
type contract struct {
	*testing.T
	emu      *emulator.Server
	endpoint string
	options  *acs.ClientOptions
	identity *acs.IdentityClient
}

func newContract(t *testing.T, options emulator.Options) *contract {
	t.Helper()
	config, authority, err := emulator.GenerateTLS()
	if err != nil {
		t.Fatal(err)
	}
	emu := emulator.New(options)
	server := httptest.NewUnstartedServer(emu)
	server.TLS = config
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	t.Cleanup(transport.CloseIdleConnections)
	c := &contract{T: t, emu: emu, endpoint: server.URL, options: &acs.ClientOptions{}}
	c.options.Transport = &http.Client{Transport: transport}
	c.options.Retry = policy.RetryOptions{MaxRetries: 1, RetryDelay: time.Millisecond, MaxRetryDelay: time.Millisecond}
	c.identity, err = acs.NewIdentityClientFromConnectionString(emu.ConnectionString(server.URL), c.options)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// chat creates a user and returns a client that acts on its behalf.
func (c *contract) chat() (string, *acs.ChatClient) {
	c.Helper()
	user, err := c.identity.CreateUser(c.Context(), nil)
	c.must(err)
	credential := acs.NewUserCredential(func(ctx context.Context) (acs.AccessToken, error) {
		issued, err := c.identity.IssueToken(ctx, user.ID, []acs.TokenScope{acs.ScopeChat}, nil)
		return issued.AccessToken, err
	}, nil)
	client, err := acs.NewChatClient(c.endpoint, credential, c.options)
	c.must(err)
	return user.ID, client
}

func (c *contract) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

func TestContractThreads(t *testing.T) {
	t.Parallel()
	for _, withKind := range []bool{false, true} {
		c := newContract(t, emulator.Options{Quotas: true, WithKind: withKind})
		user, chat := c.chat()
		created, err := chat.CreateThread(t.Context(), "Incident 7", &acs.CreateThreadOptions{
			Participants:    []acs.Participant{{ID: acs.CommunicationUser{ID: user}, DisplayName: "Bot"}},
			Metadata:        map[string]string{"a": "1"},
			RetentionPolicy: &acs.RetentionPolicy{Kind: acs.RetentionThreadCreationDate, DeleteThreadAfterDays: 30},
		})
		c.must(err)
		thread := chat.ThreadClient(created.Thread.ID)
		topic := "Incident 8"
		_, err = thread.UpdateProperties(t.Context(), &acs.UpdateThreadPropertiesOptions{
			Topic: &topic, Metadata: map[string]string{"a": "", "b": "2"}, RetentionPolicy: &acs.RetentionPolicy{Kind: acs.RetentionNone},
		})
		c.must(err)
		got, err := thread.GetProperties(t.Context(), nil)
		c.must(err)
		want := created.Thread
		want.Topic, want.Metadata = topic, map[string]string{"a": "", "b": "2"}
		want.RetentionPolicy = &acs.RetentionPolicy{Kind: acs.RetentionNone}
		if !reflect.DeepEqual(got.ThreadProperties, want) || want.CreatedBy != acs.Identifier(acs.CommunicationUser{ID: user}) {
			t.Errorf("got %+v, want %+v", got.ThreadProperties, want)
		}
		_, err = chat.CreateThread(t.Context(), "another", nil)
		c.must(err)
		_, err = chat.DeleteThread(t.Context(), created.Thread.ID, nil)
		c.must(err)
		if _, err := thread.GetProperties(t.Context(), nil); !acs.HasCode(err, acs.CodeNotFound) || !acs.HasStatus(err, http.StatusNotFound) {
			t.Errorf("get after delete: %v", err)
		}
		var topics []string
		for pager := chat.NewListThreadsPager(&acs.ListThreadsOptions{MaxPageSize: 1}); pager.More(); {
			page, err := pager.NextPage(t.Context())
			c.must(err)
			for _, item := range page.Threads {
				topics = append(topics, item.Topic)
				if (item.DeletedOn != nil) != (item.ID == created.Thread.ID) {
					t.Errorf("item %+v", item)
				}
			}
		}
		if !reflect.DeepEqual(topics, []string{"another", topic}) {
			t.Errorf("topics %v", topics)
		}
	}
}

func TestContractParticipants(t *testing.T) {
	t.Parallel()
	c := newContract(t, emulator.Options{})
	user, chat := c.chat()
	created, err := chat.CreateThread(t.Context(), "t", nil)
	c.must(err)
	thread := chat.ThreadClient(created.Thread.ID)
	since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	ada := acs.Participant{
		ID: acs.CommunicationUser{ID: sampleUser}, DisplayName: "Ada", ShareHistoryTime: &since, Metadata: map[string]string{"k": "v"},
	}
	_, err = thread.AddParticipants(t.Context(), []acs.Participant{
		ada, {ID: acs.ParseRawID(foreignUser)}, {ID: acs.MicrosoftTeamsUser{UserID: "00000000-0000-4000-8000-00000000000a"}},
		{ID: acs.PhoneNumber{Value: "+49123456"}},
	}, nil)
	var invalid *acs.InvalidParticipantsError
	if !errors.As(err, &invalid) || len(invalid.Participants) != 2 || invalid.Participants[0] !=
		(acs.InvalidParticipant{Target: foreignUser, Code: "403", Message: "Permissions check failed"}) {
		t.Errorf("add: %v", err)
	}
	var got []acs.Participant
	for pager := thread.NewListParticipantsPager(&acs.ListParticipantsOptions{MaxPageSize: 2}); pager.More(); {
		page, err := pager.NextPage(t.Context())
		c.must(err)
		got = append(got, page.Participants...)
	}
	if len(got) != 3 || got[0].ID.RawID() != user || !reflect.DeepEqual(got[1], ada) || got[2].ID.RawID() != "4:+49123456" {
		t.Errorf("participants %+v", got)
	}
	_, err = thread.AddParticipants(t.Context(), []acs.Participant{{ID: acs.Unknown{ID: "8:acs:fakeid"}}}, nil)
	if detail, _ := acs.Detail(err); !acs.HasCode(err, acs.CodeBadRequest) || detail.Message != "Identifier format is invalid (8:acs:fakeid)." {
		t.Errorf("add a malformed id: %v", err)
	}
	_, err = thread.RemoveParticipant(t.Context(), ada.ID, nil)
	c.must(err)
	_, err = thread.RemoveParticipant(t.Context(), acs.CommunicationUser{ID: user}, nil)
	c.must(err)
	if _, err = thread.RemoveParticipant(t.Context(), ada.ID, nil); !acs.HasCode(err, acs.CodeForbidden) {
		t.Errorf("remove after leaving: %v", err)
	}
}

func TestContractTokensAndRetries(t *testing.T) {
	t.Parallel()
	c := newContract(t, emulator.Options{})
	user, err := c.identity.CreateUser(t.Context(), &acs.CreateUserOptions{
		TokenScopes: []acs.TokenScope{acs.ScopeChat}, TokenExpiresIn: time.Hour,
	})
	c.must(err)
	if left := time.Until(user.Token.ExpiresOn); left > time.Hour || left < 50*time.Minute {
		t.Errorf("the token is good for %s", left)
	}
	if _, err := c.identity.IssueToken(t.Context(), sampleUser, []acs.TokenScope{acs.ScopeChat}, nil); !acs.HasStatus(err, http.StatusNotFound) {
		t.Errorf("token for an unknown user: %v", err)
	}
	// The client survives a lost response and a refused token within the call, and creates one
	// thread.
	_, chat := c.chat()
	c.emu.Inject(emulator.Fault{Operation: emulator.OperationCreateThread, Times: 1, DropAfter: true})
	created, err := chat.CreateThread(t.Context(), "t", nil)
	c.must(err)
	c.emu.Inject(emulator.Fault{Operation: emulator.OperationGetThread, Times: 1, Status: http.StatusUnauthorized})
	_, err = chat.ThreadClient(created.Thread.ID).GetProperties(t.Context(), nil)
	c.must(err)
	if threads := c.emu.Threads(); len(threads) != 1 || threads[0].ID != created.Thread.ID {
		t.Errorf("threads %+v", threads)
	}
	// The service's 429 arrives with its wait.
	c.emu.Inject(emulator.Fault{Times: 1, Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"7"}}})
	_, err = chat.DeleteThread(t.Context(), created.Thread.ID, nil)
	if wait, ok := acs.RetryAfter(err); !ok || wait != 7*time.Second {
		t.Errorf("throttled: %v, %s", err, wait)
	}
	c.emu.RotateAccessKey()
	if _, err := c.identity.CreateUser(t.Context(), nil); !acs.HasStatus(err, http.StatusUnauthorized) {
		t.Errorf("old key: %v", err)
	}
}
