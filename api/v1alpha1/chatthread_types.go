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
	// connectionRef names the ChatConnection through which the thread is kept.
	// +optional
	// +kubebuilder:default={name: "default"}
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="connectionRef is immutable: a thread cannot move to another ACS resource"
	ConnectionRef ConnectionReference `json:"connectionRef,omitempty"`

	// topic of the thread, without blanks at its ends or control characters.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=250
	// +kubebuilder:validation:Pattern=`^[^\p{Cc}\p{Z}]([^\p{Cc}]*[^\p{Cc}\p{Z}])?$`
	Topic string `json:"topic"`

	// participants are members that are declared in this place; others can be declared by
	// ChatParticipants. The service user is a member of its own accord.
	// +optional
	// +listType=map
	// +listMapKey=userID
	// +kubebuilder:validation:MaxItems=249
	Participants []Member `json:"participants,omitempty"`

	// membershipPolicy says what happens to members that nobody declares: with Exclusive they are
	// removed, with Additive only those that the operator added. Exclusive where it is left out,
	// Additive where threadID is set.
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
	// operator created it is the whole truth, and other keys are emptied; on an adopted thread other
	// keys are left alone. Keys that begin with acsOperator are the operator's. An empty value counts
	// as none.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.startsWith('acsOperator'))",message="metadata keys must not begin with acsOperator: these belong to the operator"
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.size() > 0)",message="metadata keys must not be empty"
	// +kubebuilder:validation:XValidation:rule="self.map(k, bytes(k).size() + bytes(self[k]).size()).sum() <= 512",message="metadata must have at most 512 bytes, keys and values together"
	Metadata map[string]MetadataValue `json:"metadata,omitempty"`

	// retention deletes the thread at ACS some time after it was created.
	// +optional
	Retention *Retention `json:"retention,omitempty"`

	// deletionPolicy says what happens to the thread at ACS when this resource is deleted. Delete
	// where it is left out, Retain where threadID is set.
	// +optional
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`

	// managementPolicy Observe reads and reports, and never writes to ACS.
	// +optional
	// +kubebuilder:default=Manage
	ManagementPolicy ManagementPolicy `json:"managementPolicy,omitempty"`

	// recreationPolicy says what happens when the thread was deleted at ACS. Recreate where it is
	// left out, Never where retention or threadID is set. With an explicit Recreate an adopted thread
	// is recreated too; threadID then says where it began.
	// +optional
	RecreationPolicy RecreationPolicy `json:"recreationPolicy,omitempty"`

	// resyncInterval is how often drift is looked for, with 10 % jitter; at least 1m, and at most a year
	// counts. With more threads than the quota lets be read, it is longer.
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

	// namespace of the ChatConnection, where it is not this one. The connection must allow it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Namespace string `json:"namespace,omitempty"`
}

// MembershipPolicy says what happens to members that nobody declares.
//
// +kubebuilder:validation:Enum=Exclusive;Additive
type MembershipPolicy string

const (
	// MembershipExclusive removes members that nobody declares.
	MembershipExclusive MembershipPolicy = "Exclusive"
	// MembershipAdditive removes only members that the operator added and nobody declares any more.
	MembershipAdditive MembershipPolicy = "Additive"
)

// Retention is a retention policy of kind threadCreationDate at ACS.
type Retention struct {
	// deleteAfterDays is how many days after its creation ACS deletes the thread.
	// +required
	// +kubebuilder:validation:Minimum=30
	// +kubebuilder:validation:Maximum=90
	DeleteAfterDays int32 `json:"deleteAfterDays"`
}

// DeletionPolicy says what happens at ACS when the resource is deleted.
//
// +kubebuilder:validation:Enum=Delete;Retain
type DeletionPolicy string

const (
	// DeletionDelete deletes the thread.
	DeletionDelete DeletionPolicy = "Delete"
	// DeletionRetain lets the thread go; it stays at ACS.
	DeletionRetain DeletionPolicy = "Retain"
)

// ManagementPolicy says whether the operator writes to ACS.
//
// +kubebuilder:validation:Enum=Manage;Observe
type ManagementPolicy string

const (
	// ManagementManage keeps the thread as declared.
	ManagementManage ManagementPolicy = "Manage"
	// ManagementObserve reads and reports only.
	ManagementObserve ManagementPolicy = "Observe"
)

// RecreationPolicy says what happens when the thread was deleted behind the operator's back.
//
// +kubebuilder:validation:Enum=Recreate;Never
type RecreationPolicy string

const (
	// RecreationRecreate creates the thread anew, without its messages.
	RecreationRecreate RecreationPolicy = "Recreate"
	// RecreationNever reports ThreadGone.
	RecreationNever RecreationPolicy = "Never"
)

// ChatThreadStatus is what the operator last saw.
//
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.threadID) || (has(self.threadID) && self.threadID == oldSelf.threadID) || (has(self.incarnation) ? self.incarnation : 0) > (has(oldSelf.incarnation) ? oldSelf.incarnation : 0)",fieldPath=".threadID",message="threadID changes only when incarnation grows"
type ChatThreadStatus struct {
	// observedGeneration is the generation that the conditions speak of; -1 before the first pass.
	// +optional
	// +kubebuilder:default=-1
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// threadID is the id of the thread at ACS.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	ThreadID string `json:"threadID,omitempty"`

	// createdOn is when the thread was created at ACS.
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

	// uid of the resource that this status was written for. After a backup was restored with its
	// status it differs from metadata.uid, and the thread is looked for as in a rebuilt cluster.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	UID string `json:"uid,omitempty"`

	// incarnation counts how often the thread was created anew after it had been deleted at ACS.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Incarnation int64 `json:"incarnation,omitempty"`

	// incarnationSince is when incarnation last grew: a thread of this incarnation is not older.
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

	// joined shows how many of the declared members are in the thread, such as 9/10.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Joined string `json:"joined,omitempty"`

	// rejected lists inline participants that are not in the thread, at most 20 of them: ACS refused them, they are
	// named twice, there is no room, or they are service users.
	// +optional
	// +listType=map
	// +listMapKey=userID
	// +kubebuilder:validation:MaxItems=20
	Rejected []RejectedParticipant `json:"rejected,omitempty"`

	// renewing lists members that are taken out of the thread and put back to change how they are
	// declared, as they were before: whatever fails in between, they come back with their history.
	// +optional
	// +listType=map
	// +listMapKey=userID
	// +kubebuilder:validation:MaxItems=50
	Renewing []RenewingParticipant `json:"renewing,omitempty"`

	// lastHandledReconcileAt is the last value of the annotation reconcile-requested-at that was
	// acted upon.
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
	// desired is how many members are declared; who is declared more than once counts once.
	// +required
	Desired int32 `json:"desired"`
	// joined is how many of them are in the thread.
	// +required
	Joined int32 `json:"joined"`
	// rejected is how many of them are kept out, inline ones and ChatParticipants; status.rejected lists inline ones.
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

// RenewingParticipant is a member as it stood in the thread before it was taken out to be put back.
type RenewingParticipant struct {
	// userID of the member.
	// +required
	// +kubebuilder:validation:MaxLength=256
	UserID string `json:"userID"`
	// displayName that the member had.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	DisplayName string `json:"displayName,omitempty"`
	// shareHistoryTime is since when the member could read.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Format=date-time
	// +kubebuilder:validation:MaxLength=35
	// +kubebuilder:validation:Pattern=`^(19[7-9][0-9]|2[0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$`
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z')",message="shareHistoryTime must be an RFC 3339 time"
	ShareHistoryTime *metav1.Time `json:"shareHistoryTime,omitempty"`
	// stamp is the operator's mark that the member carried.
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

	// status is what the operator last saw.
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
