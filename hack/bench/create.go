// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/acs-operator/acs-chat-operator/hack/processes"
	"github.com/acs-operator/acs-chat-operator/hack/sandbox"
)

// The budgets of a created thread, which -judge holds.
const (
	mostRequests  = 3.3
	mostACSCalls  = 1.1
	createTimeout = 10 * time.Minute
)

// runner is one of the programs that are compared.
type runner struct {
	name  string
	start func(ctx context.Context, b *bench, s *service, namespace string) (*subject, error)
	turns []turn
}

// turn is one run of one program.
type turn struct {
	wall, cpu          time.Duration
	requests, acsCalls float64
}

func startFloor(full bool) func(context.Context, *bench, *service, string) (*subject, error) {
	return func(ctx context.Context, b *bench, s *service, namespace string) (*subject, error) {
		metrics, err := processes.FreeAddress(ctx)
		if err != nil {
			return nil, err
		}
		probes, err := processes.FreeAddress(ctx)
		if err != nil {
			return nil, err
		}
		args := []string{
			floorCommand, "--kubeconfig=" + b.Path(sandbox.OperatorKubeconfig), "--namespace=" + namespace,
			"--metrics-bind-address=" + metrics, "--health-probe-bind-address=" + probes,
		}
		if full {
			args = append(args, "--connection-string-file="+s.ConnectionStringFile, "--acs-ca-file="+s.Authority, fmt.Sprintf("--members=%d", b.members))
		}
		if err := b.Run(ctx, b.Program("floor", "bin/bench", args...), sandbox.Answers("http://"+probes+"/readyz")); err != nil {
			return nil, err
		}
		return &subject{process: b.latest(), metrics: metrics}, nil
	}
}

func startForCreate(ctx context.Context, b *bench, s *service, namespace string) (*subject, error) {
	started, err := b.startOperator(ctx, s, operatorFlags{namespace: namespace})
	if err != nil {
		return nil, err
	}
	return started, b.awaitConnection(ctx, namespace)
}

// measureCreate compares the operator with the floors: from the first request that creates a
// ChatThread until the last one is Ready.
func measureCreate(ctx context.Context, b *bench) (section, error) {
	s, err := b.startService(ctx, "acs", false)
	if err != nil {
		return section{}, err
	}
	defer s.process.Stop()
	runners := []*runner{
		{name: "bare floor: two writes", start: startFloor(false)},
		{name: "full floor: two writes, an event, a call", start: startFloor(true)},
		{name: "operator", start: startForCreate},
	}
	for run := range b.runs {
		for i, r := range runners {
			one, err := b.turn(ctx, s, r, fmt.Sprintf("create-%d-%d", run, i))
			if err != nil {
				return section{}, fmt.Errorf("%s: %w", r.name, err)
			}
			fmt.Printf("create %d/%d, %s: %s, CPU %s, %.2f requests and %.2f calls a thread\n",
				run+1, b.runs, r.name, one.wall.Round(time.Millisecond), one.cpu.Round(time.Millisecond), one.requests, one.acsCalls)
			r.turns = append(r.turns, one)
		}
	}
	operator := runners[len(runners)-1]
	for _, one := range operator.turns {
		b.atMost("requests to the API server for a created thread", one.requests, mostRequests)
		b.atMost("calls to ACS for a created thread", one.acsCalls, mostACSCalls)
	}
	return b.describeCreate(runners), nil
}

func (b *bench) turn(ctx context.Context, s *service, r *runner, namespace string) (turn, error) {
	if err := b.connect(ctx, namespace, s, 4); err != nil {
		return turn{}, err
	}
	program, err := r.start(ctx, b, s, namespace)
	if err != nil {
		return turn{}, err
	}
	defer program.process.Stop()
	before, err := program.read(ctx)
	if err != nil {
		return turn{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, createTimeout)
	defer cancel()
	o, err := b.observe(ctx)
	if err != nil {
		return turn{}, err
	}
	already, _ := o.settle(ctx)
	begun := time.Now()
	if err := b.apply(ctx, 0, b.threads, namespace); err != nil {
		return turn{}, err
	}
	ended, err := o.await(ctx, already+b.threads)
	if err != nil {
		return turn{}, err
	}
	after, err := program.read(ctx)
	if err != nil {
		return turn{}, err
	}
	count := float64(b.threads)
	return turn{
		wall:     ended.Sub(begun),
		cpu:      time.Duration((after.Sum(cpuSeconds) - before.Sum(cpuSeconds)) * float64(time.Second)),
		requests: (after.Sum(serverRequests) - before.Sum(serverRequests)) / count,
		acsCalls: (after.Sum(acsRequests) - before.Sum(acsRequests)) / count,
	}, nil
}

func (b *bench) describeCreate(runners []*runner) section {
	made := section{text: fmt.Sprintf(
		"%d ChatThreads with %d members each, %d turns, the service adds %s to each answer, without pacing. Time is from the first request of the user to the last Ready; medians, with least and most in brackets.",
		b.threads, b.members, b.runs, b.latency)}
	made.head = []string{"program", "time", "CPU", "requests to the API server for a thread", "calls to ACS for a thread"}
	for _, r := range runners {
		requests, calls := r.turns[0].requests, r.turns[0].acsCalls
		made.rows = append(made.rows, []string{r.name, spread(r.walls()), spread(r.cpus()), fmt.Sprintf("%.2f", requests), fmt.Sprintf("%.2f", calls)})
	}
	operator := runners[len(runners)-1]
	for _, floor := range runners[:len(runners)-1] {
		made.rows = append(made.rows, []string{"operator / " + floor.name, ratios(operator.walls(), floor.walls()), ratios(operator.cpus(), floor.cpus()), "", ""})
	}
	return made
}

func (r *runner) walls() []time.Duration {
	walls := make([]time.Duration, 0, len(r.turns))
	for _, one := range r.turns {
		walls = append(walls, one.wall)
	}
	return walls
}

func (r *runner) cpus() []time.Duration {
	cpus := make([]time.Duration, 0, len(r.turns))
	for _, one := range r.turns {
		cpus = append(cpus, one.cpu)
	}
	return cpus
}

// spread is the median of some durations, with the least and the most.
func spread(all []time.Duration) string {
	sorted := slices.Sorted(slices.Values(all))
	return fmt.Sprintf("%.2f s (%.2f to %.2f)", sorted[len(sorted)/2].Seconds(), sorted[0].Seconds(), sorted[len(sorted)-1].Seconds())
}

// ratios compares the turns of two programs one by one.
func ratios(of, to []time.Duration) string {
	all := make([]float64, len(of))
	for i := range of {
		all[i] = of[i].Seconds() / to[i].Seconds()
	}
	slices.Sort(all)
	return fmt.Sprintf("%.2f × (%.2f to %.2f)", all[len(all)/2], all[0], all[len(all)-1])
}
