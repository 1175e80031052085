// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Annotations and the finalizer that the operator reads and writes.
const (
	// Finalizer holds a ChatThread while a create may have been sent, a ChatParticipant while its
	// thread may count it, and a ChatConnection while threads use it.
	Finalizer = "chat.acs-operator.io/finalizer"

	// AnnotationServiceUser names, on a ChatThread, the service user that acts for the thread.
	// It is stored before the first create, so that every retry takes the same user.
	AnnotationServiceUser = "chat.acs-operator.io/service-user"

	// AnnotationServiceUsers holds, on a ChatConnection, the ids of all service users that the
	// connection ever had, comma-separated. It only grows.
	AnnotationServiceUsers = "chat.acs-operator.io/service-users"

	// AnnotationEndpoint holds, on a ChatConnection, the endpoint that its service users belong to.
	AnnotationEndpoint = "chat.acs-operator.io/endpoint"

	// AnnotationReconcileRequestedAt asks, with each new value, for a pass at once. The value is
	// answered in status.lastHandledReconcileAt. Read on ChatThread and ChatConnection.
	AnnotationReconcileRequestedAt = "chat.acs-operator.io/reconcile-requested-at"

	// AnnotationRecover, on a ChatThread, consents to taking over a thread at ACS that carries the
	// name of the resource but the uid of another: the id of that thread, or "any". Needed where the
	// ChatConnection is shared, because members of other threads could have written that name.
	AnnotationRecover = "chat.acs-operator.io/recover"

	// RecoverAny is the value of AnnotationRecover that consents to any thread.
	RecoverAny = "any"
	// RecoverNone is the value of AnnotationRecover with which no thread is taken over, and a new one
	// is created.
	RecoverNone = "none"

	// AnnotationReleaseTo, on a ChatThread that is deleted with deletionPolicy Retain, names the
	// ChatThread, as namespace/name, that may adopt the thread from another namespace.
	AnnotationReleaseTo = "chat.acs-operator.io/release-to"

	// AnnotationConfirmDeletions, on a ChatConnection, lets the deletions go on that
	// spec.maxDeletions holds, with each new value.
	AnnotationConfirmDeletions = "chat.acs-operator.io/confirm-deletions"

	// AnnotationAbandon, set to "true" on a ChatThread or ChatParticipant that is being deleted,
	// ends the deletion without any further call and leaves the thread at ACS as it is.
	AnnotationAbandon = "chat.acs-operator.io/abandon"
)

// Limits that the schema and the controllers share.
const (
	// MaxMembers is how many members ACS allows in a thread, service users included.
	// https://learn.microsoft.com/azure/communication-services/concepts/service-limits
	MaxMembers = 250

	// MaxRejectedShown is how many refused inline participants status.rejected lists.
	MaxRejectedShown = 20

	// MaxServiceUsers is how many service users a connection may ask for.
	MaxServiceUsers = 32

	// MaxRenewing is how many members status.renewing lists.
	MaxRenewing = 50

	// MaxReconcileRequest is how much of the value of AnnotationReconcileRequestedAt is answered.
	MaxReconcileRequest = 256
)
