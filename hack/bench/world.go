// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/hack/processes"
)

const (
	// patience is generous: a busy machine is not a failure.
	patience        = 2 * time.Minute
	operatorProgram = "bin/manager"
	emulatorProgram = "bin/acs-emulator"
	leaseNamespace  = "acs-chat-operator-system"
	leaseName       = "bench"
)

// bench is a control plane, and what was found out on it.
type bench struct {
	*settings
	dir    string
	server *processes.APIServer
	admin  *rest.Config
	// direct sends requests as an administrator, without the cost of a typed client.
	direct *http.Client
	client client.Client
	// kubeconfig is the file of the operator's account.
	kubeconfig string
	processes  []*processes.Process
	broken     []string
}

// start starts a control plane with the CRDs and the permissions of the operator.
func start(ctx context.Context, s *settings) (b *bench, err error) {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return nil, err
	}
	b = &bench{settings: s, dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.stop(true))
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := b.startControlPlane(ctx); err != nil {
		return nil, err
	}
	kubeconfig, err := b.server.AdminKubeconfig()
	if err != nil {
		return nil, err
	}
	if b.admin, err = clientcmd.RESTConfigFromKubeConfig([]byte(kubeconfig)); err != nil {
		return nil, err
	}
	b.admin.QPS = -1
	if b.direct, err = rest.HTTPClientFor(b.admin); err != nil {
		return nil, err
	}
	if b.client, err = client.New(b.admin, client.Options{Scheme: newScheme()}); err != nil {
		return nil, err
	}
	if err := os.WriteFile(b.path("kubeconfig"), []byte(kubeconfig), 0o600); err != nil {
		return nil, err
	}
	token, err := processes.NewKubectl(b.path("kubeconfig"), dir).Install(ctx)
	if err != nil {
		return nil, err
	}
	account, err := b.server.Kubeconfig(b.server.Address, processes.OperatorAccount, token)
	if err != nil {
		return nil, err
	}
	b.kubeconfig = b.path("operator.kubeconfig")
	return b, os.WriteFile(b.kubeconfig, []byte(account), 0o600)
}

func newScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, chatv1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			panic(err) // the types are of this program
		}
	}
	return scheme
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// stop stops what still runs. The logs of a failed run are kept.
func (b *bench) stop(failed bool) error {
	for _, process := range slices.Backward(b.processes) {
		process.Stop()
	}
	if failed {
		fmt.Printf("The logs are in %s.\n", b.dir)
		return nil
	}
	return os.RemoveAll(b.dir)
}

// launch starts a program and waits until it is ready.
func (b *bench) launch(ctx context.Context, name, binary string, ready func(context.Context) error, args ...string) (*processes.Process, error) {
	started, err := processes.Program{Name: name, Binary: binary, Arguments: args, Home: b.dir, Log: b.path(name + ".log")}.Start(ctx)
	if err != nil {
		return nil, err
	}
	b.processes = append(b.processes, started)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := processes.Poll(ctx, ready); err != nil {
		return nil, fmt.Errorf("%s is not ready: %w\n%s", name, err, processes.Tail(b.path(name+".log")))
	}
	return started, nil
}

func (b *bench) startControlPlane(ctx context.Context) error {
	etcd, err := processes.FreeAddress(ctx)
	if err != nil {
		return err
	}
	api, err := processes.FreeAddress(ctx)
	if err != nil {
		return err
	}
	url := "http://" + etcd
	_, err = b.launch(ctx, processes.Etcd, processes.Asset(processes.Etcd), func(ctx context.Context) error {
		return processes.Probe(ctx, http.DefaultClient, url+"/health")
	}, processes.EtcdArguments(b.path("etcd"), url)...)
	if err != nil {
		return err
	}
	b.server = &processes.APIServer{Dir: b.dir, Etcd: url, Address: api}
	args, err := b.server.Arguments()
	if err != nil {
		return err
	}
	_, err = b.launch(ctx, processes.KubeAPIServer, processes.Asset(processes.KubeAPIServer), b.server.Probe, args...)
	return err
}

// service is a running emulator.
type service struct {
	process          *processes.Process
	address          string
	authority        string
	connectionString string
}

// startService starts an emulator.
func (b *bench) startService(ctx context.Context, name string, quotas bool) (*service, error) {
	address, err := processes.FreeAddress(ctx)
	if err != nil {
		return nil, err
	}
	s := &service{address: address, authority: b.path(name + "/ca.pem")}
	file, limits := b.path(name+".connection"), "off"
	if quotas {
		limits = "on"
	}
	s.process, err = b.launch(ctx, name, emulatorProgram, func(context.Context) error { _, err := os.Stat(file); return err },
		"--listen="+address, "--quotas="+limits, "--latency="+b.latency.String(), "--tls-dir="+b.path(name), "--connection-string-file="+file)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(file)
	s.connectionString = string(text)
	return s, err
}

// connect creates a namespace with a Ready-to-be ChatConnection.
func (b *bench) connect(ctx context.Context, namespace string, s *service, users int32) error {
	return b.create(ctx,
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}},
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "acs"}, StringData: map[string]string{"connectionString": strings.TrimSpace(s.connectionString)}},
		&chatv1alpha1.ChatConnection{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "default"}, Spec: chatv1alpha1.ChatConnectionSpec{
			ConnectionStringSecretRef: &chatv1alpha1.SecretKeyReference{Name: "acs"},
			ServiceUsers:              &chatv1alpha1.ServiceUsers{Count: &users},
		}},
	)
}

func (b *bench) create(ctx context.Context, objects ...client.Object) error {
	for _, obj := range objects {
		if err := b.client.Create(ctx, obj); err != nil {
			return fmt.Errorf("create %T %s: %w", obj, obj.GetName(), err)
		}
	}
	return nil
}

// subject is a process that is measured.
type subject struct {
	process *processes.Process
	metrics string
	// pprof is the URL of its profiles; empty if none are wanted.
	pprof string
}

// operatorFlags are the flags that differ from measurement to measurement.
type operatorFlags struct {
	pacing    bool
	namespace string
	// elects is set if the operator is one of several replicas.
	elects bool
}

// startOperator starts the operator for one namespace.
func (b *bench) startOperator(ctx context.Context, s *service, flags operatorFlags) (*subject, error) {
	probes, err := processes.FreeAddress(ctx)
	if err != nil {
		return nil, err
	}
	metrics, err := processes.FreeAddress(ctx)
	if err != nil {
		return nil, err
	}
	args := []string{
		"--kubeconfig=" + b.kubeconfig, "--acs-ca-file=" + s.authority, "--allowed-endpoint-suffixes=" + s.address,
		"--metrics-bind-address=" + metrics, "--metrics-secure=false", "--health-probe-bind-address=" + probes,
		fmt.Sprintf("--acs-pacing=%t", flags.pacing), "--zap-devel=false", "--watch-namespaces=" + flags.namespace,
	}
	if flags.elects {
		args = append(args, "--leader-elect", "--leader-election-namespace="+leaseNamespace, "--leader-election-id="+leaseName)
	}
	made := &subject{metrics: "http://" + metrics + "/metrics"}
	if b.profiles != "" {
		address, err := processes.FreeAddress(ctx)
		if err != nil {
			return nil, err
		}
		args, made.pprof = append(args, "--pprof-bind-address="+address), "http://"+address+"/debug/pprof/"
	}
	made.process, err = b.launch(ctx, "operator", b.operator, func(ctx context.Context) error {
		return processes.Probe(ctx, http.DefaultClient, "http://"+probes+"/readyz")
	}, args...)
	return made, err
}

// awaitConnection waits until a ChatConnection is Ready.
func (b *bench) awaitConnection(ctx context.Context, namespace string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return processes.Poll(ctx, func(ctx context.Context) error {
		conn := &chatv1alpha1.ChatConnection{}
		if err := b.client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "default"}, conn); err != nil {
			return err
		}
		for _, c := range conn.Status.Conditions {
			if c.Type == chatv1alpha1.ConditionReady && c.Status == metav1.ConditionTrue {
				return nil
			}
		}
		return fmt.Errorf("ChatConnection %s/default is not Ready", namespace)
	})
}
