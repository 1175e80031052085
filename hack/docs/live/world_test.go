// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package live runs the commands of the pages against a real control plane, with the operator and
// the emulator of ACS.
package live

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/acs-operator/acs-chat-operator/hack/processes"
)

const (
	root = "../../.."
	// patience is generous: a busy machine is not a failure.
	patience = 3 * time.Minute
	// outputPatience is the time for an output to become that of the page.
	outputPatience  = time.Minute
	operatorProgram = "bin/manager"
	emulatorProgram = "bin/acs-emulator"
	guard           = "config/components/deletion-guard"
)

// world is a control plane with the CRDs, the deletion guard, the operator and the emulator.
type world struct {
	t       *testing.T
	dir     string
	server  *processes.APIServer
	kubectl processes.Kubectl
	service *application
}

// newWorld starts everything. The working directory becomes the root of the repository.
func newWorld(t *testing.T) *world {
	t.Helper()
	t.Chdir(root)
	for _, program := range []string{operatorProgram, emulatorProgram, processes.Asset(processes.KubeAPIServer)} {
		if _, err := os.Stat(program); err != nil {
			t.Fatalf("%v; make build emulator controlplane builds the programs that the pages are tried with", err)
		}
	}
	w := &world{t: t, dir: t.TempDir()}
	w.startControlPlane()
	token, err := w.kubectl.Install(w.t.Context())
	w.must(err)
	w.startEmulator()
	w.startOperator(token)
	w.run("", "apply", "-f", guard+"/policy.yaml", "-f", guard+"/binding.yaml")
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

func (w *world) freeAddress() string {
	w.t.Helper()
	address, err := processes.FreeAddress(w.t.Context())
	w.must(err)
	return address
}

// run runs kubectl as an administrator.
func (w *world) run(stdin string, args ...string) string {
	w.t.Helper()
	output, err := w.kubectl.Run(w.t.Context(), stdin, args...)
	w.must(err)
	return output
}

// start starts a program, waits until it is ready, and stops it at the end of the test.
func (w *world) start(name, binary string, isReady func(context.Context) error, args ...string) {
	w.t.Helper()
	log := w.path(name + ".log")
	started, err := processes.Program{Name: name, Binary: binary, Arguments: args, Home: w.dir, Log: log}.Start(w.t.Context())
	w.must(err)
	w.t.Cleanup(func() {
		started.Stop()
		if w.t.Failed() && name == "operator" {
			w.t.Logf("the end of the log of %s:\n%s", name, processes.Tail(log))
		}
	})
	w.await(name+" is ready", isReady)
}

// await waits until a question is answered without an error.
func (w *world) await(what string, ask func(context.Context) error) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	if err := processes.Poll(ctx, ask); err != nil {
		w.t.Fatalf("%s: %v", what, err)
	}
}

func (w *world) startControlPlane() {
	w.t.Helper()
	etcd := "http://" + w.freeAddress()
	w.start(processes.Etcd, processes.Asset(processes.Etcd), func(ctx context.Context) error {
		return processes.Probe(ctx, http.DefaultClient, etcd+"/health")
	}, processes.EtcdArguments(w.path("etcd"), etcd)...)
	w.server = &processes.APIServer{Dir: w.dir, Etcd: etcd, Address: w.freeAddress()}
	args, err := w.server.Arguments()
	w.must(err)
	w.start(processes.KubeAPIServer, processes.Asset(processes.KubeAPIServer), w.server.Probe, args...)
	w.kubectl = processes.NewKubectl(w.kubeconfig("default"), w.dir)
}

// kubeconfig writes the configuration of an administrator who works in a namespace.
func (w *world) kubeconfig(namespace string) string {
	w.t.Helper()
	config, err := w.server.AdminKubeconfig()
	w.must(err)
	file := w.path("kubeconfig-" + namespace)
	w.must(os.WriteFile(file, []byte(strings.Replace(config, "namespace: default", "namespace: "+namespace, 1)), 0o600))
	return file
}

func (w *world) startEmulator() {
	w.t.Helper()
	file := w.path("connection-string")
	w.start("acs-emulator", emulatorProgram, func(context.Context) (err error) {
		w.service, err = openApplication(file, w.path("acs/ca.pem"))
		return err
	}, "--listen=127.0.0.1:0", "--tls-dir="+w.path("acs"), "--connection-string-file="+file)
}

func (w *world) startOperator(token string) {
	w.t.Helper()
	config, err := w.server.Kubeconfig(w.server.Address, processes.OperatorAccount, token)
	w.must(err)
	w.must(os.WriteFile(w.path("operator.kubeconfig"), []byte(config), 0o600))
	probes := w.freeAddress()
	w.start("operator", operatorProgram, func(ctx context.Context) error {
		return processes.Probe(ctx, http.DefaultClient, "http://"+probes+"/readyz")
	}, "--kubeconfig="+w.path("operator.kubeconfig"), "--acs-ca-file="+w.path("acs/ca.pem"),
		"--allowed-endpoint-suffixes="+strings.TrimPrefix(w.service.endpoint, "https://"),
		"--metrics-bind-address=0", "--health-probe-bind-address="+probes)
}

// addNamespace creates a namespace with the Secret that connections name.
func (w *world) addNamespace(name string) {
	w.t.Helper()
	if w.run("", "get", "namespace", name, "--ignore-not-found") == "" {
		w.run("", "create", "namespace", name)
	}
	if w.run("", "get", "secret", "acs", "-n", name, "--ignore-not-found") == "" {
		w.run("", "create", "secret", "generic", "acs", "-n", name, "--from-file=connectionString="+w.path("connection-string"))
	}
}

const connection = `apiVersion: chat.acs-operator.io/v1alpha1
kind: ChatConnection
metadata:
  name: default
  namespace: %s
spec:
  connectionStringSecretRef:
    name: acs
`

// addConnection creates the connection default of a namespace, and returns its service users.
func (w *world) addConnection(namespace string) []string {
	w.t.Helper()
	w.addNamespace(namespace)
	w.run(fmt.Sprintf(connection, namespace), "apply", "-f", "-")
	w.run("", "wait", "--for=condition=Ready", "--timeout=2m", "-n", namespace, "chatconnection/default")
	return strings.Fields(w.run("", "get", "chatconnection", "default", "-n", namespace, "-o", "jsonpath={.status.serviceUsers[*]}"))
}
