// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package soak tests the operator with real processes: it is killed, its network is disturbed, and
// the services that it calls crash and come back. It contains only tests, with the build tag soak;
// make soak runs them.
package soak
