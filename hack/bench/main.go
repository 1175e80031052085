// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Command bench measures the operator as a process, on a control plane of its own and with the
// emulator of the service. What it creates is compared with a floor: a program that makes the same
// writes and has no logic. The results are Markdown tables in docs/performance.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/acs-operator/acs-chat-operator/hack/sandbox"
)

// settings are the sizes of the measurements.
type settings struct {
	threads, members, runs int
	latency                time.Duration
	fleet, bulk            int
	only                   string
	out                    string
	operator               string
	profiles               string
	judge                  bool
}

func (s *settings) bind(flags *flag.FlagSet) {
	flags.IntVar(&s.threads, "threads", 300, "ChatThreads of one run of the comparison with the floor.")
	flags.IntVar(&s.members, "members", 10, "Members of each ChatThread.")
	flags.IntVar(&s.runs, "runs", 5, "Turns of the floors and the operator.")
	flags.DurationVar(&s.latency, "latency", 0, "What the service adds to each answer.")
	flags.IntVar(&s.fleet, "fleet", 10000, "ChatThreads that exist while memory, restarts and edits are measured.")
	flags.IntVar(&s.bulk, "bulk", 2000, "ChatThreads that are applied at once with the quotas of the service.")
	flags.StringVar(&s.only, "only", "create,fleet,bulk", "Measurements to make, comma-separated.")
	flags.StringVar(&s.operator, "operator", sandbox.OperatorProgram, "Program of the operator, to compare another build.")
	flags.StringVar(&s.out, "out", "docs/performance.md", "Markdown file whose sections are replaced.")
	flags.StringVar(&s.profiles, "profiles", "", "Directory for profiles of the operator: its memory at rest, and its CPU while it creates threads.")
	flags.BoolVar(&s.judge, "judge", false, "Fail if a count is above its budget. No time is judged.")
}

// measurement is one of those that -only names.
type measurement struct {
	name string
	make func(context.Context, *bench) (section, error)
}

// measurements are in the order in which they are made.
var measurements = []measurement{
	{"create", measureCreate},
	{"fleet", measureFleet},
	{"bulk", measureBulk},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) > 1 && os.Args[1] == floorCommand {
		exitOn(runFloor(ctx, os.Args[2:]))
		return
	}
	s := &settings{}
	s.bind(flag.CommandLine)
	flag.Parse()
	exitOn(run(ctx, s))
}

func exitOn(err error) {
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "bench:", err)
	os.Exit(1)
}

// check returns an error that names a flag whose value makes no sense.
func (s *settings) check() error {
	if min(s.threads, s.members, s.runs, s.fleet, s.bulk) < 1 {
		return errors.New("-threads, -members, -runs, -fleet and -bulk must be more than zero")
	}
	for _, name := range s.wanted() {
		if !slices.ContainsFunc(measurements, func(one measurement) bool { return one.name == name }) {
			return fmt.Errorf("-only %q: no measurement has this name", name)
		}
	}
	return nil
}

// wanted are the names of the measurements to make.
func (s *settings) wanted() []string { return strings.Split(s.only, ",") }

func run(ctx context.Context, s *settings) (err error) {
	if err := s.check(); err != nil {
		return err
	}
	b, err := start(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.stop(err != nil)) }()
	report := &report{file: s.out}
	for _, one := range measurements {
		if !slices.Contains(s.wanted(), one.name) {
			continue
		}
		made, err := one.make(ctx, b)
		if err != nil {
			return fmt.Errorf("%s: %w", one.name, err)
		}
		made.name = one.name
		if err := report.put(made); err != nil {
			return err
		}
	}
	if s.judge {
		return b.verdict()
	}
	return nil
}
