// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build soak

package soak

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/hack/processes"
	"github.com/acs-operator/acs-chat-operator/hack/sandbox/sandboxtest"
)

const (
	// goneLimit limits the deletion of a namespace while nothing fails, or after the last failure:
	// the longest backoff, and that of the namespace controller.
	goneLimit = time.Minute
	// outage is the time without a connection to ACS; within reportLimit every resource reports it.
	outage      = 20 * time.Second
	reportLimit = 15 * time.Second
	roomsEach   = 5
)

// deletions is a control plane whose namespaces are deleted.
type deletions struct {
	*world
	operator *machine
	rooms    map[string][]*declared // by namespace
}

// Namespaces of TestSoakNamespaceDeletion, by their special property.
const (
	plain    = "plain"
	careless = "careless" // its Secret is deleted first
	cutOff   = "cut-off"
	bereft   = "bereft" // loses its credentials
	hub      = "hub"    // uses the connection of guest
	guest    = "guest"
)

// retained are namespaces with threads that stay. The ChatParticipants of a namespace are deleted a
// random time before its ChatThreads. That alone must not remove a member from a thread, so there
// are several such namespaces.
var retained = []string{"retained-1", "retained-2", "retained-3"}

func TestSoakNamespaceDeletion(t *testing.T) {
	t.Parallel()
	d := &deletions{world: newWorld(t), rooms: map[string][]*declared{}}
	d.Must(d.StartControllerManager(t.Context()))
	d.operator = d.startOperator("operator")
	d.declare()
	d.reachable()
	d.unreachable()
	d.restarted()
	d.checkLog(d.operator)
}

// declare creates the resources in the namespaces.
func (d *deletions) declare() {
	d.Helper()
	ctx := d.Context()
	for _, namespace := range slices.Concat(retained, []string{plain, careless, cutOff, bereft, hub}) {
		spec := chatv1alpha1.ChatConnectionSpec{}
		if namespace == hub {
			spec.AllowedNamespaces = &chatv1alpha1.AllowedNamespaces{From: chatv1alpha1.NamespacesFromAll}
		}
		d.connect(ctx, namespace, spec)
	}
	d.create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: guest}})
	var all []*declared
	for _, namespace := range slices.Concat(retained, []string{plain, careless, cutOff, bereft, hub, guest}) {
		for i := range roomsEach {
			room := newDeclared(namespace, fmt.Sprintf("room-%d", i), chatv1alpha1.ConnectionReference{})
			if namespace == guest {
				room.connection.Namespace = hub
			}
			if slices.Contains(retained, namespace) {
				room.deletion = chatv1alpha1.DeletionRetain
			}
			for range 3 {
				room.addInline()
				room.addApart()
			}
			d.rooms[namespace] = append(d.rooms[namespace], room)
			d.poll(func(ctx context.Context) error { return room.apply(ctx, d.client) })
		}
		all = append(all, d.rooms[namespace]...)
	}
	d.converge(ctx, sandboxtest.Patience, func(_ context.Context, s *snapshot) problems { return s.checkDeclared(all) })
}

// reachable deletes namespaces while ACS is reachable.
func (d *deletions) reachable() {
	d.Helper()
	deleted, kept := slices.Concat(d.remote(plain), d.remote(careless)), d.remoteOf(chatv1alpha1.StampOwner)
	d.loseSecret(careless)
	names := slices.Concat(retained, []string{plain, careless})
	d.delete(names...)
	took := d.awaitGone(names...)
	d.checkDeleted(deleted)
	if diff := cmp.Diff(membersOf(kept), membersOf(d.again(kept))); diff != "" {
		d.Errorf("threads that were to be retained (-before +after):\n%s", diff)
	}
	for _, thread := range d.again(kept) {
		if thread.Metadata[chatv1alpha1.StampUID] != "" || !strings.HasPrefix(thread.Metadata[chatv1alpha1.StampReleasedBy], "retained-") {
			d.Errorf("thread %s was not released: %v", thread.ID, thread.Metadata)
		}
	}
	d.Logf("ACS reachable: %d namespaces gone after %.1f s; %d threads deleted, %d retained with all their members.",
		len(names), took.Seconds(), len(deleted), len(kept))
}

// unreachable deletes a namespace while ACS is not reachable.
func (d *deletions) unreachable() {
	d.Helper()
	ctx := d.Context()
	threads := d.remote(cutOff)
	d.toACS.cut(ctx)
	begun := time.Now()
	d.delete(cutOff)
	reported := d.await(reportLimit, cutOff, "say that they wait for ACS", func(t *chatv1alpha1.ChatThread) bool {
		ready := apimeta.FindStatusCondition(t.Status.Conditions, "Ready")
		return !t.DeletionTimestamp.IsZero() && ready != nil && ready.Reason == chatv1alpha1.ReasonServiceUnavailable &&
			strings.HasPrefix(ready.Message, "ACS ") && apimeta.IsStatusConditionTrue(t.Status.Conditions, "Reconciling")
	})
	pause(ctx, outage-time.Since(begun))
	if err := d.client.Get(ctx, types.NamespacedName{Name: cutOff}, &corev1.Namespace{}); err != nil {
		d.Errorf("the namespace did not wait for ACS: %v", err)
	}
	d.toACS.restore(ctx)
	took := d.awaitGone(cutOff)
	d.checkDeleted(threads)
	d.Logf("ACS unreachable for %s: all threads say so after %.1f s; the namespace is gone %.1f s after ACS is back, and its %d threads.",
		outage, reported.Seconds(), took.Seconds(), len(threads))
}

// restarted deletes two namespaces, and kills the operator before it has deleted anything: one
// namespace has lost its Secret by then, the connection of the other is in a third namespace.
func (d *deletions) restarted() {
	d.Helper()
	ctx := d.Context()
	lost, threads := d.remote(bereft), d.remote(guest)
	d.toACS.cut(ctx)
	d.delete(bereft, guest)
	d.poll(func(ctx context.Context) error {
		err := d.client.Get(ctx, types.NamespacedName{Namespace: bereft, Name: "acs"}, &corev1.Secret{})
		if !apierrors.IsNotFound(err) {
			return fmt.Errorf("the Secret is still there (%w)", err)
		}
		return nil
	})
	d.operator.kill()
	d.operator.start()
	d.toACS.restore(ctx)
	took := d.awaitGone(guest)
	d.checkDeleted(threads)
	reported := d.await(goneLimit, bereft, "say how to let go", func(t *chatv1alpha1.ChatThread) bool {
		stalled := apimeta.FindStatusCondition(t.Status.Conditions, "Stalled")
		return stalled != nil && stalled.Status == metav1.ConditionTrue && stalled.Reason == chatv1alpha1.ReasonCredentialsLost &&
			strings.Contains(stalled.Message, t.Status.ThreadID) && strings.Contains(stalled.Message, chatv1alpha1.AnnotationAbandon+`: "true"`)
	})
	d.abandon(bereft)
	let := d.awaitGone(bereft)
	if diff := cmp.Diff(lost, d.again(lost)); diff != "" {
		d.Errorf("threads that were let go (-before +after):\n%s", diff)
	}
	d.checkAlive(slices.Concat(idsOf(lost), idsOf(d.remoteOf(chatv1alpha1.StampReleasedBy)), idsOf(d.remote(hub))))
	d.Logf("Operator killed half way: with the connection elsewhere, the namespace is gone after %.1f s; with the Secret gone, %d threads say CredentialsLost "+
		"(after %.1f s), and with the annotation the namespace is gone after %.1f s and they stay.", took.Seconds(), len(lost), reported.Seconds(), let.Seconds())
}

// loseSecret deletes the Secret of a connection, and waits until the operator has noticed.
func (d *deletions) loseSecret(namespace string) {
	d.Helper()
	ctx := d.Context()
	if err := d.client.Delete(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "acs"}}); err != nil {
		d.Fatal(err)
	}
	conn := &chatv1alpha1.ChatConnection{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "default"}}
	d.annotate(conn, chatv1alpha1.AnnotationReconcileRequestedAt, "now")
	d.poll(func(ctx context.Context) error {
		if err := d.client.Get(ctx, client.ObjectKeyFromObject(conn), conn); err != nil {
			return err
		}
		if ready := apimeta.FindStatusCondition(conn.Status.Conditions, "Ready"); ready.Reason != chatv1alpha1.ReasonSecretNotFound {
			return fmt.Errorf("ChatConnection %s: %s", namespace, shown(conn.Status.Conditions))
		}
		return nil
	})
}

func (d *deletions) annotate(obj client.Object, key, value string) {
	d.Helper()
	patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, key, value))
	if err := d.client.Patch(d.Context(), obj, patch); err != nil {
		d.Fatal(err)
	}
}

func (d *deletions) delete(names ...string) {
	d.Helper()
	for _, name := range names {
		if err := d.client.Delete(d.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			d.Fatal(err)
		}
	}
}

// awaitGone waits until namespaces are gone.
func (d *deletions) awaitGone(names ...string) time.Duration {
	d.Helper()
	begun := time.Now()
	ctx, cancel := context.WithTimeout(d.Context(), goneLimit)
	defer cancel()
	err := processes.Poll(ctx, func(ctx context.Context) error {
		var left error
		for _, name := range names {
			ns := &corev1.Namespace{}
			if err := d.client.Get(ctx, types.NamespacedName{Name: name}, ns); !apierrors.IsNotFound(err) {
				left = errors.Join(left, fmt.Errorf("namespace %s: %v, %w", name, ns.Status.Conditions, err))
			}
		}
		return left
	})
	if err != nil {
		d.Errorf("not gone after %s: %v", goneLimit, err)
		d.showThreads()
		d.FailNow()
	}
	return time.Since(begun)
}

// await waits until all ChatThreads of a namespace have the expected state.
func (d *deletions) await(limit time.Duration, namespace, what string, is func(*chatv1alpha1.ChatThread) bool) time.Duration {
	d.Helper()
	begun := time.Now()
	ctx, cancel := context.WithTimeout(d.Context(), limit)
	defer cancel()
	err := processes.Poll(ctx, func(ctx context.Context) error {
		list := &chatv1alpha1.ChatThreadList{}
		if err := d.client.List(ctx, list, client.InNamespace(namespace)); err != nil {
			return err
		}
		count := 0
		for i := range list.Items {
			if is(&list.Items[i]) {
				count++
			}
		}
		if count != roomsEach {
			return fmt.Errorf("%d of %d ChatThreads of %s %s", count, roomsEach, namespace, what)
		}
		return nil
	})
	if err != nil {
		d.Error(err)
		d.showThreads()
		d.FailNow()
	}
	return time.Since(begun)
}

func (d *deletions) showThreads() {
	d.Helper()
	s, err := d.look(d.Context())
	if err != nil {
		d.Log(err)
		return
	}
	for name, thread := range s.threads {
		d.Logf("%s: %s", name, shown(thread.Status.Conditions))
	}
}

// abandon sets the annotation abandon on the threads of a namespace.
func (d *deletions) abandon(namespace string) {
	d.Helper()
	for _, room := range d.rooms[namespace] {
		thread := &chatv1alpha1.ChatThread{ObjectMeta: metav1.ObjectMeta{Namespace: room.Namespace, Name: room.Name}}
		d.annotate(thread, chatv1alpha1.AnnotationAbandon, "true")
	}
}

// remote returns the threads at the service that belong to the ChatThreads of a namespace.
func (d *deletions) remote(namespace string) []emulator.Thread {
	d.Helper()
	return d.filter(roomsEach, func(t emulator.Thread) bool {
		return strings.HasPrefix(t.Metadata[chatv1alpha1.StampOwner], namespace+"/")
	})
}

// remoteOf returns the threads that have the stamp of a ChatThread with a retained thread.
func (d *deletions) remoteOf(stamp string) []emulator.Thread {
	d.Helper()
	return d.filter(roomsEach*len(retained), func(t emulator.Thread) bool { return strings.HasPrefix(t.Metadata[stamp], "retained-") })
}

// again returns the present state of the same threads.
func (d *deletions) again(threads []emulator.Thread) []emulator.Thread {
	d.Helper()
	return d.filter(len(threads), func(t emulator.Thread) bool { return slices.Contains(idsOf(threads), t.ID) })
}

// filter returns the wanted threads, and checks their number.
func (d *deletions) filter(count int, wanted func(emulator.Thread) bool) []emulator.Thread {
	d.Helper()
	threads, err := d.service.Threads(d.Context())
	if err != nil {
		d.Fatal(err)
	}
	threads = slices.DeleteFunc(threads, func(t emulator.Thread) bool { return !wanted(t) })
	if len(threads) != count {
		d.Fatalf("there are %d threads, want %d", len(threads), count)
	}
	return threads
}

func (d *deletions) checkDeleted(threads []emulator.Thread) {
	d.Helper()
	for _, thread := range d.again(threads) {
		if thread.DeletedOn == nil {
			d.Errorf("thread %s of %s was not deleted", thread.ID, thread.Metadata[chatv1alpha1.StampOwner])
		}
	}
}

// checkAlive checks that exactly these threads are left at the service.
func (d *deletions) checkAlive(want []string) {
	d.Helper()
	threads, err := d.service.Threads(d.Context())
	if err != nil {
		d.Fatal(err)
	}
	alive := idsOf(slices.DeleteFunc(threads, func(t emulator.Thread) bool { return t.DeletedOn != nil }))
	slices.Sort(alive)
	slices.Sort(want)
	if diff := cmp.Diff(want, alive); diff != "" {
		d.Errorf("threads left at the service (-want +got):\n%s", diff)
	}
}

func idsOf(threads []emulator.Thread) []string {
	var ids []string
	for _, t := range threads {
		ids = append(ids, t.ID)
	}
	return ids
}

func membersOf(threads []emulator.Thread) map[string][]emulator.Member {
	members := map[string][]emulator.Member{}
	for _, t := range threads {
		if t.DeletedOn == nil {
			members[t.ID] = t.Members
		}
	}
	return members
}
