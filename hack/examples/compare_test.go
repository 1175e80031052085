// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"fmt"
	"regexp"
	"strings"
)

var (
	blanks = regexp.MustCompile(` {2,}`)
	ages   = regexp.MustCompile(`(^|\s)\d+[smh](\d+[smh])?($|\s)`)
	times  = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)
	hosts  = regexp.MustCompile(`[a-z-]+\.communication\.azure\.com`)
	// ids are those that ACS and Kubernetes assign. The ids of made-up users are in the recipes.
	ids = regexp.MustCompile(`19:[\w-]+@thread\.v2|8:acs:[0-9a-f-]{36}_[0-9a-f-]{36}|\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b`)
)

// userPrefix is how the ids of made-up users begin, after the id of the resource.
const userPrefix = "_00000000-0000-4000-8000-"

// normalize removes what differs from run to run: ages, times, the width of columns, and ids, which
// it numbers.
func normalize(output string) string {
	var lines []string
	for line := range strings.Lines(strings.TrimSpace(output)) {
		line = blanks.ReplaceAllString(strings.TrimSpace(line), "  ")
		lines = append(lines, ages.ReplaceAllString(line, "${1}AGE${3}"))
	}
	text := times.ReplaceAllString(strings.Join(lines, "\n"), "TIME")
	text = hosts.ReplaceAllString(text, "HOST")
	numbers := map[string]string{}
	return ids.ReplaceAllStringFunc(text, func(id string) string {
		if strings.Contains(id, userPrefix) {
			return id
		}
		if numbers[id] == "" {
			numbers[id] = fmt.Sprintf("ID-%d", len(numbers)+1)
		}
		return numbers[id]
	})
}
