// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"slices"
	"time"

	. "github.com/onsi/gomega"
	eventsv1 "k8s.io/api/events/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/operatortest"
)

func (w *world) create(objects ...client.Object) {
	w.t.Helper()
	for _, obj := range objects {
		w.Expect(admin.Create(w.t.Context(), obj)).To(Succeed())
	}
}

func (w *world) newThread(name string, members ...string) *chatv1alpha1.ChatThread {
	return operatortest.Thread(w.namespace, name, members...)
}

// readyThread creates a ChatThread and waits until it is Ready.
func (w *world) readyThread(name string, members ...string) *chatv1alpha1.ChatThread {
	w.t.Helper()
	thread := w.newThread(name, members...)
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	return thread
}

func (w *world) newParticipant(name, thread, user string) *chatv1alpha1.ChatParticipant {
	return operatortest.Participant(w.namespace, name, thread, user)
}

// get reads the current object.
func (w *world) get(obj client.Object) {
	w.t.Helper()
	w.Expect(admin.Get(w.t.Context(), client.ObjectKeyFromObject(obj), obj)).To(Succeed())
}

// edit changes an object as a user does.
func edit[T client.Object](w *world, obj T, change func(T)) {
	w.t.Helper()
	w.Eventually(func() error {
		if err := admin.Get(w.t.Context(), client.ObjectKeyFromObject(obj), obj); err != nil {
			return err
		}
		before := objects.CopyOf(obj)
		change(obj)
		return admin.Patch(w.t.Context(), obj, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
	}).Should(Succeed())
}

// request requests a reconcile and waits for the answer.
func (w *world) request(thread *chatv1alpha1.ChatThread) {
	w.t.Helper()
	value := time.Now().Format(time.RFC3339Nano)
	edit(w, thread, func(obj *chatv1alpha1.ChatThread) {
		objects.SetAnnotation(obj, chatv1alpha1.AnnotationReconcileRequestedAt, value)
	})
	w.Eventually(func() string {
		w.get(thread)
		return thread.Status.LastHandledReconcileAt
	}).Should(Equal(value))
}

func (w *world) delete(obj client.Object) {
	w.t.Helper()
	w.Expect(client.IgnoreNotFound(admin.Delete(w.t.Context(), obj))).To(Succeed())
}

func (w *world) awaitGone(obj client.Object) {
	w.t.Helper()
	w.Eventually(func() bool {
		err := admin.Get(w.t.Context(), client.ObjectKeyFromObject(obj), obj)
		return err != nil && client.IgnoreNotFound(err) == nil
	}).Should(BeTrue(), "%T %s is still there: %s", obj, obj.GetName(), describe(obj))
}

// awaitReason waits for a reason of the Ready condition in the current generation.
func (w *world) awaitReason(obj objects.Conditioned, reason string) {
	w.t.Helper()
	w.Eventually(func() string {
		if err := admin.Get(w.t.Context(), client.ObjectKeyFromObject(obj), obj); err != nil {
			return err.Error()
		}
		ready := apimeta.FindStatusCondition(obj.GetConditions(), chatv1alpha1.ConditionReady)
		if ready == nil || ready.ObservedGeneration != obj.GetGeneration() {
			return "not judged yet"
		}
		return ready.Reason
	}).Should(Equal(reason), func() string { return describe(obj) })
}

func (w *world) message(obj objects.Conditioned) string {
	w.t.Helper()
	w.get(obj)
	return readyMessageOf(obj)
}

func readyMessageOf(obj objects.Conditioned) string {
	if ready := apimeta.FindStatusCondition(obj.GetConditions(), chatv1alpha1.ConditionReady); ready != nil {
		return ready.Message
	}
	return ""
}

func describe(obj client.Object) string {
	if c, ok := obj.(objects.Conditioned); ok {
		return fmt.Sprintf("%+v", c.GetConditions())
	}
	return ""
}

// events returns the events of an object in order.
func (w *world) events(obj client.Object) []eventsv1.Event {
	w.t.Helper()
	list := &eventsv1.EventList{}
	w.Expect(admin.List(w.t.Context(), list, client.InNamespace(obj.GetNamespace()))).To(Succeed())
	slices.SortFunc(list.Items, func(a, b eventsv1.Event) int { return a.EventTime.Compare(b.EventTime.Time) })
	return slices.DeleteFunc(list.Items, func(e eventsv1.Event) bool { return e.Regarding.UID != obj.GetUID() })
}

// eventReasons returns the reasons of the events of an object, each as often as it was recorded.
func (w *world) eventReasons(obj client.Object) []string {
	w.t.Helper()
	var reasons []string
	for _, e := range w.events(obj) {
		times := 1
		if e.Series != nil {
			times = int(e.Series.Count)
		}
		reasons = append(reasons, slices.Repeat([]string{e.Reason}, times)...)
	}
	return reasons
}

// eventNotes returns the notes of the events of an object.
func (w *world) eventNotes(obj client.Object) []string {
	w.t.Helper()
	var notes []string
	for _, e := range w.events(obj) {
		notes = append(notes, e.Note)
	}
	return notes
}

func sorted(values ...string) []string {
	values = slices.Clone(values)
	slices.Sort(values)
	return values
}

func askConnection(w *world, conn *chatv1alpha1.ChatConnection, value string) {
	w.t.Helper()
	edit(w, conn, func(o *chatv1alpha1.ChatConnection) {
		objects.SetAnnotation(o, chatv1alpha1.AnnotationReconcileRequestedAt, value)
	})
	w.Eventually(func() string { w.get(conn); return conn.Status.LastHandledReconcileAt }).Should(Equal(value))
}

// writeStatus writes a status, as a user with that right can.
func (w *world) writeStatus(thread *chatv1alpha1.ChatThread, status chatv1alpha1.ChatThreadStatus) {
	w.t.Helper()
	before := thread.DeepCopy()
	thread.Status = status
	w.Expect(admin.Status().Patch(w.t.Context(), thread, client.MergeFrom(before))).To(Succeed())
}
