// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/grafana/grafana-foundation-sdk/go/units"
	"github.com/prometheus/prometheus/promql"
)

// filled are the variables of the dashboard, and those of Grafana, as Grafana fills them in.
var filled = strings.NewReplacer("$namespace", scrapedNamespace, "$job", scrapedJob, "$__rate_interval", "1m")

// Each panel explains itself, and its queries are right.
func TestPanels(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rows {
		for _, p := range r.panels {
			if p.title == "" || p.unit == "" || !strings.HasSuffix(p.description, ".") {
				t.Errorf("%s, %s: want a title, a unit and a sentence as a description", r.title, p.title)
			}
			if seen[p.title] {
				t.Errorf("%s: there are two panels of this title", p.title)
			}
			seen[p.title] = true
			for _, q := range p.queries {
				checkSelection(t, p.title, q.expr)
			}
		}
	}
}

// checkSelection expects that the variables choose the series of each selector.
func checkSelection(t *testing.T, title, expr string) {
	t.Helper()
	for _, selector := range selectors(t, filled.Replace(expand(expr))) {
		var names []string
		for _, m := range selector.LabelMatchers {
			names = append(names, m.Name)
		}
		if !slices.Contains(names, "namespace") || !slices.Contains(names, "job") {
			t.Errorf("%s: %s is not chosen by the variables", title, selector)
		}
	}
}

// Grafana gets the data source, the namespaces and the jobs from variables, and finds all panels.
func TestDashboardJSON(t *testing.T) {
	text, err := dashboardJSON()
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Templating struct{ List []struct{ Name, Type string } }
		Panels     []struct {
			Title, Type string
			GridPos     struct{ X, W int }
			Datasource  struct{ UID string }
			Targets     []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(text), &board); err != nil {
		t.Fatal(err)
	}
	var variables []string
	for _, v := range board.Templating.List {
		variables = append(variables, v.Type+" "+v.Name)
	}
	if want := []string{"datasource datasource", "query namespace", "query job"}; !slices.Equal(variables, want) {
		t.Errorf("variables %q, want %q", variables, want)
	}
	want := len(rows)
	for _, r := range rows {
		want += len(r.panels)
	}
	if len(board.Panels) != want {
		t.Errorf("%d panels and rows, want %d", len(board.Panels), want)
	}
	for _, p := range board.Panels {
		if p.Type != "row" && (p.Datasource.UID != "${datasource}" || len(p.Targets) == 0 || p.GridPos.X+p.GridPos.W > width) {
			t.Errorf("%s: %+v", p.Title, p)
		}
	}
}

// testHealthy expects data in each panel that does not name a case in which it has none,
// also while all is well.
func (w *world) testHealthy(t *testing.T) {
	for _, r := range rows {
		for _, p := range r.panels {
			for _, q := range p.queries {
				if p.empty == "" {
					w.await(p.title, filled.Replace(expand(q.expr)))
				}
			}
		}
	}
}

// testDashboard evaluates each query over what a Prometheus scraped from a real operator, and
// prints what the panels show.
func (w *world) testDashboard(t *testing.T) {
	for _, r := range rows {
		for _, p := range r.panels {
			var shown []string
			for _, q := range p.queries {
				expr := filled.Replace(expand(q.expr))
				checkExpression(t, w.scraper, p.title, expr)
				result, err := w.query(t.Context(), expr)
				if err != nil {
					t.Errorf("%s: %v", p.title, err)
				}
				for _, sample := range result {
					if !math.IsNaN(sample.F) {
						shown = append(shown, legend(q, &sample)+inWords(p.unit, sample.F))
					}
				}
			}
			if len(shown) == 0 {
				t.Errorf("%s shows nothing", p.title)
			}
			t.Logf("%s / %s: %s", r.title, p.title, strings.Join(shown, "; "))
		}
	}
}

// legend names a series as Grafana does.
func legend(q query, sample *promql.Sample) string {
	if q.legend == "" {
		return ""
	}
	text := q.legend
	for _, label := range []string{"kind", "state", "reason", "operation", "code", "quota", "change", "controller", "result", "method", "version", "namespace", "pod", "instance"} {
		text = strings.ReplaceAll(text, "{{"+label+"}}", sample.Metric.Get(label))
	}
	return strings.TrimSpace(text) + " "
}

// inWords returns a value with its unit.
func inWords(unit string, value float64) string {
	switch unit {
	case units.Seconds:
		return time.Duration(value * float64(time.Second)).Round(time.Millisecond).String()
	case units.BytesIEC:
		return humanize.IBytes(uint64(value))
	case units.PercentUnit:
		return fmt.Sprintf("%.0f %%", value*100)
	case units.RequestsPerSecond, units.OpsPerSecond:
		return fmt.Sprintf("%.3f/s", value)
	default:
		return fmt.Sprintf("%.4g", value)
	}
}
