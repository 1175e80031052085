// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
)

// No metric contains the name of a resource, a user or a thread.
var (
	recreations = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "acs_chat_operator_recreations_total",
		Help: "Threads created in the place of one that had been deleted at ACS.",
	})
)

func init() {
	metrics.Registry.MustRegister(recreations)
}

// stateMetrics collects its values on request: the number of ChatThreads by the reason of their
// Ready condition, from the cache, and the extension of resyncs by the quota on reads.
type stateMetrics struct {
	reader   client.Reader
	sessions *connection.Registry
	threads  *prometheus.Desc
	floor    *prometheus.Desc
}

func newStateMetrics(reader client.Reader, sessions *connection.Registry) *stateMetrics {
	return &stateMetrics{
		reader: reader, sessions: sessions,
		threads: prometheus.NewDesc("acs_chat_operator_threads",
			"ChatThreads by the reason of their Ready condition; empty before the first reconcile.", []string{"reason"}, nil),
		floor: prometheus.NewDesc("acs_chat_operator_resync_floor_seconds",
			"How far apart resyncs must be for those of all threads to fit into the quota on reads; a longer resyncInterval is kept, a shorter one is stretched to this.", nil, nil),
	}
}

func (c *stateMetrics) Describe(descs chan<- *prometheus.Desc) {
	descs <- c.threads
	descs <- c.floor
}

func (c *stateMetrics) Collect(samples chan<- prometheus.Metric) {
	samples <- prometheus.MustNewConstMetric(c.floor, prometheus.GaugeValue, c.sessions.ResyncFloor().Seconds())
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	threads := &chatv1alpha1.ChatThreadList{}
	err := c.reader.List(ctx, threads, client.UnsafeDisableDeepCopy)
	// A cache that is about to start, or to fill, has no counts. The other metrics are still served.
	if _, starting := errors.AsType[*cache.ErrCacheNotStarted](err); starting || apierrors.IsTimeout(err) {
		return
	}
	if err != nil {
		samples <- prometheus.NewInvalidMetric(c.threads, err)
		return
	}
	counts := map[string]float64{}
	for i := range threads.Items {
		reason := ""
		if ready := apimeta.FindStatusCondition(threads.Items[i].Status.Conditions, chatv1alpha1.ConditionReady); ready != nil {
			reason = ready.Reason
		}
		counts[reason]++
	}
	for reason, count := range counts {
		samples <- prometheus.MustNewConstMetric(c.threads, prometheus.GaugeValue, count, reason)
	}
}
