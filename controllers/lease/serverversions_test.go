// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"strings"
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	kubefake "k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/acs-operator/acs-chat-operator/controllers/internal/acstest"
)

// A restore of etcd ends the process: its watches would show nothing.
func TestRestoredAPIServerIsNoticed(t *testing.T) {
	t.Parallel()
	version := "10"
	clients := kubefake.NewClientset()
	answer := func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{ResourceVersion: version}}, nil
	}
	clients.PrependReactor("*", "leases", answer)
	var reported []error
	leases := versionedLeases{clients.CoordinationV1(), &newestVersion{restored: func(err error) { reported = append(reported, err) }}}.Leases("ns")
	get := func() error { _, err := leases.Get(t.Context(), "a", metav1.GetOptions{}); return err }
	update := func() error {
		_, err := leases.Update(t.Context(), &coordinationv1.Lease{}, metav1.UpdateOptions{})
		return err
	}
	for _, version = range []string{"10", "10", "11", "1100"} {
		acstest.MustSucceed(t, get())
		acstest.MustSucceed(t, update())
	}
	if len(reported) > 0 {
		t.Fatalf("a restore was reported: %v", reported)
	}
	version = "697"
	acstest.MustSucceed(t, get())
	if len(reported) != 1 || !strings.Contains(reported[0].Error(), "went back from resource version 1100 to 697") {
		t.Fatalf("reported %v", reported)
	}
}
