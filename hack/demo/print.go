// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// titleWidth is the column of the check marks.
const titleWidth = 56

// begin prints a step in progress, without the end of the line.
func begin(number, title string) time.Time {
	dots := strings.Repeat(".", max(titleWidth-utf8.RuneCountInString(title), 2))
	fmt.Printf("%s %s %s ", number, title, dots)
	return time.Now()
}

// finish completes the line that begin printed.
func finish(begun time.Time, ok bool) {
	mark := "✓"
	if !ok {
		mark = "✗"
	}
	fmt.Printf("%s %4.1f s\n", mark, time.Since(begun).Seconds())
}

func heading(text string) {
	fmt.Printf("\n%s\n%s\n", text, strings.Repeat("─", utf8.RuneCountInString(text)))
}
