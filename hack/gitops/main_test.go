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
		for name, test := range map[string]func(*testing.T, *world){
			"HealthyWithItsThreads":   testHealthyWithItsThreads,
			"ChangeReachesACS":        testChangeReachesACS,
			"FromGit":                 testFromGit,
			"RefusedMember":           testRefusedMember,
			"RefusedManifest":         testRefusedManifest,
			"Prune":                   testPrune,
			"Force":                   testForce,
			"Rename":                  testRename,
			"SuspendAndResume":        testSuspendAndResume,
			"SecondReconcile":         testSecondReconcile,
			"KubectlAndFlux":          testKubectlAndFlux,
			"StatusIsNoDrift":         testStatusIsNoDrift,
			"DeletedWithItsResources": testDeletedWithItsResources,
			"HealthCheckExpressions":  testHealthCheckExpressions,
			"ObserveIsNoFailure":      testObserveIsNoFailure,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, w)
			})
		}
	})
	t.Run("DeletionGuard", func(t *testing.T) { testDeletionGuard(t, w) })
}
