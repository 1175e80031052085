// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Metrics lists the metrics that the sources declare, in docs/metrics.md.
package main

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/acs-operator/acs-chat-operator/hack/pages"
)

// generator names this program in the page.
const generator = "hack/metrics"

// sources are the directories with metrics.
var sources = []string{".", "controllers", "controllers/internal/*"}

func main() {
	root := flag.String("root", ".", "directory of the sources")
	page := flag.String("page", filepath.Join("docs", "metrics.md"), "page that contains the list")
	flag.Parse()
	if err := run(*root, *page); err != nil {
		fmt.Fprintln(os.Stderr, "metrics:", err)
		os.Exit(1)
	}
}

func run(root, page string) error {
	var all []metric
	for _, pattern := range sources {
		directories, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return err
		}
		for _, directory := range directories {
			found, err := metricsOf(directory)
			if err != nil {
				return err
			}
			all = append(all, found...)
		}
	}
	return pages.Update(page, generator, table(all))
}

// table returns the metrics as a table, in the order of their names.
func table(all []metric) []byte {
	slices.SortFunc(all, func(a, b metric) int { return cmp.Compare(a.name, b.name) })
	var list bytes.Buffer
	list.WriteString("\n| metric | type | labels | meaning |\n|---|---|---|---|\n")
	for _, m := range all {
		var labels []string
		for _, label := range m.labels {
			labels = append(labels, "`"+label+"`")
		}
		fmt.Fprintf(&list, "| `%s` | %s | %s | %s |\n", m.name, m.kind, strings.Join(labels, ", "), strings.ReplaceAll(m.help, "|", `\|`))
	}
	return list.Bytes()
}
