// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/cache"
	authenticationclient "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorizationclient "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

const (
	// reviewTimeout bounds the two questions to the API server about a client.
	reviewTimeout = 10 * time.Second
	// allowedFor and deniedFor are how long an answer counts.
	allowedFor = time.Minute
	deniedFor  = 10 * time.Second
	// rememberedClients bounds the memory for answers: anybody may send any token.
	rememberedClients = 256
)

// metricsAccess lets those clients read the metrics whom the API server knows by their token and
// lets do the same with the path, as the filter of controller-runtime does. That one has the
// libraries of the API server in the program, which take 13 MiB of memory.
type metricsAccess struct {
	tokens  authenticationclient.TokenReviewInterface
	access  authorizationclient.SubjectAccessReviewInterface
	answers *cache.LRUExpireCache
}

// newMetricsAccess is a metricsserver.Options.FilterProvider.
func newMetricsAccess(config *rest.Config, client *http.Client) (metricsserver.Filter, error) {
	tokens, err := authenticationclient.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, fmt.Errorf("build a client for token reviews: %w", err)
	}
	access, err := authorizationclient.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, fmt.Errorf("build a client for access reviews: %w", err)
	}
	m := &metricsAccess{tokens: tokens.TokenReviews(), access: access.SubjectAccessReviews(), answers: cache.NewLRUExpireCache(rememberedClients)}
	return m.filter, nil
}

func (m *metricsAccess) filter(log logr.Logger, next http.Handler) (http.Handler, error) {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		status, err := m.check(req)
		if err != nil {
			log.Error(err, "Could not ask the API server about a client of the metrics endpoint")
		}
		if status != http.StatusOK {
			http.Error(w, http.StatusText(status), status)
			return
		}
		next.ServeHTTP(w, req)
	}), nil
}

// question is what the API server was asked about a client. It holds no token.
type question struct {
	token        [sha256.Size]byte
	method, path string
}

// check returns the status for a request; 200 lets it pass.
func (m *metricsAccess) check(req *http.Request) (status int, err error) {
	token, found := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer ")
	if token = strings.TrimSpace(token); !found || token == "" {
		return http.StatusUnauthorized, nil
	}
	asked := question{sha256.Sum256([]byte(token)), req.Method, req.URL.Path}
	if known, ok := m.answers.Get(asked); ok {
		status, _ = known.(int)
		return status, nil
	}
	ctx, cancel := context.WithTimeout(req.Context(), reviewTimeout)
	defer cancel()
	if status, err = m.review(ctx, token, req); err != nil {
		return http.StatusInternalServerError, err
	}
	holds := deniedFor
	if status == http.StatusOK {
		holds = allowedFor
	}
	m.answers.Add(asked, status, holds)
	return status, nil
}

// review asks the API server who the client is, and whether it may do this with the path.
func (m *metricsAccess) review(ctx context.Context, token string, req *http.Request) (status int, err error) {
	who, err := m.tokens.Create(ctx, &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token}}, metav1.CreateOptions{})
	if err != nil {
		return 0, fmt.Errorf("review a token: %w", err)
	}
	if !who.Status.Authenticated {
		return http.StatusUnauthorized, nil
	}
	user := who.Status.User
	extra := make(map[string]authorizationv1.ExtraValue, len(user.Extra))
	for key, value := range user.Extra {
		extra[key] = authorizationv1.ExtraValue(value)
	}
	may, err := m.access.Create(ctx, &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user.Username, UID: user.UID, Groups: user.Groups, Extra: extra,
		NonResourceAttributes: &authorizationv1.NonResourceAttributes{Verb: strings.ToLower(req.Method), Path: req.URL.Path},
	}}, metav1.CreateOptions{})
	if err != nil {
		return 0, fmt.Errorf("review an access: %w", err)
	}
	if !may.Status.Allowed {
		return http.StatusForbidden, nil
	}
	return http.StatusOK, nil
}
