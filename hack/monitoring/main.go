// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Monitoring writes what comes from config/monitoring/rules.yaml and from the panels of the
// dashboard: the manifests in config/components/monitoring, their counterparts in the Helm chart,
// and the tables in docs.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

// The sources and results, from the root of the repository.
const (
	rulesFile      = "config/monitoring/rules.yaml"
	ruleFile       = "config/components/monitoring/prometheus_rule.yaml"
	dashboardFile  = "config/components/monitoring/dashboard.json"
	chartRuleFile  = "charts/acs-chat-operator/templates/prometheus_rule.yaml"
	chartBoardFile = "charts/acs-chat-operator/files/dashboard.json"
	alertsPage     = "docs/alerts.md"
	dashboardPage  = "docs/dashboard.md"
	runbooksDir    = "docs/runbooks"
)

func main() {
	root := flag.String("root", filepath.Join("..", ".."), "root of the repository")
	flag.Parse()
	if err := run(*root); err != nil {
		fmt.Fprintln(os.Stderr, "monitoring:", err)
		os.Exit(1)
	}
}

func run(root string) error {
	text, err := os.ReadFile(filepath.Join(root, rulesFile))
	if err != nil {
		return err
	}
	all, err := parseRules(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", rulesFile, err)
	}
	board, err := dashboardJSON()
	if err != nil {
		return err
	}
	return errors.Join(
		write(root, ruleFile, all.prometheusRule()),
		write(root, chartRuleFile, all.chartTemplate()),
		write(root, dashboardFile, board),
		write(root, chartBoardFile, board),
		writeTable(root, alertsPage, all.table()),
		writeTable(root, dashboardPage, panelTable()),
	)
}

func write(root, name, content string) error {
	file := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil { //nolint:gosec // a directory of the sources
		return err
	}
	return os.WriteFile(file, []byte(content), 0o644) //nolint:gosec // a source file
}
