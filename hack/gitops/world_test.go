// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/hack/processes"
)

const (
	// patience is how long a step may take. A busy machine is not a failure.
	patience        = 2 * time.Minute
	requestTimeout  = 10 * time.Second
	operatorProgram = "bin/manager"
	emulatorProgram = "bin/acs-emulator"
	// toolsDir has Flux's controllers, their CRDs and SOPS.
	toolsDir = "bin/tools"
)

// world is a control plane, Flux, the operator, the emulated service, a registry and a Git server.
type world struct {
	dir     string
	client  client.WithWatch
	server  *processes.APIServer
	kubectl processes.Kubectl
	service *service
	secrets *secrets
	// registry and git are the addresses of servers in this process.
	registry, git string
}

// newWorld starts everything. The operator is the last: Flux installs its CRDs and permissions.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{dir: tempDir(t)}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	w.startControlPlane(ctx, t)
	w.startEmulator(ctx, t)
	w.registry, w.git = serveRegistry(t), serveGit(t, w.path("git"))
	w.startFlux(ctx, t)
	w.secrets = newSecrets(ctx, t, w)
	w.installOperator(t)
	return w
}

// tempDir returns a directory that stays after a failure.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "gitops-") //nolint:usetesting // its logs help to explain a failure
	must(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("The logs are in %s.", dir)
			return
		}
		must(t, os.RemoveAll(dir))
	})
	return dir
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

func (w *world) write(t *testing.T, name, content string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(w.path(name)), 0o700))
	must(t, os.WriteFile(w.path(name), []byte(content), 0o600))
}

// start starts a program and waits until it is ready. It ends with the test.
func (w *world) start(ctx context.Context, t *testing.T, name, binary string, ready func(context.Context) error, args ...string) {
	t.Helper()
	alive, ended := context.WithCancelCause(ctx)
	program := processes.Program{
		Name: name, Binary: binary, Arguments: args, Home: w.home(name), Log: w.path(name + ".log"), Ended: ended,
	}
	must(t, os.MkdirAll(program.Home, 0o700))
	started, err := program.Start(ctx)
	must(t, err)
	t.Cleanup(started.Stop)
	t.Cleanup(func() {
		if early, ok := errors.AsType[*processes.EndedError](context.Cause(alive)); ok {
			t.Errorf("%v\n%s", early, processes.Tail(program.Log))
		}
	})
	if err := processes.Poll(alive, ready); err != nil {
		t.Fatalf("%s is not ready: %v\n%s", name, err, processes.Tail(program.Log))
	}
}

// home is the home directory of a program.
func (w *world) home(name string) string { return w.path("home/" + name) }

func (w *world) startControlPlane(ctx context.Context, t *testing.T) {
	t.Helper()
	etcd, api := freeAddress(ctx, t), freeAddress(ctx, t)
	w.start(ctx, t, processes.Etcd, processes.Asset(processes.Etcd), healthy("http://"+etcd+"/health"),
		processes.EtcdArguments(w.path("etcd"), "http://"+etcd)...)
	w.server = &processes.APIServer{Dir: w.dir, Etcd: "http://" + etcd, Address: api}
	args, err := w.server.Arguments()
	must(t, err)
	w.start(ctx, t, processes.KubeAPIServer, processes.Asset(processes.KubeAPIServer), w.server.Probe, args...)
	admin, err := w.server.AdminKubeconfig()
	must(t, err)
	w.write(t, "kubeconfig", admin)
	w.kubectl = processes.NewKubectl(w.path("kubeconfig"), w.dir)
	w.client = newClient(t, admin)
	w.start(ctx, t, processes.ControllerManager, processes.Asset(processes.ControllerManager), func(context.Context) error { return nil },
		processes.ControllerManagerArguments(w.path("kubeconfig"))...)
}

func newClient(t *testing.T, kubeconfig string) client.WithWatch {
	t.Helper()
	config, err := clientcmd.RESTConfigFromKubeConfig([]byte(kubeconfig))
	must(t, err)
	config.QPS, config.UserAgent = -1, "gitops-test"
	scheme := runtime.NewScheme()
	must(t, errors.Join(clientgoscheme.AddToScheme(scheme), chatv1alpha1.AddToScheme(scheme)))
	c, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	must(t, err)
	return c
}

func (w *world) startEmulator(ctx context.Context, t *testing.T) {
	t.Helper()
	address, admin, file := freeAddress(ctx, t), freeAddress(ctx, t), w.path("connection-string")
	w.start(ctx, t, "acs-emulator", emulatorProgram, func(context.Context) error { _, err := os.Stat(file); return err },
		"--listen="+address, "--admin-listen="+admin, "--quotas=off", "--tls-dir="+w.path("acs"), "--connection-string-file="+file)
	text, err := os.ReadFile(file)
	must(t, err)
	w.service = &service{
		address: address, admin: "http://" + admin, client: &http.Client{Timeout: requestTimeout},
		connectionString: strings.TrimSpace(string(text)),
	}
}

// startOperator starts the operator with its own permissions, which Flux has installed.
func (w *world) startOperator(ctx context.Context, t *testing.T) {
	t.Helper()
	token, err := w.kubectl.Run(ctx, "", "create", "token", processes.OperatorAccount, "-n", "acs-chat-operator-system", "--duration=1h")
	must(t, err)
	kubeconfig, err := w.server.Kubeconfig(w.server.Address, processes.OperatorAccount, token)
	must(t, err)
	w.write(t, "operator.kubeconfig", kubeconfig)
	probes := freeAddress(ctx, t)
	w.start(ctx, t, "operator", operatorProgram, healthy("http://"+probes+"/readyz"),
		"--kubeconfig="+w.path("operator.kubeconfig"), "--acs-ca-file="+w.path("acs/ca.pem"), "--allowed-endpoint-suffixes="+w.service.address,
		"--metrics-bind-address=0", "--health-probe-bind-address="+probes, "--acs-pacing=false", "--zap-devel=false")
}

func healthy(url string) func(context.Context) error {
	return func(ctx context.Context) error { return processes.Probe(ctx, http.DefaultClient, url) }
}

func freeAddress(ctx context.Context, t *testing.T) string {
	t.Helper()
	address, err := processes.FreeAddress(ctx)
	must(t, err)
	return address
}

// errNotYet is the answer until something has happened that has no description.
var errNotYet = errors.New("it has not happened yet")

// eventually repeats a question until its answer is nil.
func eventually(t *testing.T, ask func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), patience, errors.New("it took too long"))
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
