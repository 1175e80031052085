// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"sigs.k8s.io/yaml"
)

const (
	casesDir = "hack/monitoring/testdata/alerts"
	promtool = "bin/tools/promtool"
)

// sections are those of a runbook, in this order.
var sections = []string{"Meaning", "Impact", "Diagnosis", "Mitigation"}

// cases are the unit tests of an alert, in the form of promtool.
type cases struct {
	Tests []unitTest `json:"tests"`
}

type unitTest struct {
	Name        string `json:"name"`
	InputSeries []struct {
		Series string `json:"series"`
	} `json:"input_series"`
	AlertRuleTest []struct {
		Alertname string `json:"alertname"`
		ExpAlerts []any  `json:"exp_alerts"`
	} `json:"alert_rule_test"`
}

// expected returns how many alerts a case expects, over all of its times.
func (u *unitTest) expected(t *testing.T, name string) (n int) {
	t.Helper()
	for _, test := range u.AlertRuleTest {
		if test.Alertname != name {
			t.Errorf("%s, %q is about %s", name, u.Name, test.Alertname)
		}
		n += len(test.ExpAlerts)
	}
	return n
}

// lacks returns the metrics of an expression that a case does not feed. Behind "unless" are
// exceptions, which need not be there.
func (u *unitTest) lacks(t *testing.T, expr string) (missing []string) {
	t.Helper()
	given := map[string]bool{}
	for _, in := range u.InputSeries {
		name, _, _ := strings.Cut(in.Series, "{")
		given[name] = true
	}
	needed, _, _ := strings.Cut(expr, "unless")
	for _, selector := range selectors(t, needed) {
		if !given[selector.Name] {
			missing = append(missing, selector.Name)
		}
	}
	return missing
}

func readCases(tb testing.TB, name string) (c cases) {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join(casesDir, name+".yaml"))
	if err != nil {
		tb.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &c); err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
	return c
}

// Who gets an alert knows how urgent it is, what it means and what to do.
func TestAlertsAreComplete(t *testing.T) {
	for _, a := range mustRules(t).alerts {
		if !strings.HasPrefix(a.Name, "ACSChat") {
			t.Errorf("%s: the name must begin with ACSChat", a.Name)
		}
		if !slices.Contains([]string{"critical", "warning", "info"}, a.Labels["severity"]) || len(a.Labels) != 1 {
			t.Errorf("%s: want one label, severity: critical, warning or info", a.Name)
		}
		if keys := slices.Sorted(maps.Keys(a.Annotations)); !slices.Equal(keys, []string{"description", "runbook_url", "summary"}) {
			t.Errorf("%s has the annotations %q", a.Name, keys)
		}
		if summary := a.Annotations["summary"]; !strings.HasSuffix(summary, ".") || len(summary) > 80 {
			t.Errorf("%s: the summary must be a sentence of at most 80 characters", a.Name)
		}
		page, err := os.ReadFile(filepath.Join(runbooksDir, a.Name+".md"))
		if err != nil {
			t.Error(err)
			continue
		}
		var found []string
		for _, heading := range regexp.MustCompile(`(?m)^## (.*)\n\n\S`).FindAllStringSubmatch(string(page), -1) {
			found = append(found, heading[1])
		}
		if !strings.HasPrefix(string(page), "# "+a.Name+"\n") || !slices.Equal(found, sections) {
			t.Errorf("%s.md must have its name as its title, and the sections %q with text: %q", a.Name, sections, found)
		}
	}
}

// Each alert has a case in which it fires and one in which it stays quiet although its metrics are
// there.
func TestEachAlertHasCases(t *testing.T) {
	for _, a := range mustRules(t).alerts {
		fires, quiet := false, false
		for _, one := range readCases(t, a.Name).Tests {
			if missing := one.lacks(t, a.Expr); len(missing) > 0 {
				t.Errorf("%s, %q: there is no %q, so it proves nothing", a.Name, one.Name, missing)
			}
			expected := one.expected(t, a.Name)
			fires = fires || expected > 0
			quiet = quiet || expected == 0
		}
		if !fires || !quiet {
			t.Errorf("%s: a case in which it fires: %t; one in which it is quiet: %t", a.Name, fires, quiet)
		}
	}
}

// A page or a case of an alert that is gone is gone too.
func TestNothingIsLeftOfOldAlerts(t *testing.T) {
	var names []string
	for _, a := range mustRules(t).alerts {
		names = append(names, a.Name)
	}
	for _, pattern := range []string{runbooksDir + "/*", casesDir + "/*"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, file := range files {
			if name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)); !slices.Contains(names, name) {
				t.Errorf("%s is of no alert", file)
			}
		}
	}
}

// The cases hold, and promtool finds no fault in the rules.
func TestPromtool(t *testing.T) {
	files, err := filepath.Glob(casesDir + "/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"check", "rules", "--lint=all", "--lint-fatal", rulesFile}, append([]string{"test", "rules"}, files...)} {
		output, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput() //nolint:gosec // a tool of the project
		if err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args[:2], " "), err, output)
		}
	}
}

// The manifests are made from the text of the rules, and say the same.
func TestPrometheusRuleHasTheRules(t *testing.T) {
	text, err := os.ReadFile(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	var want, got struct {
		Groups any `json:"groups"`
	}
	var object struct {
		Spec any `json:"spec"`
	}
	mustYAML(t, string(text), &want)
	mustYAML(t, mustRules(t).prometheusRule(), &object)
	spec, err := yaml.Marshal(object.Spec)
	if err != nil {
		t.Fatal(err)
	}
	mustYAML(t, string(spec), &got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-rules.yaml +PrometheusRule:\n%s", diff)
	}
}

func mustYAML(tb testing.TB, text string, into any) {
	tb.Helper()
	if err := yaml.Unmarshal([]byte(text), into); err != nil {
		tb.Fatal(err)
	}
}

// targetLabels are those that Prometheus adds; cluster is one that tells several Prometheus apart.
var targetLabels = []string{"cluster", "namespace", "job", "pod", "instance"}

// What holds in the world of this test after all has happened there, and what does not. The others
// depend on how busy the machine is.
var (
	holding = []string{"ACSChatConnectionNotReady", "ACSChatThreadsStalled", "ACSChatParticipantsStalled", "ACSChatThreadRecreated", "ACSChatThrottled"}
	resting = []string{
		"ACSChatOperatorAbsent", "ACSChatNoLeader", "ACSChatServiceUnreachable", "ACSChatReconcilePanics", "ACSChatUnreadyTooLong",
		"ACSChatDeletionStuck", "ACSChatCAFileUnusable", "ACSChatResyncStretched",
	}
)

// testAlerts expects that each selector of an alert finds what the operator shows, that each label
// exists that an alert keeps, and that the expressions hold that should.
func (w *world) testAlerts(t *testing.T) {
	for name, expr := range expressions(t) {
		checkExpression(t, w.scraper, name, expr)
		result, err := w.query(t.Context(), expr)
		if err != nil {
			t.Error(err)
		}
		if holds := len(result) > 0; holds && slices.Contains(resting, name) || !holds && slices.Contains(holding, name) {
			t.Errorf("%s holds: %t, %v", name, holds, result)
		}
		for _, sample := range result {
			for _, label := range []string{"pod", "instance"} {
				if sample.Metric.Has(label) {
					t.Errorf("%s is about each replica: %s", name, sample.Metric)
				}
			}
		}
	}
}

func checkExpression(t *testing.T, p *scraper, name, expr string) {
	t.Helper()
	known := map[string]bool{labels.BucketLabel: true}
	for _, label := range targetLabels {
		known[label] = true
	}
	for _, selector := range selectors(t, expr) {
		found := p.series(selector.LabelMatchers...)
		if len(found) == 0 {
			t.Errorf("%s: the operator shows no %s", name, selector)
		}
		for _, series := range found {
			series.Range(func(l labels.Label) { known[l.Name] = true })
		}
	}
	for _, label := range groupings(t, expr) {
		if !known[label] {
			t.Errorf("%s: no metric of it has the label %s", name, label)
		}
	}
}

// groupings returns the labels by which an expression groups or matches.
func groupings(t *testing.T, expr string) (names []string) {
	t.Helper()
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		t.Fatal(err)
	}
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.AggregateExpr:
			names = append(names, n.Grouping...)
		case *parser.BinaryExpr:
			if n.VectorMatching != nil {
				names = append(names, n.VectorMatching.MatchingLabels...)
			}
		}
		return nil
	})
	return names
}

// testCases expects that the cases for promtool feed series of the form that the operator shows.
func (w *world) testCases(t *testing.T) {
	for _, a := range mustRules(t).alerts {
		for _, one := range readCases(t, a.Name).Tests {
			for _, in := range one.InputSeries {
				given, err := parser.NewParser(parser.Options{}).ParseMetric(in.Series)
				if err != nil {
					t.Fatal(err)
				}
				name := given.Get(model.MetricNameLabel)
				shown := w.series(labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, name))
				if !slices.ContainsFunc(shown, func(s labels.Labels) bool { return hasLabels(s, given) }) {
					t.Errorf("%s, %q: the operator shows no series like %s", a.Name, one.Name, in.Series)
				}
			}
		}
	}
}

// hasLabels reports whether a series has all labels that another one has.
func hasLabels(series, wanted labels.Labels) bool {
	has := true
	wanted.Range(func(l labels.Label) { has = has && series.Has(l.Name) })
	return has
}
