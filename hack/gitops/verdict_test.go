// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"context"
	"fmt"
	"testing"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	kustomizationAPI = "kustomize.toolkit.fluxcd.io/v1"
	sourceAPI        = "source.toolkit.fluxcd.io/v1"
	requestedAt      = "reconcile.fluxcd.io/requestedAt"
)

// The reasons of a Kustomization.
const (
	healthCheckFailed    = "HealthCheckFailed"
	reconciliationFailed = "ReconciliationFailed"
	pruneFailed          = "PruneFailed"
	dependencyNotReady   = "DependencyNotReady"
)

// verdict is what Flux says about a Kustomization.
type verdict struct {
	Metadata struct {
		Generation int64 `json:"generation"`
	} `json:"metadata"`
	Status struct {
		ObservedGeneration     int64              `json:"observedGeneration"`
		Conditions             []metav1.Condition `json:"conditions"`
		LastAppliedRevision    string             `json:"lastAppliedRevision"`
		LastAttemptedRevision  string             `json:"lastAttemptedRevision"`
		LastHandledReconcileAt string             `json:"lastHandledReconcileAt"`
	} `json:"status"`
}

// ready returns the Ready condition, which may be empty.
func (v *verdict) ready() metav1.Condition {
	found := apimeta.FindStatusCondition(v.Status.Conditions, "Ready")
	if found == nil {
		return metav1.Condition{}
	}
	return *found
}

func (v *verdict) String() string {
	return fmt.Sprintf("Ready is %s: %s: %s (applied %q, attempted %q, generation %d of %d)", v.ready().Status, v.ready().Reason, v.ready().Message,
		v.Status.LastAppliedRevision, v.Status.LastAttemptedRevision, v.Status.ObservedGeneration, v.Metadata.Generation)
}

// isHealthy reports whether Flux calls a revision applied and healthy.
func (v *verdict) isHealthy(revision string) bool {
	return v.ready().Status == metav1.ConditionTrue && v.Status.ObservedGeneration == v.Metadata.Generation && v.Status.LastAppliedRevision == revision
}

func fluxObject(apiVersion, kind, name string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetAPIVersion(apiVersion)
	object.SetKind(kind)
	object.SetNamespace(fluxNamespace)
	object.SetName(name)
	return object
}

func (w *world) verdict(ctx context.Context, kustomization string) (*verdict, error) {
	object := fluxObject(kustomizationAPI, "Kustomization", kustomization)
	if err := w.client.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
		return nil, err
	}
	v := &verdict{}
	return v, runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, v)
}

// await waits for a verdict and returns it.
func (w *world) await(t *testing.T, kustomization string, want func(*verdict) bool) (last *verdict) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		var err error
		if last, err = w.verdict(ctx, kustomization); err != nil {
			return err
		}
		if !want(last) {
			return fmt.Errorf("kustomization %s: %s", kustomization, last)
		}
		return nil
	})
	return last
}

// poke has Flux reconcile an object at once, as the command `flux reconcile` does.
func (w *world) poke(t *testing.T, object *unstructured.Unstructured) (request string) {
	t.Helper()
	request = time.Now().Format(time.RFC3339Nano)
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, requestedAt, request)
	must(t, w.client.Patch(t.Context(), object, client.RawPatch("application/merge-patch+json", []byte(patch))))
	return request
}
