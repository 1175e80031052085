// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"sync"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	coordinationv1client "k8s.io/client-go/kubernetes/typed/coordination/v1"
)

// newestVersion is the newest resource version that the API server answered with. Reads of the latest state and writes
// never give an older one, unless etcd was restored from a backup. A watch that goes on at a version which the server
// does not have any more shows nothing until it has as many again, and no error.
type newestVersion struct {
	restored func(error)

	mu      sync.Mutex
	version string
}

func (n *newestVersion) note(lease *coordinationv1.Lease, err error) (*coordinationv1.Lease, error) {
	if err != nil {
		return lease, err
	}
	n.mu.Lock()
	former := n.version
	n.version = lease.ResourceVersion
	n.mu.Unlock()
	if former == "" {
		return lease, nil
	}
	if order, err := resourceversion.CompareResourceVersion(lease.ResourceVersion, former); err == nil && order < 0 {
		n.restored(fmt.Errorf("the Kubernetes API server went back from resource version %s to %s, as after a restore from a backup: "+
			"the operator must start again to see what it holds", former, lease.ResourceVersion))
	}
	return lease, nil
}

// versionedLeases note the resource versions of the leases that they read and write.
type versionedLeases struct {
	coordinationv1client.LeasesGetter
	newest *newestVersion
}

func (c versionedLeases) Leases(namespace string) coordinationv1client.LeaseInterface {
	return versionedLease{c.LeasesGetter.Leases(namespace), c.newest}
}

type versionedLease struct {
	coordinationv1client.LeaseInterface
	newest *newestVersion
}

func (c versionedLease) Get(ctx context.Context, name string, options metav1.GetOptions) (*coordinationv1.Lease, error) {
	return c.newest.note(c.LeaseInterface.Get(ctx, name, options))
}

func (c versionedLease) Create(ctx context.Context, lease *coordinationv1.Lease, options metav1.CreateOptions) (*coordinationv1.Lease, error) {
	return c.newest.note(c.LeaseInterface.Create(ctx, lease, options))
}

func (c versionedLease) Update(ctx context.Context, lease *coordinationv1.Lease, options metav1.UpdateOptions) (*coordinationv1.Lease, error) {
	return c.newest.note(c.LeaseInterface.Update(ctx, lease, options))
}
