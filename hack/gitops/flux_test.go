// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"context"
	"os"
	"testing"
)

const (
	fluxNamespace = "flux-system"
	// fluxManager is the field manager of what Flux applies.
	fluxManager = "kustomize-controller"
)

// startFlux installs the CRDs of Flux and starts two of its controllers. They make no call to
// another machine: there is no receiver of events, and artifacts are served on loopback.
func (w *world) startFlux(ctx context.Context, t *testing.T) {
	t.Helper()
	for _, args := range [][]string{
		{"apply", "--server-side", "-f", toolsDir + "/flux-crds"},
		{"wait", "--for=condition=Established", "--timeout=1m", "crd", "--all"},
		{"create", "namespace", fluxNamespace},
	} {
		_, err := w.kubectl.Run(ctx, "", args...)
		must(t, err)
	}
	storage := freeAddress(ctx, t)
	must(t, os.MkdirAll(w.path("storage"), 0o700))
	w.startFluxController(ctx, t, "source-controller",
		"--storage-addr="+storage, "--storage-adv-addr="+storage, "--storage-path="+w.path("storage"))
	w.startFluxController(ctx, t, fluxManager, "--no-remote-bases", "--concurrent=20", "--requeue-dependency=5s")
}

// startFluxController starts a controller, which reads the kubeconfig of its home directory.
func (w *world) startFluxController(ctx context.Context, t *testing.T, name string, args ...string) {
	t.Helper()
	admin, err := w.server.AdminKubeconfig()
	must(t, err)
	w.write(t, "home/"+name+"/.kube/config", admin)
	probes := freeAddress(ctx, t)
	w.start(ctx, t, name, toolsDir+"/"+name, healthy("http://"+probes+"/readyz"),
		append(args, "--events-addr=", "--metrics-addr=127.0.0.1:0", "--health-addr="+probes, "--watch-all-namespaces=true")...)
}
