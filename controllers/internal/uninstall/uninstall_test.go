// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package uninstall

import (
	"context"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
)

// listedKinds is an API server's list of the kinds that it serves.
type listedKinds struct {
	discovery.ServerResourcesInterfaceWithContext

	resources []metav1.APIResource
	err       error
}

func (l listedKinds) ServerResourcesForGroupVersionWithContext(context.Context, string) (*metav1.APIResourceList, error) {
	return &metav1.APIResourceList{APIResources: l.resources}, l.err
}

// Without a permission for CRDs, the list of kinds tells whether a kind is being withdrawn.
func TestWithdrawnKinds(t *testing.T) {
	t.Parallel()
	kind := func(name string, verbs ...string) metav1.APIResource {
		return metav1.APIResource{Name: name, Verbs: verbs}
	}
	for name, c := range map[string]struct {
		list  listedKinds
		want  bool
		fails bool
	}{
		"served":        {list: listedKinds{resources: []metav1.APIResource{kind(Participants, "get"), kind(Threads, "create", "get")}}},
		"terminating":   {list: listedKinds{resources: []metav1.APIResource{kind(Threads, "delete", "get")}}, want: true},
		"gone":          {list: listedKinds{resources: []metav1.APIResource{kind(Participants, "create")}}, want: true},
		"no such group": {list: listedKinds{err: apierrors.NewNotFound(schema.GroupResource{}, "v1alpha1")}, want: true},
		"no answer":     {list: listedKinds{err: apierrors.NewServiceUnavailable("later")}, fails: true},
	} {
		got, err := Detector{Discovery: c.list}.IsUninstalled(t.Context(), Threads)
		if got != c.want || (err != nil) != c.fails {
			t.Errorf("%s: %t, %v", name, got, err)
		}
	}
}

// The list may be an old one for a while, counted by the clock of this process.
func TestWithdrawalLag(t *testing.T) {
	t.Parallel()
	namespaced := Detector{Discovery: listedKinds{}}
	for name, c := range map[string]struct {
		detector Detector
		seen     time.Time
		min, max time.Duration
	}{
		"just now":        {namespaced, time.Now(), withdrawalLag - time.Second, withdrawalLag},
		"long ago":        {namespaced, time.Now().Add(-time.Minute), 0, 0},
		"may read a CRD":  {Detector{}, time.Now(), 0, 0},
		"never seen here": {namespaced, time.Time{}, 0, 0},
	} {
		if lag := c.detector.Lag(c.seen); lag < c.min || lag > c.max {
			t.Errorf("%s: %s", name, lag)
		}
	}
}
