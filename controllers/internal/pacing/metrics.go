// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package pacing

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// quotaWaits names no resource, user or thread, as no metric does.
var quotaWaits = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "acs_chat_operator_quota_waits_total",
	Help: "Calls that had to wait because a quota of ACS had no room, by operation.",
}, []string{"operation"})

func init() { metrics.Registry.MustRegister(quotaWaits) }
