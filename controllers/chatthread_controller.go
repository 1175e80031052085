// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

// +kubebuilder:rbac:groups=chat.acs-operator.io,resources=chatthreads,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=chat.acs-operator.io,resources=chatthreads/status,verbs=patch
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=events,verbs=create;patch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconcile makes the thread at ACS as one ChatThread declares it.
func (r *ChatThreadReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	// A replica that waited to lead starts with its first reconcile: until then another one was
	// active.
	r.started.Do(func() { r.startedAt = time.Now() })
	ctx, end := r.Sessions.BeginThread(ctx, req.NamespacedName)
	defer end()
	thread := &chatv1alpha1.ChatThread{}
	wait, err := r.Store.Get(ctx, req.NamespacedName, thread)
	if apierrors.IsNotFound(err) {
		r.forget(req.NamespacedName)
	}
	if err != nil || wait > 0 {
		return ctrl.Result{RequeueAfter: wait}, client.IgnoreNotFound(err)
	}
	s := situation{
		run: run{thread: thread, before: thread.DeepCopy(), memory: r.memories.of(thread), events: &eventList{}},
	}
	s.memory.begin(thread, time.Now())

	s, err = r.reconcile(ctx, s)
	if s.released {
		objects.Record(ctx, r.Recorder, s.thread, s.events.take())
		return ctrl.Result{}, nil
	}
	return r.conclude(ctx, s, err)
}

// reconcile runs the steps of a reconcile. It reports a panic, so that the status does not claim
// that the reconcile continues.
func (r *ChatThreadReconciler) reconcile(ctx context.Context, s situation) (end situation, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			r.reportPanic(ctx, s)
			panic(fault)
		}
	}()
	end = s
	// An abandoned ChatThread goes without a call, so the meaning of its values does not matter.
	isLeaving := !s.thread.DeletionTimestamp.IsZero() && objects.IsAbandoned(s.thread)
	if unknown := s.thread.UnknownValue(); unknown != "" && !isLeaving {
		return end, &outcome.Stalled{Reason: chatv1alpha1.ReasonInvalidRequest,
			Message: fmt.Sprintf("%s is not known to this version of the operator, which does nothing.", outcome.Sanitize(unknown, outcome.MaxMessage))}
	}
	steps := []step{
		r.declare, // which state does the cluster declare?
		r.connect, // connection -> clients and service users
		r.rest,    // did an earlier process leave it as declared?
		r.locate,  // which thread at ACS is it about, and how do we know?
		r.observe, // which state does ACS hold?
		r.apply,   // change the differences; under Observe, report them
	}
	if !s.thread.DeletionTimestamp.IsZero() {
		steps = []step{r.finalize}
	}
	for _, next := range steps {
		if end, err = next(pacing.WithCaller(ctx, end.caller), end); err != nil {
			return end, err
		}
	}
	return end, nil
}

// step is a part of a reconcile. It returns its findings even if it fails.
type step = func(context.Context, situation) (situation, error)

// reportPanic shows that the operator itself failed. Nothing else is done: controller-runtime
// counts and logs the panic, and backs off.
func (r *ChatThreadReconciler) reportPanic(ctx context.Context, s situation) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), concludeTimeout)
	defer cancel()
	s.thread.Status = *s.before.Status.DeepCopy()
	objects.Mark(s.thread, outcome.Outcome{Reason: chatv1alpha1.ReasonInternalError,
		Message: "The operator failed by a fault of its own (see its log), and tries again. Please report that."})
	if err := r.storeStatus(ctx, s); err != nil {
		log.FromContext(ctx).Error(err, "Could not report a panic")
	}
}

// forget drops all state of a ChatThread that no longer exists.
func (r *ChatThreadReconciler) forget(key types.NamespacedName) {
	r.backoff.End(key)
	if uid := r.memories.forget(key); uid != "" {
		r.roster.Forget(uid)
		r.Sessions.ForgetThread(uid)
	}
}
