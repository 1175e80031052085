// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"github.com/acs-operator/acs-chat-operator/hack/sandbox"
)

// The metrics that are read.
const (
	cpuSeconds     = "process_cpu_seconds_total"
	residentBytes  = "process_resident_memory_bytes"
	serverRequests = "rest_client_requests_total"
	acsRequests    = "acs_chat_operator_acs_requests_total"
	reconciles     = "controller_runtime_reconcile_total"
)

func (s *subject) read(ctx context.Context) (sandbox.Metrics, error) {
	return sandbox.ReadMetrics(ctx, s.metrics)
}
