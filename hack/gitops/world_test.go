// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"context"
	"errors"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/hack/processes"
	"github.com/acs-operator/acs-chat-operator/hack/sandbox"
	"github.com/acs-operator/acs-chat-operator/hack/sandbox/sandboxtest"
)

// toolsDir has Flux's controllers, their CRDs and SOPS.
const toolsDir = "bin/tools"

// world is a control plane, Flux, the operator, the emulated service, a registry and a Git server.
type world struct {
	*sandboxtest.World
	client  client.WithWatch
	service *service
	secrets *secrets
	// registry and git are the addresses of servers in this process.
	registry, git string
}

// newWorld starts everything. The operator is the last: Flux installs its CRDs and permissions.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{World: sandboxtest.New(t)}
	ctx, cancel := context.WithTimeout(t.Context(), sandboxtest.Patience)
	defer cancel()
	w.Must(w.StartControlPlane(ctx))
	w.Must(w.StartControllerManager(ctx))
	w.client = newClient(t, w.Path(sandbox.AdminKubeconfig))
	acs, err := w.StartEmulator(ctx, "acs", "--quotas=off")
	w.Must(err)
	w.service = &service{acs}
	w.registry, w.git = serveRegistry(t), serveGit(t, w.Path("git"))
	w.startFlux(ctx)
	w.secrets = newSecrets(ctx, t, w)
	w.installOperator(t)
	return w
}

func newClient(t *testing.T, kubeconfig string) client.WithWatch {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	must(t, err)
	config.QPS, config.UserAgent = -1, "gitops-test"
	scheme := runtime.NewScheme()
	must(t, errors.Join(clientgoscheme.AddToScheme(scheme), chatv1alpha1.AddToScheme(scheme)))
	c, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	must(t, err)
	return c
}

// startOperator starts the operator with its own permissions, which Flux has installed.
func (w *world) startOperator(ctx context.Context) {
	w.Helper()
	token := w.Do("create", "token", processes.OperatorAccount, "-n", sandbox.OperatorNamespace, "--duration=1h")
	kubeconfig, err := w.Server.Kubeconfig(w.Server.Address, processes.OperatorAccount, token)
	w.Must(err)
	_, err = w.Write(sandbox.OperatorKubeconfig, kubeconfig)
	w.Must(err)
	w.Must(w.StartOperator(ctx, sandbox.Operator, w.service.Service, "--acs-pacing=false", "--zap-devel=false"))
}

// errNotYet is the answer until something has happened that has no description.
var errNotYet = errors.New("it has not happened yet")

// eventually repeats a question until its answer is nil.
func eventually(t *testing.T, ask func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), sandboxtest.Patience, errors.New("it took too long"))
	defer cancel()
	if err := processes.Poll(ctx, ask); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
