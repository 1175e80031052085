// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package processes

import (
	"fmt"
	"io"
	"os"
	"strings"
)

const (
	tailLines = 15
	tailBytes = 16 << 10
	lineBytes = 400
)

// Tail returns the last lines of a log, indented.
func Tail(name string) string {
	log, err := os.Open(name)
	if err != nil {
		return "  (there is none)\n"
	}
	defer func() { _ = log.Close() }()
	if info, err := log.Stat(); err == nil && info.Size() > tailBytes {
		_, _ = log.Seek(-tailBytes, io.SeekEnd)
	}
	content, err := io.ReadAll(log)
	if err != nil {
		return fmt.Sprintf("  (cannot be read: %v)\n", err)
	}
	return lastLines(string(content))
}

func lastLines(content string) string {
	content = strings.TrimSpace(content)
	if content == "" {
		return "  (it is empty)\n"
	}
	lines := strings.Split(content, "\n")
	var text strings.Builder
	for _, line := range lines[max(len(lines)-tailLines, 0):] {
		if len(line) > lineBytes {
			line = strings.ToValidUTF8(line[:lineBytes], "") + "…"
		}
		fmt.Fprintf(&text, "  %s\n", line)
	}
	return text.String()
}
