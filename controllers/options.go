// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"net/http"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/shards"
	"github.com/acs-operator/acs-chat-operator/controllers/tracing"
)

// Options are the settings of the controllers.
type Options struct {
	// AllowedEndpoints are the hosts that credentials may be sent to.
	AllowedEndpoints EndpointRules
	// EntraNamespaces are the namespaces that may use the operator's own identity.
	EntraNamespaces []string
	// WatchNamespaces are the namespaces that the operator watches; empty for all.
	WatchNamespaces []string
	// Namespaced is set if the operator has no permissions but Roles in these namespaces. Then a
	// ChatConnection serves its own namespace only, as nothing may be read of others.
	Namespaced bool
	// HTTPClient sends all calls to ACS.
	HTTPClient *http.Client
	// ACSTimeout bounds one try of a call to ACS.
	ACSTimeout time.Duration
	// Pacing keeps calls within the quotas of ACS.
	Pacing bool
	// MaxConcurrentReconciles is the number of objects of a kind that are reconciled at once.
	MaxConcurrentReconciles int
	// Tracing makes spans; nil if no traces are made.
	Tracing *tracing.Tracing
	// Held are the namespaces that this process holds, if several operators share those of the
	// cluster; nil if this process works in all that it watches.
	Held *shards.Held
}

// EndpointRules are the hosts that the operator may call.
type EndpointRules = connection.EndpointRules

// DefaultEndpointSuffixes returns the domains of ACS in the public and the sovereign clouds.
func DefaultEndpointSuffixes() []string { return slices.Clone(connection.DefaultEndpointSuffixes) }

// ParseEndpointRules reads the value of the flag --allowed-endpoint-suffixes.
func ParseEndpointRules(value string) (EndpointRules, error) {
	return connection.ParseEndpointRules(value)
}

// NewHTTPClient returns the client for all calls to ACS. caFile adds PEM roots to those of the
// system.
func NewHTTPClient(caFile string) (*http.Client, error) { return connection.NewHTTPClient(caFile) }

// CacheOptions returns the options of the manager's cache. The cache is small, and a read that
// would start another watch, such as one on all Secrets, is an error.
func CacheOptions(watchNamespaces []string) cache.Options {
	options := cache.Options{DefaultTransform: objects.TrimForCache, ReaderFailOnMissingInformer: true}
	for _, namespace := range watchNamespaces {
		if options.DefaultNamespaces == nil {
			options.DefaultNamespaces = map[string]cache.Config{}
		}
		options.DefaultNamespaces[namespace] = cache.Config{}
	}
	return options
}

// reconcileTimeout bounds a reconcile.
const reconcileTimeout = 60 * time.Second

// concludeTimeout limits the time to report the end of a reconcile.
const concludeTimeout = 10 * time.Second
