// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
)

// AddIndexes adds the indexes that the controllers list by.
func AddIndexes(ctx context.Context, indexer client.FieldIndexer) error {
	for _, index := range []struct {
		obj   client.Object
		name  string
		value func(client.Object) []string
	}{
		{&chatv1alpha1.ChatThread{}, indexConnection, func(obj client.Object) []string {
			thread, ok := obj.(*chatv1alpha1.ChatThread)
			if !ok {
				return nil
			}
			return []string{connectionKey(thread).String()}
		}},
		{&chatv1alpha1.ChatThread{}, indexHeldConnection, func(obj client.Object) []string {
			thread, ok := obj.(*chatv1alpha1.ChatThread)
			if !ok || !objects.HasFinalizer(thread) {
				return nil
			}
			return []string{connectionKey(thread).String()}
		}},
		{&chatv1alpha1.ChatThread{}, indexThreadID, func(obj client.Object) []string {
			thread, ok := obj.(*chatv1alpha1.ChatThread)
			if !ok || thread.Status.ThreadID == "" {
				return nil
			}
			return []string{thread.Status.ThreadID}
		}},
		{&chatv1alpha1.ChatThread{}, indexAdopts, func(obj client.Object) []string {
			thread, ok := obj.(*chatv1alpha1.ChatThread)
			if !ok || thread.Spec.ThreadID == "" {
				return nil
			}
			return []string{thread.Spec.ThreadID}
		}},
		{&chatv1alpha1.ChatParticipant{}, indexThread, func(obj client.Object) []string {
			participant, ok := obj.(*chatv1alpha1.ChatParticipant)
			if !ok {
				return nil
			}
			return []string{participant.Spec.ThreadRef.Name}
		}},
	} {
		if err := indexer.IndexField(ctx, index.obj, index.name, index.value); err != nil {
			return fmt.Errorf("index %T by %s: %w", index.obj, index.name, err)
		}
	}
	return nil
}

func connectionKey(thread *chatv1alpha1.ChatThread) types.NamespacedName {
	return types.NamespacedName{Namespace: thread.ConnectionNamespace(), Name: thread.Spec.ConnectionRef.Name}
}

// indexConnection has the ChatThreads by connection.
const indexConnection = "connection"

// indexHeldConnection has the ChatThreads with the finalizer by connection: those that may have
// something at ACS.
const indexHeldConnection = "heldConnection"

// indexThreadID has the ChatThreads by the thread in their status.
const indexThreadID = "threadID"

// indexAdopts has the ChatThreads by the thread that they are to adopt.
const indexAdopts = "adopts"

// indexThread has the ChatParticipants by ChatThread. It is also a selectable field of the kind, so
// that the API server takes the same selector.
const indexThread = "spec.threadRef.name"
