// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// Resources whose CRDs are deleted during an uninstall.
const (
	threadsResource      = "chatthreads"
	participantsResource = "chatparticipants"
)

// withdrawalLag is how long an API server may still describe a kind as before, after an API server
// began to delete the objects of the kind. One does both in milliseconds; others learn of it later.
const withdrawalLag = 5 * time.Second

// kinds tells whether the API server deletes all objects of a kind, without a request for each of
// them: an uninstall must not delete their threads and members.
type kinds struct {
	reader client.Reader
	// discovery replaces the read of a CRD, which no Role can permit. Each account may use it.
	discovery discovery.ServerResourcesInterfaceWithContext
}

// +kubebuilder:rbac:groups=apiextensions.k8s.io,resources=customresourcedefinitions,resourceNames=chatthreads.chat.acs-operator.io;chatparticipants.chat.acs-operator.io,verbs=get

// lag returns how long to wait before isUninstalled tells the truth about a deletion that this
// process first saw at a time. The clocks of machines differ, so the time of the deletion does not
// count.
func (k kinds) lag(seen time.Time) time.Duration {
	if k.discovery == nil {
		return 0
	}
	return max(0, withdrawalLag-time.Since(seen))
}

// isUninstalled reports whether the CRD of a resource is being deleted or does not exist.
func (k kinds) isUninstalled(ctx context.Context, resource string) (bool, error) {
	if k.discovery != nil {
		return k.isWithdrawn(ctx, resource)
	}
	crd := &metav1.PartialObjectMetadata{}
	crd.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"})
	err := k.reader.Get(ctx, types.NamespacedName{Name: resource + "." + chatv1alpha1.GroupVersion.Group}, crd)
	if apierrors.IsNotFound(err) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("get CustomResourceDefinition: %w", err)
	}
	return !crd.DeletionTimestamp.IsZero(), nil
}

// isWithdrawn reports whether the API server serves a resource no more, or creates no more objects
// of it, as while its CRD is being deleted.
func (k kinds) isWithdrawn(ctx context.Context, resource string) (bool, error) {
	served, err := k.discovery.ServerResourcesForGroupVersionWithContext(ctx, chatv1alpha1.GroupVersion.String())
	if apierrors.IsNotFound(err) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("discover the kinds of %s: %w", chatv1alpha1.GroupVersion, err)
	}
	i := slices.IndexFunc(served.APIResources, func(r metav1.APIResource) bool { return r.Name == resource })
	return i < 0 || !slices.Contains(served.APIResources[i].Verbs, "create"), nil
}

// lagMessage tells why a deletion or a removal waits.
const lagMessage = "With --namespaced, the operator waits 5 s to learn whether it is being uninstalled."
