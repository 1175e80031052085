// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ChatParticipantSpec declares one member of a thread.
//
// +kubebuilder:validation:XValidation:rule="(has(self.shareHistory) && self.shareHistory == 'SinceTime') == has(self.shareHistoryTime)",message="shareHistoryTime is required with shareHistory SinceTime and forbidden otherwise"
// +kubebuilder:validation:XValidation:rule="self.userID == oldSelf.userID",fieldPath=".userID",message="userID is immutable: delete the ChatParticipant and create another"
type ChatParticipantSpec struct {
	// threadRef names the ChatThread, in the same namespace.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="threadRef is immutable: delete the ChatParticipant and create another"
	ThreadRef ThreadReference `json:"threadRef"`

	// userID is the raw id of the member at ACS.
	// +required
	UserID UserID `json:"userID"`

	// displayName is the name of the member in the thread. ACS cannot change it: a new name removes
	// the member and adds it again.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	DisplayName string `json:"displayName,omitempty"`

	// shareHistory selects the part of the earlier history that the member can read.
	// +optional
	// +kubebuilder:default=All
	ShareHistory ShareHistory `json:"shareHistory,omitempty"`

	// shareHistoryTime is the time from which on the member can read, if shareHistory is SinceTime.
	// ACS stores whole seconds.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Format=date-time
	// +kubebuilder:validation:MaxLength=35
	// +kubebuilder:validation:Pattern=`^(19[7-9][0-9]|2[0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$`
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z')",message="shareHistoryTime must be an RFC 3339 time"
	ShareHistoryTime *metav1.Time `json:"shareHistoryTime,omitempty"`
}

// Member returns the declared member in the form of an inline member.
func (s *ChatParticipantSpec) Member() Member {
	return Member{UserID: s.UserID, DisplayName: s.DisplayName, ShareHistory: s.ShareHistory, ShareHistoryTime: s.ShareHistoryTime}
}

// ThreadReference names a ChatThread in the same namespace.
type ThreadReference struct {
	// name of the ChatThread.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Name string `json:"name"`
}

// ChatParticipantStatus is the last observed state.
type ChatParticipantStatus struct {
	// observedGeneration is the generation that the conditions refer to; -1 before the first
	// reconcile.
	// +optional
	// +kubebuilder:default=-1
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// threadID is the id at ACS of the thread that the conditions refer to.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	ThreadID string `json:"threadID,omitempty"`

	// conditions are Ready, and Reconciling or Stalled while they are true.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:XValidation:rule="self.lastTransitionTime >= timestamp('0001-01-01T00:00:00Z')",fieldPath=".lastTransitionTime",message="lastTransitionTime must be an RFC 3339 time"
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// ChatParticipant declares one member of a chat thread, separately from the thread.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:metadata:annotations="argocd.argoproj.io/sync-options=Delete=false,Prune=false"
// +kubebuilder:metadata:annotations="helm.sh/resource-policy=keep"
// +kubebuilder:metadata:annotations="kustomize.toolkit.fluxcd.io/prune=disabled"
// +kubebuilder:resource:shortName=chp,categories=acs-chat
// +kubebuilder:selectablefield:JSONPath=`.spec.threadRef.name`
// +kubebuilder:printcolumn:name="Thread",type=string,JSONPath=`.spec.threadRef.name`
// +kubebuilder:printcolumn:name="User",type=string,JSONPath=`.spec.userID`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
type ChatParticipant struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec declares the member.
	// +required
	Spec ChatParticipantSpec `json:"spec"`

	// status is the last observed state.
	// +optional
	// +kubebuilder:default:={"observedGeneration":-1}
	Status ChatParticipantStatus `json:"status,omitempty"`
}

// ChatParticipantList is a list of ChatParticipants.
//
// +kubebuilder:object:root=true
type ChatParticipantList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ChatParticipant `json:"items"`
}

// GetConditions returns the conditions.
func (p *ChatParticipant) GetConditions() []metav1.Condition { return p.Status.Conditions }

// SetConditions replaces the conditions.
func (p *ChatParticipant) SetConditions(conditions []metav1.Condition) {
	p.Status.Conditions = conditions
}
