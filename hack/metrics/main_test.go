// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/acs-operator/acs-chat-operator/hack/pages"
)

const source = `package p

const field = "operation"

var (
	a = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "a_total", Help: "First, " +
		"and | second."}, []string{field, "code"})
	b = prometheus.NewGauge(prometheus.GaugeOpts{Name: "b", Help: "B.", ConstLabels: prometheus.Labels{"version": v()}})
	c = prometheus.NewDesc("c_seconds", "C.", []string{"kind"}, nil)
	d = prometheus.NewConstMetric(c, 1)
)
`

// list returns the page for one source.
func list(t *testing.T, source string) (string, error) {
	t.Helper()
	g := NewWithT(t)
	root := t.TempDir()
	page := filepath.Join(root, "metrics.md")
	g.Expect(os.WriteFile(page, []byte("above\n"+pages.Begin(generator)+"old\n"+pages.End(generator)+"below\n"), 0o600)).To(Succeed())
	g.Expect(os.WriteFile(filepath.Join(root, "p.go"), []byte(source), 0o600)).To(Succeed())
	err := run(root, page)
	content, readErr := os.ReadFile(page)
	g.Expect(readErr).NotTo(HaveOccurred())
	return string(content), err
}

// The page lists each metric that the sources declare, with its labels and its help.
func TestList(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	page, err := list(t, source)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(page).To(Equal("above\n" + pages.Begin(generator) + `
| metric | type | labels | meaning |
|---|---|---|---|
| ` + "`a_total` | counter | `code`, `operation` | First, and \\| second. |" + `
| ` + "`b` | gauge | `version` | B. |" + `
| ` + "`c_seconds` | gauge | `kind` | C. |" + `

` + pages.End(generator) + "below\n"))
}

// A text that the sources do not show is an error, and so is a metric without help.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	for _, source := range []string{
		"package p\nvar a = prometheus.NewDesc(name(), \"help\", nil, nil)\n",
		"package p\nvar a = prometheus.NewGauge(prometheus.GaugeOpts{Name: \"a\"})\n",
		"package p\nvar a = prometheus.NewGauge(prometheus.GaugeOpts{Name: other.Name, Help: \"a\"})\n",
	} {
		page, err := list(t, source)
		g := NewWithT(t)
		g.Expect(err).To(MatchError(ContainSubstring("p.go:2")), source)
		g.Expect(page).To(ContainSubstring("old"))
	}
}
