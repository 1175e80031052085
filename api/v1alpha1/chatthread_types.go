// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ChatThreadSpec declares a chat thread at ACS.
//
// +kubebuilder:validation:XValidation:rule="has(self.threadID) == has(oldSelf.threadID) && (!has(self.threadID) || self.threadID == oldSelf.threadID)",fieldPath=".threadID",message="threadID can be neither set, changed nor taken out after creation; delete the ChatThread (with deletionPolicy Retain to keep the thread) and create it anew"
type ChatThreadSpec struct {
	// connectionRef names the ChatConnection for all calls about the thread.
	// +optional
	// +kubebuilder:default={name: "default"}
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="connectionRef is immutable: a thread cannot move to another ACS resource"
	ConnectionRef ConnectionReference `json:"connectionRef,omitempty"`

	// topic of the thread, without blanks at its ends and without control characters.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=250
	// +kubebuilder:validation:Pattern=`^[^\p{Cc}\p{Z}]([^\p{Cc}]*[^\p{Cc}\p{Z}])?$`
	Topic string `json:"topic"`

	// participants are the members that are declared inline; ChatParticipants can declare others.
	// The service user is always a member and need not be declared.
	// +optional
	// +listType=map
	// +listMapKey=userID
	// +kubebuilder:validation:MaxItems=249
	Participants []Member `json:"participants,omitempty"`

	// membershipPolicy controls undeclared members: Exclusive removes all of them, Additive removes
	// only those that the operator added. Defaults to Exclusive, or to Additive if threadID is set.
	// +optional
	MembershipPolicy MembershipPolicy `json:"membershipPolicy,omitempty"`

	// threadID adopts this existing thread; none is created. A service user of the connection must
	// be a member of it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^[!-~]+$`
	// +kubebuilder:validation:XValidation:rule="self != '.' && self != '..'",message="threadID must be the id of a thread at ACS, such as 19:…@thread.v2"
	ThreadID string `json:"threadID,omitempty"`

	// metadata of the thread, at most 512 bytes of keys and values together. On a thread that the
	// operator created, all other keys are emptied; on an adopted thread, other keys stay
	// unchanged. Keys that begin with acsOperator are reserved for the operator. An empty value
	// counts as a missing key.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.startsWith('acsOperator'))",message="metadata keys must not begin with acsOperator: these belong to the operator"
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.size() > 0)",message="metadata keys must not be empty"
	// +kubebuilder:validation:XValidation:rule="self.map(k, bytes(k).size() + bytes(self[k]).size()).sum() <= 512",message="metadata must have at most 512 bytes, keys and values together"
	Metadata map[string]MetadataValue `json:"metadata,omitempty"`

	// retention deletes the thread at ACS a number of days after its creation.
	// +optional
	Retention *Retention `json:"retention,omitempty"`

	// deletionPolicy controls the thread at ACS when this resource is deleted. Defaults to Delete,
	// or to Retain if threadID is set.
	// +optional
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`

	// managementPolicy Observe reads and reports, and never writes to ACS.
	// +optional
	// +kubebuilder:default=Manage
	ManagementPolicy ManagementPolicy `json:"managementPolicy,omitempty"`

	// recreationPolicy controls the reaction to a thread that was deleted at ACS. Defaults to
	// Recreate, or to Never if retention or threadID is set. An explicit Recreate also applies to
	// an adopted thread; threadID then names only its first thread.
	// +optional
	RecreationPolicy RecreationPolicy `json:"recreationPolicy,omitempty"`

	// resyncInterval is the interval of checks for drift, with 10 % jitter. The minimum is 1m; more
	// than a year counts as a year. It is longer if the quota does not suffice for the number of
	// threads.
	// +optional
	// +kubebuilder:default="10m"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1m')",message="resyncInterval must be a duration such as 10m or 1h30m, at least 1m"
	ResyncInterval *metav1.Duration `json:"resyncInterval,omitempty"`
}

// MetadataValue is a value of thread metadata.
//
// +kubebuilder:validation:MaxLength=512
type MetadataValue string

// ConnectionReference names a ChatConnection.
type ConnectionReference struct {
	// name of the ChatConnection.
	// +optional
	// +kubebuilder:default=default
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Name string `json:"name,omitempty"`

	// namespace of the ChatConnection. Defaults to the namespace of this resource. The connection
	// must allow it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Namespace string `json:"namespace,omitempty"`
}

// MembershipPolicy controls undeclared members.
//
// +kubebuilder:validation:Enum=Exclusive;Additive
type MembershipPolicy string

const (
	// MembershipExclusive removes all undeclared members.
	MembershipExclusive MembershipPolicy = "Exclusive"
	// MembershipAdditive removes only members that the operator added and that are no longer
	// declared.
	MembershipAdditive MembershipPolicy = "Additive"
)

// Retention is a retention policy of kind threadCreationDate at ACS.
type Retention struct {
	// deleteAfterDays is the age of the thread in days at which ACS deletes it.
	// +required
	// +kubebuilder:validation:Minimum=30
	// +kubebuilder:validation:Maximum=90
	DeleteAfterDays int32 `json:"deleteAfterDays"`
}

// DeletionPolicy controls the thread at ACS when the resource is deleted.
//
// +kubebuilder:validation:Enum=Delete;Retain
type DeletionPolicy string

const (
	// DeletionDelete deletes the thread.
	DeletionDelete DeletionPolicy = "Delete"
	// DeletionRetain releases the thread; it stays at ACS.
	DeletionRetain DeletionPolicy = "Retain"
)

// ManagementPolicy controls whether the operator writes to ACS.
//
// +kubebuilder:validation:Enum=Manage;Observe
type ManagementPolicy string

const (
	// ManagementManage keeps the thread as declared.
	ManagementManage ManagementPolicy = "Manage"
	// ManagementObserve reads and reports only.
	ManagementObserve ManagementPolicy = "Observe"
)

// RecreationPolicy controls the reaction to a thread that was deleted at ACS without the operator.
//
// +kubebuilder:validation:Enum=Recreate;Never
type RecreationPolicy string

const (
	// RecreationRecreate creates the thread again, without its messages.
	RecreationRecreate RecreationPolicy = "Recreate"
	// RecreationNever reports ThreadGone.
	RecreationNever RecreationPolicy = "Never"
)

// ChatThreadStatus is the last observed state.
//
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.threadID) || (has(self.threadID) && self.threadID == oldSelf.threadID) || (has(self.incarnation) ? self.incarnation : 0) > (has(oldSelf.incarnation) ? oldSelf.incarnation : 0)",fieldPath=".threadID",message="threadID changes only when incarnation grows"
type ChatThreadStatus struct {
	// observedGeneration is the generation that the conditions refer to; -1 before the first
	// reconcile.
	// +optional
	// +kubebuilder:default=-1
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// threadID is the id of the thread at ACS.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	ThreadID string `json:"threadID,omitempty"`

	// createdOn is the time of the thread's creation at ACS.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Format=date-time
	// +kubebuilder:validation:MaxLength=35
	// +kubebuilder:validation:Pattern=`^(19[7-9][0-9]|2[0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$`
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z')",message="createdOn must be an RFC 3339 time"
	CreatedOn *metav1.Time `json:"createdOn,omitempty"`

	// serviceUser is the service user that acts for the thread.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	ServiceUser string `json:"serviceUser,omitempty"`

	// uid of the resource that this status was written for. It differs from metadata.uid after a
	// backup was restored with its status; the operator then searches for the thread as in a
	// rebuilt cluster.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	UID string `json:"uid,omitempty"`

	// incarnation counts the recreations of the thread after it was deleted at ACS.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Incarnation int64 `json:"incarnation,omitempty"`

	// incarnationSince is the time at which incarnation last grew: a thread of this incarnation is
	// not older.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Format=date-time
	// +kubebuilder:validation:MaxLength=35
	// +kubebuilder:validation:Pattern=`^(19[7-9][0-9]|2[0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$`
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z')",message="incarnationSince must be an RFC 3339 time"
	IncarnationSince *metav1.Time `json:"incarnationSince,omitempty"`

	// participants counts members, inline ones and ChatParticipants together.
	// +optional
	Participants *ParticipantCounts `json:"participants,omitempty"`

	// joined is the number of declared members that are in the thread, such as 9/10.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Joined string `json:"joined,omitempty"`

	// rejected lists inline participants that are not in the thread, at most 20 of them: ACS
	// refused them, they are named twice, the thread is full, or they are service users.
	// +optional
	// +listType=map
	// +listMapKey=userID
	// +kubebuilder:validation:MaxItems=20
	Rejected []RejectedParticipant `json:"rejected,omitempty"`

	// renewing lists members that are being removed and added again to change them, in their former
	// state. If a step fails, they still come back with their history.
	// +optional
	// +listType=map
	// +listMapKey=userID
	// +kubebuilder:validation:MaxItems=50
	Renewing []RenewingParticipant `json:"renewing,omitempty"`

	// lastHandledReconcileAt is the last handled value of the annotation reconcile-requested-at.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	LastHandledReconcileAt string `json:"lastHandledReconcileAt,omitempty"`

	// conditions are Ready, and Reconciling or Stalled while they are true.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:XValidation:rule="self.lastTransitionTime >= timestamp('0001-01-01T00:00:00Z')",fieldPath=".lastTransitionTime",message="lastTransitionTime must be an RFC 3339 time"
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// ParticipantCounts counts members, inline ones and ChatParticipants together.
type ParticipantCounts struct {
	// desired is the number of declared members; a member that is declared more than once counts
	// once.
	// +required
	Desired int32 `json:"desired"`
	// joined is the number of them in the thread.
	// +required
	Joined int32 `json:"joined"`
	// rejected is the number of them that are kept out, both inline ones and ChatParticipants;
	// status.rejected lists only inline ones.
	// +required
	Rejected int32 `json:"rejected"`
}

// RejectedParticipant is an inline participant that was refused.
type RejectedParticipant struct {
	// userID of the participant.
	// +required
	// +kubebuilder:validation:MaxLength=256
	UserID string `json:"userID"`
	// code of the refusal: ACS's, or Duplicate, TooManyParticipants or Rejected.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Code string `json:"code,omitempty"`
	// message of the refusal.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`
}

// RenewingParticipant is the state of a member before it was removed to be added again.
type RenewingParticipant struct {
	// userID of the member.
	// +required
	// +kubebuilder:validation:MaxLength=256
	UserID string `json:"userID"`
	// displayName of the member before the removal.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	DisplayName string `json:"displayName,omitempty"`
	// shareHistoryTime is the time from which on the member could read.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Format=date-time
	// +kubebuilder:validation:MaxLength=35
	// +kubebuilder:validation:Pattern=`^(19[7-9][0-9]|2[0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$`
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z')",message="shareHistoryTime must be an RFC 3339 time"
	ShareHistoryTime *metav1.Time `json:"shareHistoryTime,omitempty"`
	// stamp is the mark of the operator on the member.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Stamp string `json:"stamp,omitempty"`
}

// ChatThread declares a chat thread at Azure Communication Services.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:metadata:annotations="argocd.argoproj.io/sync-options=Delete=false,Prune=false"
// +kubebuilder:metadata:annotations="helm.sh/resource-policy=keep"
// +kubebuilder:metadata:annotations="kustomize.toolkit.fluxcd.io/prune=disabled"
// +kubebuilder:resource:shortName=cht,categories=acs-chat
// +kubebuilder:selectablefield:JSONPath=`.spec.connectionRef.name`
// +kubebuilder:selectablefield:JSONPath=`.spec.connectionRef.namespace`
// +kubebuilder:printcolumn:name="Topic",type=string,JSONPath=`.spec.topic`
// +kubebuilder:printcolumn:name="Joined",type=string,JSONPath=`.status.joined`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Thread-ID",type=string,JSONPath=`.status.threadID`,priority=1
// +kubebuilder:printcolumn:name="Service-User",type=string,JSONPath=`.status.serviceUser`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
type ChatThread struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec declares the thread.
	// +required
	Spec ChatThreadSpec `json:"spec"`

	// status is the last observed state.
	// +optional
	// +kubebuilder:default:={"observedGeneration":-1}
	Status ChatThreadStatus `json:"status,omitempty"`
}

// ChatThreadList is a list of ChatThreads.
//
// +kubebuilder:object:root=true
type ChatThreadList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ChatThread `json:"items"`
}
