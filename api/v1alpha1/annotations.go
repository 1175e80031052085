// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Annotations and the finalizer of the operator.
const (
	// Finalizer protects a ChatThread while a create may have been sent, a ChatParticipant while
	// its thread may count it, and a ChatConnection while threads use it.
	Finalizer = "chat.acs-operator.io/finalizer"

	// AnnotationServiceUser names, on a ChatThread, the service user that acts for the thread. It
	// is stored before the first create, so that every retry uses the same user.
	AnnotationServiceUser = "chat.acs-operator.io/service-user"

	// AnnotationServiceUsers holds, on a ChatConnection, the ids of all service users that the
	// connection has ever had, comma-separated. It only grows.
	AnnotationServiceUsers = "chat.acs-operator.io/service-users"

	// AnnotationEndpoint holds, on a ChatConnection, the endpoint that its service users belong to.
	AnnotationEndpoint = "chat.acs-operator.io/endpoint"

	// AnnotationReconcileRequestedAt requests an immediate reconcile with each new value. The
	// operator copies the value to status.lastHandledReconcileAt. It is read on ChatThread and
	// ChatConnection.
	AnnotationReconcileRequestedAt = "chat.acs-operator.io/reconcile-requested-at"

	// AnnotationRecover, on a ChatThread, permits taking over a thread at ACS that has the name of
	// the resource but the uid of another: the id of that thread, or "any". It is needed if the
	// ChatConnection is shared, because members of other threads could have written that name.
	AnnotationRecover = "chat.acs-operator.io/recover"

	// RecoverAny is the value of AnnotationRecover that permits any thread.
	RecoverAny = "any"
	// RecoverNone is the value of AnnotationRecover that permits none, so that a new thread is
	// created.
	RecoverNone = "none"

	// AnnotationReleaseTo, on a ChatThread that is deleted with deletionPolicy Retain, names the
	// ChatThread, as namespace/name, that may adopt the thread from another namespace.
	AnnotationReleaseTo = "chat.acs-operator.io/release-to"

	// AnnotationConfirmDeletions, on a ChatConnection, releases with each new value the deletions
	// that spec.maxDeletions blocks.
	AnnotationConfirmDeletions = "chat.acs-operator.io/confirm-deletions"

	// AnnotationAbandon, set to "true" on a ChatThread or ChatParticipant that is being deleted,
	// completes the deletion without any further call and leaves the thread at ACS as it is.
	AnnotationAbandon = "chat.acs-operator.io/abandon"
)

// Limits that the schema and the controllers share.
const (
	// MaxMembers is the number of members that ACS allows in a thread, service users included.
	// https://learn.microsoft.com/azure/communication-services/concepts/service-limits
	MaxMembers = 250

	// MaxRejectedShown limits the refused inline participants in status.rejected.
	MaxRejectedShown = 20

	// MaxServiceUsers limits the service users of a connection.
	MaxServiceUsers = 32

	// MaxRenewing limits the members in status.renewing.
	MaxRenewing = 50

	// MaxReconcileRequest limits the part of AnnotationReconcileRequestedAt that is copied to the
	// status.
	MaxReconcileRequest = 256
)
