// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package changes

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// stored makes an object as a reconcile leaves it: with finalizer and conditions.
func stored[T objects.Conditioned](obj T) T {
	obj.SetName("a")
	obj.SetUID("one")
	obj.SetGeneration(1)
	obj.SetFinalizers([]string{chatv1alpha1.Finalizer})
	objects.SetAnnotation(obj, chatv1alpha1.AnnotationServiceUser, "user")
	objects.SetAnnotation(obj, chatv1alpha1.AnnotationServiceUsers, "user,other")
	objects.Mark(obj, outcome.Outcome{Ready: true, Reason: chatv1alpha1.ReasonSucceeded})
	return obj
}

func annotated(key, value string) func(objects.Conditioned) {
	return func(obj objects.Conditioned) { objects.SetAnnotation(obj, key, value) }
}

func deleted(obj objects.Conditioned) {
	now := metav1.Now()
	obj.SetDeletionTimestamp(&now)
	obj.SetGeneration(obj.GetGeneration() + 1)
}

// edits are changes that objects of all kinds may have.
var edits = map[string]func(objects.Conditioned){
	"nothing":      func(objects.Conditioned) {},
	"spec":         func(obj objects.Conditioned) { obj.SetGeneration(2) },
	"deletion":     deleted,
	"replacement":  func(obj objects.Conditioned) { obj.SetUID("another") },
	"no finalizer": func(obj objects.Conditioned) { obj.SetFinalizers(nil) },
	"no status":    func(obj objects.Conditioned) { obj.SetConditions(nil) },
	"own status": func(obj objects.Conditioned) {
		objects.Mark(obj, outcome.Outcome{Reason: chatv1alpha1.ReasonUpdating})
	},
	"label":             func(obj objects.Conditioned) { obj.SetLabels(map[string]string{"team": "x"}) },
	"other annotation":  annotated("note", "x"),
	"abandon":           annotated(chatv1alpha1.AnnotationAbandon, "true"),
	"request":           annotated(chatv1alpha1.AnnotationReconcileRequestedAt, "now"),
	"recover":           annotated(chatv1alpha1.AnnotationRecover, "19:a"),
	"release-to":        annotated(chatv1alpha1.AnnotationReleaseTo, "b/a"),
	"confirmation":      annotated(chatv1alpha1.AnnotationConfirmDeletions, "now"),
	"no service user":   annotated(chatv1alpha1.AnnotationServiceUser, ""),
	"fewer users":       annotated(chatv1alpha1.AnnotationServiceUsers, "user"),
	"more users":        annotated(chatv1alpha1.AnnotationServiceUsers, "user,other,third"),
	"uid of a backup":   statusOfAnother,
	"management policy": observed,
}

func statusOfAnother(obj objects.Conditioned) {
	if thread, ok := obj.(*chatv1alpha1.ChatThread); ok {
		thread.Status.UID = "former"
	}
}

func observed(obj objects.Conditioned) {
	if thread, ok := obj.(*chatv1alpha1.ChatThread); ok {
		thread.Spec.ManagementPolicy = chatv1alpha1.ManagementObserve
		thread.Generation++
	}
}

// Each filter accepts exactly the changes that its controller needs; the operator's own writes wake
// nothing.
func TestChanges(t *testing.T) {
	t.Parallel()
	thread := func() objects.Conditioned { return stored(&chatv1alpha1.ChatThread{}) }
	participant := func() objects.Conditioned { return stored(&chatv1alpha1.ChatParticipant{}) }
	connection := func() objects.Conditioned { return stored(&chatv1alpha1.ChatConnection{}) }
	for name, c := range map[string]struct {
		filter  predicate.Predicate
		obj     func() objects.Conditioned
		accepts []string
	}{
		"thread": {OfThread(), thread, []string{"spec", "deletion", "replacement", "no finalizer", "no status", "management policy",
			"abandon", "request", "recover", "release-to", "no service user", "uid of a backup"}},
		"release":      {OfRelease(), thread, []string{"no finalizer"}},
		"availability": {OfAvailability(), thread, []string{"deletion", "replacement", "management policy"}},
		"participant": {OfParticipant(), participant, []string{"spec", "deletion", "replacement", "no finalizer", "no status", "abandon",
			"own status"}},
		"member of a thread": {predicate.Funcs{UpdateFunc: IsMember}, participant, []string{"spec", "deletion", "no finalizer"}},
		"connection": {OfConnection(), connection, []string{"spec", "deletion", "replacement", "no finalizer", "no status",
			"request", "confirmation", "fewer users"}},
		"labels": {OfLabels(), thread, []string{"label"}},
	} {
		accepts := map[string]bool{}
		for _, edit := range c.accepts {
			accepts[edit] = true
		}
		for edit, change := range edits {
			before := c.obj()
			after := objects.CopyOf(before)
			change(after)
			if got := c.filter.Update(event.UpdateEvent{ObjectOld: before, ObjectNew: after}); got != accepts[edit] {
				t.Errorf("%s, %s: accepted is %t, want %t", name, edit, got, accepts[edit])
			}
		}
	}
}

// Objects that come or go are reconciled, and after a start each one is listed for its own
// controller only.
func TestArrivals(t *testing.T) {
	t.Parallel()
	obj := stored(&chatv1alpha1.ChatThread{})
	for name, c := range map[string]struct {
		filter                predicate.Predicate
		listed, created, gone bool
	}{
		"thread":       {OfThread(), true, true, true},
		"participant":  {OfParticipant(), true, true, true},
		"connection":   {OfConnection(), true, true, true},
		"release":      {OfRelease(), false, false, true},
		"availability": {OfAvailability(), false, true, true},
		"labels":       {OfLabels(), false, false, false},
	} {
		listed := c.filter.Create(event.CreateEvent{Object: obj, IsInInitialList: true})
		created := c.filter.Create(event.CreateEvent{Object: obj})
		gone := c.filter.Delete(event.DeleteEvent{Object: obj})
		if listed != c.listed || created != c.created || gone != c.gone {
			t.Errorf("%s: listed %t, created %t, gone %t; want %t, %t, %t", name, listed, created, gone, c.listed, c.created, c.gone)
		}
	}
}

// After a change of its connection, only those ChatThreads are reconciled that may wait for it.
func TestConcernedThreads(t *testing.T) {
	t.Parallel()
	ready, waiting, leaving := stored(&chatv1alpha1.ChatThread{}), stored(&chatv1alpha1.ChatThread{}), stored(&chatv1alpha1.ChatThread{})
	objects.Mark(waiting, outcome.Outcome{Reason: chatv1alpha1.ReasonConnectionNotReady})
	deleted(leaving)
	all := [3]bool{true, true, true}
	for name, want := range map[string][3]bool{
		"nothing": {}, "label": {}, "other annotation": {}, "fewer users": all, "more users": all,
		"spec": all, "replacement": all, "own status": all, "request": {false, true, false}, "confirmation": {},
	} {
		before := stored(&chatv1alpha1.ChatConnection{})
		after := objects.CopyOf(before)
		edits[name](after)
		concerned(t, name, event.UpdateEvent{ObjectOld: before, ObjectNew: after}, [3]*chatv1alpha1.ChatThread{ready, waiting, leaving}, want)
	}
	before := stored(&chatv1alpha1.ChatConnection{})
	after := objects.CopyOf(before)
	after.Status.ConfirmedDeletions = "now"
	concerned(t, "confirmed deletions", event.UpdateEvent{ObjectOld: before, ObjectNew: after}, [3]*chatv1alpha1.ChatThread{ready, waiting, leaving}, [3]bool{2: true})
}

func concerned(t *testing.T, name string, e event.UpdateEvent, threads [3]*chatv1alpha1.ChatThread, want [3]bool) {
	t.Helper()
	var got [3]bool
	if concerns := ConcernedThreads(e); concerns != nil {
		for i, thread := range threads {
			got[i] = concerns(thread)
		}
	}
	if got != want {
		t.Errorf("%s concerns the ready, the waiting and the deleted thread: %v, want %v", name, got, want)
	}
}

// After a broken watch, a list may show a replaced object as an update with the same generation. It
// is still enqueued.
func TestReplacedObjects(t *testing.T) {
	t.Parallel()
	for _, obj := range []client.Object{&chatv1alpha1.ChatThread{}, &chatv1alpha1.ChatParticipant{}, &chatv1alpha1.ChatConnection{}} {
		for uid, want := range map[types.UID]bool{"": false, "another": true} {
			after := objects.CopyOf(obj)
			after.SetUID(uid)
			if got := IsReplaced(event.UpdateEvent{ObjectOld: obj, ObjectNew: after}); got != want {
				t.Errorf("%T with uid %q is replaced: %t", obj, uid, got)
			}
		}
	}
}
