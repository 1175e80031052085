// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	"github.com/acs-operator/acs-chat-operator/hack/cluster"
	"github.com/acs-operator/acs-chat-operator/hack/pods"
	"github.com/acs-operator/acs-chat-operator/hack/processes"
	"github.com/acs-operator/acs-chat-operator/hack/sandbox"
)

const manager = "acs-chat-operator-controller-manager"

func TestMain(m *testing.M) {
	pods.Enter()
	ctrl.SetLogger(logr.Discard())
	os.Exit(m.Run())
}

// world is a cluster and an emulator of ACS, for an installation from the files of a release.
type world struct {
	*cluster.Cluster

	t       *testing.T
	service *sandbox.Service
}

func newWorld(t *testing.T) *world {
	t.Helper()
	image := pods.Image{Root: t.TempDir(), Entrypoint: []string{"/" + release}, UID: 65532, GID: 65532}
	binary, err := os.ReadFile(root + "/bin/manager")
	must(t, err)
	must(t, os.WriteFile(filepath.Join(image.Root, release), binary, 0o755))
	w := &world{t: t, Cluster: cluster.Start(t, map[string]pods.Image{release: image})}
	w.startEmulator()
	return w
}

// startEmulator starts the emulator, and creates the ConfigMap with its authority and the Secret
// with its credentials in the namespaces that need them.
func (w *world) startEmulator() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), cluster.Patience)
	defer cancel()
	box := &sandbox.Sandbox{Dir: w.Dir, Run: func(ctx context.Context, program processes.Program, ready func(context.Context) error) error {
		program.Binary = filepath.Join(root, program.Binary)
		started, err := program.Start(ctx)
		if err != nil {
			return err
		}
		w.t.Cleanup(started.Stop)
		return processes.Poll(ctx, ready)
	}}
	var err error
	w.service, err = box.StartEmulator(ctx, "acs")
	must(w.t, err)
	w.Kubectl("create", "namespace", namespace)
	w.Kubectl("create", "configmap", "authorities", "-n", namespace, "--from-file=ca.pem="+w.service.Authority)
	w.Kubectl("create", "secret", "generic", "acs", "--from-file=connectionString="+w.service.ConnectionStringFile)
}

// values are the values of the chart with which the operator reaches the emulator.
func (w *world) values(more ...string) []string {
	all := []string{"--set=caBundle.configMapName=authorities", "--set=caBundle.key=ca.pem", "--set=allowedEndpoints={" + w.service.Address + "}"}
	for _, one := range more {
		all = append(all, "--set="+one)
	}
	return all
}

// helm runs Helm against the cluster.
func (w *world) helm(version string, args ...string) {
	w.t.Helper()
	helm(w.t, version, append(args, "--namespace", namespace, "--kubeconfig", w.Kubeconfig)...)
}

// threads returns the ids of the threads in the service, with the numbers of their members. A
// deleted one is an error.
func (w *world) threads() map[string]int {
	w.t.Helper()
	all := map[string]int{}
	for _, one := range w.everyThread() {
		if one.DeletedOn != nil {
			w.t.Errorf("thread %s is deleted", one.ID)
		}
		all[one.ID] = len(one.Members)
	}
	return all
}

// allThreads returns the ids of the threads in the service that are not deleted.
func (w *world) allThreads() (ids []string) {
	w.t.Helper()
	for _, one := range w.everyThread() {
		if one.DeletedOn == nil {
			ids = append(ids, one.ID)
		}
	}
	return ids
}

func (w *world) everyThread() []emulator.Thread {
	w.t.Helper()
	threads, err := w.service.Threads(w.t.Context())
	must(w.t, err)
	return threads
}

// applySamples applies the samples that need no thread from elsewhere, and waits for them.
func (w *world) applySamples() {
	w.t.Helper()
	for _, name := range []string{"connection", "thread", "participants", "retention"} {
		w.Kubectl("apply", "-f", filepath.Join(root, "config", "samples", name+".yaml"))
	}
	w.awaitReady()
}

// awaitReady waits until all resources are Ready for their present generation.
func (w *world) awaitReady() {
	w.t.Helper()
	w.Kubectl("wait", "--for=condition=Ready", "--timeout=1m", "chatconnections,chatthreads,chatparticipants", "--all")
}

// setTopic changes a thread and waits until the change is at ACS.
func (w *world) setTopic(topic string) {
	w.t.Helper()
	w.Kubectl("patch", "chatthread", "quickstart", "--type=merge", "-p", fmt.Sprintf(`{"spec":{"topic":%q}}`, topic))
	generation := w.Kubectl("get", "chatthread", "quickstart", "-o", "jsonpath={.metadata.generation}")
	w.Kubectl("wait", "--for=jsonpath={.status.observedGeneration}="+generation, "--timeout=1m", "chatthread/quickstart")
	w.awaitReady()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
