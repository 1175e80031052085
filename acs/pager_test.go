// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/google/go-cmp/cmp"

	"github.com/acs-operator/acs-chat-operator/acs"
)

// TestNextLinkIsFollowedAsItIs: the service writes the thread id without escapes there.
func TestNextLinkIsFollowedAsItIs(t *testing.T) {
	t.Parallel()
	const rest = "/chat/threads/19:a_-1@thread.v2/participants?skip=2&maxPageSize=2&syncState=a%2Fb+c&api-version=2025-03-15"
	var service *service
	service = serveFunc(t, func(n int, _ *http.Request) reply {
		if n == 0 {
			return reply{status: 200, body: `{"value":[{"communicationIdentifier":{"rawId":"a"}}],"nextLink":"` + service.URL + rest + `"}`}
		}
		return reply{status: 200, body: `{"value":[{"communicationIdentifier":{"rawId":"b"}}]}`}
	})
	var got []string
	for pager := service.thread(t).NewListParticipantsPager(nil); pager.More(); {
		page, err := pager.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, participant := range page.Participants {
			got = append(got, participant.ID.RawID())
		}
	}
	if diff := cmp.Diff([]string{"a", "b"}, got); diff != "" {
		t.Errorf("participants (-want +got):\n%s", diff)
	}
	requests := service.received()
	if len(requests) != 2 || requests[1].uri != rest || requests[1].header.Get("Authorization") != "Bearer "+userToken {
		t.Errorf("requests are %+v", requests)
	}
}

func TestNextLinkElsewhereIsRefused(t *testing.T) {
	t.Parallel()
	other := serve(t, reply{status: 200, body: `{"value":[]}`})
	for name, link := range map[string]func(own string) string{
		"another server": func(string) string { return other.URL + "/chat/threads" },
		"another host":   func(own string) string { return strings.Replace(own, "127.0.0.1", "localhost", 1) },
		"no port":        func(string) string { return "https://127.0.0.1/chat/threads" },
		"another scheme": func(own string) string { return strings.Replace(own, "https:", "http:", 1) },
		"user info":      func(own string) string { return strings.Replace(own, "https://", "https://me@", 1) },
		"relative":       func(string) string { return "/chat/threads?skip=1" },
		"no scheme":      func(own string) string { return strings.TrimPrefix(own, "https:") },
		"junk":           func(string) string { return "https://%zz" },
		"too long":       func(own string) string { return own + "/" + strings.Repeat("x", 20<<10) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var service *service
			service = serveFunc(t, func(int, *http.Request) reply {
				return reply{status: 200, body: `{"value":[],"nextLink":"` + link(service.URL) + `"}`}
			})
			pager := service.chat(t).NewListThreadsPager(nil)
			if _, err := pager.NextPage(t.Context()); err != nil {
				t.Fatal(err)
			}
			if !pager.More() {
				t.Fatal("the list ends, want an error")
			}
			_, err := pager.NextPage(t.Context())
			if !errors.Is(err, acs.ErrNextLink) {
				t.Errorf("error is %v, want one about the link", err)
			}
			if pager.More() {
				t.Error("there is more after an error")
			}
			service.only(t)
			if got := other.received(); len(got) != 0 {
				t.Errorf("the other host received %+v", got)
			}
		})
	}
}

// TestListsWithoutEnd needs thousands of pages, so they come without a network.
func TestListsWithoutEnd(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		next  func(n int) string
		pages int
	}{
		"the same link":  {func(int) string { return "/chat/threads?skip=1" }, 2},
		"a circle":       {func(n int) string { return fmt.Sprint("/chat/threads?skip=", n%5) }, 6},
		"ever new links": {func(n int) string { return fmt.Sprint("/chat/threads?skip=", n) }, 10_000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const endpoint = "https://contoso.communication.azure.com"
			pages := 0
			transport := transportFunc(func(req *http.Request) (*http.Response, error) {
				pages++
				body := `{"value":[],"nextLink":"` + endpoint + ":443" + test.next(pages) + `"}`
				return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Request: req, Body: io.NopCloser(strings.NewReader(body))}, nil
			})
			chat, err := acs.NewChatClient(endpoint, acs.NewStaticUserCredential(userToken),
				&acs.ClientOptions{ClientOptions: azcore.ClientOptions{Transport: transport}})
			if err != nil {
				t.Fatal(err)
			}
			pager := chat.NewListThreadsPager(nil)
			for err == nil && pager.More() {
				_, err = pager.NextPage(t.Context())
			}
			if !errors.Is(err, acs.ErrNextLink) || pages != test.pages {
				t.Errorf("%d pages, then error %v, want %d and one about the link", pages, err, test.pages)
			}
		})
	}
}

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) Do(req *http.Request) (*http.Response, error) { return f(req) }
