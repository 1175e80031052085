// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 contains the kinds that declare Azure Communication Services (ACS) chat threads:
// ChatConnection, ChatThread and ChatParticipant.
//
// +kubebuilder:object:generate=true
// +groupName=chat.acs-operator.io
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var (
	// GroupVersion is the group and version of the kinds in this package.
	GroupVersion = schema.GroupVersion{Group: "chat.acs-operator.io", Version: "v1alpha1"}

	// SchemeBuilder registers the kinds with a scheme.
	SchemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)

	// AddToScheme adds the kinds to a scheme.
	AddToScheme = SchemeBuilder.AddToScheme
)

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&ChatConnection{}, &ChatConnectionList{},
		&ChatThread{}, &ChatThreadList{},
		&ChatParticipant{}, &ChatParticipantList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
