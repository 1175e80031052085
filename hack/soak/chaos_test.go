// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build soak

package soak

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/hack/processes"
	"github.com/acs-operator/acs-chat-operator/hack/sandbox/sandboxtest"
)

const (
	// convergeLimit limits the time until everything has converged after the last fault.
	convergeLimit = time.Minute
	crashPause    = 6 * time.Second
	longestDown   = 3 * time.Second
	weatherPause  = 5 * time.Second
	troublePause  = 2 * time.Second
	longestToxic  = 6 * time.Second
	// restTime is the time without any write at the end.
	restTime = 5 * time.Second
	// serviceUserCount is the number of service users of a connection.
	serviceUserCount = 2
)

// chaos holds the components that fail.
type chaos struct {
	*world
	operator *machine

	mu sync.Mutex
	// counts are numbers of faults by component.
	counts map[string]map[string]int
}

// The components that fail.
const (
	atProcesses = "processes"
	atLinks     = "links"
	atService   = "calls to the service"
)

func (c *chaos) count(where, what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts[where] == nil {
		c.counts[where] = map[string]int{}
	}
	c.counts[where][what]++
}

func TestSoakChaos(t *testing.T) {
	t.Logf("SEED=%d DURATION=%s", seed, duration)
	begun := time.Now()
	c := &chaos{world: newWorld(t), counts: map[string]map[string]int{}}
	users := int32(serviceUserCount)
	for _, namespace := range namespaces {
		c.connect(t.Context(), namespace, chatv1alpha1.ChatConnectionSpec{
			ServiceUsers:      &chatv1alpha1.ServiceUsers{Count: &users},
			AllowedNamespaces: &chatv1alpha1.AllowedNamespaces{From: chatv1alpha1.NamespacesFromAll},
		})
	}
	c.operator = c.startOperator("operator")
	t.Logf("All runs after %.1f s: etcd, kube-apiserver, acs-emulator, toxiproxy, operator.", time.Since(begun).Seconds())

	m := newModel()
	c.rage(m)
	took, last := c.converge(t.Context(), convergeLimit, func(ctx context.Context, s *snapshot) problems {
		left := s.checkDeclared(m.threads)
		for _, d := range m.threads {
			if err := d.apply(ctx, c.client); err != nil {
				left.add("apply %s: %v", d.NamespacedName, err)
			}
		}
		return append(left, s.checkOwned()...)
	})
	for _, where := range []string{atProcesses, atLinks, atService} {
		t.Logf("Faults of %s: %s.", where, countsOf(c.counts[where]))
	}
	t.Logf("Changes: %s.", m)
	deleted := 0
	for _, remote := range last.remote {
		if remote.DeletedOn != nil {
			deleted++
		}
	}
	t.Logf("As declared %.1f s after the last fault: %d ChatThreads, %d ChatParticipants; %d threads created, of these %d deleted; no orphan, no second thread.",
		took.Seconds(), len(last.threads), len(last.participants), len(last.remote), deleted)
	c.checkRest()
	c.checkLog(c.operator)
	if _, _, ends := c.operator.counts(); ends > 0 {
		t.Logf("The operator ended by itself %d times: %s.", ends, countsOf(c.reasons(c.operator)))
	}
}

// checkRest checks that nothing is written after everything has converged.
func (c *chaos) checkRest() {
	c.Helper()
	ctx := c.Context()
	before, err := c.look(ctx)
	if err != nil {
		c.Fatal(err)
	}
	mark, _, err := c.service.Requests(ctx, 0)
	if err != nil {
		c.Fatal(err)
	}
	pause(ctx, restTime)
	_, sent, err := c.service.Requests(ctx, mark)
	if err != nil {
		c.Fatal(err)
	}
	for _, r := range sent {
		if r.Operation.IsWrite() {
			c.Errorf("at rest: %s %s", r.Method, r.Path)
		}
	}
	after, err := c.look(ctx)
	if err != nil {
		c.Fatal(err)
	}
	if diff := cmp.Diff(before.versions(), after.versions()); diff != "" {
		c.Errorf("written at rest (-before +after):\n%s", diff)
	}
}

// rage lets users write while everything fails, for the duration. Before it returns, all components
// work again.
func (c *chaos) rage(m *model) {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.Context(), duration)
	defer cancel()
	var group sync.WaitGroup
	group.Go(func() { m.write(ctx, c.world) })
	group.Go(func() { c.crash(ctx, chance(100)) })
	for i, l := range []*link{c.toEtcd, c.toAPI, c.toACS} {
		group.Go(func() { c.weather(ctx, l, chance(200+i)) })
	}
	group.Go(func() { c.trouble(ctx, chance(300)) })
	group.Wait()
	ready, done := context.WithTimeout(c.Context(), sandboxtest.Patience)
	defer done()
	for _, m := range c.machines {
		c.Must(m.await(ready))
	}
	if err := c.service.Heal(ready); err != nil {
		c.Error(err)
	}
}

// crash kills a process every few seconds, and starts it again.
func (c *chaos) crash(ctx context.Context, random *rand.Rand) {
	for pause(ctx, time.Second+time.Duration(random.Int64N(int64(crashPause)))) {
		down := time.Duration(random.Int64N(int64(longestDown)))
		switch n := random.IntN(100); {
		case n < 55:
			c.count(atProcesses, "kill -9 operator")
			c.operator.kill()
			pause(ctx, down/3)
			c.operator.start()
		case n < 75:
			c.count(atProcesses, "restart acs-emulator")
			c.machines[acsEmulator].stop()
			pause(ctx, down)
			c.machines[acsEmulator].start()
		case n < 90:
			c.count(atProcesses, "kill -9 etcd")
			c.machines[processes.Etcd].kill()
			pause(ctx, down)
			c.machines[processes.Etcd].start()
		default:
			c.count(atProcesses, "kill -9 kube-apiserver")
			c.machines[processes.KubeAPIServer].kill()
			c.machines[processes.KubeAPIServer].start()
		}
	}
}

// weather disturbs a link from time to time.
func (c *chaos) weather(ctx context.Context, l *link, random *rand.Rand) {
	settled := context.WithoutCancel(ctx)
	for pause(ctx, time.Duration(random.Int64N(int64(weatherPause)))) {
		lasts := 500*time.Millisecond + time.Duration(random.Int64N(int64(longestToxic)))
		spoiled := anyToxic(random)
		c.count(atLinks, fmt.Sprintf("%s to %s", spoiled.Type, l.name))
		l.spoil(settled, spoiled)
		pause(ctx, lasts)
		l.heal(settled, spoiled.Name)
	}
}

func anyToxic(random *rand.Rand) toxic {
	spoiled := toxic{Name: "weather", Stream: "downstream", Toxicity: 1}
	if random.IntN(2) == 0 {
		spoiled.Stream = "upstream"
	}
	switch random.IntN(5) {
	case 0:
		spoiled.Type, spoiled.Attributes = "latency", map[string]any{"latency": 50 + random.IntN(1000), "jitter": random.IntN(200)}
	case 1:
		spoiled.Type, spoiled.Attributes = "bandwidth", map[string]any{"rate": 5 + random.IntN(100)}
	case 2:
		spoiled.Type, spoiled.Attributes = "reset_peer", map[string]any{"timeout": random.IntN(1000)}
	case 3: // no data passes, and the connection stays
		spoiled.Type, spoiled.Attributes = "timeout", map[string]any{"timeout": 0}
	default: // data ends in the middle
		spoiled.Type, spoiled.Attributes = "limit_data", map[string]any{"bytes": 500 + random.IntN(50_000)}
	}
	return spoiled
}

// troubled are the operations that fail more often than others; the empty one stands for all.
var troubled = []emulator.Operation{
	"", emulator.OperationCreateThread, emulator.OperationCreateThread, emulator.OperationDeleteThread,
	emulator.OperationAddParticipants, emulator.OperationRemoveParticipant, emulator.OperationUpdateThread,
}

// trouble makes the service itself fail now and then. Calls that it performs without a response are
// the worst case.
func (c *chaos) trouble(ctx context.Context, random *rand.Rand) {
	for pause(ctx, time.Duration(random.Int64N(int64(troublePause)))) {
		fault := map[string]any{"share": 0.1 + random.Float64()*0.5, "times": 1 + random.IntN(20)}
		if operation := troubled[random.IntN(len(troubled))]; operation != "" {
			fault["operation"] = operation
		}
		what := []string{"dropAfter", "dropBefore", "truncate", "delay"}[random.IntN(4)]
		fault[what] = true
		if what == "delay" { // the call is in progress when the operator dies, and has its effect
			fault[what] = fmt.Sprintf("%dms", 200+random.IntN(1500))
		}
		// The call fails while the service is down.
		if err := c.service.Inject(ctx, fault); err == nil {
			c.count(atService, what)
		}
	}
}

// reasons returns the reasons with which an operator exited by itself.
func (w *world) reasons(m *machine) map[string]int {
	w.Helper()
	text, err := os.ReadFile(m.program.Log)
	if err != nil {
		w.Fatal(err)
	}
	counts := map[string]int{}
	for line := range strings.Lines(string(text)) {
		var entry struct{ Msg, Error string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "Manager failed" {
			counts[strconv.Quote(entry.Error)]++
		}
	}
	return counts
}

// checkLog checks that no operator panicked.
func (w *world) checkLog(m *machine) {
	w.Helper()
	text, err := os.ReadFile(m.program.Log)
	if err != nil {
		w.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		for _, bad := range []string{"panic:", "fatal error:", "Observed a panic"} {
			if strings.Contains(line, bad) {
				w.Errorf("%s: %s", m.program.Name, line)
			}
		}
	}
}
