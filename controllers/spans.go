// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import "go.opentelemetry.io/otel/attribute"

// Attributes of the span of a reconcile. docs/observability.md lists them.
const (
	attributeController = attribute.Key("k8s.controller.name")
	attributeReconcile  = attribute.Key("k8s.controller.reconcile_id")
	attributeNamespace  = attribute.Key("k8s.namespace.name")
	attributeObject     = attribute.Key("k8s.object.name")
	attributeRequeue    = attribute.Key("acs_chat.requeue_after_seconds")
	attributePlan       = attribute.Key("acs_chat.plan")
	attributeDrift      = attribute.Key("acs_chat.looks_for_drift")
)

// fieldTrace names the trace in the log, as OpenTelemetry does.
const fieldTrace = "trace_id"
