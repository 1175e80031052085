// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"context"
	"fmt"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/apimachinery/pkg/util/wait"
	coordinationv1client "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// newestVersion is the newest resource version in the answers of the API server. Reads of the
// latest state and writes never return an older one, unless etcd was restored from a backup. A
// watch that continues at a version which the server no longer has shows nothing until the server
// reaches that version again, and no error.
type newestVersion struct {
	restored func(error)

	mu      sync.Mutex
	version string
}

func (n *newestVersion) note(version string) {
	n.mu.Lock()
	former := n.version
	n.version = version
	n.mu.Unlock()
	if former == "" {
		return
	}
	if order, err := resourceversion.CompareResourceVersion(version, former); err == nil && order < 0 {
		n.restored(fmt.Errorf("the Kubernetes API server went back from resource version %s to %s, as after a restore from a backup: "+
			"the operator must start again to see what it holds", former, version))
	}
}

func (n *newestVersion) noteLease(lease *coordinationv1.Lease, err error) (*coordinationv1.Lease, error) {
	if err == nil {
		n.note(lease.ResourceVersion)
	}
	return lease, err
}

// versionInterval is the time between two reads of the version by an operator without leader
// election. With leader election, the lease has the version.
const versionInterval = 10 * time.Second

// NewVersionCheck returns a runnable that calls restored if the API server answers with an older
// state than before. It is for an operator without leader election; with it, NewLock does the same.
func NewVersionCheck(api client.Reader, watchNamespaces []string, restored func(error)) manager.Runnable {
	namespace := ""
	if len(watchNamespaces) > 0 {
		namespace = watchNamespaces[0]
	}
	newest := &newestVersion{restored: restored}
	return manager.RunnableFunc(func(ctx context.Context) error {
		wait.UntilWithContext(ctx, func(ctx context.Context) {
			list := &metav1.PartialObjectMetadataList{}
			list.SetGroupVersionKind(chatv1alpha1.GroupVersion.WithKind("ChatConnectionList"))
			// The controllers report an API server that does not answer.
			if err := api.List(ctx, list, client.InNamespace(namespace), client.Limit(1)); err == nil {
				newest.note(list.ResourceVersion)
			}
		}, versionInterval)
		return nil
	})
}

// versionedLeases notes the resource versions of the leases that are read and written.
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
	return c.newest.noteLease(c.LeaseInterface.Get(ctx, name, options))
}

func (c versionedLease) Create(ctx context.Context, lease *coordinationv1.Lease, options metav1.CreateOptions) (*coordinationv1.Lease, error) {
	return c.newest.noteLease(c.LeaseInterface.Create(ctx, lease, options))
}

func (c versionedLease) Update(ctx context.Context, lease *coordinationv1.Lease, options metav1.UpdateOptions) (*coordinationv1.Lease, error) {
	return c.newest.noteLease(c.LeaseInterface.Update(ctx, lease, options))
}
