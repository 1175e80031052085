// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// UserID is the raw id of a member as ACS writes it: 8:acs:… for a user of an ACS resource,
// 8:orgid:… for a Microsoft Teams user, 28:orgid:… for a Teams app, 4:+… for a phone number, and
// their forms in sovereign clouds. Ids are compared without regard to case. ACS checks whether the
// user exists and may join.
//
// +kubebuilder:validation:MinLength=4
// +kubebuilder:validation:MaxLength=256
// +kubebuilder:validation:Pattern=`^(8:(acs|dod-acs|gcch-acs|spool|orgid|dod|gcch|teamsvisitor):[0-9A-Za-z_.=-]+|28:(orgid|dod|gcch):[0-9A-Za-z_.=-]+|4:\+[0-9]+(_[0-9A-Za-z_.=-]+)?)$`
type UserID string

// ShareHistory selects the part of the history from before it joined that a member can read.
//
// +kubebuilder:validation:Enum=All;SinceJoin;SinceTime
type ShareHistory string

const (
	// ShareHistoryAll shares the whole history.
	ShareHistoryAll ShareHistory = "All"
	// ShareHistorySinceJoin shares the messages after the member was added.
	ShareHistorySinceJoin ShareHistory = "SinceJoin"
	// ShareHistorySinceTime shares the messages since shareHistoryTime.
	ShareHistorySinceTime ShareHistory = "SinceTime"
)

// IsKnown reports whether this version of the code knows the value.
func (h ShareHistory) IsKnown() bool {
	return isOneOf(h, "", ShareHistoryAll, ShareHistorySinceJoin, ShareHistorySinceTime)
}

// Member is an inline member of a thread. It has no defaults: if an API server adds fields to the
// items of a list, tools that compare lists as a whole always see a difference.
//
// +kubebuilder:validation:XValidation:rule="(has(self.shareHistory) && self.shareHistory == 'SinceTime') == has(self.shareHistoryTime)",message="shareHistoryTime is required with shareHistory SinceTime and forbidden otherwise"
type Member struct {
	// userID is the raw id of the member at ACS.
	// +required
	UserID UserID `json:"userID"`

	// displayName is the name of the member in the thread. ACS cannot change it: a new name removes
	// the member and adds it again.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	DisplayName string `json:"displayName,omitempty"`

	// shareHistory selects the part of the earlier history that the member can read. Defaults to
	// All.
	// +optional
	ShareHistory ShareHistory `json:"shareHistory,omitempty"`

	// A field that is a time has a rule that compares it, so that the API server parses it. Format
	// date-time alone accepts lists, and lower-case t and z, which do not decode as metav1.Time.

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

// LabelSelector selects namespaces by their labels. It has size limits, and is otherwise the
// selector of Kubernetes.
type LabelSelector struct {
	// matchLabels holds labels that must all be present with these values.
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.size() <= 317 && k.indexOf('/') <= 253 && k.matches('^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$') && self[k].matches('^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$'))",message="matchLabels must hold valid label keys and values"
	MatchLabels map[string]LabelValue `json:"matchLabels,omitempty"`

	// matchExpressions holds requirements that must all be met.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	MatchExpressions []LabelSelectorRequirement `json:"matchExpressions,omitempty"`
}

// LabelValue is the value of a label.
//
// +kubebuilder:validation:MaxLength=63
type LabelValue string

// LabelSelectorRequirement is one requirement on the labels of a namespace.
//
// +kubebuilder:validation:XValidation:rule="self.operator in ['In', 'NotIn'] ? (has(self.values) && self.values.size() > 0) : (!has(self.values) || self.values.size() == 0)",message="values are required with In and NotIn, and forbidden with Exists and DoesNotExist"
type LabelSelectorRequirement struct {
	// key is the label.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=317
	// +kubebuilder:validation:Pattern=`^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`
	// +kubebuilder:validation:XValidation:rule="self.indexOf('/') <= 253",message="key must have a prefix of at most 253 characters"
	Key string `json:"key"`

	// operator relates the label to the values.
	// +required
	// +kubebuilder:validation:Enum=In;NotIn;Exists;DoesNotExist
	Operator metav1.LabelSelectorOperator `json:"operator"`

	// values to compare with.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:Pattern=`^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$`
	Values []LabelValue `json:"values,omitempty"`
}
