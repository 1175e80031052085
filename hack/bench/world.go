// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
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
	"github.com/acs-operator/acs-chat-operator/hack/sandbox"
)

const (
	// patience is generous: a busy machine is not a failure.
	patience       = 2 * time.Minute
	leaseNamespace = sandbox.OperatorNamespace
	leaseName      = "bench"
)

// bench is a control plane, and what was found out on it.
type bench struct {
	*settings
	*sandbox.Sandbox
	admin *rest.Config
	// direct sends requests as an administrator, without the cost of a typed client.
	direct    *http.Client
	client    client.Client
	processes []*processes.Process
	broken    []string
}

// start starts a control plane with the CRDs and the permissions of the operator.
func start(ctx context.Context, s *settings) (b *bench, err error) {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return nil, err
	}
	b = &bench{settings: s, Sandbox: &sandbox.Sandbox{Dir: dir}}
	b.Run = b.run
	defer func() {
		if err != nil {
			err = errors.Join(err, b.stop(true))
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := b.StartControlPlane(ctx); err != nil {
		return nil, err
	}
	if b.admin, err = clientcmd.BuildConfigFromFlags("", b.Path(sandbox.AdminKubeconfig)); err != nil {
		return nil, err
	}
	b.admin.QPS = -1
	if b.direct, err = rest.HTTPClientFor(b.admin); err != nil {
		return nil, err
	}
	if b.client, err = client.New(b.admin, client.Options{Scheme: newScheme()}); err != nil {
		return nil, err
	}
	return b, b.InstallOperator(ctx, b.Server.Address)
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

// stop stops what still runs. The logs of a failed run are kept.
func (b *bench) stop(failed bool) error {
	for _, process := range slices.Backward(b.processes) {
		process.Stop()
	}
	if failed {
		fmt.Printf("The logs are in %s.\n", b.Dir)
		return nil
	}
	return os.RemoveAll(b.Dir)
}

// run starts a program and waits until it is ready.
func (b *bench) run(ctx context.Context, program processes.Program, ready func(context.Context) error) error {
	if program.Binary == sandbox.OperatorProgram {
		program.Binary = b.operator // which may be another build
	}
	started, err := program.Start(ctx)
	if err != nil {
		return err
	}
	b.processes = append(b.processes, started)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := processes.Poll(ctx, ready); err != nil {
		return fmt.Errorf("%s is not ready: %w\n%s", program.Name, err, processes.Tail(program.Log))
	}
	return nil
}

// latest is the program that was started last.
func (b *bench) latest() *processes.Process { return b.processes[len(b.processes)-1] }

// service is a running emulator.
type service struct {
	*sandbox.Service
	process *processes.Process
}

// startService starts an emulator.
func (b *bench) startService(ctx context.Context, dir string, quotas bool) (*service, error) {
	limits := "off"
	if quotas {
		limits = "on"
	}
	started, err := b.StartEmulator(ctx, dir, "--quotas="+limits, "--latency="+b.latency.String())
	if err != nil {
		return nil, err
	}
	return &service{started, b.latest()}, nil
}

// connect creates a namespace with a Ready-to-be ChatConnection.
func (b *bench) connect(ctx context.Context, namespace string, s *service, users int32) error {
	connectionString, err := s.ConnectionString()
	if err != nil {
		return err
	}
	return b.create(ctx,
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}},
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "acs"}, StringData: map[string]string{"connectionString": connectionString}},
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
	// metrics is the address of its metrics.
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
	metrics, err := processes.FreeAddress(ctx)
	if err != nil {
		return nil, err
	}
	args := []string{
		"--metrics-bind-address=" + metrics, "--metrics-secure=false",
		fmt.Sprintf("--acs-pacing=%t", flags.pacing), "--zap-devel=false", "--watch-namespaces=" + flags.namespace,
	}
	if flags.elects {
		args = append(args, "--leader-elect", "--leader-election-namespace="+leaseNamespace, "--leader-election-id="+leaseName)
	}
	made := &subject{metrics: metrics}
	if b.profiles != "" {
		address, err := processes.FreeAddress(ctx)
		if err != nil {
			return nil, err
		}
		args, made.pprof = append(args, "--pprof-bind-address="+address), "http://"+address+"/debug/pprof/"
	}
	if err := b.StartOperator(ctx, sandbox.Operator, s.Service, args...); err != nil {
		return nil, err
	}
	made.process = b.latest()
	return made, nil
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
