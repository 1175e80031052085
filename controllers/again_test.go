// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"net/http"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/acstest"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// Whoever was declared while the thread was only observed joins when it is managed.
func TestParticipantOfObservedThreadJoins(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	thread := w.newThread("watched")
	observing(thread)
	participant := w.newParticipant("early", "watched", w.users(1)[0])
	w.create(thread, participant)
	w.awaitReason(thread, chatv1alpha1.ReasonDrifted)
	w.awaitReason(participant, chatv1alpha1.ReasonThreadNotReady)
	edit(w, thread, managing)
	w.awaitReason(participant, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.memberIDs(thread)).To(Equal([]string{string(participant.Spec.UserID)}))
}

// The same change of a name is made as often as it is declared.
func TestNameChangesAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	user := w.users(1)[0]
	thread := w.newThread("names", user)
	thread.Spec.Participants[0].DisplayName = "Ann"
	declared := thread.Spec.Participants[0]
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	for _, name := range []string{"Anna", "", "Ann", "Anna"} {
		edit(w, thread, func(o *chatv1alpha1.ChatThread) {
			o.Spec.Participants = nil
			if declared.DisplayName = name; name != "" {
				o.Spec.Participants = []chatv1alpha1.Member{declared}
			}
		})
		w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
		names := []string{}
		for _, m := range w.remote(thread).Members {
			if m.ID == user {
				names = append(names, m.DisplayName)
			}
		}
		if name == "" {
			w.Expect(names).To(BeEmpty())
			continue
		}
		w.Expect(names).To(Equal([]string{name}))
	}
}

// A change of a name that ACS refused once is made later.
func TestNameChangesAfterRefusal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	user := w.users(1)[0]
	thread := w.newThread("refused", user)
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.emulator.Inject(emulator.Fault{Operation: emulator.OperationRemoveParticipant, Times: 2, Status: http.StatusForbidden})
	edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Participants[0].DisplayName = "Ann" })
	w.awaitReason(thread, chatv1alpha1.ReasonAccessLost)
	w.request(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.remote(thread).Members).To(ContainElement(HaveField("DisplayName", "Ann")))
}

// A pass over an older object than the one that is stored leaves a status that is of one piece.
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
	// It saw its own write, but not that of the other one.
	before := older.DeepCopy()
	objects.Mark(older, stalledOutcome)
	acstest.MustSucceed(t, objects.NewStore(admin, admin).PatchStatus(t.Context(), before, older))
	live := now(t, thread)
	if ready := live.Status.Conditions[0]; live.Status.ObservedGeneration != ready.ObservedGeneration {
		t.Errorf("observedGeneration is %d, Ready speaks of %d", live.Status.ObservedGeneration, ready.ObservedGeneration)
	}
}

// The thread of a ChatParticipant and the conditions that name it are of one piece too.
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
	// The cache shows the object as it was before.
	again := readyOutcome
	again.Message = "The user is in the thread again."
	write(joined, "19:one@thread.v2", again)
	w.get(p)
	w.Expect(p.Status.ThreadID).To(Equal("19:one@thread.v2"))
}

// A status that somebody emptied is written again at once, and nothing else comes of it.
func TestEmptiedStatusIsWrittenAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.ready()
	thread := w.newThread("emptied")
	w.create(thread)
	participant := w.newParticipant("member", thread.Name, w.users(1)[0])
	w.create(participant)
	w.awaitReason(participant, chatv1alpha1.ReasonSucceeded)
	id := w.emulator.Threads()[0].ID
	w.emulator.ResetRequests()
	for obj, emptied := range map[objects.Conditioned]string{
		participant: `{"status":null}`,
		thread:      `{"status":{"conditions":null,"joined":null,"participants":null,"observedGeneration":null}}`,
		conn:        `{"status":{"conditions":null,"endpoint":null,"serviceUsers":null,"observedGeneration":null}}`,
	} {
		w.Expect(admin.Status().Patch(t.Context(), obj, client.RawPatch(types.MergePatchType, []byte(emptied)))).To(Succeed())
		w.Expect(obj.GetConditions()).To(BeEmpty())
		w.awaitReason(obj, chatv1alpha1.ReasonSucceeded)
	}
	w.Expect(thread.Status.ThreadID).To(Equal(id))
	w.Expect(thread.Status.Joined).To(Equal("1/1"))
	w.Expect(participant.Status.ThreadID).To(Equal(id))
	w.Expect(conn.Status.ServiceUsers).To(HaveLen(1))
	calls := w.calls()
	for _, operation := range []emulator.Operation{emulator.OperationCreateThread, emulator.OperationCreateUser, emulator.OperationAddParticipants} {
		w.Expect(calls[operation]).To(BeZero(), string(operation))
	}
}

// An annotation that somebody took off is put back at once.
func TestServiceUserIsPutBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.ready()
	thread := w.newThread("annotated")
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	user := thread.Annotations[chatv1alpha1.AnnotationServiceUser]
	w.Expect(user).NotTo(BeEmpty())
	edit(w, thread, func(o *chatv1alpha1.ChatThread) { delete(o.Annotations, chatv1alpha1.AnnotationServiceUser) })
	w.Eventually(func() string { w.get(thread); return thread.Annotations[chatv1alpha1.AnnotationServiceUser] }).Should(Equal(user))
}

// A pass waits until the cache shows what this process wrote into the connection, such as its service users.
func TestConnectionIsNotReadFromAnOldCache(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.connect()
	// The cache does not move on.
	cached := conn.DeepCopy()
	r := &ChatThreadReconciler{Store: objects.NewStore(interceptor.NewClient(admin, interceptor.Funcs{
		Get: func(_ context.Context, _ client.WithWatch, _ client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
			cached.DeepCopyInto(obj.(*chatv1alpha1.ChatConnection)) //nolint:errcheck,forcetypeassert // nothing else is read
			return nil
		},
	}), admin)}
	read := func() outcome.Outcome {
		err := r.getConnection(t.Context(), objects.KeyOf(conn), &chatv1alpha1.ChatConnection{})
		return outcome.Classify(err)
	}
	w.Expect(read().Ready).To(BeTrue())
	w.Expect(r.Store.PatchMetadata(t.Context(), conn, func(obj client.Object) {
		objects.SetAnnotation(obj, chatv1alpha1.AnnotationServiceUsers, "8:acs:a")
	})).To(Succeed())
	w.Expect(read().Quiet).To(BeTrue())
	w.Expect(read().After).To(BeNumerically(">", 0))
}
