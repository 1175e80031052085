// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/google/go-cmp/cmp"

	"github.com/acs-operator/acs-chat-operator/acs"
)

func TestRetries(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		first reply
		tries int
	}{
		"throttled":    {reply{status: 429, header: map[string]string{"Retry-After": "0"}}, 1},
		"time-out":     {reply{status: 408}, 2},
		"broken":       {reply{status: 500}, 2},
		"bad gateway":  {reply{status: 502}, 2},
		"unavailable":  {reply{status: 503}, 2},
		"slow gateway": {reply{status: 504}, 2},
		"no answer":    {reply{}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			service := serve(t, test.first, reply{status: 201, body: createdThread})
			_, err := service.chat(t).CreateThread(t.Context(), "Topic", nil)
			got := service.received()
			if len(got) != test.tries || (err == nil) != (test.tries == 2) {
				t.Fatalf("%d tries, error %v, want %d tries", len(got), err, test.tries)
			}
			for _, try := range got {
				if id := try.header.Get("Repeatability-Request-Id"); id == "" || id != got[0].header.Get("Repeatability-Request-Id") {
					t.Errorf("repeatability-request-id of a try is %q", id)
				}
				if try.body != got[0].body || try.header.Get("Authorization") != "Bearer "+userToken {
					t.Errorf("a try differs: %+v", try)
				}
			}
		})
	}
}

func TestRetriesEnd(t *testing.T) {
	t.Parallel()
	service := serve(t, reply{status: 503, body: `{"error":{"code":"ServiceUnavailable"}}`})
	_, err := service.identity(t).CreateUser(t.Context(), nil)
	if !acs.HasStatus(err, 503) || !acs.HasCode(err, acs.CodeServiceUnavailable) {
		t.Errorf("error is %v, want a 503", err)
	}
	got := service.received()
	if len(got) != 4 {
		t.Errorf("%d tries, want 4", len(got))
	}
	for _, try := range got {
		if authorization := try.header.Get("Authorization"); authorization != signature(try) {
			t.Errorf("a try is signed %q, want %q", authorization, signature(try))
		}
	}
}

func TestStatusCodesOfTheCallerWin(t *testing.T) {
	t.Parallel()
	service := serve(t, reply{status: 503})
	options := service.options()
	options.Retry.StatusCodes = []int{}
	chat, err := acs.NewChatClient(service.URL, acs.NewStaticUserCredential(userToken), options)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := chat.DeleteThread(t.Context(), threadID, nil); !acs.HasStatus(err, 503) {
		t.Errorf("error is %v, want a 503", err)
	}
	service.only(t)
}

func TestRedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		other := serve(t, reply{status: 201, body: createdThread})
		service := serve(t, reply{status: status, header: map[string]string{"Location": other.URL + "/chat/threads"}})
		_, err := service.chat(t).CreateThread(t.Context(), "Topic", nil)
		if !acs.HasStatus(err, status) {
			t.Errorf("error is %v, want a %d", err, status)
		}
		checkNoCredential(t, err)
		if got := other.received(); len(got) != 0 {
			t.Errorf("the other host received %+v", got)
		}
	}
}

// TestDefaultTransport uses plain http, which needs no trusted certificate.
func TestDefaultTransport(t *testing.T) {
	t.Parallel()
	other := serve(t, reply{status: 204})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		if r.Header.Get("Authorization") != "Bearer "+userToken {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	}))
	t.Cleanup(server.Close)
	chat, err := acs.NewChatClient(server.URL, acs.NewStaticUserCredential(userToken), &acs.ClientOptions{
		ClientOptions: azcore.ClientOptions{InsecureAllowCredentialWithHTTP: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := chat.DeleteThread(t.Context(), threadID, nil); !acs.HasStatus(err, 307) {
		t.Errorf("error is %v, want a 307", err)
	}
	if got := other.received(); len(got) != 0 {
		t.Errorf("the other host received %+v", got)
	}
}

func TestBodyIsBounded(t *testing.T) {
	t.Parallel()
	const limit = 8 << 20
	body := `{"id":"x"}`
	fits := body + strings.Repeat(" ", limit-len(body))
	for name, test := range map[string]struct {
		reply reply
		fits  bool
	}{
		"fits":             {reply{status: 200, body: fits}, true},
		"one byte more":    {reply{status: 200, body: fits + " "}, false},
		"error, too long":  {reply{status: 403, body: fits + " "}, false},
		"says it is large": {reply{status: 200, body: fits + fits}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			service := serve(t, test.reply)
			_, err := service.thread(t).GetProperties(t.Context(), nil)
			if (err == nil) != test.fits {
				t.Errorf("error is %v", err)
			}
			if err != nil && !strings.Contains(err.Error(), "longer than 8388608 bytes") {
				t.Errorf("error %q does not say why", err)
			}
			service.only(t)
		})
	}
}

func TestPlainHTTPIsRefused(t *testing.T) {
	t.Parallel()
	const endpoint = "http://127.0.0.1:1"
	_, chat := acs.NewChatClient(endpoint, acs.NewStaticUserCredential(userToken), nil)
	_, key := acs.NewIdentityClientWithAccessKey(endpoint, acs.NewSecret(exampleKey), nil)
	_, entra := acs.NewIdentityClient(endpoint, entraCredential("t"), nil)
	for i, err := range []error{chat, key, entra} {
		if err == nil || !strings.Contains(err.Error(), "https") {
			t.Errorf("client %d: error is %v", i, err)
		}
	}
}

func TestWrongConstruction(t *testing.T) {
	t.Parallel()
	const endpoint = "https://contoso.communication.azure.com"
	_, noCredential := acs.NewChatClient(endpoint, nil, nil)
	_, noEntra := acs.NewIdentityClient(endpoint, nil, nil)
	_, noKey := acs.NewIdentityClientWithAccessKey(endpoint, acs.Secret{}, nil)
	_, badKey := acs.NewIdentityClientWithAccessKey(endpoint, acs.NewSecret("sekrit!"), nil)
	_, badString := acs.NewIdentityClientFromConnectionString("endpoint=x;accesskey=sekrit!", nil)
	_, badEndpoint := acs.NewChatClient("contoso", acs.NewStaticUserCredential(userToken), nil)
	for i, err := range []error{noCredential, noEntra, noKey, badKey, badString, badEndpoint} {
		if err == nil || strings.Contains(err.Error(), "sekrit") {
			t.Errorf("constructor %d: error is %v", i, err)
		}
	}
}

type entraCredential string

func (c entraCredential) GetToken(_ context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if !slices.Equal(options.Scopes, []string{"https://communication.azure.com//.default"}) {
		return azcore.AccessToken{}, errors.New("wrong scope")
	}
	return azcore.AccessToken{Token: string(c), ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func TestEntra(t *testing.T) {
	t.Parallel()
	service := serve(t, reply{status: 201, body: `{"identity":{"id":"x"}}`}, reply{status: 403})
	client, err := acs.NewIdentityClient(service.URL, entraCredential("entra-token"), service.options())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.CreateUser(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if got := service.only(t).header.Get("Authorization"); got != "Bearer entra-token" {
		t.Errorf("Authorization is %q", got)
	}
	_, err = client.CreateUser(t.Context(), nil)
	checkNoCredential(t, err, "entra-token")
}

// observer is a policy of the caller. It records the values that the client puts into the context.
type observer struct {
	mu    sync.Mutex
	names []string
}

func (o *observer) Do(req *policy.Request) (*http.Response, error) {
	name, _ := req.Raw().Context().Value(runtime.CtxAPINameKey{}).(string)
	o.mu.Lock()
	o.names = append(o.names, name)
	o.mu.Unlock()
	return req.Next()
}

func TestPoliciesSeeTheOperation(t *testing.T) {
	t.Parallel()
	for name, test := range calls() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			service := serve(t, reply{status: 503}, test.reply)
			perCall, perRetry := &observer{}, &observer{}
			service.perCall, service.perRetry = []policy.Policy{perCall}, []policy.Policy{perRetry}
			if err := test.call(t.Context(), t, service); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{name}, perCall.names); diff != "" {
				t.Errorf("per call (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{name, name}, perRetry.names); diff != "" {
				t.Errorf("per try (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAPIVersionOfTheCaller(t *testing.T) {
	t.Parallel()
	service := serve(t, reply{status: 204})
	options := service.options()
	options.APIVersion = "2024-03-07"
	chat, err := acs.NewChatClient(service.URL, acs.NewStaticUserCredential(userToken), options)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := chat.DeleteThread(t.Context(), threadID, nil); err != nil {
		t.Fatal(err)
	}
	if got, want := service.only(t).uri, threadPath+"?api-version=2024-03-07"; got != want {
		t.Errorf("request is %s, want %s", got, want)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	service := serveFunc(t, func(int, *http.Request) reply {
		cancel()
		return reply{status: 503}
	})
	options := service.options()
	options.Retry.RetryDelay, options.Retry.MaxRetryDelay = time.Hour, time.Hour
	chat, err := acs.NewChatClient(service.URL, acs.NewStaticUserCredential(userToken), options)
	if err != nil {
		t.Fatal(err)
	}
	_, err = chat.DeleteThread(ctx, threadID, nil)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "ChatClient.DeleteThread") {
		t.Errorf("error is %v, want the cancellation of the call", err)
	}
	checkNoCredential(t, err)
}

func TestThreadClientMakesNoCall(t *testing.T) {
	t.Parallel()
	service := serve(t, reply{status: 500})
	if got := service.chat(t).ThreadClient(threadID).ID(); got != threadID {
		t.Errorf("id is %q", got)
	}
	if got := service.received(); len(got) != 0 {
		t.Errorf("the service received %+v", got)
	}
}
