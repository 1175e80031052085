// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/hack/processes"
)

const (
	fleetNamespace = "fleet"
	fleetUsers     = 32
	fleetTimeout   = 2 * time.Hour
	// edits are the changes of a topic that are timed.
	edits = 200
	// restTime is how long the operator is watched at rest.
	restTime = 30 * time.Second
)

// fleet is a number of Ready ChatThreads and an operator for them.
type fleet struct {
	*bench
	service  *service
	program  *subject
	observer *observer
	lines    [][]string
}

// measureFleet measures memory, restarts and edits with many ChatThreads.
func measureFleet(ctx context.Context, b *bench) (section, error) {
	ctx, cancel := context.WithTimeout(ctx, fleetTimeout)
	defer cancel()
	f := &fleet{bench: b}
	var err error
	if f.service, err = b.startService(ctx, "acs-fleet", false); err != nil {
		return section{}, err
	}
	defer f.service.process.Stop()
	if err := b.connect(ctx, fleetNamespace, f.service, fleetUsers); err != nil {
		return section{}, err
	}
	if err := f.startAnew(ctx); err != nil {
		return section{}, err
	}
	defer func() { f.program.process.Stop() }()
	if err := b.awaitConnection(ctx, fleetNamespace); err != nil {
		return section{}, err
	}
	steps := []func(context.Context) error{
		f.atRest("resident memory, no ChatThread", "heap-empty"),
		f.fill,
		f.atRest(fmt.Sprintf("resident memory, %d ChatThreads Ready", b.fleet), "heap-full"),
		f.edit("at rest"),
		f.restart,
		f.editDuringResyncs,
		f.failOver,
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return section{}, err
		}
	}
	return section{
		head: []string{"figure", "value"}, rows: f.lines,
		text: fmt.Sprintf("One connection with %d service users, %d ChatThreads with %d members each, the service adds %s to each answer, without pacing.", fleetUsers, b.fleet, b.members, b.latency),
	}, nil
}

func (f *fleet) report(what, format string, args ...any) {
	value := fmt.Sprintf(format, args...)
	fmt.Printf("fleet: %s: %s\n", what, value)
	f.lines = append(f.lines, []string{what, value})
}

func (f *fleet) startAnew(ctx context.Context) (err error) {
	if f.program, err = f.startOperator(ctx, f.service, operatorFlags{namespace: fleetNamespace}); err != nil {
		return err
	}
	return nil
}

// atRest measures memory and CPU while nothing happens.
func (f *fleet) atRest(what, profile string) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := f.pause(ctx, 5*time.Second); err != nil {
			return err
		}
		before, err := f.program.read(ctx)
		if err != nil {
			return err
		}
		if err := f.pause(ctx, restTime); err != nil {
			return err
		}
		after, err := f.program.read(ctx)
		if err != nil {
			return err
		}
		if err := f.profile(ctx, f.program, heapProfile, profile); err != nil {
			return err
		}
		f.report(what, "%.0f MiB (Go heap in use %.0f MiB)", after.Sum(residentBytes)/(1<<20), after.Sum("go_memstats_heap_inuse_bytes")/(1<<20))
		f.report("CPU at rest", "%.2f %% of a core, over %s", (after.Sum(cpuSeconds)-before.Sum(cpuSeconds))/restTime.Seconds()*100, restTime)
		return nil
	}
}

// pause lets time pass that is measured.
func (*fleet) pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func (f *fleet) fill(ctx context.Context) error {
	var err error
	if f.observer, err = f.observe(ctx); err != nil {
		return err
	}
	already, err := f.observer.settle(ctx)
	if err != nil {
		return err
	}
	before, err := f.program.read(ctx)
	if err != nil {
		return err
	}
	profiled := make(chan error, 1)
	go func() { profiled <- f.profile(ctx, f.program, cpuProfile, "cpu-create") }()
	begun := time.Now()
	if err := f.apply(ctx, 0, f.fleet, fleetNamespace); err != nil {
		return err
	}
	applied := time.Since(begun)
	ended, err := f.observer.await(ctx, already+f.fleet)
	if err != nil {
		return err
	}
	after, err := f.program.read(ctx)
	if err != nil {
		return err
	}
	if err := <-profiled; err != nil {
		return err
	}
	took := ended.Sub(begun)
	f.report("from apply to all Ready", "%.1f s, %.0f threads/s; applying alone took %.1f s; CPU of the operator %.1f s",
		took.Seconds(), float64(f.fleet)/took.Seconds(), applied.Seconds(), after.Sum(cpuSeconds)-before.Sum(cpuSeconds))
	f.report("requests to the API server for a created thread", "%.2f", (after.Sum(serverRequests)-before.Sum(serverRequests))/float64(f.fleet))
	f.report("resident memory at the end of the apply", "%.0f MiB", after.Sum(residentBytes)/(1<<20))
	return nil
}

// timeEdit changes the topic of a thread and returns how long it takes until the thread is Ready.
func (f *fleet) timeEdit(ctx context.Context, n int) (time.Duration, error) {
	key := fleetNamespace + "/" + threadName(n)
	body := fmt.Appendf(nil, `{"spec":{"topic":"Edited %d"}}`, time.Now().UnixNano())
	begun := time.Now()
	f.observer.expect(key)
	err := f.send(ctx, http.MethodPatch, fmt.Sprintf(threadsPath, fleetNamespace)+"/"+threadName(n), "application/merge-patch+json", body)
	if err != nil {
		return 0, err
	}
	ended, err := f.observer.awaitExpected(ctx, key)
	return ended.Sub(begun), err
}

func (f *fleet) edit(when string) func(context.Context) error {
	return func(ctx context.Context) error {
		took := make([]time.Duration, 0, edits)
		for i := range edits {
			one, err := f.timeEdit(ctx, i*7919%f.fleet)
			if err != nil {
				return err
			}
			took = append(took, one)
		}
		slices.Sort(took)
		f.report("from an edit to Ready, "+when, "p50 %d ms, p99 %d ms, %d edits one after the other", took[len(took)/2].Milliseconds(), took[len(took)*99/100].Milliseconds(), edits)
		return nil
	}
}

// restart starts the operator again, and times the first edit.
func (f *fleet) restart(ctx context.Context) error {
	f.program.process.Stop()
	begun := time.Now()
	if err := f.startAnew(ctx); err != nil {
		return err
	}
	started := time.Since(begun)
	took, err := f.timeEdit(ctx, f.fleet/2)
	if err != nil {
		return err
	}
	f.report("restart: first edit of a user Ready", "%.2f s after the process was ready, which took %.1f s", took.Seconds(), started.Seconds())
	const watched = 5 * time.Second
	if err := f.pause(ctx, watched); err != nil {
		return err
	}
	after, err := f.program.read(ctx)
	if err != nil {
		return err
	}
	f.report("restart: the first seconds", "%.0f calls to ACS, %.0f writes to the API server, CPU %.2f s within %s; resident %.0f MiB",
		after.Sum(acsRequests), after.Sum(serverRequests, "method", "PATCH")+after.Sum(serverRequests, "method", "POST"), after.Sum(cpuSeconds),
		watched+took.Round(time.Second), after.Sum(residentBytes)/(1<<20))
	return nil
}

// editDuringResyncs edits threads while a resync of every thread is due.
func (f *fleet) editDuringResyncs(ctx context.Context) error {
	conn := &chatv1alpha1.ChatConnection{}
	if err := f.client.Get(ctx, client.ObjectKey{Namespace: fleetNamespace, Name: "default"}, conn); err != nil {
		return err
	}
	// Other quotas change nothing without pacing, but the threads of the connection are all due.
	conn.Spec.Quotas = &chatv1alpha1.Quotas{ReadThread: &chatv1alpha1.Quota{Per10s: 1000}}
	if err := f.client.Update(ctx, conn); err != nil {
		return err
	}
	before, err := f.program.read(ctx)
	if err != nil {
		return err
	}
	if err := f.edit("while all resyncs are due")(ctx); err != nil {
		return err
	}
	after, err := f.program.read(ctx)
	if err != nil {
		return err
	}
	f.report("calls to ACS meanwhile", "%.0f", after.Sum(acsRequests)-before.Sum(acsRequests))
	return nil
}

// failOver kills the leader of two replicas, and times the first edit after the other one leads.
func (f *fleet) failOver(ctx context.Context) error {
	f.program.process.Stop()
	replica := operatorFlags{namespace: fleetNamespace, elects: true}
	leader, err := f.startOperator(ctx, f.service, replica)
	if err != nil {
		return err
	}
	held, err := f.awaitHolder(ctx, "")
	if err != nil {
		return err
	}
	if f.program, err = f.startOperator(ctx, f.service, replica); err != nil {
		return err
	}
	leader.process.Kill()
	killed := time.Now()
	edited := make(chan error, 1)
	go func() {
		_, err := f.timeEdit(ctx, f.fleet/3)
		edited <- err
	}()
	if _, err := f.awaitHolder(ctx, held); err != nil {
		return err
	}
	leads := time.Now()
	if err := <-edited; err != nil {
		return err
	}
	f.report("the leader is killed: first edit Ready", "%.2f s after another replica had the lease, which it had %.1f s after the kill", time.Since(leads).Seconds(), leads.Sub(killed).Seconds())
	return nil
}

// awaitHolder waits until another process than before holds the lease.
func (f *fleet) awaitHolder(ctx context.Context, before string) (holder string, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err = processes.Poll(ctx, func(ctx context.Context) error {
		lease := &coordinationv1.Lease{}
		if err := f.client.Get(ctx, client.ObjectKey{Namespace: leaseNamespace, Name: leaseName}, lease); err != nil {
			return err
		}
		if lease.Spec.HolderIdentity == nil || *lease.Spec.HolderIdentity == "" || *lease.Spec.HolderIdentity == before {
			return errors.New("nobody else holds the lease")
		}
		holder = *lease.Spec.HolderIdentity
		return nil
	})
	return holder, err
}
