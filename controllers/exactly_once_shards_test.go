// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/shards"
)

// beside returns the same world in a namespace that another shard holds, and a function that ends
// this shard. Operators that start from now on watch both namespaces, and hold the first.
func (w *world) beside() (second *world, end func()) {
	w.t.Helper()
	inner := *w
	second = &inner
	second.namespace = w.newNamespace()
	w.options.WatchNamespaces = append(w.options.WatchNamespaces, second.namespace)
	holder := "a process of another shard"
	lock := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "other"}, Spec: coordinationv1.LeaseSpec{HolderIdentity: &holder}}
	w.create(lock)
	w.runShard("other", holder, second.namespace)
	w.options.Held = w.runShard("operator", "this process", w.options.WatchNamespaces...)
	return second, func() { edit(w, lock, func(l *coordinationv1.Lease) { l.Spec.HolderIdentity = nil }) }
}

// runShard claims namespaces in the namespace of the test, and returns those that it got at once
// and will get.
func (w *world) runShard(name, leader string, namespaces ...string) *shards.Held {
	w.t.Helper()
	shard := shards.New(admin, types.NamespacedName{Namespace: w.namespace, Name: name}, leader, namespaces)
	var running sync.WaitGroup
	running.Go(func() {
		if err := shard.Start(w.t.Context()); err != nil {
			w.t.Error(err)
		}
	})
	w.t.Cleanup(running.Wait)
	w.Eventually(func() bool {
		object := &coordinationv1.Lease{}
		err := admin.Get(w.t.Context(), types.NamespacedName{Namespace: w.namespace, Name: shards.ObjectName}, object)
		return err == nil && object.Annotations[name+"/leader"] == leader
	}).Should(BeTrue())
	return shard.Held()
}

// An operator does nothing in a namespace that another shard holds. Once it holds the namespace, it
// works on all objects there.
func TestNamespaceOfAnotherShard(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	second, end := w.beside()
	conn := second.connect()
	thread, participant := second.newThread("room"), second.newParticipant("member", "room", w.emulator.CreateUser())
	second.create(thread, participant)
	w.ready()
	w.readyThread("room")
	deleted := second.newThread("deleted")
	second.create(deleted)
	second.delete(deleted)
	second.awaitGone(deleted) // it had no finalizer
	for _, obj := range []objects.Conditioned{conn, thread, participant} {
		w.get(obj)
		w.Expect(obj.GetFinalizers()).To(BeEmpty())
		w.Expect(obj.GetConditions()).To(BeEmpty())
	}
	w.Expect(w.threads()).To(HaveLen(1))
	end()
	for _, obj := range []objects.Conditioned{conn, thread, participant} {
		second.awaitReason(obj, chatv1alpha1.ReasonSucceeded)
	}
	w.Expect(w.threads()).To(HaveLen(2))
}

// The process of another shard may send a create just before its end. The thread is found, although
// this process works elsewhere for long.
func TestCreateOfAnotherShard(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{ListDelay: 4 * time.Second})
	w.timing.listAfter = 5 * time.Second // longer than the service needs to list a thread
	second, end := w.beside()
	user := w.emulator.CreateUser()
	second.connect(withPinned(user))
	thread := second.newThread("room")
	thread.Finalizers = []string{chatv1alpha1.Finalizer}
	objects.SetAnnotation(thread, chatv1alpha1.AnnotationServiceUser, user)
	second.create(thread)
	w.ready()
	w.readyThread("first")
	began := time.Now()
	w.Eventually(func() time.Duration { return time.Since(began) }).Should(BeNumerically(">", w.timing.listAfter))
	id := w.emulator.CreateThread(user, thread.Spec.Topic)
	w.emulator.UpdateThread(id, func(th *emulator.Thread) {
		th.Metadata = map[string]string{chatv1alpha1.StampOwner: second.namespace + "/room", chatv1alpha1.StampUID: string(thread.UID)}
	})
	end()
	second.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(thread.Status.ThreadID).To(Equal(id))
	w.Expect(w.threads()).To(HaveLen(2))
}
