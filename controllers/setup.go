// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package controllers contains the reconcilers for ChatThreads, ChatParticipants and
// ChatConnections, and their wiring. They make chat threads at Azure Communication Services as
// ChatThreads and ChatParticipants declare them, with the credentials of ChatConnections.
//
// The package does not talk HTTP to ACS: package acs does. It leaves credentials and service users
// to package connection, quotas to pacing, the search for threads to directory, the comparison to
// plan, and the meaning of errors to outcome. It does not set up flags or leader election, which
// main does.
package controllers

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

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
	dependencies := Dependencies{
		Options: options, Client: mgr.GetClient(), APIReader: mgr.GetAPIReader(), Recorder: func(controller string) events.EventRecorder { return mgr.GetEventRecorder(controller) },
		NamespacesUnwatched: !namespaces, timing: timing,
	}
	if options.Namespaced {
		if dependencies.Discovery, err = discovery.NewDiscoveryClientForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient()); err != nil {
			return fmt.Errorf("build a discovery client: %w", err)
		}
	}
	c := New(dependencies)
	if options.Held != nil {
		options.Held.OnAcquired(c.enqueueNamespaces)
	}
	if err := startInformers(ctx, mgr, c.Watches()); err != nil {
		return err
	}
	if err := c.takeCensus(ctx, mgr); err != nil {
		return err
	}
	if err := c.register(mgr); err != nil {
		return err
	}
	return registerMetrics(c.Metrics())
}

// registerMetrics registers the metrics of this manager. A test process has several managers.
func registerMetrics(collector prometheus.Collector) error {
	metrics.Registry.Unregister(collector)
	if err := metrics.Registry.Register(collector); err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	return nil
}

// mayListNamespaces reports whether the operator watches all namespaces of the cluster, because
// spec.allowedNamespaces may select by their labels. An operator for some namespaces may have
// permissions only there. Then it reads a Namespace when it needs one, by its name, which a Role in
// that namespace permits.
func mayListNamespaces(ctx context.Context, mgr ctrl.Manager, options Options) (bool, error) {
	if options.Namespaced {
		return false, nil
	}
	if len(options.WatchNamespaces) == 0 {
		return true, nil
	}
	err := mgr.GetAPIReader().List(ctx, &corev1.NamespaceList{}, client.Limit(1))
	if apierrors.IsForbidden(err) {
		mgr.GetLogger().Info("Namespaces are read one by one, as listing them is forbidden: a change of their labels counts from the next resync on")
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("list namespaces: %w", err)
	}
	return true, nil
}

// startInformers fills the cache on a standby too: a replica that becomes the leader needs it at
// once.
func startInformers(ctx context.Context, mgr ctrl.Manager, watches []Watch) error {
	for _, watch := range watches {
		if _, err := mgr.GetCache().GetInformer(ctx, watch.Of); err != nil {
			return fmt.Errorf("watch %T: %w", watch.Of, err)
		}
	}
	return nil
}

// takeCensus has the objects of all kinds counted, on a standby too.
func (c *Controllers) takeCensus(ctx context.Context, mgr ctrl.Manager) error {
	for kind, of := range map[Kind]client.Object{
		KindConnection: &chatv1alpha1.ChatConnection{}, KindThread: &chatv1alpha1.ChatThread{}, KindParticipant: &chatv1alpha1.ChatParticipant{},
	} {
		informer, err := mgr.GetCache().GetInformer(ctx, of)
		if err == nil {
			_, err = informer.AddEventHandler(c.census.Handler(string(kind)))
		}
		if err != nil {
			return fmt.Errorf("count the objects of kind %s: %w", kind, err)
		}
	}
	return nil
}
