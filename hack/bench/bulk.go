// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/acs-operator/acs-chat-operator/hack/sandbox"
)

const (
	bulkNamespace = "bulk"
	bulkUsers     = 32
	// perWindow is how many threads these users may create in a window of the quota.
	perWindow   = 10 * bulkUsers
	window      = 10 * time.Second
	bulkTimeout = time.Hour
	// mostReconciles are one for the declaration and those for the slot. One that finds no place at
	// the endpoint comes again, and costs nothing but memory accesses.
	mostReconciles = 2.5
)

// measureBulk applies many ChatThreads at once with the quotas of the service.
func measureBulk(ctx context.Context, b *bench) (section, error) {
	ctx, cancel := context.WithTimeout(ctx, bulkTimeout)
	defer cancel()
	s, err := b.startService(ctx, "acs-bulk", true)
	if err != nil {
		return section{}, err
	}
	defer s.process.Stop()
	if err := b.connect(ctx, bulkNamespace, s, bulkUsers); err != nil {
		return section{}, err
	}
	operator, err := b.startOperator(ctx, s, operatorFlags{pacing: true, namespace: bulkNamespace})
	if err != nil {
		return section{}, err
	}
	defer operator.process.Stop()
	if err := b.awaitConnection(ctx, bulkNamespace); err != nil {
		return section{}, err
	}
	o, err := b.observe(ctx)
	if err != nil {
		return section{}, err
	}
	already, err := o.settle(ctx)
	if err != nil {
		return section{}, err
	}
	before, err := operator.read(ctx)
	if err != nil {
		return section{}, err
	}
	begun := time.Now()
	if err := b.apply(ctx, 0, b.bulk, bulkNamespace); err != nil {
		return section{}, err
	}
	applied := time.Since(begun)
	ended, err := o.await(ctx, already+b.bulk)
	if err != nil {
		return section{}, err
	}
	after, err := operator.read(ctx)
	if err != nil {
		return section{}, err
	}
	waits := 0
	for _, n := range o.waits {
		waits += n
	}
	return b.describeBulk(before, after, bulkTimes{applied: applied, took: ended.Sub(begun)}, len(o.waits), waits), nil
}

// bulkTimes are the times from the first request until all ChatThreads were applied, and until all
// were Ready.
type bulkTimes struct{ applied, took time.Duration }

// describeBulk judges the counts and makes the section. waits are the writes that showed a wait, of
// so many threads.
func (b *bench) describeBulk(before, after sandbox.Metrics, times bulkTimes, waited, waits int) section {
	count := float64(b.bulk)
	allowed := time.Duration(count / perWindow * float64(window))
	perThread := (after.Sum(reconciles, "controller", "chatthread") - before.Sum(reconciles, "controller", "chatthread")) / count
	refused := after.Sum(acsRequests, "code", "429")
	b.atMost("reconciles of a thread", perThread, mostReconciles)
	b.atMost("calls that ACS refused with 429", refused, 0)
	row := func(what, format string, args ...any) []string { return []string{what, fmt.Sprintf(format, args...)} }
	return section{
		head: []string{"figure", "value"},
		text: fmt.Sprintf("%d ChatThreads with %d members are applied at once; %d service users, with the quotas of the service: room for %d threads every %s.", b.bulk, b.members, bulkUsers, perWindow, window),
		rows: [][]string{
			row("from apply to all Ready", "%.1f s; the quota has room for as many in %.1f s: %.0f %%", times.took.Seconds(), allowed.Seconds(), 100*allowed.Seconds()/times.took.Seconds()),
			row("applying alone", "%.1f s", times.applied.Seconds()),
			row("reconciles of a thread", "%.2f", perThread),
			row("threads that showed WaitingForQuota", "%d, %.2f writes each", waited, float64(waits)/float64(max(waited, 1))),
			row("requests to the API server for a thread", "%.2f", (after.Sum(serverRequests)-before.Sum(serverRequests))/count),
			row("calls refused with 429", "%.0f", refused),
			row("CPU of the operator", "%.1f s", after.Sum(cpuSeconds)-before.Sum(cpuSeconds)),
		},
	}
}
