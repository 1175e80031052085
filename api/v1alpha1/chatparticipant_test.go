// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"slices"
	"strings"
	"testing"
)

func TestThreadRef(t *testing.T) {
	t.Parallel()
	const ref, name = "spec.threadRef", "spec.threadRef.name"
	testAdmission(t, participant, slices.Concat(
		accept("name", name, dnsNames()...),
		refuse("name", name, verdict{name, "should match"}, badDNSNames()...),
		refuse("empty", name, verdict{name, "at least 1 chars"}, ""),
		refuse("long", name, verdict{name, "may not be more than 253"}, strings.Repeat("a", 254)),
		refuse("missing", name, verdict{name, "Required value"}, any(nil), any(absent{})),
		refuse("missing", ref, verdict{ref, "Required value"}, any(nil), any(absent{})),
		refuse("type", ref, verdict{ref, "must be of type object"}, "release"),
	))
}

func TestMissingSpec(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{connection, thread, participant} {
		testAdmission(t, kind, refuse(kind, "spec", verdict{"spec", "Required value"}, any(nil), any(absent{})))
	}
}
