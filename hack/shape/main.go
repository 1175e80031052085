// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Command shape prints figures of the structure of the code and of the words in its comments and
// documents. It judges nothing: it fails only if it cannot read the code.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
)

const usage = `Usage, in the root of the repository:
  go run ./hack/shape      print the figures, and the bounds that are wanted
  go run ./hack/shape -v   list under each figure the items that it counts
`

func main() {
	flag.Usage = func() { _, _ = fmt.Fprint(flag.CommandLine.Output(), usage) }
	verbose := flag.Bool("v", false, "")
	flag.Parse()
	if err := run(os.Stdout, ".", *verbose); err != nil {
		fmt.Fprintln(os.Stderr, "shape:", err)
		os.Exit(1)
	}
}

// run prints the figures of the repository at root.
func run(w io.Writer, root string, verbose bool) error {
	sources, err := readSources(root)
	if err != nil {
		return fmt.Errorf("read the sources: %w", err)
	}
	documents, err := readDocuments(root)
	if err != nil {
		return fmt.Errorf("read the documents: %w", err)
	}
	packages, err := loadPackages(root)
	if err != nil {
		return fmt.Errorf("load the packages: %w", err)
	}
	return write(w, slices.Concat(
		packageFigures(sources, packages),
		sizeFigures(sources),
		proseFigures(sources, documents),
		wordFigures(sources, documents),
	), verbose)
}
