// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The file .dockerignore hides everything that the Dockerfile does not name.
func TestDockerfileSeesItsSources(t *testing.T) {
	shown := strings.Split(document(t, ".dockerignore"), "\n")
	copies := regexp.MustCompile(`(?m)^COPY ([^-].*) \S+$`).FindAllStringSubmatch(document(t, "Dockerfile"), -1)
	if len(copies) < 5 {
		t.Errorf("the Dockerfile copies %d times", len(copies))
	}
	for _, found := range copies {
		for source := range strings.FieldsSeq(found[1]) {
			if !slices.Contains(shown, "!"+strings.TrimSuffix(source, "/")) {
				t.Errorf(".dockerignore hides %s", source)
			}
		}
	}
}
