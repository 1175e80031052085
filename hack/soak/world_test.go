// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build soak

package soak

import (
	"context"
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
	"github.com/acs-operator/acs-chat-operator/hack/sandbox"
	"github.com/acs-operator/acs-chat-operator/hack/sandbox/sandboxtest"
)

const (
	// requestTimeout is the limit of a request to the API server.
	requestTimeout = 10 * time.Second
	// listDelay is the time after which the service lists new threads.
	listDelay   = "3s"
	acsEmulator = "acs-emulator"
)

// world is a control plane, the emulated service and a toxiproxy between all of them. The tests
// themselves access the API server and the emulator directly.
type world struct {
	*sandboxtest.World
	client  client.Client
	service *sandbox.Service
	// machines are the programs by their names.
	machines map[string]*machine
	// operators are the machines of all replicas.
	operators []*machine
	// toEtcd is the link of the API server, toAPI and toACS are those of the operator.
	toEtcd, toAPI, toACS *link
	connectionString     string // through toACS
}

// newWorld starts everything except the operator. More flags of the emulator replace its ordinary
// ones.
func newWorld(t *testing.T, emulatorFlags ...string) *world {
	t.Helper()
	w := &world{World: sandboxtest.New(t), machines: map[string]*machine{}}
	// Programs are restarted whenever they exit.
	w.Run = func(ctx context.Context, program processes.Program, ready func(context.Context) error) error {
		m := newMachine(t, program, ready)
		w.machines[program.Name] = m
		m.start()
		return m.await(ctx)
	}
	ctx, cancel := context.WithTimeout(t.Context(), sandboxtest.Patience)
	defer cancel()
	proxy := w.startToxiproxy(ctx)
	w.startService(ctx, proxy, emulatorFlags)
	etcd, err := w.StartEtcd(ctx)
	w.Must(err)
	w.toEtcd = proxy.link(ctx, processes.Etcd, etcd)
	w.Must(w.StartAPIServer(ctx, w.toEtcd.address))
	w.toAPI = proxy.link(ctx, processes.KubeAPIServer, w.Server.Address)
	w.Must(w.InstallOperator(ctx, w.toAPI.address))
	w.client = newClient(t, w.Path(sandbox.AdminKubeconfig))
	return w
}

// startService starts the emulator, which loads its saved state when it is restarted.
func (w *world) startService(ctx context.Context, proxy *toxiproxy, flags []string) {
	w.Helper()
	var err error
	w.service, err = w.StartEmulator(ctx, "acs",
		append([]string{"--quotas=off", "--list-delay=" + listDelay, "--state-file=" + w.Path("acs.json")}, flags...)...)
	w.Must(err)
	text, err := w.service.ConnectionString()
	w.Must(err)
	w.toACS = proxy.link(ctx, "acs", w.service.Address)
	w.connectionString = strings.Replace(text, w.service.Address, w.toACS.address, 1)
}

func newClient(t *testing.T, kubeconfig string) client.Client {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
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

// startOperator starts a replica of the operator, behind toxiproxy.
func (w *world) startOperator(name string, flags ...string) *machine {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), sandboxtest.Patience)
	defer cancel()
	w.Cleanup(func() {
		if m := w.machines[name]; m != nil && w.Failed() {
			w.Logf("The end of the log of %s:\n%s", name, processes.Tail(m.program.Log))
		}
	})
	proxied := *w.service
	proxied.Address = w.toACS.address
	w.Must(w.StartOperator(ctx, name, &proxied, append([]string{"--acs-pacing=false", "--zap-devel=false"}, flags...)...))
	w.operators = append(w.operators, w.machines[name])
	return w.machines[name]
}

// connect creates a namespace with a connection and its Secret.
func (w *world) connect(ctx context.Context, namespace string, spec chatv1alpha1.ChatConnectionSpec) {
	w.Helper()
	meta := metav1.ObjectMeta{Namespace: namespace, Name: "default"}
	spec.ConnectionStringSecretRef = &chatv1alpha1.SecretKeyReference{Name: "acs"}
	w.create(ctx,
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}},
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "acs"}, StringData: map[string]string{"connectionString": w.connectionString}},
		&chatv1alpha1.ChatConnection{ObjectMeta: meta, Spec: spec},
	)
}

func (w *world) create(ctx context.Context, objects ...client.Object) {
	w.Helper()
	for _, obj := range objects {
		if err := w.client.Create(ctx, obj); err != nil {
			w.Fatalf("create %T %s: %v", obj, obj.GetName(), err)
		}
	}
}
