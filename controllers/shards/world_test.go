// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package shards

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr/funcr"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

const system = "system"

// world is an API server with leases.
type world struct {
	*testing.T
	api client.WithWatch // of the test

	mu            sync.Mutex
	reads, writes int // of shards
	// answer is called instead of the next write of a shard, unless it returns nil.
	answer func() error
}

// inWorld runs a test in a world, on a clock of its own.
func inWorld(t *testing.T, test func(w *world)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		scheme := runtime.NewScheme()
		if err := coordinationv1.AddToScheme(scheme); err != nil {
			t.Fatal(err)
		}
		test(&world{T: t, api: fake.NewClientBuilder().WithScheme(scheme).Build()})
	})
}

// client returns the client of a shard.
func (w *world) client() client.Client {
	written := func() error {
		w.mu.Lock()
		w.writes++
		answer := w.answer
		w.mu.Unlock()
		if answer == nil {
			return nil
		}
		return answer()
	}
	return interceptor.NewClient(w.api, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			w.mu.Lock()
			w.reads++
			w.mu.Unlock()
			return c.Get(ctx, key, obj, opts...)
		},
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			if err := written(); err != nil {
				return err
			}
			return c.Create(ctx, obj, opts...)
		},
		Update: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.UpdateOption) error {
			if err := written(); err != nil {
				return err
			}
			return c.Update(ctx, obj, opts...)
		},
	})
}

// hang holds up the next write of a shard until resume is called, with an error as the answer, or
// with nil to carry it out.
func (w *world) hang() (resume func(error)) {
	answers := make(chan error)
	w.setAnswer(func() error {
		w.setAnswer(nil)
		return <-answers
	})
	return func(err error) {
		answers <- err
		synctest.Wait()
	}
}

func (w *world) setAnswer(answer func() error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = answer
}

// process is a process of a shard.
type process struct {
	*Shard
	w    *world
	stop func()
	// log has the lines of its log, acquired its calls of OnAcquired.
	log, acquired []string
}

// lead makes a new process the leader of a shard, and starts it.
func (w *world) lead(shard, identity string, watched ...string) *process {
	w.Helper()
	w.hold(shard, identity)
	p := &process{w: w, Shard: New(w.client(), types.NamespacedName{Namespace: system, Name: shard}, identity, watched)}
	p.Held().OnAcquired(func(_ context.Context, namespaces Namespaces) {
		p.acquired = append(p.acquired, strings.Join(namespaces, ","))
	})
	ctx, cancel := context.WithCancel(w.Context())
	logger := funcr.New(func(_, line string) { p.log = append(p.log, line) }, funcr.Options{})
	ended := make(chan error)
	go func() { ended <- p.Start(log.IntoContext(ctx, logger)) }()
	p.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			w.Error(err)
		}
	})
	w.Cleanup(p.stop)
	synctest.Wait()
	return p
}

// end ends a process in an orderly way.
func (p *process) end() {
	p.stop()
	p.w.hold(p.lease.Name, "")
}

// holds compares the namespaces in which a process works.
func (p *process) holds(want ...string) {
	p.w.Helper()
	p.held.mu.Lock()
	defer p.held.mu.Unlock()
	if got := slices.Sorted(maps.Keys(p.held.since)); !slices.Equal(got, want) {
		p.w.Errorf("%s works in %q, want %q", p.leader, got, want)
	}
}

// hold writes the lease of the leader election of a shard.
func (w *world) hold(shard, identity string) {
	w.Helper()
	live := &coordinationv1.Lease{}
	err := w.api.Get(w.Context(), w.key(shard), live)
	live.Namespace, live.Name = system, shard
	live.Spec.HolderIdentity, live.Spec.RenewTime = &identity, &metav1.MicroTime{Time: time.Now()}
	if err != nil {
		err = w.api.Create(w.Context(), live)
	} else {
		err = w.api.Update(w.Context(), live)
	}
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) key(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: system, Name: name}
}

// wants compares the claims with lines such as "a: x,y by a-1".
func (w *world) wants(want ...string) {
	w.Helper()
	object := &coordinationv1.Lease{}
	if err := w.api.Get(w.Context(), w.key(ObjectName), object); err != nil {
		w.Fatal(err)
	}
	got := []string{}
	for shard, claim := range parseClaims(object.Annotations) {
		got = append(got, fmt.Sprintf("%s: %s by %s", shard, strings.Join(claim.namespaces, ","), claim.leader))
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		w.Errorf("the claims are %q, want %q", got, want)
	}
}

// pass lets time go by.
func (w *world) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func leaseMeta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: system, Name: name}
}
