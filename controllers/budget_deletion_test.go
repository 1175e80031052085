// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/controller-runtime/pkg/client"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/operatortest"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// liveThreads is an API server with ChatThreads. It counts the pages that are read, and the objects
// on them.
type liveThreads struct {
	client.Reader
	threads        []chatv1alpha1.ChatThread
	pages, objects int
	// isOld is set if the CRD has no selectable fields.
	isOld bool
}

func (l *liveThreads) List(_ context.Context, list client.ObjectList, options ...client.ListOption) error {
	asked := client.ListOptions{}
	asked.ApplyOptions(options)
	threads, ok := list.(*chatv1alpha1.ChatThreadList)
	if !ok || asked.Limit == 0 {
		return errors.New("not a page of ChatThreads")
	}
	if l.isOld && asked.FieldSelector != nil {
		return apierrors.NewBadRequest("field label not supported: spec.connectionRef.name")
	}
	selected := slices.DeleteFunc(slices.Clone(l.threads), func(thread chatv1alpha1.ChatThread) bool {
		ref := thread.Spec.ConnectionRef
		return asked.Namespace != "" && asked.Namespace != thread.Namespace || asked.FieldSelector != nil &&
			!asked.FieldSelector.Matches(fields.Set{"spec.connectionRef.name": ref.Name, "spec.connectionRef.namespace": ref.Namespace})
	})
	from, _ := strconv.Atoi(asked.Continue)
	to := min(from+int(asked.Limit), len(selected))
	threads.Items = selected[from:to]
	if to < len(selected) {
		threads.Continue = strconv.Itoa(to)
	}
	l.pages++
	l.objects += len(threads.Items)
	return nil
}

// deletedConnection deletes the connection.
func (o *memoryOperator) deletedConnection(t *testing.T) *chatv1alpha1.ChatConnection {
	t.Helper()
	conn := &chatv1alpha1.ChatConnection{}
	if err := o.cluster.Get(t.Context(), client.ObjectKey{Namespace: benchmarkNamespace, Name: "default"}, conn); err != nil {
		t.Fatal(err)
	}
	conn.DeletionTimestamp = new(metav1.Now())
	o.cluster.put(t, conn)
	return conn.DeepCopy()
}

// mustWait fails the test unless the connection waits for its threads.
func (o *memoryOperator) mustWait(t *testing.T, conn *chatv1alpha1.ChatConnection, message string) {
	t.Helper()
	end := outcome.Classify(o.connections.finalize(t.Context(), conn.DeepCopy()))
	if end.Reason != chatv1alpha1.ReasonInUse || end.Message != message {
		t.Fatal(end)
	}
}

// release removes the finalizer of a ChatThread, and returns how often that wakes the connection.
func (o *memoryOperator) release(t *testing.T, name string) (woken int) {
	t.Helper()
	gone := &chatv1alpha1.ChatThread{}
	if err := o.cluster.Get(t.Context(), client.ObjectKey{Namespace: benchmarkNamespace, Name: name}, gone); err != nil {
		t.Fatal(err)
	}
	gone.Finalizers = nil
	o.cluster.put(t, gone)
	return len(o.connections.deletingConnection(t.Context(), gone))
}

// A connection in deletion counts its threads in the cache. It asks the API server once, when the
// last one is gone, and only for those that name it. Its threads wake it once.
func TestBudgetOfADeletedConnection(t *testing.T) {
	t.Parallel()
	const threads = 60
	o := newMemoryOperator(t, nil)
	live := &liveThreads{}
	o.connections.APIReader = live
	// Others have a connection of the same name.
	for n := range 5_000 {
		foreign := operatortest.Thread("foreign", fmt.Sprint(n))
		foreign.Spec.ConnectionRef.Name, foreign.Finalizers = "default", []string{chatv1alpha1.Finalizer}
		live.threads = append(live.threads, *foreign)
	}
	conn := o.deletedConnection(t)
	for n := range threads {
		o.thread(t, fmt.Sprint("19:", n))
	}
	woken := 0
	for n := range threads {
		o.mustWait(t, conn, "In use by "+outcome.Plural(threads-n, "ChatThread")+"; it is deleted once they are.")
		if live.pages > 0 {
			t.Fatalf("%d pages are read from the API server while %d threads are left", live.pages, threads-n)
		}
		woken += o.release(t, fmt.Sprint("19:", n))
	}
	// The cache may be late.
	late := operatortest.Thread(benchmarkNamespace, "late")
	late.Spec.ConnectionRef, late.Finalizers = chatv1alpha1.ConnectionReference{Name: "default", Namespace: benchmarkNamespace}, []string{chatv1alpha1.Finalizer}
	live.threads = append(live.threads, *late)
	o.mustWait(t, conn, "In use by at least 1 ChatThread; it is deleted once they are.")
	live.threads = live.threads[:len(live.threads)-1]
	pages, read := live.pages, live.objects
	if err := o.connections.finalize(t.Context(), conn); !errors.Is(err, errReleased) {
		t.Errorf("the connection stays: %v", err)
	}
	if woken != 1 || pages > 2 || read > 1 || live.pages > pages+2 || live.objects > read {
		t.Errorf("%d wakes, %d pages with %d objects for a thread that the cache does not show, and then %d with %d", woken, pages, read, live.pages-pages, live.objects-read)
	}
	if objects.HasFinalizer(conn) {
		t.Error("the finalizer stays")
	}
}

// With a CRD of an older version, which has no selectable fields, a connection finds its threads
// all the same.
func TestDeletedConnectionWithAnOldCRD(t *testing.T) {
	t.Parallel()
	o := newMemoryOperator(t, nil)
	foreign := operatortest.Thread("foreign", "a")
	foreign.Spec.ConnectionRef.Name, foreign.Finalizers = "default", []string{chatv1alpha1.Finalizer}
	late := operatortest.Thread("other", "late")
	late.Spec.ConnectionRef, late.Finalizers = chatv1alpha1.ConnectionReference{Name: "default", Namespace: benchmarkNamespace}, []string{chatv1alpha1.Finalizer}
	live := &liveThreads{isOld: true, threads: []chatv1alpha1.ChatThread{*foreign, *late}}
	o.connections.APIReader = live
	conn := o.deletedConnection(t)
	o.mustWait(t, conn, "In use by at least 1 ChatThread; it is deleted once they are.")
	live.threads = live.threads[:1]
	if err := o.connections.finalize(t.Context(), conn); !errors.Is(err, errReleased) {
		t.Errorf("the connection stays: %v", err)
	}
}

// A process that may create threads without a live read of their connection reads it again once the
// connection is being deleted.
func TestDeletionEndsCustody(t *testing.T) {
	t.Parallel()
	o := newMemoryOperator(t, nil)
	o.connections.APIReader = &liveThreads{}
	conn := o.deletedConnection(t)
	o.thread(t, "19:a")
	session := o.registry.ByKey(objects.KeyOf(conn))
	session.Hold(conn.UID)
	if !session.IsHeld(conn.UID) || session.IsHeld("another") {
		t.Error("the connection is not held, or another one is")
	}
	o.mustWait(t, conn, "In use by 1 ChatThread; it is deleted once they are.")
	session.Hold(conn.UID)
	if session.IsHeld(conn.UID) {
		t.Error("the connection is still held")
	}
}
