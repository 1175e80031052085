// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build fips

//go:debug fips140=only

package controllers

import (
	"crypto/fips140"
	"testing"
)

// The line above has the test binary use the cryptography of FIPS 140-3 and no other. It does not concern
// the programs that the tests start, as a setting in the environment would: etcd does not start with it.
func TestFIPSIsEnforced(t *testing.T) {
	t.Parallel()
	if !fips140.Enforced() {
		t.Error("the tests run with any cryptography")
	}
}
