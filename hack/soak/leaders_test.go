// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build soak

package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/types"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/hack/processes"
	"github.com/acs-operator/acs-chat-operator/hack/sandbox"
	"github.com/acs-operator/acs-chat-operator/hack/sandbox/sandboxtest"
)

const (
	leaseName = "acs-chat-operator.chat.acs-operator.io"
	team      = "team"
	// handOverLimit limits the time without a working leader after the leader was asked to exit. A
	// busy machine gets several tries.
	handOverLimit = 2 * time.Second
	handOvers     = 3
	// takeOverLimit limits the time without a working leader after the leader died: the lease, a
	// try to see its last renewal, a try to take it, and the time for the first work.
	takeOverLimit = 15*time.Second + 4*time.Second
	// exitLimit limits the time that a frozen leader may stay after it continues.
	exitLimit = 15 * time.Second
	freezes   = 3
	// newRooms is the number of threads that are created while something happens to the leader,
	// roomsBegun the number of them before it happens.
	newRooms   = 20
	roomsBegun = 5
	// createDelay and callDelay keep calls in progress; workDelay is the maximum time of work
	// before the leader is frozen.
	createDelay = "600ms"
	callDelay   = "150ms"
	workDelay   = 1500 * time.Millisecond
)

// leaders are two replicas, of which one is the leader.
type leaders struct {
	*world
	random           *rand.Rand
	rooms            []*declared
	leading, standby *machine
	holder           string // in the lease
}

func TestSoakLeaders(t *testing.T) {
	t.Parallel()
	l := &leaders{world: newWorld(t), random: chance(400)}
	users := int32(serviceUserCount)
	l.connect(t.Context(), team, chatv1alpha1.ChatConnectionSpec{ServiceUsers: &chatv1alpha1.ServiceUsers{Count: &users}})
	flags := []string{"--leader-elect", "--leader-election-namespace=" + sandbox.OperatorNamespace}
	l.leading = l.startOperator("operator-1", flags...)
	l.holder = l.awaitHolder("")
	l.standby = l.startOperator("operator-2", flags...)
	l.awaitStandby(1)
	t.Logf("SEED=%d", seed)
	took := l.handOver()
	for try := 1; try < handOvers && took > handOverLimit; try++ {
		took = l.handOver()
	}
	if took > handOverLimit {
		t.Errorf("nobody worked for %s after the leader was asked to end, want at most %s", took, handOverLimit)
	}
	l.die()
	for range freezes {
		l.freeze()
	}
	_, last := l.converge(t.Context(), convergeLimit, l.check)
	t.Logf("In the end: %d ChatThreads, %d threads created, no orphan, no second thread.", len(last.threads), len(last.remote))
	for _, m := range l.operators {
		l.checkLog(m)
	}
}

func (l *leaders) check(_ context.Context, s *snapshot) problems {
	return append(s.checkDeclared(l.rooms), s.checkOwned()...)
}

// handOver asks the leader to exit while it works, and returns the time without a working leader.
func (l *leaders) handOver() (took time.Duration) {
	l.Helper()
	l.beginRooms()
	asked := time.Now()
	old := l.leading.signal(syscall.SIGTERM)
	<-old.Done()
	ended := time.Now()
	took = l.firstRequest(ended).Sub(asked)
	l.follow()
	l.delay("0s")
	converged, _ := l.converge(l.Context(), convergeLimit, l.check)
	l.Logf("SIGTERM while %d threads are created: it ended after %.2f s, the other worked after %.2f s, all as declared %.1f s later.",
		newRooms, ended.Sub(asked).Seconds(), took.Seconds(), converged.Seconds())
	l.bringBack()
	return took
}

// die kills the leader while it works.
func (l *leaders) die() {
	l.Helper()
	l.beginRooms()
	l.leading.kill()
	killed := time.Now()
	// Calls that the dead leader sent may arrive for a moment; the lease lasts longer.
	took := l.firstRequest(killed.Add(time.Second)).Sub(killed)
	l.follow()
	if took > takeOverLimit {
		l.Errorf("nobody worked for %s after the leader died, want at most %s", took, takeOverLimit)
	}
	l.delay("0s")
	converged, _ := l.converge(l.Context(), convergeLimit, l.check)
	l.Logf("kill -9 while %d threads are created: the other worked after %.1f s, all as declared %.1f s later.", newRooms, took.Seconds(), converged.Seconds())
	l.bringBack()
}

// freeze stops the leader in the middle of its work until another one leads and users have changed
// their resources. The work that it had in progress is then outdated.
func (l *leaders) freeze() {
	l.Helper()
	ctx := l.Context()
	l.delay(callDelay)
	made := l.declare(newRooms / 2)
	worked := slices.Concat(made, l.some(newRooms/2))
	kept := map[*declared][]chatv1alpha1.UserID{}
	for _, d := range worked[len(made):] {
		kept[d] = d.inline
		d.inline = nil
		for range chaosMembers / 2 {
			d.addInline()
		}
	}
	l.apply(worked)
	pause(ctx, time.Duration(l.random.Int64N(int64(workDelay))))
	frozen := time.Now()
	old := l.leading.signal(syscall.SIGSTOP)
	l.follow()
	took := time.Since(frozen)
	for _, d := range worked {
		if inline, ok := kept[d]; ok {
			d.inline = inline
			continue
		}
		d.there = l.random.IntN(2) == 0
		d.inline = d.inline[1:]
	}
	l.apply(worked)
	l.delay("0s")
	_, before := l.converge(ctx, convergeLimit, l.check)
	messages := l.messages(before)

	thawed := time.Now()
	old.Signal(syscall.SIGCONT)
	select {
	case <-old.Done():
	case <-time.After(exitLimit):
		l.Errorf("the old leader still runs %s after it went on", exitLimit)
		old.Kill()
	}
	exited := time.Since(thawed)
	_, after := l.converge(ctx, requestTimeout, l.check)
	changed := 0
	for id, count := range l.messages(after) {
		if messages[id] != count {
			changed++
			l.Errorf("the old leader changed thread %s of %s", id, after.remote[id].Metadata[chatv1alpha1.StampOwner])
		}
	}
	l.Logf("SIGSTOP in the middle of work: another leads after %.1f s; after SIGCONT the old one ended in %.1f s and changed %d threads.", took.Seconds(), exited.Seconds(), changed)
	l.bringBack()
}

// messages returns the number of system messages of each thread: every change of a thread creates
// one.
func (l *leaders) messages(s *snapshot) map[string]int {
	l.Helper()
	counts := map[string]int{}
	for id := range s.remote {
		thread, err := l.service.Thread(l.Context(), id)
		l.Must(err)
		counts[id] = len(thread.Messages)
	}
	return counts
}

// beginRooms declares threads and waits until some of them are created, with more in progress.
func (l *leaders) beginRooms() {
	l.Helper()
	before, err := l.service.Threads(l.Context())
	if err != nil {
		l.Fatal(err)
	}
	l.delay(createDelay)
	l.apply(l.declare(newRooms))
	l.poll(func(ctx context.Context) error {
		now, err := l.service.Threads(ctx)
		if err == nil && len(now) < len(before)+roomsBegun {
			err = fmt.Errorf("%d threads were created", len(now)-len(before))
		}
		return err
	})
}

func (l *leaders) declare(count int) []*declared {
	var made []*declared
	for range count {
		d := newDeclared(team, fmt.Sprintf("room-%d", len(l.rooms)), chatv1alpha1.ConnectionReference{})
		for range chaosMembers / 2 {
			d.addInline()
		}
		d.addApart()
		l.rooms, made = append(l.rooms, d), append(made, d)
	}
	return made
}

// some returns declared threads that are wanted and are not the latest ones.
func (l *leaders) some(count int) []*declared {
	older := slices.DeleteFunc(slices.Clone(l.rooms[:len(l.rooms)-count]), func(d *declared) bool { return !d.there })
	l.random.Shuffle(len(older), func(i, j int) { older[i], older[j] = older[j], older[i] })
	return older[:count]
}

func (l *leaders) apply(rooms []*declared) {
	l.Helper()
	for _, d := range rooms {
		l.poll(func(ctx context.Context) error { return d.apply(ctx, l.client) })
	}
}

// delay makes each call to the service take time, so that some are in progress at any moment.
func (w *world) delay(each string) {
	w.Helper()
	err := w.service.Heal(w.Context())
	if err == nil && each != "0s" {
		err = w.service.Inject(w.Context(), map[string]any{"delay": each})
	}
	if err != nil {
		w.Fatal(err)
	}
}

// firstRequest waits for a request that arrives at the service after the given time, and returns
// its time.
func (l *leaders) firstRequest(after time.Time) (arrived time.Time) {
	l.Helper()
	mark := 0
	l.poll(func(ctx context.Context) error {
		last, requests, err := l.service.Requests(ctx, mark)
		if err != nil {
			return err
		}
		mark = last
		for _, r := range requests {
			if r.Time.After(after) {
				arrived = r.Time
				return nil
			}
		}
		return errors.New("no request to the service")
	})
	return arrived
}

// awaitHolder waits until another process than before holds the lease.
func (l *leaders) awaitHolder(before string) (holder string) {
	l.Helper()
	l.poll(func(ctx context.Context) error {
		lease := &coordinationv1.Lease{}
		if err := l.client.Get(ctx, types.NamespacedName{Namespace: sandbox.OperatorNamespace, Name: leaseName}, lease); err != nil {
			return err
		}
		if lease.Spec.HolderIdentity == nil || *lease.Spec.HolderIdentity == "" || *lease.Spec.HolderIdentity == before {
			return fmt.Errorf("nobody else leads than %q", before)
		}
		holder = *lease.Spec.HolderIdentity
		return nil
	})
	return holder
}

// follow waits until the standby is the leader.
func (l *leaders) follow() {
	l.Helper()
	l.holder = l.awaitHolder(l.holder)
	l.leading, l.standby = l.standby, l.leading
}

// bringBack starts the former leader again, as a standby.
func (l *leaders) bringBack() {
	l.Helper()
	waited := l.waits(l.standby)
	l.standby.start()
	l.awaitStandby(waited + 1)
}

// awaitStandby waits until the standby has filled its caches and waits for the lease.
func (l *leaders) awaitStandby(times int) {
	l.Helper()
	l.poll(func(context.Context) error {
		if l.waits(l.standby) < times {
			return fmt.Errorf("%s does not wait for the lease", l.standby.program.Name)
		}
		return nil
	})
}

// waits returns the number of times an operator began to wait for the lease.
func (l *leaders) waits(m *machine) int {
	l.Helper()
	text, err := os.ReadFile(m.program.Log)
	if err != nil {
		l.Fatal(err)
	}
	return strings.Count(string(text), "Attempting to acquire leader lease")
}

func (w *world) poll(ask func(context.Context) error) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), sandboxtest.Patience)
	defer cancel()
	if err := processes.Poll(ctx, ask); err != nil {
		w.Fatal(err)
	}
}
