// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build soak

package soak

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/hack/processes"
)

const (
	// startPatience is generous: a busy machine is not a failure.
	startPatience  = 2 * time.Minute
	requestTimeout = 10 * time.Second
	// listDelay is the time after which the service lists new threads.
	listDelay         = "3s"
	operatorNamespace = "acs-chat-operator-system"
	operatorProgram   = "bin/manager"
	emulatorProgram   = "bin/acs-emulator"
)

// world is a control plane, the emulated service and a toxiproxy between all of them. The tests
// themselves access the API server and the emulator directly.
type world struct {
	t       *testing.T
	dir     string
	client  client.Client
	server  *processes.APIServer
	kubectl processes.Kubectl
	service *service

	etcd, apiServer, emulator *machine
	operators                 []*machine
	// toEtcd is the link of the API server, toAPI and toACS are those of the operator.
	toEtcd, toAPI, toACS *link
	connectionString     string // through toACS
}

// newWorld starts everything except the operator. More flags of the emulator replace its ordinary
// ones.
func newWorld(t *testing.T, emulatorFlags ...string) *world {
	t.Helper()
	w := &world{t: t, dir: tempDir(t)}
	ctx, cancel := context.WithTimeout(t.Context(), startPatience)
	defer cancel()
	etcd, api, acs := w.freeAddress(ctx), w.freeAddress(ctx), w.freeAddress(ctx)
	proxy := w.startToxiproxy(ctx)
	w.toEtcd = proxy.link(ctx, "etcd", etcd, w.freeAddress(ctx))
	w.toAPI = proxy.link(ctx, "kube-apiserver", api, w.freeAddress(ctx))
	w.toACS = proxy.link(ctx, "acs", acs, w.freeAddress(ctx))
	w.startEmulator(ctx, acs, emulatorFlags)
	w.startControlPlane(ctx, etcd, api)
	return w
}

// tempDir returns a directory that stays after a failure.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "soak-") //nolint:usetesting // its logs help to explain a failure
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("The logs are in %s.", dir)
			return
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

func (w *world) program(name, binary string, args ...string) processes.Program {
	return processes.Program{Name: name, Binary: binary, Arguments: args, Home: w.dir, Log: w.path(name + ".log")}
}

func (w *world) freeAddress(ctx context.Context) string {
	w.t.Helper()
	address, err := processes.FreeAddress(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	return address
}

func (w *world) write(name, content string) string {
	w.t.Helper()
	if err := os.WriteFile(w.path(name), []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return w.path(name)
}

func (w *world) startControlPlane(ctx context.Context, etcd, api string) {
	w.t.Helper()
	w.etcd = newMachine(w.t, w.program(processes.Etcd, processes.Asset(processes.Etcd), processes.EtcdArguments(w.path("etcd"), "http://"+etcd)...),
		func(ctx context.Context) error {
			return processes.Probe(ctx, http.DefaultClient, "http://"+etcd+"/health")
		})
	w.etcd.start()
	w.etcd.await(ctx)
	w.server = &processes.APIServer{Dir: w.dir, Etcd: "http://" + w.toEtcd.address, Address: api}
	args, err := w.server.Arguments()
	if err != nil {
		w.t.Fatal(err)
	}
	w.apiServer = newMachine(w.t, w.program(processes.KubeAPIServer, processes.Asset(processes.KubeAPIServer), args...), w.server.Probe)
	w.apiServer.start()
	w.apiServer.await(ctx)
	admin, err := w.server.AdminKubeconfig()
	if err != nil {
		w.t.Fatal(err)
	}
	w.kubectl = processes.NewKubectl(w.write("kubeconfig", admin), w.dir)
	token, err := w.kubectl.Install(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	operator, err := w.server.Kubeconfig(w.toAPI.address, processes.OperatorAccount, token)
	if err != nil {
		w.t.Fatal(err)
	}
	w.write("operator.kubeconfig", operator)
	w.client = newClient(w.t, admin)
}

func newClient(t *testing.T, kubeconfig string) client.Client {
	t.Helper()
	config, err := clientcmd.RESTConfigFromKubeConfig([]byte(kubeconfig))
	if err != nil {
		t.Fatal(err)
	}
	config.QPS, config.Timeout = -1, requestTimeout
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, chatv1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// startEmulator starts the emulator, which loads its saved state when it is restarted.
func (w *world) startEmulator(ctx context.Context, address string, flags []string) {
	w.t.Helper()
	admin, file := w.freeAddress(ctx), w.path("connection-string")
	w.service = &service{admin: "http://" + admin, client: &http.Client{Timeout: requestTimeout}}
	w.emulator = newMachine(w.t, w.program("acs-emulator", emulatorProgram, append([]string{
		"--listen=" + address, "--admin-listen=" + admin, "--quotas=off", "--list-delay=" + listDelay,
		"--tls-dir=" + w.path("acs"), "--state-file=" + w.path("acs.json"), "--connection-string-file=" + file,
	}, flags...)...), func(context.Context) error { _, err := os.Stat(file); return err })
	w.emulator.start()
	w.emulator.await(ctx)
	text, err := os.ReadFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	w.connectionString = strings.Replace(string(text), address, w.toACS.address, 1)
}

// startOperator starts a replica of the operator.
func (w *world) startOperator(name string, extra ...string) *machine {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), startPatience)
	defer cancel()
	probes := w.freeAddress(ctx)
	args := append([]string{
		"--kubeconfig=" + w.path("operator.kubeconfig"), "--acs-ca-file=" + w.path("acs/ca.pem"),
		"--allowed-endpoint-suffixes=" + w.toACS.address, "--metrics-bind-address=0", "--health-probe-bind-address=" + probes,
		"--acs-pacing=false", "--zap-devel=false",
	}, extra...)
	m := newMachine(w.t, w.program(name, operatorProgram, args...),
		func(ctx context.Context) error {
			return processes.Probe(ctx, http.DefaultClient, "http://"+probes+"/readyz")
		})
	w.t.Cleanup(func() {
		if w.t.Failed() {
			w.t.Logf("The end of the log of %s:\n%s", name, processes.Tail(m.program.Log))
		}
	})
	w.operators = append(w.operators, m)
	m.start()
	m.await(ctx)
	return m
}

// connect creates a namespace with a connection and its Secret.
func (w *world) connect(ctx context.Context, namespace string, spec chatv1alpha1.ChatConnectionSpec) {
	w.t.Helper()
	meta := metav1.ObjectMeta{Namespace: namespace, Name: "default"}
	spec.ConnectionStringSecretRef = &chatv1alpha1.SecretKeyReference{Name: "acs"}
	w.create(ctx,
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}},
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "acs"}, StringData: map[string]string{"connectionString": w.connectionString}},
		&chatv1alpha1.ChatConnection{ObjectMeta: meta, Spec: spec},
	)
}

func (w *world) create(ctx context.Context, objects ...client.Object) {
	w.t.Helper()
	for _, obj := range objects {
		if err := w.client.Create(ctx, obj); err != nil {
			w.t.Fatalf("create %T %s: %v", obj, obj.GetName(), err)
		}
	}
}
