// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/operatortest"
)

// An old cache may show the ChatThread that another one of its name replaced. It claims no thread:
// the operator would create a second one.
func TestIsClaimed(t *testing.T) {
	t.Parallel()
	o := newMemoryOperator(t, nil)
	o.thread(t, "19:a")
	for name, c := range map[string]struct {
		name, connection string
		want             bool
	}{
		"of the same name":        {"19:a", "default", false},
		"another one":             {"19:b", "default", true},
		"of another ACS resource": {"19:b", "other", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			replaced := operatortest.Thread(benchmarkNamespace, c.name)
			replaced.UID, replaced.Spec.ConnectionRef = types.UID("uid of another"), chatv1alpha1.ConnectionReference{Name: c.connection}
			claimed, err := o.threads.isClaimed(t.Context(), situation{run: run{thread: replaced}}, "19:a")
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(claimed).To(Equal(c.want))
		})
	}
}
