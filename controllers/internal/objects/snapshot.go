// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Snapshot is an object that a reconcile changes in memory, with the state that the API server
// holds as far as this process knows. Each patch writes the difference, and moves the stored state
// on.
type Snapshot[T client.Object] struct {
	// Object is the object in memory. Its status is to be changed, its metadata only through the
	// Snapshot.
	Object T

	stored T
	store  *Store
}

// NewSnapshot returns a Snapshot of an object as the API server holds it.
func NewSnapshot[T client.Object](store *Store, obj T) *Snapshot[T] {
	return &Snapshot[T]{Object: obj, stored: CopyOf(obj), store: store}
}

// Stored returns the object as the API server holds it. It must not be changed.
func (s *Snapshot[T]) Stored() T { return s.stored }

// PatchStatus writes the status, as Store.PatchStatus does.
func (s *Snapshot[T]) PatchStatus(ctx context.Context) error {
	if err := s.store.PatchStatus(ctx, s.stored, s.Object); err != nil {
		return err
	}
	s.stored = CopyOf(s.Object)
	return nil
}

// PatchMetadata writes the finalizers and annotations that change edits, as Store.PatchMetadata
// does.
func (s *Snapshot[T]) PatchMetadata(ctx context.Context, change func(client.Object)) error {
	if err := s.store.PatchMetadata(ctx, s.Object, change); err != nil {
		return err
	}
	s.adoptMetadata()
	return nil
}

// RemoveFinalizer removes the finalizer of the operator, as Store.RemoveFinalizer does.
func (s *Snapshot[T]) RemoveFinalizer(ctx context.Context) error {
	if err := s.store.RemoveFinalizer(ctx, s.Object); err != nil {
		return err
	}
	s.adoptMetadata()
	return nil
}

// adoptMetadata copies the metadata that the API server stored. A status that is not written yet
// stays in memory only.
func (s *Snapshot[T]) adoptMetadata() {
	stored := CopyOf(s.Object)
	s.stored.SetResourceVersion(stored.GetResourceVersion())
	s.stored.SetAnnotations(stored.GetAnnotations())
	s.stored.SetFinalizers(stored.GetFinalizers())
}
