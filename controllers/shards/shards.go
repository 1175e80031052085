// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package shards divides the namespaces of a cluster among several Deployments of the operator, so
// that nothing is done twice while a namespace is moved from one to another.
//
// All replicas of a Deployment are one shard, named by the Lease of their leader election. The
// annotations of one more Lease have the claims of all shards. The leader of a shard writes its
// claim there before it works, and works in the namespaces that the object shows for it. A write of
// the object fails if somebody else wrote it meanwhile, so no namespace has two shards. A process
// that holds all that it wants neither reads nor writes the claims.
//
// The package does not elect the leader of a shard, and does not keep a leader that lost its lease
// from working: client-go and package lease do. It does not choose a shard for a namespace: people
// do, by the flags. Processes without leader election take no part.
package shards

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// ObjectName is the name of the Lease that has the claims of all shards. It is in the namespace of
// the leases of their leader elections, as the same permissions suffice.
const ObjectName = "acs-chat-operator-namespaces"

const (
	// askInterval is the time between two tries to get a namespace that another shard holds.
	askInterval = 2 * time.Second
	// askTimeout bounds one try.
	askTimeout = 10 * time.Second
)

// Shard claims namespaces for this process.
type Shard struct {
	client client.Client
	// lease is that of the leader election; its name is that of the shard.
	lease  types.NamespacedName
	leader string
	wanted Namespaces
	held   *Held

	leases sightings
	// told is the state in the log, which has each state once.
	told string
}

// New returns the shard of a process whose leader election has the given lease. leader is the
// holder of the lease while this process leads. watched are the namespaces that the process
// watches; none stands for all.
func New(c client.Client, lease types.NamespacedName, leader string, watched []string) *Shard {
	wanted := Namespaces(slices.Compact(slices.Sorted(slices.Values(watched))))
	if len(wanted) == 0 {
		wanted = Namespaces{All}
	}
	return &Shard{client: c, lease: lease, leader: leader, wanted: wanted, held: &Held{}, leases: sightings{}}
}

// NewClient returns a client for leases alone. It needs no discovery.
func NewClient(config *rest.Config) (client.Client, error) {
	scheme := runtime.NewScheme()
	if err := coordinationv1.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("build scheme: %w", err)
	}
	mapper := apimeta.NewDefaultRESTMapper(nil)
	mapper.Add(coordinationv1.SchemeGroupVersion.WithKind("Lease"), apimeta.RESTScopeNamespace)
	c, err := client.New(config, client.Options{Scheme: scheme, Mapper: mapper})
	if err != nil {
		return nil, fmt.Errorf("make a client for the claims of namespaces: %w", err)
	}
	return c, nil
}

// Held returns the namespaces in which this process works.
func (s *Shard) Held() *Held { return s.held }

// Start claims the wanted namespaces until the process holds all of them. The manager calls it once
// this process leads.
func (s *Shard) Start(ctx context.Context) error {
	err := wait.PollUntilContextCancel(ctx, askInterval, true, func(ctx context.Context) (bool, error) {
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		return s.ask(ctx), nil
	})
	if ctx.Err() != nil {
		return nil //nolint:nilerr // the process ends
	}
	return err
}

// ask claims what can be had, and reports whether that is all.
func (s *Shard) ask(ctx context.Context) (complete bool) {
	var holds Namespaces
	var waits map[string][]string
	err := retry.OnError(retry.DefaultRetry, isRaced, func() (err error) {
		holds, waits, err = s.claim(ctx)
		return err
	})
	if err != nil {
		s.tell(err.Error(), func() {
			log.FromContext(ctx).Error(err, "Could not claim namespaces, and works in no new ones", "shard", s.lease.Name)
		})
		return false
	}
	if added := s.held.add(ctx, holds); len(added) > 0 {
		log.FromContext(ctx).Info("Claimed namespaces", "shard", s.lease.Name, "namespaces", strings.Join(added, ","))
	}
	if len(waits) == 0 {
		return true
	}
	state := describe(waits)
	s.tell(state, func() {
		log.FromContext(ctx).Info("Waiting for namespaces until the shards that hold them end, or watch other ones (flag --watch-namespaces)",
			"shard", s.lease.Name, "holders", state)
	})
	return false
}

// describe names the holders of namespaces: "x: a; y: a, b".
func describe(waits map[string][]string) string {
	var all []string
	for _, namespace := range slices.Sorted(maps.Keys(waits)) {
		all = append(all, namespace+": "+strings.Join(waits[namespace], ", "))
	}
	return strings.Join(all, "; ")
}

// tell logs a state if it is a new one.
func (s *Shard) tell(state string, write func()) {
	if s.told != state {
		s.told = state
		write()
	}
}

// isRaced reports whether another process wrote the claims between our read and our write.
func isRaced(err error) bool { return apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) }

// claim writes the claim of the shard if it differs, and returns what the shard holds, and the
// holders of the namespaces that it waits for.
//
// The order matters. The leases are read after the claims, and a new leader writes the claim of its
// shard before it works. So either our write fails, or no new leader of a dead shard works yet, and
// it will see our write.
func (s *Shard) claim(ctx context.Context) (Namespaces, map[string][]string, error) {
	object := &coordinationv1.Lease{}
	err := s.client.Get(ctx, s.key(ObjectName), object)
	if client.IgnoreNotFound(err) != nil {
		return nil, nil, s.failed("read", err)
	}
	isNew := apierrors.IsNotFound(err)
	all := parseClaims(object.Annotations)
	former := maps.Clone(all)
	for _, rival := range all.rivals(s.lease.Name, s.wanted) {
		dead, err := s.isDead(ctx, rival, all[rival])
		if err != nil {
			return nil, nil, err
		}
		if dead {
			all.free(rival, s.wanted)
		}
	}
	waits := all.set(s.lease.Name, s.leader, s.wanted)
	if !reflect.DeepEqual(all, former) {
		object.Namespace, object.Name = s.lease.Namespace, ObjectName
		object.Annotations = all.annotations(object.Annotations)
		if err := s.write(ctx, object, isNew); err != nil {
			return nil, nil, err
		}
	}
	return all[s.lease.Name].namespaces, waits, nil
}

func (s *Shard) write(ctx context.Context, object *coordinationv1.Lease, isNew bool) error {
	if isNew {
		return s.failed("create", s.client.Create(ctx, object))
	}
	return s.failed("update", s.client.Update(ctx, object))
}

func (s *Shard) failed(verb string, err error) error {
	switch {
	case err == nil:
		return nil
	case apierrors.IsForbidden(err):
		return fmt.Errorf("let the operator get, create and update leases in namespace %s, which --leader-elect needs: %s Lease %s: %w",
			s.lease.Namespace, verb, ObjectName, err)
	default:
		return fmt.Errorf("%s Lease %s with the claims of namespaces: %w", verb, s.key(ObjectName), err)
	}
}

func (s *Shard) key(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: s.lease.Namespace, Name: name}
}
