// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package uninstall tells whether the operator is being uninstalled. The API server then deletes
// all objects of a kind, without a request for each of them, and that must not delete their threads
// and members.
//
// It decides nothing about an object, and remembers nothing.
package uninstall

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
	connections  = "chatconnections"
	Threads      = "chatthreads"
	Participants = "chatparticipants"
)

// LagMessage is the message of a deletion or a removal that waits for Lag.
const LagMessage = "With --namespaced, the operator waits 5 s to learn whether it is being uninstalled."

// withdrawalLag is how long an API server may still describe a kind as before, after an API server
// began to delete the objects of the kind. One does both in milliseconds; others learn of it later.
const withdrawalLag = 5 * time.Second

// Detector asks the API server.
type Detector struct {
	// Reader reads CRDs from the API server.
	Reader client.Reader
	// Discovery replaces the read of a CRD, which no Role can permit. Each account may use it. It is
	// nil if the operator may read CRDs.
	Discovery discovery.ServerResourcesInterfaceWithContext
}

// +kubebuilder:rbac:groups=apiextensions.k8s.io,resources=customresourcedefinitions,resourceNames=chatthreads.chat.acs-operator.io;chatparticipants.chat.acs-operator.io,verbs=get

// Lag returns how long to wait before IsUninstalled tells the truth about a deletion that this
// process first saw at a time. The clocks of machines differ, so the time of the deletion does not
// count.
func (d Detector) Lag(seen time.Time) time.Duration {
	if d.Discovery == nil {
		return 0
	}
	return max(0, withdrawalLag-time.Since(seen))
}

// IsUninstalled reports whether the CRD of a resource is being deleted or does not exist.
func (d Detector) IsUninstalled(ctx context.Context, resource string) (bool, error) {
	if d.Discovery != nil {
		return d.isWithdrawn(ctx, resource)
	}
	crd, err := d.definition(ctx, resource)
	return err == nil && (crd == nil || !crd.DeletionTimestamp.IsZero()), err
}

// definition returns the CRD of a resource; nil if there is none.
func (d Detector) definition(ctx context.Context, resource string) (*metav1.PartialObjectMetadata, error) {
	crd := &metav1.PartialObjectMetadata{}
	crd.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"})
	err := d.Reader.Get(ctx, types.NamespacedName{Name: resource + "." + chatv1alpha1.GroupVersion.Group}, crd)
	if apierrors.IsNotFound(err) {
		return nil, nil //nolint:nilnil // no CRD is an ordinary state
	}
	if err != nil {
		return nil, fmt.Errorf("get CustomResourceDefinition: %w", err)
	}
	return crd, nil
}

// AreThreadsGone reports whether the kind ChatThread exists no more, and so no object of it, while
// there still is a ChatConnection.
func (d Detector) AreThreadsGone(ctx context.Context) (bool, error) {
	if d.Discovery != nil {
		served, err := d.served(ctx)
		// An API server that just started may describe nothing yet.
		return err == nil && verbsOf(served, connections) != nil && verbsOf(served, Threads) == nil, err
	}
	crd, err := d.definition(ctx, Threads)
	return err == nil && crd == nil, err
}

// isWithdrawn reports whether the API server serves a resource no more, or creates no more objects
// of it, as while its CRD is being deleted.
func (d Detector) isWithdrawn(ctx context.Context, resource string) (bool, error) {
	served, err := d.served(ctx)
	return err == nil && !slices.Contains(verbsOf(served, resource), "create"), err
}

// served returns the resources of the operator that the API server serves.
func (d Detector) served(ctx context.Context) ([]metav1.APIResource, error) {
	served, err := d.Discovery.ServerResourcesForGroupVersionWithContext(ctx, chatv1alpha1.GroupVersion.String())
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("discover the kinds of %s: %w", chatv1alpha1.GroupVersion, err)
	}
	return served.APIResources, nil
}

// verbsOf returns the verbs of a resource; nil if it is not served.
func verbsOf(served []metav1.APIResource, resource string) []string {
	i := slices.IndexFunc(served, func(r metav1.APIResource) bool { return r.Name == resource })
	if i < 0 {
		return nil
	}
	return served[i].Verbs
}
