// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	client "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/util/teststorage"

	"github.com/acs-operator/acs-chat-operator/hack/processes"
	"github.com/acs-operator/acs-chat-operator/hack/sandbox/sandboxtest"
)

// scrapeConfig is that of Prometheus, which reads it from the ServiceMonitor.
const scrapeConfig = `
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
- job_name: ` + scrapedJob + `
`

// scraper scrapes like Prometheus, by its own code, and answers queries.
type scraper struct {
	test    testing.TB
	storage *teststorage.TestStorage
	engine  *promql.Engine
}

// newScraper scrapes targets, by the names of their pods, until the test ends.
func newScraper(tb testing.TB, targets map[string]string) *scraper {
	tb.Helper()
	p := &scraper{
		test:    tb,
		storage: teststorage.New(tb),
		engine:  promqltest.NewTestEngine(tb, false, 5*time.Minute, 1_000_000),
	}
	parsed, err := config.Load(scrapeConfig, promslog.NewNopLogger())
	if err != nil {
		tb.Fatal(err)
	}
	manager, err := scrape.NewManager(nil, nil, nil, p.storage, nil, client.NewRegistry())
	if err != nil {
		tb.Fatal(err)
	}
	if err := manager.ApplyConfig(parsed); err != nil {
		tb.Fatal(err)
	}
	group := &targetgroup.Group{Source: "pods"}
	for pod, address := range targets {
		group.Targets = append(group.Targets, model.LabelSet{
			model.AddressLabel: model.LabelValue(address), "namespace": scrapedNamespace, "pod": model.LabelValue(pod),
		})
	}
	sets, done := make(chan map[string][]*targetgroup.Group), make(chan error, 1)
	go func() { done <- manager.Run(sets) }()
	tb.Cleanup(func() {
		manager.Stop()
		if err := <-done; err != nil {
			tb.Error(err)
		}
	})
	sets <- map[string][]*targetgroup.Group{scrapedJob: {group}}
	return p
}

// query returns the value of an expression now.
func (p *scraper) query(ctx context.Context, expr string) (promql.Vector, error) {
	query, err := p.engine.NewInstantQuery(ctx, p.storage, nil, expr, time.Now())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", expr, err)
	}
	defer query.Close()
	result := query.Exec(ctx)
	if result.Err != nil {
		return nil, fmt.Errorf("%s: %w", expr, result.Err)
	}
	if scalar, ok := result.Value.(promql.Scalar); ok {
		return promql.Vector{{F: scalar.V, T: scalar.T}}, nil
	}
	vector, err := result.Vector()
	// The memory of a result goes back to the engine.
	return append(promql.Vector{}, vector...), err
}

// await waits until an expression has a value.
func (p *scraper) await(what, expr string) {
	p.test.Helper()
	ctx, cancel := context.WithTimeout(p.test.Context(), sandboxtest.Patience)
	defer cancel()
	err := processes.Poll(ctx, func(ctx context.Context) error {
		found, err := p.query(ctx, expr)
		if err == nil && len(found) == 0 {
			err = fmt.Errorf("%s has no value", expr)
		}
		return err
	})
	if err != nil {
		p.test.Fatalf("%s: %v", what, err)
	}
}

// series returns the label sets that a selector found at any time.
func (p *scraper) series(matchers ...*labels.Matcher) (found []labels.Labels) {
	p.test.Helper()
	querier, err := p.storage.Querier(0, time.Now().Add(time.Hour).UnixMilli())
	if err != nil {
		p.test.Fatal(err)
	}
	set := querier.Select(p.test.Context(), false, nil, matchers...)
	for set.Next() {
		found = append(found, set.At().Labels())
	}
	if err := set.Err(); err != nil {
		p.test.Fatal(err)
	}
	if err := querier.Close(); err != nil {
		p.test.Fatal(err)
	}
	return found
}

// selectors returns the selectors of series in an expression.
func selectors(tb testing.TB, expr string) (found []*parser.VectorSelector) {
	tb.Helper()
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		tb.Fatalf("%s: %v", expr, err)
	}
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		if selector, ok := node.(*parser.VectorSelector); ok {
			found = append(found, selector)
		}
		return nil
	})
	return found
}
