// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	"github.com/acs-operator/acs-chat-operator/hack/cluster"
	"github.com/acs-operator/acs-chat-operator/hack/pods"
	"github.com/acs-operator/acs-chat-operator/hack/processes"
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

	t *testing.T
	// service is the address of the emulator, admin that of its admin endpoints.
	service, admin string
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
	var err error
	w.service, err = processes.FreeAddress(ctx)
	must(w.t, err)
	w.admin, err = processes.FreeAddress(ctx)
	must(w.t, err)
	connection := filepath.Join(w.Dir, "connection-string")
	started, err := processes.Program{
		Name: "acs-emulator", Binary: root + "/bin/acs-emulator", Home: w.Dir, Log: filepath.Join(w.Dir, "emulator.log"),
		Arguments: []string{"--listen=" + w.service, "--admin-listen=" + w.admin, "--tls-dir=" + w.Dir + "/tls", "--connection-string-file=" + connection},
	}.Start(ctx)
	must(w.t, err)
	w.t.Cleanup(started.Stop)
	must(w.t, processes.Poll(ctx, func(context.Context) error {
		_, err := os.Stat(connection)
		return err
	}))
	w.Kubectl("create", "namespace", namespace)
	w.Kubectl("create", "configmap", "authorities", "-n", namespace, "--from-file=ca.pem="+w.Dir+"/tls/ca.pem")
	w.Kubectl("create", "secret", "generic", "acs", "--from-file=connectionString="+connection)
}

// values are the values of the chart with which the operator reaches the emulator.
func (w *world) values(more ...string) []string {
	all := []string{"--set=caBundle.configMapName=authorities", "--set=caBundle.key=ca.pem", "--set=allowedEndpoints={" + w.service + "}"}
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
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, "http://"+w.admin+"/threads", http.NoBody)
	must(w.t, err)
	response, err := http.DefaultClient.Do(request)
	must(w.t, err)
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	must(w.t, err)
	var answer struct {
		Threads []emulator.Thread `json:"threads"`
	}
	must(w.t, json.Unmarshal(content, &answer))
	return answer.Threads
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
