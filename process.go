// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"

	"github.com/acs-operator/acs-chat-operator/controllers"
	"github.com/acs-operator/acs-chat-operator/controllers/lease"
	"github.com/acs-operator/acs-chat-operator/controllers/shards"
	"github.com/acs-operator/acs-chat-operator/controllers/tracing"
)

const (
	// gracefulLimit is the time for work in progress to finish, slightly longer than the manager's
	// own limit.
	gracefulLimit = 32 * time.Second
	// unsyncedLimit is the time to stop a manager whose caches never synced: there is no work in
	// progress.
	unsyncedLimit = 3 * time.Second
)

// start runs the manager until it ends. It does not wait for ever: a manager whose caches cannot
// sync, because a permission or the API server is missing, does not end by itself.
func start(ctx context.Context, mgr ctrl.Manager) error {
	synced, done := make(chan struct{}), make(chan error, 1)
	go func() {
		if mgr.GetCache().WaitForCacheSync(ctx) {
			close(synced)
		}
	}()
	go func() { done <- mgr.Start(ctx) }()
	go keepMemory(ctx)
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	limit := unsyncedLimit
	select {
	case <-synced:
		limit = gracefulLimit
	default:
	}
	select {
	case err := <-done:
		return err
	case <-time.After(limit):
		ctrl.Log.Info("Left without waiting for the manager any longer", "limit", limit.String())
		return nil
	}
}

// leaseName is the default name of the Lease for the leader election of the replicas.
const leaseName = "acs-chat-operator.chat.acs-operator.io"

// leaseLock is the lock of the leader election, or nil if there is none. released is called before
// it is given back.
func (s *settings) leaseLock(config *rest.Config, released func()) (resourcelock.Interface, error) {
	if !s.leaderElect {
		return nil, nil //nolint:nilnil // a manager without leader election has no lock
	}
	if s.leaseNamespace() == "" {
		return nil, errors.New("flag --leader-election-namespace: set it, as the operator does not run in a pod")
	}
	return lease.NewLock(config, s.leaseNamespace(), s.leaderElectionID, fail, released)
}

func (s *settings) leaseNamespace() string {
	return cmp.Or(s.leaderElectionNamespace, ownNamespace())
}

// shard is the share of this process in the namespaces of the cluster, or nil if it has no lock.
// Its requests must not count as renewals of the lock.
func (s *settings) shard(config *rest.Config, lock resourcelock.Interface, watched []string) (*shards.Shard, error) {
	if lock == nil {
		return nil, nil //nolint:nilnil // a manager without leader election works in all namespaces
	}
	c, err := shards.NewClient(rest.AddUserAgent(config, "namespaces"))
	if err != nil {
		return nil, err
	}
	return shards.New(c, types.NamespacedName{Namespace: s.leaseNamespace(), Name: s.leaderElectionID}, lock.Identity(), watched), nil
}

// addShard has the controllers work in the namespaces of the shard only, if there is one.
func addShard(mgr ctrl.Manager, shard *shards.Shard, options *controllers.Options) error {
	if shard == nil {
		return nil
	}
	options.Held = shard.Held()
	if err := mgr.Add(shard); err != nil {
		return fmt.Errorf("add the claims of namespaces: %w", err)
	}
	return nil
}

// addChecks adds the checks with which Kubernetes and the process itself detect that it works.
func addChecks(mgr ctrl.Manager, options controllers.Options, ready *controllers.Readiness, elects bool) error {
	if !elects {
		if err := mgr.Add(lease.NewVersionCheck(mgr.GetAPIReader(), options.WatchNamespaces, fail)); err != nil {
			return fmt.Errorf("add the check of versions: %w", err)
		}
	}
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return fmt.Errorf("add health check: %w", err)
	}
	if err := mgr.AddReadyzCheck("caches", ready.Check(mgr.GetCache())); err != nil {
		return fmt.Errorf("add ready check: %w", err)
	}
	return nil
}

// lastTracesLimit is the time to send the last traces.
const lastTracesLimit = 3 * time.Second

// endTracing sends the traces that were not sent yet.
func endTracing(t *tracing.Tracing) {
	ctx, cancel := context.WithTimeout(context.Background(), lastTracesLimit)
	defer cancel()
	if err := t.Shutdown(ctx); err != nil {
		ctrl.Log.Error(err, "Could not send the last traces")
	}
}
