// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/directory"
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
			return []string{bucketOf(thread.Status.ThreadID)}
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

// indexThreadID has the ChatThreads by the bucket of the thread in their status.
const indexThreadID = "threadID"

// threadBuckets is the number of buckets. An index has two sets for each of its values: one value
// for each thread would take more memory than all the rest of the index.
const threadBuckets = 4096

func bucketOf(threadID string) string {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(threadID)) // never fails
	return strconv.Itoa(int(hash.Sum32() % threadBuckets))
}

// claimants returns the ChatThreads that have a thread in their status. They are those of the
// cache, and must not be changed.
func claimants(ctx context.Context, reader client.Reader, threadID string) ([]*chatv1alpha1.ChatThread, error) {
	bucket := &chatv1alpha1.ChatThreadList{}
	if err := reader.List(ctx, bucket, client.MatchingFields{indexThreadID: bucketOf(threadID)}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list ChatThreads: %w", err)
	}
	var found []*chatv1alpha1.ChatThread
	for i := range bucket.Items {
		if thread := &bucket.Items[i]; thread.Status.ThreadID == threadID {
			found = append(found, thread)
		}
	}
	return found, nil
}

// claimsOf returns the claims of the ChatThreads of a connection.
func claimsOf(ctx context.Context, reader client.Reader, conn types.NamespacedName) directory.Claims {
	return func(id string, meets func(types.NamespacedName) bool) bool {
		claimed, err := isClaimedBy(ctx, reader, conn, id, meets)
		return err == nil && claimed
	}
}

// isClaimedBy reports whether a ChatThread of a connection that meets a condition has a thread in
// its status, and holds it. One without a finalizer may only ever have observed the thread, and one
// that lost the thread to another says so.
func isClaimedBy(ctx context.Context, reader client.Reader, conn types.NamespacedName, id string, meets func(types.NamespacedName) bool) (bool, error) {
	threads, err := claimants(ctx, reader, id)
	return slices.ContainsFunc(threads, func(thread *chatv1alpha1.ChatThread) bool {
		_, reason := objects.ReadyReason(thread)
		holds := objects.HasFinalizer(thread) && reason != chatv1alpha1.ReasonOwnedByAnother
		return connectionKey(thread) == conn && holds && meets(objects.KeyOf(thread))
	}), err
}

// indexAdopts has the ChatThreads by the thread that they are to adopt.
const indexAdopts = "adopts"

// indexThread has the ChatParticipants by ChatThread. It is also a selectable field of the kind, so
// that the API server takes the same selector.
const indexThread = "spec.threadRef.name"
