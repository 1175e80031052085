// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
)

// processDied unwinds the reconcile in which the process crashes.
type processDied struct{}

var errAnswerLost = errors.New("connection reset by peer")

// fieldIndexes are the field indexes of the cache.
type fieldIndexes map[string]client.IndexerFunc

func (x fieldIndexes) IndexField(_ context.Context, obj client.Object, field string, value client.IndexerFunc) error {
	x[string(kindOf(obj))+" "+field] = value
	return nil
}

// cachedClient is the manager's client of a process. It reads from the cache, and a strike can hit
// its writes.
type cachedClient struct {
	client.Client
	process *process
}

func (c *cachedClient) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	kind := kindOf(obj)
	if !slices.Contains(watchedKinds, kind) {
		return c.Client.Get(ctx, key, obj, opts...)
	}
	defer c.process.syncCaches(ctx)()
	found, ok := c.process.views[kind][key]
	if !ok {
		return apierrors.NewNotFound(schema.GroupResource{Group: chatv1alpha1.GroupVersion.Group, Resource: strings.ToLower(string(kind)) + "s"}, key.Name)
	}
	copyInto(found, obj)
	return nil
}

func copyInto(from, to client.Object) {
	switch o := to.(type) {
	case *chatv1alpha1.ChatConnection:
		from.(*chatv1alpha1.ChatConnection).DeepCopyInto(o) //nolint:errcheck,forcetypeassert // views are by kind
	case *chatv1alpha1.ChatThread:
		from.(*chatv1alpha1.ChatThread).DeepCopyInto(o) //nolint:errcheck,forcetypeassert // as above
	case *chatv1alpha1.ChatParticipant:
		from.(*chatv1alpha1.ChatParticipant).DeepCopyInto(o) //nolint:errcheck,forcetypeassert // as above
	case *corev1.Namespace:
		from.(*corev1.Namespace).DeepCopyInto(o) //nolint:errcheck,forcetypeassert // as above
	}
}

func (c *cachedClient) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	options := client.ListOptions{}
	options.ApplyOptions(opts)
	defer c.process.syncCaches(ctx)()
	switch l := list.(type) {
	case *chatv1alpha1.ChatThreadList:
		for _, obj := range c.process.matching(kindThread, options) {
			l.Items = append(l.Items, *obj.(*chatv1alpha1.ChatThread).DeepCopy()) //nolint:errcheck,forcetypeassert // views are by kind
		}
	case *chatv1alpha1.ChatParticipantList:
		for _, obj := range c.process.matching(kindParticipant, options) {
			l.Items = append(l.Items, *obj.(*chatv1alpha1.ChatParticipant).DeepCopy()) //nolint:errcheck,forcetypeassert // as above
		}
	default:
		return fmt.Errorf("no cache of %T", list)
	}
	return nil
}

func (c *cachedClient) Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
	return c.process.write(ctx, fmt.Sprintf("patch %s %s", kindOf(obj), obj.GetName()), obj, func() error {
		return c.Client.Patch(ctx, obj, patch, opts...)
	})
}

func (c *cachedClient) Status() client.SubResourceWriter {
	return &statusWriter{c.Client.Status(), c}
}

type statusWriter struct {
	client.SubResourceWriter
	client *cachedClient
}

func (s *statusWriter) Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
	return s.client.process.write(ctx, fmt.Sprintf("patch status of %s %s", kindOf(obj), obj.GetName()), obj, func() error {
		if err := s.client.process.world.admit(ctx, obj, patch); err != nil {
			return err
		}
		return s.SubResourceWriter.Patch(ctx, obj, patch, opts...)
	})
}

// admit refuses the patches that the API server refuses: one that tests another uid, and one that
// names another thread in the same incarnation.
func (w *world) admit(ctx context.Context, obj client.Object, patch client.Patch) error {
	stored := emptyObject(kindOf(obj))
	if err := w.live.Get(ctx, objects.KeyOf(obj), stored); err != nil {
		return err
	}
	data, err := patch.Data(obj)
	if err != nil {
		return err
	}
	var operations []struct {
		Path  string `json:"path"`
		Value any    `json:"value"`
	}
	if err := json.Unmarshal(data, &operations); err != nil {
		return err
	}
	values := map[string]any{}
	for _, operation := range operations {
		values[operation.Path] = operation.Value
	}
	why := ""
	if values["/metadata/uid"] != string(stored.GetUID()) {
		why = "testing value /metadata/uid failed"
	} else if thread, ok := stored.(*chatv1alpha1.ChatThread); ok {
		why = admitThread(thread, values)
	}
	if why == "" {
		return nil
	}
	return apierrors.NewGenericServerResponse(http.StatusUnprocessableEntity, "patch", schema.GroupResource{Resource: string(kindOf(obj))}, obj.GetName(), why, 0, false)
}

// admitThread is the validation rule on the status of ChatThreads.
func admitThread(stored *chatv1alpha1.ChatThread, values map[string]any) string {
	threadID, incarnation := stored.Status.ThreadID, stored.Status.Incarnation
	if value, ok := values["/status/threadID"]; ok {
		threadID, _ = value.(string)
	}
	if number, ok := values["/status/incarnation"].(float64); ok {
		incarnation = int64(number)
	}
	if stored.Status.ThreadID != "" && threadID != stored.Status.ThreadID && incarnation <= stored.Status.Incarnation {
		return "threadID changes only when incarnation grows"
	}
	return ""
}

// die ends the process. No later effect of it reaches the API server or the service.
func (p *process) die() {
	p.dead = true
	panic(processDied{})
}

// write carries out a write of the process if the process is still alive.
func (p *process) write(ctx context.Context, effect string, obj client.Object, do func() error) error {
	if p.dead {
		p.die()
	}
	if p.isReleased(obj) {
		p.world.t.Errorf("%s: this process has already released the object", effect)
	}
	p.pause()
	way := p.world.strike(effect)
	if way == strikeBefore {
		p.die()
	}
	err := do()
	if err == nil {
		p.world.wrote(obj)
	}
	switch way {
	case strikeAfter, strikeHalf:
		p.die()
	case strikeAnswerLost:
		return errAnswerLost
	}
	if err == nil && !obj.GetDeletionTimestamp().IsZero() && len(obj.GetFinalizers()) == 0 {
		p.released.Store(obj.GetUID(), true)
	}
	return errors.Join(err, ctx.Err())
}

// isReleased reports whether this process removed the last finalizer of an object.
func (p *process) isReleased(obj client.Object) bool {
	_, released := p.released.Load(obj.GetUID())
	return released
}

// apiReader reads from the API server.
type apiReader struct {
	client.Reader
	process *process
}

func (r *apiReader) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	r.process.pause()
	if crd, ok := obj.(*metav1.PartialObjectMetadata); ok {
		r.process.world.definition(crd, key.Name)
		return nil
	}
	return r.Reader.Get(ctx, key, obj, opts...)
}
