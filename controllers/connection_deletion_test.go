// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

// A deleted connection stays while threads use it, and creates no more threads.
func TestConnectionInUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.ready()
	thread := w.readyThread("user")
	w.delete(conn)
	w.awaitReason(conn, chatv1alpha1.ReasonInUse)
	w.Expect(w.message(conn)).To(ContainSubstring("1 ChatThread;"))
	late := w.newThread("late")
	w.create(late)
	w.awaitReason(late, chatv1alpha1.ReasonConnectionNotReady)
	w.Expect(w.threads()).To(HaveLen(1))
	w.delete(thread)
	w.awaitGone(thread)
	w.awaitGone(conn)
	w.awaitReason(late, chatv1alpha1.ReasonConnectionNotFound)
	w.delete(late)
	w.awaitGone(late)
	w.Expect(w.threads()).To(BeEmpty())
}

// A ChatThread that stored its finalizer while its connection was deleted does not block it, if
// nothing was sent to ACS.
func TestConnectionIsNotHeldForNothing(t *testing.T) {
	t.Parallel()
	for name, nothing := range map[string]bool{"nothing was sent": true, "a create may have been sent": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			conn := w.connect(func(conn *chatv1alpha1.ChatConnection) { conn.Finalizers = []string{chatv1alpha1.Finalizer} })
			cached := conn.DeepCopy()
			w.delete(conn)
			thread := w.newThread("late")
			thread.Finalizers = []string{chatv1alpha1.Finalizer}
			w.create(thread)
			memory := &threadMemory{}
			if nothing {
				memory.create.finalizerStored()
			}
			s := situation{run: run{thread: thread, before: thread.DeepCopy(), memory: memory}, link: link{conn: cached, session: connection.NewConnection(pacing.New(false))}}
			o := outcome.Classify((&ChatThreadReconciler{Client: admin, APIReader: admin, Store: objects.NewStore(admin, admin)}).checkConnectionNotDeleting(t.Context(), s))
			w.Expect(o.Reason).To(Equal(chatv1alpha1.ReasonConnectionNotReady))
			w.get(thread)
			w.Expect(objects.HasFinalizer(thread)).To(Equal(!nothing))
			for _, obj := range []client.Object{thread, conn} {
				edit(w, obj, func(o client.Object) { o.SetFinalizers(nil) })
			}
		})
	}
}

// A thread is deleted by the service user that created it, even if somebody removes the record of
// users while the connection is deleted.
func TestRecordIsCutWhileTheConnectionGoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.ready()
	thread := w.readyThread("last", w.users(1)...)
	w.delete(conn)
	w.awaitReason(conn, chatv1alpha1.ReasonInUse)
	edit(w, conn, func(o *chatv1alpha1.ChatConnection) { delete(o.Annotations, chatv1alpha1.AnnotationServiceUsers) })
	w.delete(thread)
	w.awaitGone(thread)
	w.awaitGone(conn)
	w.Expect(w.threads()).To(BeEmpty())
}

// cachedThreads is a cache that shows some ChatThreads and no ChatConnection.
type cachedThreads struct {
	client.Client
	threads []chatv1alpha1.ChatThread
}

func (c *cachedThreads) Get(_ context.Context, key client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
	return apierrors.NewNotFound(chatv1alpha1.GroupVersion.WithResource("chatconnections").GroupResource(), key.Name)
}

func (c *cachedThreads) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	threads, ok := list.(*chatv1alpha1.ChatThreadList)
	if !ok {
		return errors.New("not a list of ChatThreads")
	}
	// It is asked for those with the finalizer.
	for _, thread := range c.threads {
		if objects.HasFinalizer(&thread) {
			threads.Items = append(threads.Items, thread)
		}
	}
	return nil
}

// The state of a connection is dropped with it, even if it never had a thread. Its credential stays
// as long as threads need it.
func TestConnectionIsForgotten(t *testing.T) {
	t.Parallel()
	held := chatv1alpha1.ChatThread{}
	held.Finalizers = []string{chatv1alpha1.Finalizer}
	for name, c := range map[string]struct {
		threads []chatv1alpha1.ChatThread
		loaded  bool
		kept    bool
	}{
		"never had a Secret":              {threads: []chatv1alpha1.ChatThread{held}},
		"never had a thread":              {loaded: true},
		"has none that holds it":          {loaded: true, threads: []chatv1alpha1.ChatThread{{}}},
		"its threads are still to delete": {loaded: true, threads: []chatv1alpha1.ChatThread{held}, kept: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := newConnection("a", "default")
			conn.UID = "c1"
			secrets := fake.NewClientBuilder().WithScheme(scheme)
			if c.loaded {
				secrets.WithObjects(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "acs"},
					Data: map[string][]byte{"connectionString": []byte("endpoint=https://contoso.communication.azure.com/;accesskey=Zmlyc3Qta2V5")}})
			}
			sessions := &connection.Registry{Reader: secrets.Build(), AllowedEndpoints: connection.DefaultEndpointSuffixes, Transport: &http.Client{}, Timeout: time.Second}
			found, err := sessions.Get(t.Context(), conn)
			if c.loaded != (err == nil) {
				t.Fatal(err)
			}
			cached := &cachedThreads{threads: c.threads}
			r := &ChatConnectionReconciler{Reader: cached, Store: objects.NewStore(cached, nil), Sessions: sessions}
			if _, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: objects.KeyOf(conn)}); err != nil {
				t.Fatal(err)
			}
			if kept, _ := sessions.GetForDeletion(objects.KeyOf(conn)); kept != nil != c.kept || c.kept && kept != found {
				t.Errorf("kept: %t", kept != nil)
			}
			cached.threads = nil
			last := &chatv1alpha1.ChatThread{}
			last.Namespace, last.Spec.ConnectionRef.Name = conn.Namespace, conn.Name
			if woken := r.deletingConnection(t.Context(), last); len(woken) == 1 != c.kept {
				t.Errorf("its last thread wakes %v", woken)
			}
		})
	}
}
