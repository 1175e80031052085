// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

// ChatThreadReconciler keeps threads at ACS as ChatThreads and ChatParticipants declare them. It
// alone calls ACS for a thread.
type ChatThreadReconciler struct {
	client.Client
	// APIReader reads from the API server where a stale answer could make a second thread.
	APIReader client.Reader
	Recorder  events.EventRecorder
	Sessions  *connection.Registry
	// WatchNamespaces are the namespaces that the operator is for; all where it is empty.
	WatchNamespaces []string

	// namespacesUnwatched has each Namespace read when it is needed.
	namespacesUnwatched bool

	timing    timing
	started   sync.Once
	startedAt time.Time
	backoff   *objects.Backoff
	// written are the ChatThreads that this process wrote, connections the ChatConnections.
	written, connections *objects.OwnWrites
	memories             *memories
	roster               *roster
	wakeConnection       func(types.NamespacedName)
	// wakeListing has the list of a service user read.
	wakeListing func(types.NamespacedName)
}

// timing holds the waits that make a search and a loss certain.
type timing struct {
	// listAfter is how long after the start of the process, or a lost answer, a list of threads shows
	// what was created before.
	listAfter time.Duration
	// listFresh is how old such a list may be when a thread is created.
	listFresh time.Duration
	// goneConfirm is how far apart two answers that there is no such thread must be.
	goneConfirm time.Duration
	// goneAge is how old a thread must be for such an answer to count.
	goneAge time.Duration
	// foundGrace is how long nobody is removed from a thread that was found.
	foundGrace time.Duration
}

var defaultTiming = timing{
	listAfter:   10 * time.Second,
	listFresh:   60 * time.Second,
	goneConfirm: 10 * time.Second,
	goneAge:     30 * time.Second,
	foundGrace:  2 * debounceLimit,
}

// +kubebuilder:rbac:groups=chat.acs-operator.io,resources=chatthreads,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=chat.acs-operator.io,resources=chatthreads/status,verbs=patch
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=events,verbs=create;patch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconcile makes one pass over a ChatThread.
func (r *ChatThreadReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	// A replica that waited to lead starts with its first pass: until then another one was at work.
	r.started.Do(func() { r.startedAt = time.Now() })
	thread := &chatv1alpha1.ChatThread{}
	if err := r.Get(ctx, req.NamespacedName, thread); err != nil {
		if apierrors.IsNotFound(err) {
			r.forget(req.NamespacedName)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if result, behind := r.written.IsBehind(thread); behind {
		return result, nil
	}
	s := &threadScope{
		thread: thread,
		before: thread.DeepCopy(),
		memory: r.memories.of(thread),
		leave:  func() {},
	}
	s.memory.begin(thread, time.Now())

	err := r.run(ctx, s)
	if errors.Is(err, errReleased) {
		r.written.Note(s.thread)
		objects.Record(ctx, r.Recorder, s.thread, s.events)
		return ctrl.Result{}, nil
	}
	return r.conclude(ctx, s, err)
}

// run makes the pass, and ends its probe of the connection even where it panics. What a panic interrupted must
// not be left in the status as if it went on.
func (r *ChatThreadReconciler) run(ctx context.Context, s *threadScope) error {
	defer func() {
		s.leave()
		if fault := recover(); fault != nil {
			r.tellPanic(ctx, s)
			panic(fault)
		}
	}()
	if unknown := s.thread.UnknownValue(); unknown != "" && !objects.IsAbandoned(s.thread) {
		return &outcome.Stalled{Reason: chatv1alpha1.ReasonInvalidRequest,
			Message: fmt.Sprintf("%s is not known to this version of the operator, which does nothing.", outcome.Sanitize(unknown, outcome.MaxMessage))}
	}
	if !s.thread.DeletionTimestamp.IsZero() {
		return r.finalize(ctx, s)
	}
	return r.keep(ctx, s)
}

// tellPanic shows that the operator itself failed. Nothing else is done any more: controller-runtime counts and
// logs the panic, and backs off.
func (r *ChatThreadReconciler) tellPanic(ctx context.Context, s *threadScope) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), concludeTimeout)
	defer cancel()
	s.thread.Status = *s.before.Status.DeepCopy()
	objects.Mark(s.thread, outcome.Outcome{Reason: chatv1alpha1.ReasonInternalError,
		Message: "The operator failed by a fault of its own (see its log), and tries again. Please report that."})
	if err := r.storeStatus(ctx, s); err != nil {
		log.FromContext(ctx).Error(err, "Could not tell of a panic")
	}
	r.written.Note(s.thread)
}

// keep brings the thread in line with what is declared.
func (r *ChatThreadReconciler) keep(ctx context.Context, s *threadScope) error {
	if err := r.regain(ctx, s); err != nil {
		return err
	}
	if err := r.gather(ctx, s); err != nil {
		return err
	}
	if err := s.awaitArrivals(time.Now()); err != nil {
		return err
	}
	s.who = s.pass()
	ctx = pacing.WithCaller(ctx, s.who)
	for _, step := range []func(context.Context, *threadScope) error{
		r.connect,        // connection -> session and service users
		r.search,         // is there a thread of ours already?
		r.observe,        // what does ACS hold?
		r.plan,           // Observe ends here
		r.hold,           // from here on a create may have been sent
		r.create,         // the only call that cannot be repeated at will
		r.keepProperties, // topic, metadata, retention
		r.keepMembers,
	} {
		if err := step(ctx, s); err != nil {
			return err
		}
	}
	if s.refusedChange != nil {
		return s.refusedChange
	}
	return s.results.verdict()
}

var (
	// errObserved ends the pass over a thread that is only observed and in sync.
	errObserved = errors.New("observed")
	// errReleased ends the pass that took the finalizer off.
	errReleased = errors.New("released")
)

// concludeTimeout is how long telling the end of a pass may take.
const concludeTimeout = 10 * time.Second

// conclude tells the end of a pass: conditions, events, ChatParticipants, and when to look again.
func (r *ChatThreadReconciler) conclude(ctx context.Context, s *threadScope, err error) (ctrl.Result, error) {
	// What was done must be told even where the pass ran out of time.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), concludeTimeout)
	defer cancel()
	o := r.judge(s, err)
	if requested := objects.ReconcileRequested(s.thread); requested != "" && !o.Quiet {
		s.thread.Status.LastHandledReconcileAt = requested
	}
	patchErr := r.store(ctx, s, o)
	r.written.Note(s.thread)
	if patchErr != nil {
		objects.Record(ctx, r.Recorder, s.thread, s.events)
		return ctrl.Result{}, errors.Join(o.Err, patchErr)
	}
	r.publish(s, o)
	if o.Err != nil {
		return ctrl.Result{}, o.Err
	}
	if o.Ready || o.Stalled {
		r.backoff.End(objects.KeyOf(s.thread))
		s.giveBack()
	}
	if o.After > 0 {
		s.putOff()
		return ctrl.Result{RequeueAfter: o.After}, nil
	}
	r.stretch(s)
	return ctrl.Result{RequeueAfter: max(time.Until(s.memory.nextResync), time.Second)}, nil
}

// judge says what the end of a pass means.
func (r *ChatThreadReconciler) judge(s *threadScope, err error) outcome.Outcome {
	if errors.Is(err, errObserved) {
		err = nil
	}
	if isUnauthorized(err) && s.session != nil {
		err = r.unauthorized(s, err)
	} else {
		s.memory.unauthorized = false
	}
	o := outcome.Classify(err)
	if o.Ready {
		o.Message = s.readyMessage()
	}
	if !s.thread.DeletionTimestamp.IsZero() && o.Message != "" && !strings.Contains(o.Message, abandonHint) {
		o.Message += " " + abandonHint
	}
	// A look for drift that has to wait says nothing of the thread, unless it is put off for long.
	if s.who.Background && o.Reason == chatv1alpha1.ReasonThrottled && s.who.IsQuietWait(o.After, o.After) {
		o.Quiet = true
	}
	return o
}

// putOff has the next pass begin anew where this one looked for drift and had no room to read.
func (s *threadScope) putOff() {
	if s.who.Background && s.remote == nil {
		s.memory.nextResync = time.Now()
	}
}

// giveBack lets others have the slots that the pass turned out not to need.
func (s *threadScope) giveBack() {
	if s.session != nil {
		s.session.Pacer.Release(s.thread.UID)
	}
}

// stretch puts the next resync off where the threads of the service user are too many for the quota on
// reads.
func (r *ChatThreadReconciler) stretch(s *threadScope) {
	if s.session == nil || s.user == nil {
		return
	}
	s.memory.stretch(s.session.ResyncFloor(s.user.ID), resyncInterval(s.thread))
}

// unauthorized tells a credential that ACS refuses, where the connection looks at its Secret at once, as
// the key may have been rotated, from a token that ACS issued for that very call and refuses. The latter
// is no fault of the connection and does not concern its other threads.
func (r *ChatThreadReconciler) unauthorized(s *threadScope, err error) error {
	hint := ""
	if !s.thread.DeletionTimestamp.IsZero() {
		hint = " " + abandonHint
	}
	if _, noToken := errors.AsType[*acs.TokenError](err); noToken {
		s.session.CredentialRejected(err)
		r.wakeConnection(objects.KeyOf(s.conn))
		return &outcome.Wait{Reason: chatv1alpha1.ReasonConnectionNotReady, After: time.Second,
			Message: fmt.Sprintf("ACS refused the credential of ChatConnection %s (401).", objects.KeyOf(s.conn)) + hint}
	}
	refused := &outcome.Refused{Reason: chatv1alpha1.ReasonAuthenticationFailed, Suffix: hint, Err: err}
	if !s.memory.unauthorized {
		// A new token may not be known everywhere yet.
		s.memory.unauthorized, refused.After = true, connection.RefusedInterval
	}
	return refused
}

// store writes conditions and allocated values, with the events that tell of the pass so far.
func (r *ChatThreadReconciler) store(ctx context.Context, s *threadScope, o outcome.Outcome) error {
	objects.Mark(s.thread, o)
	s.thread.Status.ObservedGeneration = objects.GenerationTold(s.thread, s.thread.Status.ObservedGeneration, o)
	err := objects.PatchStatus(ctx, r.Client, s.before, s.thread)
	if apierrors.IsInvalid(err) && s.before.Status.ThreadID != s.thread.Status.ThreadID {
		err = errors.Join(err, r.discard(ctx, s))
	}
	if err != nil {
		if !s.thread.DeletionTimestamp.IsZero() {
			return client.IgnoreNotFound(err)
		}
		return err
	}
	objects.Emit(ctx, r.Recorder, s.before, s.thread, s.events, o)
	s.events = nil
	s.before = s.thread.DeepCopy()
	return nil
}

// forget drops all that is remembered of a ChatThread that is no more.
func (r *ChatThreadReconciler) forget(key types.NamespacedName) {
	r.written.Forget(key)
	r.backoff.End(key)
	if uid := r.memories.forget(key); uid != "" {
		r.roster.forget(uid)
		r.Sessions.ForgetThread(uid)
	}
}
