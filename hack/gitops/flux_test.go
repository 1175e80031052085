// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"context"
	"os"

	"github.com/acs-operator/acs-chat-operator/hack/sandbox"
)

const (
	fluxNamespace = "flux-system"
	// fluxManager is the field manager of what Flux applies.
	fluxManager = "kustomize-controller"
)

// startFlux installs the CRDs of Flux and starts two of its controllers. They make no call to
// another machine: there is no receiver of events, and artifacts are served on loopback.
func (w *world) startFlux(ctx context.Context) {
	w.Helper()
	w.Do("apply", "--server-side", "-f", toolsDir+"/flux-crds")
	w.Do("wait", "--for=condition=Established", "--timeout=1m", "crd", "--all")
	w.Do("create", "namespace", fluxNamespace)
	storage := w.FreeAddress()
	w.Must(os.MkdirAll(w.Path("storage"), 0o700))
	w.startFluxController(ctx, "source-controller",
		"--storage-addr="+storage, "--storage-adv-addr="+storage, "--storage-path="+w.Path("storage"))
	w.startFluxController(ctx, fluxManager, "--no-remote-bases", "--concurrent=20", "--requeue-dependency=5s")
}

// startFluxController starts a controller, which reads the kubeconfig of its home directory.
func (w *world) startFluxController(ctx context.Context, name string, args ...string) {
	w.Helper()
	admin, err := w.Server.AdminKubeconfig()
	w.Must(err)
	_, err = w.Write("home/"+name+"/.kube/config", admin)
	w.Must(err)
	probes := w.FreeAddress()
	program := w.Program(name, toolsDir+"/"+name,
		append(args, "--events-addr=", "--metrics-addr=127.0.0.1:0", "--health-addr="+probes, "--watch-all-namespaces=true")...)
	program.Home = w.Path("home/" + name)
	w.Must(w.Run(ctx, program, sandbox.Answers("http://"+probes+"/readyz")))
}
