// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs

import "strings"

// UserKey returns the form of a user id to compare and to index by: ACS ignores the case of ids.
func UserKey(id string) string { return strings.ToLower(id) }
