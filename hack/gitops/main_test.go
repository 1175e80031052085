// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package gitops tests the operator with Flux: real controllers of Flux take manifests from a
// registry and from Git, and all programs run on this machine.
package gitops

import (
	"os"
	"testing"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"
)

// root is the path to the programs and the pages.
const root = "../.."

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	if err := os.Chdir(root); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// TestFlux shares one cluster among its tests. Each of them has a namespace, an artifact and a
// Kustomization of its own.
func TestFlux(t *testing.T) {
	w := newWorld(t)
	t.Run("Tenants", func(t *testing.T) {
		t.Run("HealthyWithItsThreads", w.testHealthyWithItsThreads)
		t.Run("ChangeReachesACS", w.testChangeReachesACS)
		t.Run("FromGit", w.testFromGit)
		t.Run("RefusedMember", w.testRefusedMember)
		t.Run("RefusedManifest", w.testRefusedManifest)
		t.Run("Prune", w.testPrune)
		t.Run("Force", w.testForce)
		t.Run("Rename", w.testRename)
		t.Run("SuspendAndResume", w.testSuspendAndResume)
		t.Run("SecondReconcile", w.testSecondReconcile)
		t.Run("KubectlAndFlux", w.testKubectlAndFlux)
		t.Run("KubectlAgainstFlux", w.testKubectlAgainstFlux)
		t.Run("StatusIsNoDrift", w.testStatusIsNoDrift)
		t.Run("DeletedWithItsResources", w.testDeletedWithItsResources)
		t.Run("HealthCheckExpressions", w.testHealthCheckExpressions)
		t.Run("ObserveIsNoFailure", w.testObserveIsNoFailure)
	})
	t.Run("DeletionGuard", w.testDeletionGuard)
}
