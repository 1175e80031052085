// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package soak proves the operator with real processes: it is killed, its network is bad, and what it
// talks to crashes and comes back. It has nothing but tests, with the build tag soak; make soak runs them.
package soak
