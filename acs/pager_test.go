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

// TestNextLinkIsFollowedAsItIs has the thread id without escapes, as the service writes it there.
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

// TestNextLinkStaysAtTheEndpoint checks that a link's path and query are requested from the
// client's own endpoint, even if the link names another host.
func TestNextLinkStaysAtTheEndpoint(t *testing.T) {
	t.Parallel()
	other := serve(t, reply{status: 200, body: `{"value":[]}`})
	const rest = "/chat/threads?syncState=a%2Fb&api-version=2025-03-15"
	for name, link := range map[string]func(own string) string{
		"another server": func(string) string { return other.URL + rest },
		"another host":   func(own string) string { return strings.Replace(own, "127.0.0.1", "localhost", 1) + rest },
		"no port":        func(string) string { return "https://127.0.0.1" + rest },
		"plain http":     func(own string) string { return strings.Replace(own, "https:", "http:", 1) + rest },
		"path only":      func(string) string { return rest },
		"no scheme":      func(string) string { return strings.TrimPrefix(other.URL, "https:") + rest },
		"fragment":       func(string) string { return other.URL + rest + "#frag" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			service, err := twoPages(t, link)
			if err != nil {
				t.Fatal(err)
			}
			got := service.received()
			if len(got) != 2 || got[1].uri != rest || got[1].host != strings.TrimPrefix(service.URL, "https://") {
				t.Errorf("requests are %+v, want the second for %s", got, rest)
			}
			if got := other.received(); len(got) != 0 {
				t.Errorf("the other host received %+v", got)
			}
		})
	}
}

func TestNextLinkIsRefused(t *testing.T) {
	t.Parallel()
	for name, rest := range map[string]string{
		"user info":         "https://me@contoso.communication.azure.com/chat/threads",
		"password":          "https://me:secret@contoso.communication.azure.com/chat/threads",
		"other path":        "https://contoso.communication.azure.com/identities",
		"no path":           "https://contoso.communication.azure.com",
		"similar path":      "/chat/threadsafe",
		"other case":        "/Chat/Threads",
		"out of it":         "/chat/threads/../../identities",
		"out of it, hidden": "/chat/threads/%2e%2E/%2e./identities",
		"out, by escapes":   "/chat/threads%2F..%2F..%2Fidentities",
		"out, by slashes":   "/chat/threads/x%2F..%2F..%2F..%2Fidentities",
		"out, by backslash": "/chat/threads/..%5C..%5Cidentities",
		"two slashes":       "https://contoso.communication.azure.com//chat/threads",
		"opaque":            "https:chat/threads",
		"query only":        "?skip=1",
		"file":              "file:///etc/passwd",
		"junk":              "https://%zz",
		"too long":          "/chat/threads/" + strings.Repeat("x", 16<<10),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			service, err := twoPages(t, func(string) string { return rest })
			if !errors.Is(err, acs.ErrNextLink) {
				t.Errorf("error is %v, want one about the link", err)
			}
			checkNoCredential(t, err, "secret")
			service.only(t)
		})
	}
}

// twoPages reads a list whose first page has the link, and returns the error of the second one.
func twoPages(t *testing.T, link func(own string) string) (*service, error) {
	t.Helper()
	var service *service
	service = serveFunc(t, func(n int, _ *http.Request) reply {
		if n > 0 {
			return reply{status: 200, body: `{"value":[]}`}
		}
		return reply{status: 200, body: `{"value":[],"nextLink":"` + link(service.URL) + `"}`}
	})
	pager := service.chat(t).NewListThreadsPager(nil)
	if _, err := pager.NextPage(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !pager.More() {
		t.Fatal("the list ends at its first page")
	}
	_, err := pager.NextPage(t.Context())
	if pager.More() {
		t.Error("there is more after the second page")
	}
	return service, err
}

// TestListsWithoutEnd needs thousands of pages, so it uses no network.
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
