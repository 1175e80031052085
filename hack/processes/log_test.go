// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package processes

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLastLines(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", lineBytes)
	got := lastLines(strings.Repeat("old\n", tailLines) + strings.Repeat("new\n", tailLines-1) + long + "\n")
	want := strings.Repeat("  new\n", tailLines-1) + "  " + long[:lineBytes] + "…\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
