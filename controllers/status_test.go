// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/acstest"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// The outcomes that there are, apart from their times and errors.
var (
	readyOutcome       = outcome.Outcome{Reason: chatv1alpha1.ReasonSucceeded, Message: "As declared.", Ready: true}
	stalledOutcome     = outcome.Outcome{Reason: chatv1alpha1.ReasonThreadGone, Message: "Gone.", Stalled: true}
	reconcilingOutcome = outcome.Outcome{Reason: chatv1alpha1.ReasonThrottled, Message: "Wait."}
	quietOutcome       = outcome.Outcome{Reason: chatv1alpha1.ReasonThrottled, Message: "Not told.", Quiet: true}
)

// conditionsOf shows the conditions without their times.
func conditionsOf(obj objects.Conditioned) []string {
	var lines []string
	for _, c := range obj.GetConditions() {
		lines = append(lines, strings.Join([]string{c.Type, string(c.Status), c.Reason, c.Message}, " "))
	}
	return lines
}

func TestMark(t *testing.T) {
	t.Parallel()
	isReady := []string{"Ready True Succeeded As declared."}
	isStalled := []string{"Ready False ThreadGone Gone.", "Stalled True ThreadGone Gone."}
	isReconciling := []string{"Ready False Throttled Wait.", "Reconciling True Throttled Wait."}
	outcomes := map[string]outcome.Outcome{"ready": readyOutcome, "stalled": stalledOutcome, "reconciling": reconcilingOutcome}
	shown := map[string][]string{"ready": isReady, "stalled": isStalled, "reconciling": isReconciling}
	for _, first := range slices.Sorted(maps.Keys(outcomes)) {
		for _, second := range slices.Sorted(maps.Keys(outcomes)) {
			t.Run(first+", then "+second, func(t *testing.T) {
				t.Parallel()
				for _, obj := range []objects.Conditioned{&chatv1alpha1.ChatThread{}, &chatv1alpha1.ChatParticipant{}, &chatv1alpha1.ChatConnection{}} {
					obj.SetGeneration(3)
					for _, step := range []string{first, second} {
						objects.Mark(obj, outcomes[step])
						if diff := cmp.Diff(shown[step], conditionsOf(obj)); diff != "" {
							t.Errorf("%T, conditions when %s (-want +got):\n%s", obj, step, diff)
						}
						for _, c := range obj.GetConditions() {
							if c.ObservedGeneration != 3 || c.LastTransitionTime.IsZero() {
								t.Errorf("%T, condition %+v", obj, c)
							}
						}
					}
					before := conditionsOf(obj)
					objects.Mark(obj, quietOutcome)
					if diff := cmp.Diff(before, conditionsOf(obj)); diff != "" {
						t.Errorf("%T, a pass that has nothing to tell (-want +got):\n%s", obj, diff)
					}
				}
			})
		}
	}
}

// What tools of Kubernetes and Flux make of an object must be what is true of it.
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
			if broken := brokenInvariant(t.Context(), thread); broken != "" {
				t.Error(broken)
			}
		})
	}
}

func TestMarkKeepsTransitionTime(t *testing.T) {
	t.Parallel()
	long := metav1.NewTime(time.Now().Add(-time.Hour).Truncate(time.Second))
	for name, c := range map[string]struct {
		before, after outcome.Outcome
		kept          bool
	}{
		"nothing changed":             {stalledOutcome, stalledOutcome, true},
		"another message":             {stalledOutcome, outcome.Outcome{Reason: chatv1alpha1.ReasonThreadGone, Message: "Really gone.", Stalled: true}, true},
		"another reason, same status": {stalledOutcome, reconcilingOutcome, true},
		"another status":              {stalledOutcome, readyOutcome, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			thread := &chatv1alpha1.ChatThread{}
			objects.Mark(thread, c.before)
			for i := range thread.Status.Conditions {
				thread.Status.Conditions[i].LastTransitionTime = long
			}
			kept := slices.Clone(thread.Status.Conditions)
			before := thread.DeepCopy()
			objects.Mark(thread, c.after)
			if got := thread.Status.Conditions[0].LastTransitionTime.Equal(&long); got != c.kept {
				t.Errorf("transition time of Ready kept: %v, want %v", got, c.kept)
			}
			// What was read may be the cache's own.
			if diff := cmp.Diff(kept, before.Status.Conditions); diff != "" {
				t.Errorf("conditions of before changed (-want +got):\n%s", diff)
			}
			if name == "nothing changed" {
				if diff := cmp.Diff(before, thread); diff != "" {
					t.Errorf("a second mark is no write (-before +after):\n%s", diff)
				}
			}
		})
	}
}

func TestReadyReason(t *testing.T) {
	t.Parallel()
	thread := &chatv1alpha1.ChatThread{}
	if status, reason := objects.ReadyReason(thread); status != "" || reason != "" {
		t.Errorf("before the first pass: %q %q", status, reason)
	}
	objects.Mark(thread, stalledOutcome)
	if status, reason := objects.ReadyReason(thread); status != metav1.ConditionFalse || reason != chatv1alpha1.ReasonThreadGone {
		t.Errorf("%q %q", status, reason)
	}
}

func TestReconcileRequested(t *testing.T) {
	t.Parallel()
	const limit = chatv1alpha1.MaxReconcileRequest
	for name, c := range map[string]struct {
		annotations map[string]string
		want        string
	}{
		"not asked": {nil, ""},
		"another":   {map[string]string{"reconcile-requested-at": "now"}, ""},
		"asked":     {map[string]string{chatv1alpha1.AnnotationReconcileRequestedAt: "2026-03-01T12:00:00Z"}, "2026-03-01T12:00:00Z"},
		"as it is":  {map[string]string{chatv1alpha1.AnnotationReconcileRequestedAt: "  two\nlines "}, "  two\nlines "},
		"as long as can be": {map[string]string{chatv1alpha1.AnnotationReconcileRequestedAt: strings.Repeat("x", limit)},
			strings.Repeat("x", limit)},
		"too long": {map[string]string{chatv1alpha1.AnnotationReconcileRequestedAt: strings.Repeat("x", limit+1)},
			strings.Repeat("x", limit-len("…")) + "…"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			thread := &chatv1alpha1.ChatThread{ObjectMeta: metav1.ObjectMeta{Annotations: c.annotations}}
			got := objects.ReconcileRequested(thread)
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			// The API server counts characters.
			if utf8.RuneCountInString(got) > limit {
				t.Errorf("%d characters do not fit into the status", utf8.RuneCountInString(got))
			}
		})
	}
}

func TestEmit(t *testing.T) {
	t.Parallel()
	created := objects.Event{Reason: chatv1alpha1.EventCreated, Note: "Created thread a"}
	warned := objects.Event{Warning: true, Reason: chatv1alpha1.EventFound, Note: "Two\nthreads"}
	failing := outcome.Outcome{Reason: chatv1alpha1.ReasonServiceUnavailable, Message: "Down.", Err: errors.New("down")}
	for name, c := range map[string]struct {
		before, after outcome.Outcome
		told          []objects.Event
		want          []string
	}{
		"first time ready":                 {outcome.Outcome{Quiet: true}, readyOutcome, nil, []string{"Normal Succeeded As declared."}},
		"ready again":                      {readyOutcome, readyOutcome, nil, nil},
		"ready, with another message":      {readyOutcome, outcome.Outcome{Reason: chatv1alpha1.ReasonSucceeded, Message: "Still.", Ready: true}, nil, nil},
		"ready by a create: one event":     {reconcilingOutcome, readyOutcome, []objects.Event{created}, []string{"Normal Created Created thread a"}},
		"a change of a thread in sync":     {readyOutcome, readyOutcome, []objects.Event{created}, []string{"Normal Created Created thread a"}},
		"stalled: a warning":               {readyOutcome, stalledOutcome, nil, []string{"Warning ThreadGone Gone."}},
		"stalled after a change: both":     {readyOutcome, stalledOutcome, []objects.Event{warned}, []string{"Warning Found Two threads", "Warning ThreadGone Gone."}},
		"reconciling":                      {readyOutcome, reconcilingOutcome, nil, []string{"Normal Throttled Wait."}},
		"failing: a warning":               {readyOutcome, failing, nil, []string{"Warning ServiceUnavailable Down."}},
		"failing still":                    {failing, failing, nil, nil},
		"quiet":                            {readyOutcome, quietOutcome, nil, nil},
		"quiet, though something was done": {readyOutcome, quietOutcome, []objects.Event{created}, []string{"Normal Created Created thread a"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := &chatv1alpha1.ChatThread{}
			objects.Mark(before, c.before)
			after := before.DeepCopy()
			objects.Mark(after, c.after)
			recorder := events.NewFakeRecorder(10)
			objects.Emit(t.Context(), recorder, before, after, c.told, c.after)
			close(recorder.Events)
			var got []string
			for e := range recorder.Events {
				got = append(got, e)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTellAllCutsNotes(t *testing.T) {
	t.Parallel()
	recorder := events.NewFakeRecorder(1)
	objects.Record(t.Context(), recorder, &chatv1alpha1.ChatThread{}, []objects.Event{{Reason: "R", Note: "100%\n" + strings.Repeat("x", 5000)}})
	got := <-recorder.Events
	if !strings.HasPrefix(got, "Normal R 100% xx") || len(got) > len("Normal R ")+objects.MaxEventNote {
		t.Errorf("event of %d bytes: %.40s", len(got), got)
	}
}

// stored creates a namespace with a ChatThread and returns the thread as a cache would.
func stored(t *testing.T) *chatv1alpha1.ChatThread {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "status-"}}
	acstest.MustSucceed(t, admin.Create(t.Context(), ns))
	thread := &chatv1alpha1.ChatThread{ObjectMeta: metav1.ObjectMeta{Namespace: ns.Name, Name: "a"}, Spec: chatv1alpha1.ChatThreadSpec{Topic: "topic"}}
	acstest.MustSucceed(t, admin.Create(t.Context(), thread))
	return thread
}

// now reads an object as it is.
func now(t *testing.T, obj *chatv1alpha1.ChatThread) *chatv1alpha1.ChatThread {
	t.Helper()
	live := &chatv1alpha1.ChatThread{}
	acstest.MustSucceed(t, admin.Get(t.Context(), client.ObjectKeyFromObject(obj), live))
	return live
}

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
	told := thread.DeepCopy()
	acstest.MustSucceed(t, objects.NewStore(admin, admin).PatchStatus(t.Context(), before, thread))
	live := now(t, thread)
	if diff := cmp.Diff(thread.Status, live.Status, cmpopts.EquateApproxTime(time.Second)); diff != "" {
		t.Errorf("status (-want +stored):\n%s", diff)
	}
	told.ResourceVersion = live.ResourceVersion
	if diff := cmp.Diff(told, thread); diff != "" {
		t.Errorf("the object in memory (-want +got):\n%s", diff)
	}
}

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

// An edit that the pass did not see stays, and does not lose what was allocated.
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

// holdFor is a change as the operator makes it before a create.
func holdFor(user string) func(client.Object) {
	return func(obj client.Object) {
		controllerutil.AddFinalizer(obj, chatv1alpha1.Finalizer)
		objects.SetAnnotation(obj, chatv1alpha1.AnnotationServiceUser, user)
	}
}

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
		t.Error("what is there already was written again")
	}
}

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

func TestRemoveFinalizer(t *testing.T) {
	t.Parallel()
	thread := stored(t)
	acstest.MustSucceed(t, objects.NewStore(admin, admin).PatchMetadata(t.Context(), thread, holdFor("8:acs:a")))
	acstest.MustSucceed(t, admin.Delete(t.Context(), thread))
	deleting := now(t, thread)
	for range 2 { // the second time it is gone
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

func TestIsAbandoned(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{"true": true, "True": false, "false": false, "": false, "1": false} {
		thread := &chatv1alpha1.ChatThread{}
		objects.SetAnnotation(thread, chatv1alpha1.AnnotationAbandon, value)
		if got := objects.IsAbandoned(thread); got != want {
			t.Errorf("%q: abandoned %v, want %v", value, got, want)
		}
	}
}
