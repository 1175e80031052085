// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build soak

package soak

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/hack/sandbox"
)

// Namespaces of TestSoakShards: y is moved from one shard to the other, z is taken over.
const (
	stays = "x"
	moves = "y"
	falls = "z"
)

const (
	leaseA, leaseB = "shard-a", "shard-b"
	// waiting is in the log of an operator that waits for a namespace.
	waiting = "Waiting for namespaces"
	// leaseDuration is how long others respect the lease of a leader that is gone.
	leaseDuration = 15 * time.Second
	repeatability = "Repeatability-Request-Id"
)

// shards are two Deployments of the operator, with one replica each, that share three namespaces.
type shards struct {
	*world
	rooms []*declared
	users map[string][]string // of the connections, by namespace
}

func TestSoakShards(t *testing.T) {
	t.Parallel()
	s := &shards{world: newWorld(t), users: map[string][]string{}}
	count := int32(serviceUserCount)
	for _, namespace := range []string{stays, moves, falls} {
		s.connect(t.Context(), namespace, chatv1alpha1.ChatConnectionSpec{ServiceUsers: &chatv1alpha1.ServiceUsers{Count: &count}})
	}
	a := s.startShard("a", leaseA, stays, moves)
	b := s.startShard("b", leaseB, falls)
	s.declare(stays, 50)
	s.declare(moves, 100)
	s.declare(falls, 50)
	s.awaitMade(moves, 50)
	b = s.restart(b, "b-again", leaseB, moves, falls)
	s.await(b, waiting)
	a = s.move(a)
	s.takeOver(a, b)
	_, last := s.converge(t.Context(), convergeLimit, s.check)
	s.checkCreates(len(last.threads))
	for _, m := range s.operators {
		s.checkLog(m)
	}
}

// move stops the shard that holds a namespace, while threads are created there and another shard
// waits for it. It returns the same shard without the namespace.
func (s *shards) move(a *machine) *machine {
	s.Helper()
	s.readUsers()
	began := time.Now()
	s.delay(createDelay)
	s.declare(stays, 50)
	s.declare(falls, 30)
	s.awaitMade(stays, 50+roomsBegun)
	s.awaitMade(falls, 50+roomsBegun)
	s.declare(moves, 100)
	s.awaitMade(moves, 100+newRooms)
	asked := time.Now()
	left := 200 - s.made(moves)
	a = s.restart(a, "a-again", leaseA, stays)
	// Whoever works in the namespace needs a token for its service users, and has it from then on.
	first := s.firstToken(moves, began)
	if first.Before(asked) {
		s.Errorf("the other shard worked in namespace %s %s before the first one was asked to end", moves, asked.Sub(first))
	}
	s.delay("0s")
	converged, _ := s.converge(s.Context(), convergeLimit, s.check)
	s.Logf("A namespace is moved with %d of its 200 threads to create: the other shard works there %.1f s after the first one was asked to end, all as declared %.1f s after its restart.",
		left, first.Sub(asked).Seconds(), converged.Seconds())
	return a
}

// takeOver kills a shard while it works in a namespace that the other one wants, too.
func (s *shards) takeOver(a, b *machine) {
	s.Helper()
	a = s.restart(a, "a-third", leaseA, stays, falls)
	s.await(a, waiting)
	s.delay(createDelay)
	s.declare(falls, 20)
	s.awaitMade(falls, 80+roomsBegun)
	b.kill()
	killed := time.Now()
	renewed := s.renewed(leaseB)
	s.delay("0s")
	// A call of the dead process may be on its way.
	first := s.firstToken(falls, killed.Add(time.Second))
	if passed := first.Sub(renewed); passed < leaseDuration {
		s.Errorf("the other shard worked in namespace %s %s after the last renewal of the lease", falls, passed)
	}
	if took := first.Sub(killed); took > takeOverLimit {
		s.Errorf("nobody worked in namespace %s for %s after its shard died, want at most %s", falls, took, takeOverLimit)
	}
	converged, _ := s.converge(s.Context(), convergeLimit, s.check)
	s.Logf("kill -9 of a shard while 20 threads are created: the other one works in its namespace %.1f s after the last renewal of the lease, and %.1f s after the kill; all as declared %.1f s later.",
		first.Sub(renewed).Seconds(), first.Sub(killed).Seconds(), converged.Seconds())
}

func (s *shards) check(_ context.Context, now *snapshot) problems {
	return append(now.checkDeclared(s.rooms), now.checkOwned()...)
}

// checkCreates compares the creates that arrived at the service with the threads: one each, and all
// further ones with the same id of the request.
func (s *shards) checkCreates(want int) {
	s.Helper()
	ids, replays := map[string]bool{}, 0
	for _, r := range s.arrived() {
		if r.Operation != emulator.OperationCreateThread {
			continue
		}
		id := r.Header.Get(repeatability)
		if ids[id] {
			replays++
		}
		ids[id] = true
	}
	if len(ids) != want || want != len(s.rooms) {
		s.Errorf("%d creates for %d ChatThreads, %d were declared", len(ids), want, len(s.rooms))
	}
	s.Logf("In the end: %d ChatThreads, %d creates and %d replays.", want, len(ids), replays)
}

// startShard starts the only replica of a shard.
func (s *shards) startShard(name, lease string, namespaces ...string) *machine {
	s.Helper()
	return s.startOperator("operator-"+name, "--leader-elect", "--leader-election-namespace="+sandbox.OperatorNamespace,
		"--leader-election-id="+lease, "--watch-namespaces="+strings.Join(namespaces, ","))
}

// restart replaces a shard, as a Deployment without a surge does.
func (s *shards) restart(m *machine, name, lease string, namespaces ...string) *machine {
	s.Helper()
	<-m.signal(syscall.SIGTERM).Done()
	return s.startShard(name, lease, namespaces...)
}

func (s *shards) declare(namespace string, count int) {
	s.Helper()
	for range count {
		d := newDeclared(namespace, fmt.Sprintf("room-%d", len(s.rooms)), chatv1alpha1.ConnectionReference{})
		d.addInline()
		s.rooms = append(s.rooms, d)
		s.poll(func(ctx context.Context) error { return d.apply(ctx, s.client) })
	}
}

// made returns the number of threads of a namespace at the service.
func (s *shards) made(namespace string) (count int) {
	s.Helper()
	threads, err := s.service.Threads(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	for _, thread := range threads {
		if strings.HasPrefix(thread.Metadata[chatv1alpha1.StampOwner], namespace+"/") {
			count++
		}
	}
	return count
}

func (s *shards) awaitMade(namespace string, want int) {
	s.Helper()
	s.poll(func(context.Context) error {
		if made := s.made(namespace); made < want {
			return fmt.Errorf("%d threads of namespace %s were created, want %d", made, namespace, want)
		}
		return nil
	})
}

// await waits for a line in the log of an operator.
func (s *shards) await(m *machine, line string) {
	s.Helper()
	s.poll(func(context.Context) error {
		text, err := os.ReadFile(m.program.Log)
		if err == nil && !strings.Contains(string(text), line) {
			err = fmt.Errorf("%s has not logged %q", m.program.Name, line)
		}
		return err
	})
}

// readUsers reads the service users of the connections.
func (s *shards) readUsers() {
	s.Helper()
	connections := &chatv1alpha1.ChatConnectionList{}
	if err := s.client.List(s.Context(), connections); err != nil {
		s.Fatal(err)
	}
	for _, c := range connections.Items {
		for _, id := range c.Status.ServiceUsers {
			s.users[c.Namespace] = append(s.users[c.Namespace], string(id))
		}
	}
}

// arrived returns all requests to the service.
func (s *shards) arrived() []sandbox.Request {
	s.Helper()
	_, requests, err := s.service.Requests(s.Context(), 0)
	if err != nil {
		s.Fatal(err)
	}
	return requests
}

// firstToken waits for a token of a service user of a namespace that was issued after the given
// time, and returns its time.
func (s *shards) firstToken(namespace string, after time.Time) (issued time.Time) {
	s.Helper()
	s.poll(func(context.Context) error {
		for _, r := range s.arrived() {
			path, err := url.PathUnescape(r.Path)
			if err == nil && r.Operation == emulator.OperationIssueToken && r.Time.After(after) &&
				slices.ContainsFunc(s.users[namespace], func(id string) bool { return strings.Contains(path, id) }) {
				issued = r.Time
				return nil
			}
		}
		return fmt.Errorf("nobody works in namespace %s", namespace)
	})
	return issued
}

// renewed returns the time of the last renewal of a lease.
func (s *shards) renewed(lease string) time.Time {
	s.Helper()
	live := &coordinationv1.Lease{}
	if err := s.client.Get(s.Context(), types.NamespacedName{Namespace: sandbox.OperatorNamespace, Name: lease}, live); err != nil {
		s.Fatal(err)
	}
	return live.Spec.RenewTime.Time
}
