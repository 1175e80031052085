// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package objects reads and writes the kinds of the operator: conditions after kstatus, status and
// metadata as patches, events, and lists page by page.
//
// A Store remembers each write of this process and says when the cache does not show it yet. A
// Snapshot moves on with each patch, so that the next patch writes only later changes.
//
// The package does not interpret errors (package outcome does), does not call ACS, and does not
// know the controllers. Nothing in it is needed after a restart.
package objects
