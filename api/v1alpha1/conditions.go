// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Condition types, following the conventions of kstatus: Ready is always present, the others only
// while they are true, and never both.
const (
	// ConditionReady signals that the object is as declared.
	ConditionReady = "Ready"

	// ConditionReconciling signals that the operator is working or will retry by itself.
	ConditionReconciling = "Reconciling"

	// ConditionStalled signals that a person must act.
	ConditionStalled = "Stalled"
)

// Reasons of the Ready condition; Reconciling and Stalled have the same reason.
const (
	// ReasonSucceeded signals that everything is as declared.
	ReasonSucceeded = "Succeeded"

	// ReasonSearching signals that the operator reads the threads of the service users, so that it
	// does not create a second thread if one exists.
	ReasonSearching = "Searching"
	// ReasonCreating signals that the thread is being created, or its members are being added.
	ReasonCreating = "Creating"
	// ReasonUpdating signals that the thread or its members are being changed.
	ReasonUpdating = "Updating"
	// ReasonDeleting signals that the thread is being deleted or released at ACS, or that the
	// deletion waits for confirmation (spec.maxDeletions of the ChatConnection).
	ReasonDeleting = "Deleting"
	// ReasonWaitingForQuota signals that the next call waits until a quota of ACS allows it.
	ReasonWaitingForQuota = "WaitingForQuota"
	// ReasonThrottled signals that ACS answered 429.
	ReasonThrottled = "Throttled"
	// ReasonServiceUnavailable signals that ACS did not respond, or responded with a server error.
	ReasonServiceUnavailable = "ServiceUnavailable"
	// ReasonInUse signals that a ChatConnection is being deleted while ChatThreads still use it.
	ReasonInUse = "InUse"
	// ReasonInternalError signals that the operator itself failed because of a bug. It retries.
	ReasonInternalError = "InternalError"

	// ReasonConnectionNotFound signals that the ChatConnection does not exist.
	ReasonConnectionNotFound = "ConnectionNotFound"
	// ReasonConnectionNotReady signals that the ChatConnection cannot be used yet.
	ReasonConnectionNotReady = "ConnectionNotReady"
	// ReasonSecretNotFound signals that the Secret, or its key, does not exist.
	ReasonSecretNotFound = "SecretNotFound"
	// ReasonThreadNotFound signals that the ChatThread of a ChatParticipant does not exist.
	ReasonThreadNotFound = "ThreadNotFound"
	// ReasonThreadNotReady signals that the ChatThread of a ChatParticipant does not accept members
	// now.
	ReasonThreadNotReady = "ThreadNotReady"

	// ReasonParticipantRejected signals that some inline participants are not in the thread.
	ReasonParticipantRejected = "ParticipantRejected"
	// ReasonRejected signals that ACS refused the member that a ChatParticipant declares, or that
	// the member is a service user.
	ReasonRejected = "Rejected"
	// ReasonDuplicate signals that the same user is declared elsewhere for the same thread.
	ReasonDuplicate = "Duplicate"
	// ReasonTooManyParticipants signals that the thread is full.
	ReasonTooManyParticipants = "TooManyParticipants"
	// ReasonDrifted signals that an observed thread differs; the message is the plan.
	ReasonDrifted = "Drifted"

	// ReasonInvalidConnectionString signals that the connection string cannot be used.
	ReasonInvalidConnectionString = "InvalidConnectionString"
	// ReasonAuthenticationFailed signals that ACS refused the credential.
	ReasonAuthenticationFailed = "AuthenticationFailed"
	// ReasonEndpointNotAllowed signals that the operator may not call the endpoint.
	ReasonEndpointNotAllowed = "EndpointNotAllowed"
	// ReasonNamespaceNotAllowed signals that the namespace may not use the connection or the
	// operator's own identity.
	ReasonNamespaceNotAllowed = "NamespaceNotAllowed"
	// ReasonAccessLost signals that the service user is not, or no longer, a member of the thread.
	ReasonAccessLost = "AccessLost"
	// ReasonOwnedByAnother signals that the thread belongs to another resource or cluster.
	ReasonOwnedByAnother = "OwnedByAnother"
	// ReasonThreadGone signals that the thread does not, or no longer, exist at ACS.
	ReasonThreadGone = "ThreadGone"
	// ReasonInvalidRequest signals that ACS refused the declared thread.
	ReasonInvalidRequest = "InvalidRequest"
	// ReasonCredentialsLost signals that the credentials for a deletion were lost with their
	// namespace.
	ReasonCredentialsLost = "CredentialsLost"
	// ReasonPermissionDenied signals that the Kubernetes API server refused a request of the
	// operator.
	ReasonPermissionDenied = "PermissionDenied"
)

// Reasons of events for changes at ACS. Other events have the reason of the condition.
const (
	// EventCreated signals that a thread, or a service user, was created.
	EventCreated = "Created"
	// EventFound signals that the operator found the thread that was created earlier for this
	// resource.
	EventFound = "Found"
	// EventAdopted signals that an existing thread was adopted.
	EventAdopted = "Adopted"
	// EventUpdated signals that topic, metadata or retention were changed.
	EventUpdated = "Updated"
	// EventMembersAdded signals that members were added.
	EventMembersAdded = "MembersAdded"
	// EventMembersRemoved signals that members were removed.
	EventMembersRemoved = "MembersRemoved"
	// EventDeleted signals that the thread was deleted.
	EventDeleted = "Deleted"
	// EventReleased signals that the thread was released and stays at ACS.
	EventReleased = "Released"
)
