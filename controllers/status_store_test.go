// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/acstest"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/operatortest"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// These outcomes are all that exist, apart from times and errors.
var (
	readyOutcome       = outcome.Outcome{Reason: chatv1alpha1.ReasonSucceeded, Message: "As declared.", Ready: true}
	stalledOutcome     = outcome.Outcome{Reason: chatv1alpha1.ReasonThreadGone, Message: "Gone.", Stalled: true}
	reconcilingOutcome = outcome.Outcome{Reason: chatv1alpha1.ReasonThrottled, Message: "Wait."}
)

// conditionsOf formats the conditions without their times.
func conditionsOf(obj objects.Conditioned) []string {
	var lines []string
	for _, c := range obj.GetConditions() {
		lines = append(lines, strings.Join([]string{c.Type, string(c.Status), c.Reason, c.Message}, " "))
	}
	return lines
}

// The result that kstatus computes for an object matches its state.
func TestMarkAfterKstatus(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]outcome.Outcome{"ready": readyOutcome, "stalled": stalledOutcome, "reconciling": reconcilingOutcome} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			thread := &chatv1alpha1.ChatThread{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "a", Generation: 2}}
			thread.Status.ObservedGeneration = 1
			objects.Mark(thread, o)
			if o.Ready || o.Stalled {
				thread.Status.ObservedGeneration = 2
			}
			if broken := operatortest.BrokenInvariant(t.Context(), thread); broken != "" {
				t.Error(broken)
			}
		})
	}
}

// stored creates a namespace with a ChatThread, and returns it as a cache would.
func stored(t *testing.T) *chatv1alpha1.ChatThread {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "status-"}}
	acstest.MustSucceed(t, admin.Create(t.Context(), ns))
	thread := &chatv1alpha1.ChatThread{ObjectMeta: metav1.ObjectMeta{Namespace: ns.Name, Name: "a"}, Spec: chatv1alpha1.ChatThreadSpec{Topic: "topic"}}
	acstest.MustSucceed(t, admin.Create(t.Context(), thread))
	return thread
}

// now reads the current object.
func now(t *testing.T, obj *chatv1alpha1.ChatThread) *chatv1alpha1.ChatThread {
	t.Helper()
	live := &chatv1alpha1.ChatThread{}
	acstest.MustSucceed(t, admin.Get(t.Context(), client.ObjectKeyFromObject(obj), live))
	return live
}

// A status is written once, only if it changed, and the object in memory then has the stored
// version.
func TestPatchStatus(t *testing.T) {
	t.Parallel()
	thread := stored(t)
	before := thread.DeepCopy()
	acstest.MustSucceed(t, objects.NewStore(admin, admin).PatchStatus(t.Context(), before, thread))
	if got := now(t, thread).ResourceVersion; got != before.ResourceVersion {
		t.Error("an unchanged status was written")
	}
	objects.Mark(thread, readyOutcome)
	thread.Status.ThreadID = "19:a"
	thread.Status.Participants = &chatv1alpha1.ParticipantCounts{Desired: 1}
	marked := thread.DeepCopy()
	acstest.MustSucceed(t, objects.NewStore(admin, admin).PatchStatus(t.Context(), before, thread))
	live := now(t, thread)
	if diff := cmp.Diff(thread.Status, live.Status, cmpopts.EquateApproxTime(time.Second)); diff != "" {
		t.Errorf("status (-want +stored):\n%s", diff)
	}
	marked.ResourceVersion = live.ResourceVersion
	if diff := cmp.Diff(marked, thread); diff != "" {
		t.Errorf("the object in memory (-want +got):\n%s", diff)
	}
}

// A status that lost fields is stored without them, and keeps the rest.
func TestPatchStatusTakesBack(t *testing.T) {
	t.Parallel()
	thread := stored(t)
	before := thread.DeepCopy()
	objects.Mark(thread, stalledOutcome)
	thread.Status.ThreadID, thread.Status.Joined = "19:a", "1/1"
	thread.Status.Participants = &chatv1alpha1.ParticipantCounts{Desired: 1}
	thread.Status.Rejected = []chatv1alpha1.RejectedParticipant{{UserID: "8:acs:a"}}
	acstest.MustSucceed(t, objects.NewStore(admin, admin).PatchStatus(t.Context(), before, thread))

	before = thread.DeepCopy()
	objects.Mark(thread, readyOutcome)
	thread.Status.Joined, thread.Status.Participants, thread.Status.Rejected = "", nil, nil
	acstest.MustSucceed(t, objects.NewStore(admin, admin).PatchStatus(t.Context(), before, thread))
	live := now(t, thread)
	if live.Status.Joined != "" || live.Status.Participants != nil || live.Status.Rejected != nil {
		t.Errorf("status %+v", live.Status)
	}
	if diff := cmp.Diff(conditionsOf(thread), conditionsOf(live)); diff != "" || live.Status.ThreadID != "19:a" {
		t.Errorf("thread %q, conditions (-want +stored):\n%s", live.Status.ThreadID, diff)
	}
}

// A write of the status keeps an edit that the reconcile has not seen, and does not lose the id of
// a thread.
func TestPatchStatusBesideAnEdit(t *testing.T) {
	t.Parallel()
	thread := stored(t)
	before := thread.DeepCopy()
	edited := now(t, thread)
	edited.Spec.Topic = "another"
	acstest.MustSucceed(t, admin.Update(t.Context(), edited))
	thread.Status.ThreadID = "19:a"
	thread.Spec.Topic, thread.Annotations = "in memory", map[string]string{"in": "memory"}
	acstest.MustSucceed(t, objects.NewStore(admin, admin).PatchStatus(t.Context(), before, thread))
	live := now(t, thread)
	if live.Spec.Topic != "another" || live.Status.ThreadID != "19:a" || live.Annotations["in"] != "" {
		t.Errorf("stored %+v", live)
	}
}

// A status is not written to a later object of the same name.
func TestPatchStatusLeavesANamesakeAlone(t *testing.T) {
	t.Parallel()
	thread := stored(t)
	old := thread.DeepCopy()
	acstest.MustSucceed(t, admin.Delete(t.Context(), thread))
	namesake := &chatv1alpha1.ChatThread{ObjectMeta: metav1.ObjectMeta{Namespace: old.Namespace, Name: old.Name}, Spec: old.Spec}
	acstest.MustSucceed(t, admin.Create(t.Context(), namesake))
	after := old.DeepCopy()
	after.Status.ThreadID = "19:a"
	if err := objects.NewStore(admin, admin).PatchStatus(t.Context(), old, after); err == nil || client.IgnoreNotFound(err) == nil {
		t.Errorf("error %v", err)
	}
	if got := now(t, namesake).Status.ThreadID; got != "" {
		t.Errorf("the namesake has thread %s", got)
	}
}

// holdFor returns the change that the operator makes before a create.
func holdFor(user string) func(client.Object) {
	return func(obj client.Object) {
		controllerutil.AddFinalizer(obj, chatv1alpha1.Finalizer)
		objects.SetAnnotation(obj, chatv1alpha1.AnnotationServiceUser, user)
	}
}

// A finalizer and an annotation are stored in one write, which changes no status.
func TestPatchMetadata(t *testing.T) {
	t.Parallel()
	thread := stored(t)
	thread.Status.ThreadID = "in memory"
	acstest.MustSucceed(t, objects.NewStore(admin, admin).PatchMetadata(t.Context(), thread, holdFor("8:acs:a")))
	live := now(t, thread)
	if !objects.HasFinalizer(live) || live.Annotations[chatv1alpha1.AnnotationServiceUser] != "8:acs:a" || live.Status.ThreadID != "" {
		t.Errorf("stored %+v", live)
	}
	if !objects.HasFinalizer(thread) || thread.ResourceVersion != live.ResourceVersion || thread.Status.ThreadID != "in memory" {
		t.Errorf("in memory %+v", thread)
	}
	acstest.MustSucceed(t, objects.NewStore(admin, admin).PatchMetadata(t.Context(), thread, holdFor("8:acs:a")))
	if got := now(t, thread).ResourceVersion; got != live.ResourceVersion {
		t.Error("annotations that exist already were written again")
	}
}

// Metadata is not written over a version that the operator has not seen.
func TestPatchMetadataRefusesAStaleVersion(t *testing.T) {
	t.Parallel()
	thread := stored(t)
	stale := thread.DeepCopy()
	acstest.MustSucceed(t, objects.NewStore(admin, admin).PatchMetadata(t.Context(), thread, holdFor("8:acs:a")))
	if err := objects.NewStore(admin, admin).PatchMetadata(t.Context(), stale, holdFor("8:acs:b")); !apierrors.IsConflict(err) || objects.HasFinalizer(stale) {
		t.Errorf("error %v, in memory %+v", err, stale.ObjectMeta)
	}
	if got := now(t, thread).Annotations[chatv1alpha1.AnnotationServiceUser]; got != "8:acs:a" {
		t.Errorf("service user %s", got)
	}
}

// The finalizer of a deleted object is removed, also if the object is gone already.
func TestRemoveFinalizer(t *testing.T) {
	t.Parallel()
	thread := stored(t)
	acstest.MustSucceed(t, objects.NewStore(admin, admin).PatchMetadata(t.Context(), thread, holdFor("8:acs:a")))
	acstest.MustSucceed(t, admin.Delete(t.Context(), thread))
	deleting := now(t, thread)
	for range 2 { // the object is gone the second time
		free := deleting.DeepCopy()
		if err := objects.NewStore(admin, admin).RemoveFinalizer(t.Context(), free); err != nil {
			t.Errorf("remove finalizer: %v", err)
		}
		if len(free.Finalizers) != 0 {
			t.Errorf("finalizers %v are still on it", free.Finalizers)
		}
	}
	if err := admin.Get(t.Context(), client.ObjectKeyFromObject(thread), thread); !apierrors.IsNotFound(err) {
		t.Errorf("the thread is still there: %v", err)
	}
}

// A reconcile over an older object leaves a consistent status.
func TestPatchStatusOverAnOlderOne(t *testing.T) {
	t.Parallel()
	thread := stored(t)
	older := thread.DeepCopy()
	edited := now(t, thread)
	edited.Spec.Topic = "another"
	acstest.MustSucceed(t, admin.Update(t.Context(), edited))
	for _, judged := range []*chatv1alpha1.ChatThread{older, edited} {
		before := judged.DeepCopy()
		objects.Mark(judged, readyOutcome)
		judged.Status.ObservedGeneration = judged.Generation
		acstest.MustSucceed(t, objects.NewStore(admin, admin).PatchStatus(t.Context(), before, judged))
	}
	// It saw its own write, but not the other one.
	before := older.DeepCopy()
	objects.Mark(older, stalledOutcome)
	acstest.MustSucceed(t, objects.NewStore(admin, admin).PatchStatus(t.Context(), before, older))
	live := now(t, thread)
	if ready := live.Status.Conditions[0]; live.Status.ObservedGeneration != ready.ObservedGeneration {
		t.Errorf("observedGeneration is %d, Ready speaks of %d", live.Status.ObservedGeneration, ready.ObservedGeneration)
	}
}

// The thread of a ChatParticipant and the conditions that name it stay consistent.
func TestPatchThreadOfParticipantOverAnOlderOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	p := w.newParticipant("guest", "room", w.users(1)[0])
	w.create(p)
	write := func(before *chatv1alpha1.ChatParticipant, threadID string, o outcome.Outcome) *chatv1alpha1.ChatParticipant {
		after := before.DeepCopy()
		after.Status.ThreadID = threadID
		objects.Mark(after, o)
		after.Status.ObservedGeneration = after.Generation
		w.Expect(objects.NewStore(admin, admin).PatchStatus(t.Context(), before, after)).To(Succeed())
		return after
	}
	joined := write(p, "19:one@thread.v2", readyOutcome)
	write(joined, "", stalledOutcome)
	// The cache shows the previous version.
	again := readyOutcome
	again.Message = "The user is in the thread again."
	write(joined, "19:one@thread.v2", again)
	w.get(p)
	w.Expect(p.Status.ThreadID).To(Equal("19:one@thread.v2"))
}

// A later object of the same name does not get the thread of the former one.
func TestStatusPatchNamesTheUID(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	thread := w.newThread("namesake")
	w.create(thread)
	changed := thread.DeepCopy()
	changed.UID = types.UID("00000000-0000-4000-8000-000000000000")
	changed.Status.ThreadID = "19:x@thread.v2"
	w.Expect(objects.NewStore(admin, admin).PatchStatus(t.Context(), thread, changed)).NotTo(Succeed())
	w.get(thread)
	w.Expect(thread.Status.ThreadID).To(BeEmpty())
	stale := thread.DeepCopy()
	edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Topic = "edited" })
	changed = stale.DeepCopy()
	changed.Status.ThreadID = "19:x@thread.v2"
	changed.Status.CreatedOn = &metav1.Time{Time: time.Unix(1700000000, 0)}
	w.Expect(objects.NewStore(admin, admin).PatchStatus(t.Context(), stale, changed)).To(Succeed(), "an edit of the spec must not lose the id")
}
