// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/uninstall"
)

// ChatConnectionReconciler reconciles the credential and the service users of ChatConnections.
type ChatConnectionReconciler struct {
	// Reader reads from the cache.
	client.Reader
	// APIReader reads from the API server before a connection is released.
	APIReader client.Reader
	Recorder  events.EventRecorder
	Store     *objects.Store
	Sessions  *connection.Registry
	// WatchNamespaces are the namespaces that the operator watches; empty for all.
	WatchNamespaces []string

	uninstall uninstall.Detector
	// refusals holds the last refusals of ACS.
	refusals connectionRefusals
}

// +kubebuilder:rbac:groups=chat.acs-operator.io,resources=chatconnections,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=chat.acs-operator.io,resources=chatconnections/status,verbs=patch
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get
// +kubebuilder:rbac:groups=authentication.k8s.io,resources=tokenreviews,verbs=create
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create

// Reconcile reconciles a ChatConnection.
func (r *ChatConnectionReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	ctx, end := r.Sessions.BeginConnection(ctx, req.NamespacedName)
	defer end()
	conn := &chatv1alpha1.ChatConnection{}
	wait, err := r.Store.Get(ctx, req.NamespacedName, conn)
	if apierrors.IsNotFound(err) {
		return ctrl.Result{}, r.forgetConnection(ctx, req.NamespacedName)
	}
	if err != nil || wait > 0 {
		return ctrl.Result{RequeueAfter: wait}, err
	}
	before := conn.DeepCopy()
	if err := r.restoreRecord(ctx, conn); err != nil {
		return r.conclude(ctx, before, conn, nil, fmt.Errorf("restore service users: %w", err))
	}
	if !conn.DeletionTimestamp.IsZero() {
		err := r.finalize(ctx, conn)
		if errors.Is(err, errReleased) {
			return ctrl.Result{}, nil
		}
		return r.conclude(ctx, before, conn, nil, err)
	}
	changes, err := r.reconcile(ctx, conn)
	return r.conclude(ctx, before, conn, changes, err)
}

// reconcile reads the credential and makes the calls that need it. A final refusal of ACS is not
// retried as often as the Secret is read.
func (r *ChatConnectionReconciler) reconcile(ctx context.Context, conn *chatv1alpha1.ChatConnection) ([]objects.Event, error) {
	session, err := r.Sessions.Refresh(ctx, conn)
	if err != nil {
		return nil, err
	}
	// The endpoint of a Secret may be a mistake as long as no user is known to belong there. The
	// endpoint in spec.entra is declared.
	if conn.Spec.Entra != nil && len(conn.Status.ServiceUsers) == 0 {
		conn.Status.Endpoint = session.CurrentEndpoint()
	}
	if err := r.refusals.last(conn, session, time.Now()); err != nil && !objects.IsRequested(conn, conn.Status.LastHandledReconcileAt) {
		return nil, err
	}
	if err := session.Enter(ctx); err != nil {
		return nil, err
	}
	changes, err := r.ensure(ctx, conn, session)
	r.refusals.note(conn, session, err, time.Now())
	return changes, err
}

// ensure creates the service users and issues their tokens.
func (r *ChatConnectionReconciler) ensure(ctx context.Context, conn *chatv1alpha1.ChatConnection, session *connection.Connection) ([]objects.Event, error) {
	changes, err := r.ensureUsers(ctx, conn, session)
	if err == nil {
		err = r.ensureTokens(ctx, conn, session)
	}
	if isUnauthorized(err) {
		return changes, session.CredentialRejected(err)
	}
	if acs.HasStatus(err, http.StatusForbidden) {
		return changes, &outcome.Refused{Reason: chatv1alpha1.ReasonAuthenticationFailed, Err: err}
	}
	return changes, err
}

// ensureUsers creates the missing service users. Each is stored in the annotation before it is used
// and before the next one is created: a crash leaves at most one unknown user at ACS. If the spec
// names the users, none are created.
func (r *ChatConnectionReconciler) ensureUsers(ctx context.Context, conn *chatv1alpha1.ChatConnection, session *connection.Connection) ([]objects.Event, error) {
	users := connection.UsersOf(conn)
	if users.ArePinned() {
		return nil, nil
	}
	recorded, missing := users.EverRecorded(), users.Missing()
	if missing == 0 {
		return nil, r.recordUsers(ctx, conn, session, recorded)
	}
	var made []string
	var err error
	for len(made) < missing && err == nil {
		var user acs.CreateUserResponse
		if user, err = r.Sessions.CreateUser(ctx, session); err != nil {
			break
		}
		recorded = append(recorded, user.ID)
		if err = r.recordUsers(ctx, conn, session, recorded); err != nil {
			session.KeepSpare(user)
			break
		}
		made = append(made, user.ID)
		err = r.Sessions.Created(session, user.ID, user.Token)
	}
	if len(made) == 0 {
		return nil, err
	}
	return []objects.Event{{Reason: chatv1alpha1.EventCreated,
		Note: fmt.Sprintf("Created %s: %s", outcome.Plural(len(made), "service user"), firstOf(made))}}, err
}

// restoreRecord restores the service users that somebody removed from the annotation. It comes
// before everything that may wait, because threads wait for the record.
func (r *ChatConnectionReconciler) restoreRecord(ctx context.Context, conn *chatv1alpha1.ChatConnection) error {
	users := connection.UsersOf(conn)
	if !users.IsCut() {
		return nil
	}
	return r.Store.PatchMetadata(ctx, conn, func(obj client.Object) {
		objects.SetAnnotation(obj, chatv1alpha1.AnnotationServiceUsers, strings.Join(users.EverRecorded(), ","))
	})
}

// recordUsers stores the finalizer, the service users and their endpoint. Then it updates status
// and session.
func (r *ChatConnectionReconciler) recordUsers(ctx context.Context, conn *chatv1alpha1.ChatConnection, session *connection.Connection, ids []string) error {
	endpoint := session.CurrentEndpoint()
	err := r.Store.PatchMetadata(ctx, conn, func(obj client.Object) {
		controllerutil.AddFinalizer(obj, chatv1alpha1.Finalizer)
		// Without a user that is known to belong there, the endpoint may be a mistake.
		if len(ids) > 0 {
			objects.SetAnnotation(obj, chatv1alpha1.AnnotationEndpoint, endpoint)
			objects.SetAnnotation(obj, chatv1alpha1.AnnotationServiceUsers, strings.Join(ids, ","))
		}
	})
	if err != nil {
		return fmt.Errorf("store service users: %w", err)
	}
	if len(ids) > 0 {
		conn.Status.Endpoint = endpoint
	}
	users := connection.UsersOf(conn)
	conn.Status.ServiceUsers = users.ForStatus()
	session.KnowUsers(users.Usable())
	return nil
}

// ensureTokens ensures that each service user for new threads has a token. Of the users that the
// spec names, only those with a token are recorded: the record only grows, and a mistake would stay
// in it forever.
func (r *ChatConnectionReconciler) ensureTokens(ctx context.Context, conn *chatv1alpha1.ChatConnection, session *connection.Connection) error {
	var proven []string
	var failure error
	users := connection.UsersOf(conn)
	for _, id := range users.ForNewThreads() {
		err := r.ensureToken(ctx, conn, session, id)
		if err == nil {
			proven = append(proven, id)
			continue
		}
		failure = cmp.Or(failure, err)
		if !outcome.Classify(err).Stalled {
			break
		}
	}
	if users.ArePinned() {
		if err := r.recordUsers(ctx, conn, session, users.EverRecorded().With(proven...)); err != nil {
			return errors.Join(failure, err)
		}
	}
	if failure == nil {
		session.CredentialAccepted()
	}
	return failure
}

// ensureToken ensures that a service user has a token.
func (r *ChatConnectionReconciler) ensureToken(ctx context.Context, conn *chatv1alpha1.ChatConnection, session *connection.Connection, id string) error {
	user, err := r.Sessions.User(session, id)
	if err != nil {
		return err
	}
	_, err = user.Credential.Token(ctx)
	if acs.HasStatus(err, http.StatusBadRequest, http.StatusNotFound) && connection.UsersOf(conn).ArePinned() {
		return &outcome.Refused{Reason: chatv1alpha1.ReasonInvalidRequest, Err: outcome.CallFailed("issue a token for "+id, err),
			Prefix: "spec.serviceUsers.ids: ", Suffix: " Name users of this ACS resource only."}
	}
	if acs.HasStatus(err, http.StatusBadRequest, http.StatusNotFound, http.StatusRequestEntityTooLarge) {
		return &outcome.Refused{Reason: chatv1alpha1.ReasonAuthenticationFailed, Err: outcome.CallFailed("issue a token for "+id, err),
			Suffix: " If the user was deleted, name others in spec.serviceUsers.ids."}
	}
	return outcome.CallFailed("issue a token for "+id, err)
}

func (r *ChatConnectionReconciler) conclude(ctx context.Context, before, conn *chatv1alpha1.ChatConnection, changes []objects.Event, err error) (ctrl.Result, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), concludeTimeout)
	defer cancel()
	o := outcome.Classify(err)
	if o.Ready {
		o.Message = connectionMessage(conn)
	}
	objects.Mark(conn, o)
	conn.Status.ObservedGeneration = objects.ObservedGeneration(conn, conn.Status.ObservedGeneration, o)
	if requested := objects.ReconcileRequested(conn); requested != "" && !o.Quiet {
		conn.Status.LastHandledReconcileAt = requested
	}
	confirmDeletions(conn, time.Now())
	patchErr := r.Store.PatchStatus(ctx, before, conn)
	if client.IgnoreNotFound(patchErr) != nil {
		objects.Record(ctx, r.Recorder, conn, changes)
		return ctrl.Result{}, errors.Join(o.Err, patchErr)
	}
	objects.Emit(ctx, r.Recorder, before, conn, changes, o)
	switch {
	case o.Err != nil:
		return ctrl.Result{}, o.Err
	case o.Ready:
		return ctrl.Result{RequeueAfter: connection.ReadyInterval}, nil
	}
	after := cmp.Or(o.After, connection.UnreadyInterval)
	if rest := r.Sessions.UntilRead(objects.KeyOf(conn)); rest > 0 {
		after = min(after, rest)
	}
	return ctrl.Result{RequeueAfter: after}, nil
}

// confirmDeletions handles a new value of the annotation confirm-deletions: spec.maxDeletions no
// longer holds the deletions that were requested until now.
func confirmDeletions(conn *chatv1alpha1.ChatConnection, now time.Time) {
	confirmed := conn.Annotations[chatv1alpha1.AnnotationConfirmDeletions]
	if len(confirmed) > chatv1alpha1.MaxReconcileRequest {
		confirmed = outcome.Sanitize(confirmed, chatv1alpha1.MaxReconcileRequest)
	}
	if confirmed == "" || confirmed == conn.Status.ConfirmedDeletions {
		return
	}
	conn.Status.ConfirmedDeletions, conn.Status.DeletionsConfirmedAt = confirmed, objects.StatusTime(now)
}

// connectionMessage names the service users, and the ids to commit so that a rebuilt cluster
// creates no new threads.
func connectionMessage(conn *chatv1alpha1.ChatConnection) string {
	users := connection.UsersOf(conn)
	message := outcome.Plural(len(users.ForNewThreads()), "service user") + " can create threads."
	if users.ArePinned() {
		return message
	}
	return message + fmt.Sprintf(" So that a rebuilt cluster finds its threads again, set spec.serviceUsers.ids to [%s].",
		strings.Join(users.Recorded(), ", "))
}
