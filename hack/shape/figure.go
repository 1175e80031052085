// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
)

// noBound stands in the column of bounds if none is wanted.
const noBound = "-"

// figure is a line of the table.
type figure struct {
	name  string
	value string
	bound string
	items []string // the counted items; optional
}

// count is the figure of a number of items.
func count(name, bound string, items []string) figure {
	return figure{name: name, value: strconv.Itoa(len(items)), bound: bound, items: items}
}

// number is a figure without items.
func number(name, bound string, value int) figure {
	return figure{name: name, value: strconv.Itoa(value), bound: bound}
}

// write prints the table. If verbose, the items of each figure follow it.
func write(w io.Writer, figures []figure, verbose bool) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.TabIndent)
	if _, err := fmt.Fprintln(table, "figure\tvalue\twanted"); err != nil {
		return err
	}
	for _, f := range figures {
		if _, err := fmt.Fprintf(table, "%s\t%s\t%s\n", f.name, f.value, f.bound); err != nil {
			return err
		}
		if !verbose {
			continue
		}
		// A line without a tab does not widen the columns.
		for _, item := range f.items {
			if _, err := fmt.Fprintf(table, "    %s\n", item); err != nil {
				return err
			}
		}
	}
	return table.Flush()
}
