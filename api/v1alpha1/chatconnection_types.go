// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ChatConnectionSpec defines the access to one ACS resource, and the users that act there.
//
// +kubebuilder:validation:XValidation:rule="has(self.connectionStringSecretRef) != has(self.entra)",message="exactly one of connectionStringSecretRef and entra must be set"
type ChatConnectionSpec struct {
	// connectionStringSecretRef names the Secret, in the namespace of the connection, that holds
	// the connection string of the ACS resource.
	// +optional
	ConnectionStringSecretRef *SecretKeyReference `json:"connectionStringSecretRef,omitempty"`

	// entra uses the operator's own workload identity instead of a connection string. It is allowed
	// only in the namespaces of the operator's flag --entra-namespaces.
	// +optional
	Entra *EntraIdentity `json:"entra,omitempty"`

	// serviceUsers are the ACS users that act for this connection: they create its threads and are
	// members of them.
	// +optional
	ServiceUsers *ServiceUsers `json:"serviceUsers,omitempty"`

	// allowedNamespaces selects the namespaces whose ChatThreads may name this connection.
	// +optional
	// +kubebuilder:default={from: "Same"}
	AllowedNamespaces *AllowedNamespaces `json:"allowedNamespaces,omitempty"`

	// maxDeletions limits deletions at ACS: when more threads of this connection are to be deleted
	// within a time, the others wait until the annotation confirm-deletions of the connection gets
	// a new value. There is no limit if it is not set.
	// +optional
	MaxDeletions *MaxDeletions `json:"maxDeletions,omitempty"`

	// quotas override the documented limits of ACS.
	// +optional
	Quotas *Quotas `json:"quotas,omitempty"`
}

// MaxDeletions is the number of threads that may be deleted at ACS within a time without
// confirmation.
type MaxDeletions struct {
	// count is the number of threads that may be deleted; with 0 each deletion waits for
	// confirmation.
	// +required
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	Count int32 `json:"count"`

	// per is the period in which deletions are counted, at least 1s.
	// +optional
	// +kubebuilder:default="1h"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s')",message="per must be a duration such as 10m or 1h, at least 1s"
	Per *metav1.Duration `json:"per,omitempty"`
}

// SecretKeyReference names a key of a Secret in the same namespace.
type SecretKeyReference struct {
	// name of the Secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Name string `json:"name"`

	// key in the Secret that holds the connection string.
	// +optional
	// +kubebuilder:default=connectionString
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9]+$`
	Key string `json:"key,omitempty"`
}

// EntraIdentity accesses an ACS resource with Microsoft Entra workload identity.
type EntraIdentity struct {
	// endpoint of the ACS resource, such as https://contoso.communication.azure.com.
	// +required
	// +kubebuilder:validation:MinLength=9
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^https://[^\s/?#@]+/?$`
	Endpoint string `json:"endpoint"`

	// clientID of the managed identity or app registration. Defaults to the operator's own.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[0-9A-Za-z-]+$`
	ClientID string `json:"clientID,omitempty"`

	// tenantID of that identity. Defaults to the operator's own.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:Pattern=`^[0-9A-Za-z.-]+$`
	TenantID string `json:"tenantID,omitempty"`
}

// ServiceUsers are the ACS users that act for a connection.
type ServiceUsers struct {
	// count is the number of service users that create threads. The quotas of ACS are per user:
	// more users can create more threads per minute.
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=32
	Count *int32 `json:"count,omitempty"`

	// ids fixes the service users: new threads use only these, and none are created. A rebuilt
	// cluster with the same ids finds its threads again.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	IDs []ServiceUserID `json:"ids,omitempty"`

	// displayName is the name of the service users in the threads that they create. They have no
	// name if it is not set.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	DisplayName string `json:"displayName,omitempty"`
}

// ServiceUserID is the raw id of a user of the ACS resource.
//
// +kubebuilder:validation:MinLength=7
// +kubebuilder:validation:MaxLength=256
// +kubebuilder:validation:Pattern=`^8:(acs|dod-acs|gcch-acs):[0-9A-Za-z_.=-]+$`
type ServiceUserID string

// NamespacesFrom selects the namespaces of ChatThreads that may name a connection.
//
// +kubebuilder:validation:Enum=Same;All;Selector
type NamespacesFrom string

const (
	// NamespacesFromSame allows only the connection's own namespace.
	NamespacesFromSame NamespacesFrom = "Same"
	// NamespacesFromAll allows every namespace.
	NamespacesFromAll NamespacesFrom = "All"
	// NamespacesFromSelector allows the namespaces that the selector selects.
	NamespacesFromSelector NamespacesFrom = "Selector"
)

// AllowedNamespaces selects the namespaces that may use a connection.
//
// +kubebuilder:validation:XValidation:rule="(has(self.from) && self.from == 'Selector') == has(self.selector)",message="selector is required with from Selector and forbidden otherwise"
type AllowedNamespaces struct {
	// from selects the namespaces of ChatThreads that may name this connection.
	// +optional
	// +kubebuilder:default=Same
	From NamespacesFrom `json:"from,omitempty"`

	// selector selects namespaces by their labels, if from is Selector. An empty selector selects
	// all.
	// +optional
	Selector *LabelSelector `json:"selector,omitempty"`
}

// Quotas are limits on calls that override the documented ones of ACS.
type Quotas struct {
	// createThread limits creations, per service user.
	// +optional
	CreateThread *Quota `json:"createThread,omitempty"`
	// deleteThread limits deletions, per service user.
	// +optional
	DeleteThread *Quota `json:"deleteThread,omitempty"`
	// updateThread limits changes of topic, metadata and retention, per thread.
	// +optional
	UpdateThread *Quota `json:"updateThread,omitempty"`
	// changeMembers limits additions and removals together, per thread.
	// +optional
	ChangeMembers *Quota `json:"changeMembers,omitempty"`
	// readThread limits reads and lists of threads together, per service user.
	// +optional
	ReadThread *Quota `json:"readThread,omitempty"`
	// listMembers limits lists of members, per service user and thread.
	// +optional
	ListMembers *Quota `json:"listMembers,omitempty"`
}

// Quota is a number of calls per sliding window.
type Quota struct {
	// per10s is the number of calls in any 10 seconds.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	Per10s int32 `json:"per10s"`
	// perMinute is the number of calls in any minute. There is no such limit if it is not set.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	PerMinute *int32 `json:"perMinute,omitempty"`
}

// ChatConnectionStatus is the last observed state.
type ChatConnectionStatus struct {
	// observedGeneration is the generation that the conditions refer to; -1 before the first
	// reconcile.
	// +optional
	// +kubebuilder:default=-1
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// endpoint of the ACS resource.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Endpoint string `json:"endpoint,omitempty"`

	// serviceUsers are the ids of all service users of this connection.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=256
	ServiceUsers []ServiceUserID `json:"serviceUsers,omitempty"`

	// lastHandledReconcileAt is the last handled value of the annotation reconcile-requested-at.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	LastHandledReconcileAt string `json:"lastHandledReconcileAt,omitempty"`

	// confirmedDeletions is the last handled value of the annotation confirm-deletions.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	ConfirmedDeletions string `json:"confirmedDeletions,omitempty"`

	// deletionsConfirmedAt is the time of that confirmation: spec.maxDeletions no longer blocks
	// threads that were deleted in Kubernetes before it.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Format=date-time
	// +kubebuilder:validation:MaxLength=35
	// +kubebuilder:validation:Pattern=`^(19[7-9][0-9]|2[0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$`
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z')",message="deletionsConfirmedAt must be an RFC 3339 time"
	DeletionsConfirmedAt *metav1.Time `json:"deletionsConfirmedAt,omitempty"`

	// conditions are Ready, and Reconciling or Stalled while they are true.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:XValidation:rule="self.lastTransitionTime >= timestamp('0001-01-01T00:00:00Z')",fieldPath=".lastTransitionTime",message="lastTransitionTime must be an RFC 3339 time"
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// ChatConnection defines the access to one Azure Communication Services resource, and the users
// that act there.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:metadata:annotations="argocd.argoproj.io/sync-options=Delete=false,Prune=false"
// +kubebuilder:metadata:annotations="helm.sh/resource-policy=keep"
// +kubebuilder:metadata:annotations="kustomize.toolkit.fluxcd.io/prune=disabled"
// +kubebuilder:resource:shortName=chconn,categories=acs-chat
// +kubebuilder:printcolumn:name="Endpoint",type=string,JSONPath=`.status.endpoint`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Service-Users",type=string,JSONPath=`.status.serviceUsers`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
type ChatConnection struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec defines the access to the ACS resource.
	// +required
	Spec ChatConnectionSpec `json:"spec"`

	// status is the last observed state.
	// +optional
	// +kubebuilder:default:={"observedGeneration":-1}
	Status ChatConnectionStatus `json:"status,omitempty"`
}

// ChatConnectionList is a list of ChatConnections.
//
// +kubebuilder:object:root=true
type ChatConnectionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ChatConnection `json:"items"`
}

// GetConditions returns the conditions.
func (c *ChatConnection) GetConditions() []metav1.Condition { return c.Status.Conditions }

// SetConditions replaces the conditions.
func (c *ChatConnection) SetConditions(conditions []metav1.Condition) {
	c.Status.Conditions = conditions
}
