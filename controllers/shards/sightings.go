// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package shards

import (
	"context"
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/acs-operator/acs-chat-operator/controllers/lease"
)

// sighting is a lease as it was seen, and when it was first seen like that.
type sighting struct {
	version string // of a lease that does not exist: none
	since   time.Time
}

// sightings are the leases of other shards, by name.
type sightings map[string]sighting

// isDead reports whether no process of a shard works: the last one released the lease, or its lease
// ran out. That is judged by the clock of this process alone, as the clocks of machines differ: the
// lease was not renewed for its whole duration, and package lease stopped its leader before.
//
// A lease that does not exist counts after the same time. If somebody deletes a lease, its leader
// makes it again. So does the released lease of a shard of all namespaces: without its claim of all
// it would work nowhere, so it gets the time to start again.
func (s *Shard) isDead(ctx context.Context, shard string, former claim) (bool, error) {
	asked := time.Now()
	live := &coordinationv1.Lease{}
	err := s.client.Get(ctx, s.key(shard), live)
	if client.IgnoreNotFound(err) != nil {
		return false, fmt.Errorf("read Lease %s of another shard: %w", s.key(shard), err)
	}
	isReleased := err == nil && (live.Spec.HolderIdentity == nil || *live.Spec.HolderIdentity == "")
	if isReleased && !former.namespaces.Contains(All) {
		return true, nil
	}
	seen, ok := s.leases[shard]
	if !ok || seen.version != live.ResourceVersion {
		s.leases[shard] = sighting{version: live.ResourceVersion, since: time.Now()}
		return false, nil
	}
	return asked.Sub(seen.since) > lease.Duration, nil
}
