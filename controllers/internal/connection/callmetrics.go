// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"net/http"
	"strconv"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

var acsRequests = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "acs_chat_operator_acs_requests_total",
	Help: "Calls to ACS by operation and status code; code is 0 if no answer came.",
}, []string{operationField, "code"})

var acsRequestSeconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
	Name:    "acs_chat_operator_acs_request_duration_seconds",
	Help:    "How long calls to ACS took, by operation.",
	Buckets: prometheus.ExponentialBuckets(0.005, 2, 12),
}, []string{operationField})

var acsThrottled = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "acs_chat_operator_acs_throttled_total",
	Help: "Calls that ACS answered with 429, by operation.",
}, []string{operationField})

// operationField names the operation at ACS, in metrics and in logs.
const operationField = "operation"

// callMetrics counts and times each try of each call that is sent.
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

func init() {
	metrics.Registry.MustRegister(acsRequests, acsRequestSeconds, acsThrottled, authorityUsable)
	// A counter must exist before its first call: otherwise no rate shows that one.
	for operation := range pacing.Operations() {
		acsThrottled.WithLabelValues(operation)
	}
}
