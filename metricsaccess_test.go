// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/client-go/rest"
)

// reviewingAPI is an API server that knows ann and ben, and lets ann get /metrics. It fails for a
// token of its own.
func reviewingAPI(t *testing.T, asked *atomic.Int32) *rest.Config {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		asked.Add(1)
		w.Header().Set("Content-Type", "application/json")
		switch req.URL.Path {
		case "/apis/authentication.k8s.io/v1/tokenreviews":
			review := &authenticationv1.TokenReview{}
			if err := json.NewDecoder(req.Body).Decode(review); err != nil || review.Spec.Token == "broken" {
				http.Error(w, "{}", http.StatusInternalServerError)
				return
			}
			if name := review.Spec.Token; name == "ann" || name == "ben" {
				review.Status = authenticationv1.TokenReviewStatus{Authenticated: true, User: authenticationv1.UserInfo{
					Username: name, Groups: []string{"monitors"}, Extra: map[string]authenticationv1.ExtraValue{"scope": {"a"}},
				}}
			}
			_ = json.NewEncoder(w).Encode(review)
		case "/apis/authorization.k8s.io/v1/subjectaccessreviews":
			review := &authorizationv1.SubjectAccessReview{}
			_ = json.NewDecoder(req.Body).Decode(review)
			spec := review.Spec
			review.Status.Allowed = spec.User == "ann" && len(spec.Groups) == 1 && spec.Extra["scope"][0] == "a" &&
				spec.ResourceAttributes == nil && *spec.NonResourceAttributes == authorizationv1.NonResourceAttributes{Path: "/metrics", Verb: "get"}
			_ = json.NewEncoder(w).Encode(review)
		default:
			t.Errorf("asked for %s", req.URL.Path)
		}
	}))
	t.Cleanup(server.Close)
	return &rest.Config{Host: server.URL, ContentConfig: rest.ContentConfig{ContentType: "application/json"}}
}

// The metrics are served to those whom the API server lets get them. Its answer is asked for once.
func TestMetricsAccess(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		header, method, path string
		want                 int
		asked                int32
	}{
		"may":               {"Bearer ann", http.MethodGet, "/metrics", http.StatusOK, 2},
		"another path":      {"Bearer ann", http.MethodGet, "/debug", http.StatusForbidden, 2},
		"another method":    {"Bearer ann", http.MethodPost, "/metrics", http.StatusForbidden, 2},
		"may not":           {"Bearer ben", http.MethodGet, "/metrics", http.StatusForbidden, 2},
		"unknown token":     {"Bearer eve", http.MethodGet, "/metrics", http.StatusUnauthorized, 1},
		"no token":          {"", http.MethodGet, "/metrics", http.StatusUnauthorized, 0},
		"an empty token":    {"Bearer ", http.MethodGet, "/metrics", http.StatusUnauthorized, 0},
		"a password":        {"Basic ann", http.MethodGet, "/metrics", http.StatusUnauthorized, 0},
		"API server broken": {"Bearer broken", http.MethodGet, "/metrics", http.StatusInternalServerError, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int32
			config := reviewingAPI(t, &asked)
			filter, err := newMetricsAccess(config, http.DefaultClient)
			if err != nil {
				t.Fatal(err)
			}
			served := 0
			handler, err := filter(logr.Discard(), http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served++ }))
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				req := httptest.NewRequestWithContext(t.Context(), c.method, c.path, http.NoBody)
				if c.header != "" {
					req.Header.Set("Authorization", c.header)
				}
				answer := httptest.NewRecorder()
				handler.ServeHTTP(answer, req)
				if answer.Code != c.want {
					t.Errorf("answered %d, want %d", answer.Code, c.want)
				}
			}
			if wanted := map[bool]int{true: 2}[c.want == http.StatusOK]; served != wanted {
				t.Errorf("served %d times, want %d", served, wanted)
			}
			if got := asked.Load(); got != c.asked {
				t.Errorf("the API server was asked %d times, want %d", got, c.asked)
			}
		})
	}
}
