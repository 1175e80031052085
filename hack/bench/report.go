// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// section is one measurement as Markdown.
type section struct {
	name, text string
	head       []string
	rows       [][]string
}

// report is a Markdown file with a marked place for each measurement.
type report struct{ file string }

// put replaces the section of a measurement, and adds its place if the file has none.
func (r *report) put(s section) error {
	text, err := os.ReadFile(r.file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	begin, end := fmt.Sprintf("<!-- %s: begin -->\n", s.name), fmt.Sprintf("<!-- %s: end -->\n", s.name)
	before, rest, found := strings.Cut(string(text), begin)
	_, after, closed := strings.Cut(rest, end)
	if found && !closed {
		return fmt.Errorf("%s: %q is missing", r.file, strings.TrimSpace(end))
	}
	return os.WriteFile(r.file, []byte(before+begin+s.markdown()+end+after), 0o644) //nolint:gosec // a page for all to read
}

func (s section) markdown() string {
	var text strings.Builder
	fmt.Fprintf(&text, "\n%s\n\n", s.text)
	line := func(cells []string) { fmt.Fprintf(&text, "| %s |\n", strings.Join(cells, " | ")) }
	line(s.head)
	fmt.Fprintf(&text, "|%s\n", strings.Repeat(" --- |", len(s.head)))
	for _, row := range s.rows {
		line(row)
	}
	fmt.Fprintf(&text, "\nMeasured on %s with `%s`, %s.\n\n", time.Now().UTC().Format(time.DateOnly), command(), machine())
	fmt.Print("\n", text.String())
	return text.String()
}

// command is the command of make that repeats the measurement.
func command() string {
	words := []string{"make bench"}
	for _, arg := range os.Args[1:] {
		name, value, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if variable, ok := variables[name]; ok && value != "" {
			words = append(words, variable+"="+value)
		}
	}
	return strings.Join(words, " ")
}

// variables are those of make, by the flags that they set.
var variables = map[string]string{
	"threads": "THREADS", "members": "MEMBERS", "runs": "RUNS", "latency": "LATENCY", "fleet": "FLEET", "bulk": "BULK", "only": "ONLY",
}

// machine describes where the figures were measured.
func machine() string {
	return fmt.Sprintf("%d CPUs (%s), %s, %s/%s; etcd without fsync, control plane, emulator and load on the same machine",
		runtime.NumCPU(), processor(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// atMost notes a count that is above its budget.
func (b *bench) atMost(what string, got, most float64) {
	if got > most {
		b.broken = append(b.broken, fmt.Sprintf("%s: %.2f, want at most %.2f", what, got, most))
	}
}

// verdict is an error if a count was above its budget.
func (b *bench) verdict() error {
	if len(b.broken) > 0 {
		return errors.New("above the budget:\n  " + strings.Join(b.broken, "\n  "))
	}
	fmt.Println("All counts are within their budgets.")
	return nil
}
