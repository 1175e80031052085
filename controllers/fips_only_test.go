// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build fips

//go:debug fips140=only

package controllers

import (
	"crypto/fips140"
	"testing"
)

// The directive above restricts the test binary to the cryptography of FIPS 140-3. Unlike a setting
// in the environment, it does not affect the programs that the tests start: etcd would not start
// with it.
func TestFIPSIsEnforced(t *testing.T) {
	t.Parallel()
	if !fips140.Enforced() {
		t.Error("the tests run with any cryptography")
	}
}
