// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/acs-operator/acs-chat-operator/acs"
)

// answering returns a client whose calls all get that body as their response, without a network.
func answering(tb testing.TB, status int, body *string) *acs.ChatClient {
	tb.Helper()
	transport := transportFunc(func(req *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{}, Request: req, Body: io.NopCloser(strings.NewReader(*body))}, nil
	})
	chat, err := acs.NewChatClient("https://contoso.communication.azure.com", acs.NewStaticUserCredential(userToken),
		&acs.ClientOptions{ClientOptions: azcore.ClientOptions{Transport: transport}})
	if err != nil {
		tb.Fatal(err)
	}
	return chat
}

// benchmarkClient measures only the client's own work.
func benchmarkClient(b *testing.B, status int, body string) *acs.ChatClient {
	b.Helper()
	chat := answering(b, status, &body)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	return chat
}

func BenchmarkCreateThread(b *testing.B) {
	chat := benchmarkClient(b, http.StatusCreated, createdThread)
	options := &acs.CreateThreadOptions{Participants: []acs.Participant{
		{ID: acs.CommunicationUser{ID: alice}, DisplayName: "Alice"}, {ID: acs.CommunicationUser{ID: bob}, DisplayName: "Bob"},
	}}
	for b.Loop() {
		if _, err := chat.CreateThread(b.Context(), "Test", options); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkListParticipants250(b *testing.B) {
	const participant = `{"communicationIdentifier":` + aliceAsSent +
		`,"displayName":"Alice","shareHistoryTime":"1970-01-01T00:00:00Z"}`
	thread := benchmarkClient(b, http.StatusOK, listOf(250, participant)).ThreadClient(threadID)
	for b.Loop() {
		page, err := thread.NewListParticipantsPager(nil).NextPage(b.Context())
		if err != nil || len(page.Participants) != 250 {
			b.Fatal(len(page.Participants), err)
		}
	}
}

func BenchmarkListMessages200(b *testing.B) {
	thread := benchmarkClient(b, http.StatusOK, listOf(200, editedMessage)).ThreadClient(threadID)
	for b.Loop() {
		page, err := thread.NewListMessagesPager(nil).NextPage(b.Context())
		if err != nil || len(page.Messages) != 200 {
			b.Fatal(len(page.Messages), err)
		}
	}
}

func listOf(n int, item string) string {
	return fmt.Sprintf(`{"value":[%s]}`, strings.TrimSuffix(strings.Repeat(item+",", n), ","))
}
