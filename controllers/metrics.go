// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// operationField names what is done at ACS, in metrics and in logs.
const operationField = "operation"

// No metric carries the name of a resource, a user or a thread.
var (
	acsRequests = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "acs_chat_operator_acs_requests_total",
		Help: "Calls to ACS by operation and status code; code is 0 where no answer came.",
	}, []string{operationField, "code"})

	acsRequestSeconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "acs_chat_operator_acs_request_duration_seconds",
		Help:    "How long calls to ACS took, by operation.",
		Buckets: prometheus.ExponentialBuckets(0.005, 2, 12),
	}, []string{operationField})

	acsThrottled = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "acs_chat_operator_acs_throttled_total",
		Help: "Calls that ACS answered with 429, by operation.",
	}, []string{operationField})

	recreations = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "acs_chat_operator_recreations_total",
		Help: "Threads created anew because they had been deleted at ACS.",
	})
)

func init() {
	metrics.Registry.MustRegister(acsRequests, acsRequestSeconds, acsThrottled, recreations)
}

// callMetrics counts and times each try of each call.
type callMetrics struct{}

func (callMetrics) Do(req *policy.Request) (*http.Response, error) {
	operation, _ := req.Raw().Context().Value(runtime.CtxAPINameKey{}).(string)
	start := time.Now()
	resp, err := req.Next()
	acsRequestSeconds.WithLabelValues(operation).Observe(time.Since(start).Seconds())
	code := 0
	if resp != nil {
		code = resp.StatusCode
	}
	if code == http.StatusTooManyRequests {
		acsThrottled.WithLabelValues(operation).Inc()
	}
	acsRequests.WithLabelValues(operation, strconv.Itoa(code)).Inc()
	return resp, err
}

// stateMetrics are taken when they are asked for: ChatThreads by the reason of their Ready condition,
// from the cache, and how far the quota on reads stretches resyncs.
type stateMetrics struct {
	reader   client.Reader
	sessions *Sessions
	threads  *prometheus.Desc
	floor    *prometheus.Desc
}

func newStateMetrics(reader client.Reader, sessions *Sessions) *stateMetrics {
	return &stateMetrics{
		reader: reader, sessions: sessions,
		threads: prometheus.NewDesc("acs_chat_operator_threads",
			"ChatThreads by the reason of their Ready condition; empty before the first pass.", []string{"reason"}, nil),
		floor: prometheus.NewDesc("acs_chat_operator_resync_floor_seconds",
			"How far apart resyncs must be for those of all threads to fit into the quota on reads; a longer resyncInterval is kept, a shorter one is stretched to this.", nil, nil),
	}
}

func (c *stateMetrics) Describe(descs chan<- *prometheus.Desc) {
	descs <- c.threads
	descs <- c.floor
}

func (c *stateMetrics) Collect(samples chan<- prometheus.Metric) {
	samples <- prometheus.MustNewConstMetric(c.floor, prometheus.GaugeValue, c.sessions.resyncFloor().Seconds())
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	threads := &chatv1alpha1.ChatThreadList{}
	err := c.reader.List(ctx, threads, client.UnsafeDisableDeepCopy)
	// A cache that is about to start, or to fill, says nothing; the other metrics are there all the same.
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
