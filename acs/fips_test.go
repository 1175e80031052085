// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs_test

import (
	"crypto/fips140"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/acs-operator/acs-chat-operator/acs"
)

// TestFIPS repeats the tests of signing, hashing and TLS in a mode in which Go panics if FIPS 140-3
// forbids an operation: MD5, SHA-1, and keys that are too short.
func TestFIPS(t *testing.T) {
	t.Parallel()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const tests = "^(TestLifeOfAThread|TestLifetimesOfTokens|TestEveryKindOfParticipant|TestNewAccessKey|TestShortAccessKey|TestEntra)$"
	again := exec.CommandContext(t.Context(), binary, "-test.run="+tests, "-test.v") //nolint:gosec // It is this test.
	again.Env = append(os.Environ(), "GODEBUG=fips140=only")
	out, err := again.CombinedOutput()
	if err != nil || strings.Count(string(out), "\n--- PASS") != strings.Count(tests, "Test") {
		t.Errorf("%v:\n%s", err, out)
	}
}

func TestShortAccessKey(t *testing.T) {
	t.Parallel()
	for key, allowed := range map[string]bool{
		"c2VjcmV0LWtleS1z":     !fips140.Enforced(), // 12 bytes
		"c2VjcmV0LWtleS1zZQ==": !fips140.Enforced(), // 13 bytes
		"c2VjcmV0LWtleS1zZWM=": true,                // 14 bytes
	} {
		service := serve(t, reply{status: 204})
		client, err := acs.NewIdentityClientFromConnectionString("endpoint="+service.URL+";accesskey="+key, service.options())
		if (err == nil) != allowed {
			t.Errorf("key %s: error is %v", key, err)
		}
		if err != nil {
			continue
		}
		if _, err := client.DeleteUser(t.Context(), alice, nil); err != nil {
			t.Error(err)
		}
	}
}
