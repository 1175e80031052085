// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/roster"
)

// ChatParticipantReconciler reconciles ChatParticipants. It stores their finalizer and writes the
// result of the last reconcile of the thread to their status. It never calls ACS.
type ChatParticipantReconciler struct {
	// Reader reads from the cache.
	client.Reader
	Recorder events.EventRecorder
	Store    *objects.Store

	roster *roster.Roster
}

// +kubebuilder:rbac:groups=chat.acs-operator.io,resources=chatparticipants,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=chat.acs-operator.io,resources=chatparticipants/status,verbs=patch

// Reconcile reconciles a ChatParticipant.
func (r *ChatParticipantReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	participant := &chatv1alpha1.ChatParticipant{}
	wait, err := r.Store.Get(ctx, req.NamespacedName, participant)
	if err != nil || wait > 0 {
		return ctrl.Result{RequeueAfter: wait}, client.IgnoreNotFound(err)
	}
	snapshot := objects.NewSnapshot(r.Store, participant)
	thread, err := r.thread(ctx, participant)
	if err != nil {
		return ctrl.Result{}, err
	}
	entry := roster.Entry{}
	if thread != nil {
		if found, ok := r.roster.Entry(thread.UID, participant.UID); ok && found.Generation == participant.Generation {
			entry = found
		}
	}
	if !participant.DeletionTimestamp.IsZero() {
		err = r.finalize(ctx, snapshot, thread, entry)
	} else {
		err = r.reconcile(ctx, snapshot, thread, entry)
	}
	return r.conclude(ctx, snapshot, err)
}

// thread returns the ChatThread that the participant names; nil if there is none.
func (r *ChatParticipantReconciler) thread(ctx context.Context, p *chatv1alpha1.ChatParticipant) (*chatv1alpha1.ChatThread, error) {
	thread := &chatv1alpha1.ChatThread{}
	err := r.Get(ctx, types.NamespacedName{Namespace: p.Namespace, Name: p.Spec.ThreadRef.Name}, thread)
	if apierrors.IsNotFound(err) {
		return nil, nil //nolint:nilnil // a participant without a thread is an ordinary state
	}
	if err != nil {
		return nil, fmt.Errorf("get ChatThread: %w", err)
	}
	return thread, nil
}

// participantSnapshot is a ChatParticipant in memory and at the API server.
type participantSnapshot = objects.Snapshot[*chatv1alpha1.ChatParticipant]

// errPending ends a reconcile that learned nothing new: the status stays.
var errPending = errors.New("pending")

// reconcile stores the finalizer, which makes the thread count the participant. Then it writes the
// result of the last reconcile of the thread to the status.
func (r *ChatParticipantReconciler) reconcile(ctx context.Context, snapshot *participantSnapshot, thread *chatv1alpha1.ChatThread, entry roster.Entry) error {
	p := snapshot.Object
	if thread == nil {
		p.Status.ThreadID = ""
		return &outcome.Wait{Reason: chatv1alpha1.ReasonThreadNotFound,
			Message: fmt.Sprintf("ChatThread %s does not exist in namespace %s.", p.Spec.ThreadRef.Name, p.Namespace)}
	}
	if !thread.DeletionTimestamp.IsZero() {
		p.Status.ThreadID = thread.Status.ThreadID
		return &outcome.Wait{Reason: chatv1alpha1.ReasonThreadNotReady,
			Message: fmt.Sprintf("ChatThread %s is being deleted.", thread.Name)}
	}
	if !p.Spec.ShareHistory.IsKnown() {
		return &outcome.Stalled{Reason: chatv1alpha1.ReasonInvalidRequest, Message: fmt.Sprintf(
			"spec.shareHistory: %s is not known to this version of the operator, which adds nobody.", outcome.Sanitize(string(p.Spec.ShareHistory), outcome.MaxMessage))}
	}
	takesNoMembers := thread.Observes() || entry.State == roster.AccessLost || entry.State == roster.NotManaged
	if !takesNoMembers {
		err := snapshot.PatchMetadata(ctx, func(obj client.Object) { controllerutil.AddFinalizer(obj, chatv1alpha1.Finalizer) })
		if err != nil {
			return fmt.Errorf("add finalizer: %w", err)
		}
	}
	if entry.State == roster.Pending {
		return errPending
	}
	p.Status.ThreadID = entry.ThreadID
	switch entry.State {
	case roster.Joined:
		return nil
	case roster.Rejected:
		return &outcome.Stalled{Reason: entry.Reason, Message: entry.Message}
	default:
		return &outcome.Wait{Reason: entry.Reason, Message: entry.Message}
	}
}

// finalize removes the finalizer once a reconcile of the thread without the participant has
// finished, or if no thread requires that.
func (r *ChatParticipantReconciler) finalize(ctx context.Context, snapshot *participantSnapshot, thread *chatv1alpha1.ChatThread, entry roster.Entry) error {
	p := snapshot.Object
	if !objects.HasFinalizer(p) {
		return errReleased
	}
	mayGo := thread == nil || !thread.DeletionTimestamp.IsZero() || thread.Observes() || objects.IsAbandoned(p)
	if mayGo || entry.State == roster.Removed || entry.State == roster.NotManaged {
		if err := snapshot.RemoveFinalizer(ctx); err != nil {
			return err
		}
		return errReleased
	}
	// Until the next reconcile of the thread, the reason for the wait is not known.
	if entry.State == roster.Pending || entry.Message == "" {
		return errPending
	}
	return &outcome.Wait{Reason: chatv1alpha1.ReasonThreadNotReady, Message: entry.Message + " The user stays in the thread until then. " + abandonHint}
}

func (r *ChatParticipantReconciler) conclude(ctx context.Context, snapshot *participantSnapshot, err error) (ctrl.Result, error) {
	if errors.Is(err, errPending) || errors.Is(err, errReleased) {
		return ctrl.Result{}, nil
	}
	p, before := snapshot.Object, snapshot.Stored()
	o := outcome.Classify(err)
	if o.Ready {
		o.Message = fmt.Sprintf("The user is in thread %s.", p.Status.ThreadID)
	}
	objects.Mark(p, o)
	p.Status.ObservedGeneration = objects.ObservedGeneration(p, p.Status.ObservedGeneration, o)
	if patchErr := snapshot.PatchStatus(ctx); client.IgnoreNotFound(patchErr) != nil {
		return ctrl.Result{}, errors.Join(o.Err, patchErr)
	}
	objects.Emit(ctx, r.Recorder, before, p, nil, o)
	// Nothing is polled: the thread, the roster or an edit wakes the participant.
	return ctrl.Result{RequeueAfter: o.After}, o.Err
}
