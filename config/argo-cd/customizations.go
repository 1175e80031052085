// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package argocd contains the health checks and actions of Argo CD for the kinds of the operator,
// in the form in which Argo CD itself keeps them.
package argocd

import "embed"

// ResourceCustomizations has a directory for each group, and in it one for each kind.
//
//go:embed resource_customizations
var ResourceCustomizations embed.FS
