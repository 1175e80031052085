// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package controllers keeps chat threads at Azure Communication Services as ChatThreads and
// ChatParticipants declare them, through the credentials of ChatConnections.
package controllers

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
)

// reconcileTimeout bounds a reconcile.
const reconcileTimeout = 60 * time.Second

// Indexes of the cache.
const (
	indexConnection = "connection"
	indexThreadID   = "threadID"
	indexAdopts     = "adopts"
	// indexThread is a selectable field of the kind too, so that the API server takes the same
	// selector.
	indexThread = "spec.threadRef.name"
)

// EndpointRules says to which hosts the operator may talk.
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

// Options are the settings of the controllers.
type Options struct {
	// AllowedEndpoints says to which hosts credentials may be sent.
	AllowedEndpoints EndpointRules
	// EntraNamespaces are the namespaces that may use the operator's own identity.
	EntraNamespaces []string
	// WatchNamespaces are the namespaces that the operator is for; all where it is empty.
	WatchNamespaces []string
	// HTTPClient sends all calls to ACS.
	HTTPClient *http.Client
	// ACSTimeout bounds one try of a call to ACS.
	ACSTimeout time.Duration
	// Pacing keeps calls within the quotas of ACS.
	Pacing bool
	// MaxConcurrentReconciles is how many objects of a kind are worked on at once.
	MaxConcurrentReconciles int
}

// Setup adds the controllers to a manager.
func Setup(ctx context.Context, mgr ctrl.Manager, options Options) error {
	return setup(ctx, mgr, options, defaultTiming)
}

func setup(ctx context.Context, mgr ctrl.Manager, options Options, timing timing) error {
	if err := AddIndexes(ctx, mgr.GetFieldIndexer()); err != nil {
		return err
	}
	namespaces, err := mayListNamespaces(ctx, mgr, options)
	if err != nil {
		return err
	}
	c := New(Dependencies{
		Options: options, Client: mgr.GetClient(), APIReader: mgr.GetAPIReader(), Recorder: func(controller string) events.EventRecorder { return mgr.GetEventRecorder(controller) },
		NamespacesUnwatched: !namespaces, timing: timing,
	})
	if err := startInformers(ctx, mgr, c.Watches()); err != nil {
		return err
	}
	if err := c.register(mgr); err != nil {
		return err
	}
	return registerMetrics(c.Metrics())
}

// registerMetrics has the metrics of this manager shown. A test process has several.
func registerMetrics(collector prometheus.Collector) error {
	metrics.Registry.Unregister(collector)
	if err := metrics.Registry.Register(collector); err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	return nil
}

// CacheOptions are those of the manager's cache: small, and a read that would start another watch,
// such as one on all Secrets, is an error.
func CacheOptions(watchNamespaces []string) cache.Options {
	options := cache.Options{DefaultTransform: objects.KeepWhatIsRead, ReaderFailOnMissingInformer: true}
	for _, namespace := range watchNamespaces {
		if options.DefaultNamespaces == nil {
			options.DefaultNamespaces = map[string]cache.Config{}
		}
		options.DefaultNamespaces[namespace] = cache.Config{}
	}
	return options
}

// AddIndexes adds the indexes that the controllers list by.
func AddIndexes(ctx context.Context, indexer client.FieldIndexer) error {
	for _, index := range []struct {
		obj   client.Object
		name  string
		value func(client.Object) []string
	}{
		{&chatv1alpha1.ChatThread{}, indexConnection, func(obj client.Object) []string {
			thread, ok := obj.(*chatv1alpha1.ChatThread)
			if !ok {
				return nil
			}
			return []string{connectionKey(thread).String()}
		}},
		{&chatv1alpha1.ChatThread{}, indexThreadID, func(obj client.Object) []string {
			thread, ok := obj.(*chatv1alpha1.ChatThread)
			if !ok || thread.Status.ThreadID == "" {
				return nil
			}
			return []string{thread.Status.ThreadID}
		}},
		{&chatv1alpha1.ChatThread{}, indexAdopts, func(obj client.Object) []string {
			thread, ok := obj.(*chatv1alpha1.ChatThread)
			if !ok || thread.Spec.ThreadID == "" {
				return nil
			}
			return []string{thread.Spec.ThreadID}
		}},
		{&chatv1alpha1.ChatParticipant{}, indexThread, func(obj client.Object) []string {
			participant, ok := obj.(*chatv1alpha1.ChatParticipant)
			if !ok {
				return nil
			}
			return []string{participant.Spec.ThreadRef.Name}
		}},
	} {
		if err := indexer.IndexField(ctx, index.obj, index.name, index.value); err != nil {
			return fmt.Errorf("index %T by %s: %w", index.obj, index.name, err)
		}
	}
	return nil
}
