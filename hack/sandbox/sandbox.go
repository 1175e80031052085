// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package sandbox runs a control plane, the emulator of ACS and the operator on this machine, for
// the demo, the benchmarks and the suites that need real processes.
package sandbox

import (
	"context"
	"net/http"
	"os"
	"path/filepath"

	"github.com/acs-operator/acs-chat-operator/hack/processes"
)

// The programs that make builds, by their paths from the root of the repository.
const (
	OperatorProgram = "bin/manager"
	EmulatorProgram = "bin/acs-emulator"
)

// Operator is the name of the operator, and the beginning of the names of its replicas.
const Operator = "operator"

// OperatorNamespace is the namespace in which the operator is installed.
const OperatorNamespace = "acs-chat-operator-system"

// The names of the files of a sandbox.
const (
	AdminKubeconfig    = "kubeconfig"
	OperatorKubeconfig = "operator.kubeconfig"
	// LogsDir has the log of each program.
	LogsDir = "logs"
)

// Sandbox is a control plane and the programs around it. The working directory must be the root of
// the repository.
type Sandbox struct {
	// Dir has all files.
	Dir string
	// Run starts a program, and waits until it is ready.
	Run func(ctx context.Context, program processes.Program, ready func(context.Context) error) error

	// Server and Kubectl are there after StartAPIServer. Kubectl acts as an administrator.
	Server  *processes.APIServer
	Kubectl processes.Kubectl
}

// Path returns the path of a file of the sandbox.
func (s *Sandbox) Path(name string) string { return filepath.Join(s.Dir, name) }

// Write writes a file that only the user can read, and returns its path.
func (s *Sandbox) Write(name, content string) (path string, err error) {
	path = s.Path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	return path, os.WriteFile(path, []byte(content), 0o600)
}

// LogFile returns the path of the log of a program.
func (s *Sandbox) LogFile(program string) string {
	return s.Path(filepath.Join(LogsDir, program+".log"))
}

// Program returns a program of the sandbox.
func (s *Sandbox) Program(name, binary string, args ...string) processes.Program {
	return processes.Program{Name: name, Binary: binary, Arguments: args, Home: s.Dir, Log: s.LogFile(name)}
}

// StartEtcd starts an etcd, and returns its address.
func (s *Sandbox) StartEtcd(ctx context.Context) (address string, err error) {
	if address, err = processes.FreeAddress(ctx); err != nil {
		return "", err
	}
	program := s.Program(processes.Etcd, processes.Asset(processes.Etcd), processes.EtcdArguments(s.Path("etcd"), "http://"+address)...)
	return address, s.Run(ctx, program, Answers("http://"+address+"/health"))
}

// StartAPIServer starts an API server with the etcd at an address, and writes the kubeconfig of its
// administrator.
func (s *Sandbox) StartAPIServer(ctx context.Context, etcd string, flags ...string) error {
	address, err := processes.FreeAddress(ctx)
	if err != nil {
		return err
	}
	s.Server = &processes.APIServer{Dir: s.Dir, Etcd: "http://" + etcd, Address: address}
	args, err := s.Server.Arguments()
	if err != nil {
		return err
	}
	program := s.Program(processes.KubeAPIServer, processes.Asset(processes.KubeAPIServer), append(args, flags...)...)
	if err := s.Run(ctx, program, s.Server.Probe); err != nil {
		return err
	}
	kubeconfig, err := s.Server.AdminKubeconfig()
	if err != nil {
		return err
	}
	path, err := s.Write(AdminKubeconfig, kubeconfig)
	s.Kubectl = processes.NewKubectl(path, s.Dir)
	return err
}

// StartControlPlane starts an etcd and an API server.
func (s *Sandbox) StartControlPlane(ctx context.Context) error {
	etcd, err := s.StartEtcd(ctx)
	if err != nil {
		return err
	}
	return s.StartAPIServer(ctx, etcd)
}

// StartControllerManager starts the controllers of Kubernetes that delete namespaces and owned
// objects. Flags may add others.
func (s *Sandbox) StartControllerManager(ctx context.Context, flags ...string) error {
	program := s.Program(processes.ControllerManager, processes.Asset(processes.ControllerManager),
		append(processes.ControllerManagerArguments(s.Path(AdminKubeconfig)), flags...)...)
	return s.Run(ctx, program, func(ctx context.Context) error {
		// Only a running controller manager creates this service account.
		_, err := s.Kubectl.Run(ctx, "", "get", "serviceaccount", "default", "-n", "default")
		return err
	})
}

// InstallOperator installs the CRDs and the permissions of the operator, and writes its kubeconfig
// for the API server at an address: its own one, or that of a proxy.
func (s *Sandbox) InstallOperator(ctx context.Context, address string) error {
	token, err := s.Kubectl.Install(ctx)
	if err != nil {
		return err
	}
	kubeconfig, err := s.Server.Kubeconfig(address, processes.OperatorAccount, token)
	if err != nil {
		return err
	}
	_, err = s.Write(OperatorKubeconfig, kubeconfig)
	return err
}

// StartOperator starts an operator that may call only this service. It serves no metrics unless a
// flag says so.
func (s *Sandbox) StartOperator(ctx context.Context, name string, acs *Service, flags ...string) error {
	probes, err := processes.FreeAddress(ctx)
	if err != nil {
		return err
	}
	program := s.Program(name, OperatorProgram, append([]string{
		"--kubeconfig=" + s.Path(OperatorKubeconfig), "--acs-ca-file=" + acs.Authority, "--allowed-endpoint-suffixes=" + acs.Address,
		"--metrics-bind-address=0", "--health-probe-bind-address=" + probes,
	}, flags...)...)
	return s.Run(ctx, program, Answers("http://"+probes+"/readyz"))
}

// Answers returns a probe that asks for a URL.
func Answers(url string) func(context.Context) error {
	return func(ctx context.Context) error { return processes.Probe(ctx, http.DefaultClient, url) }
}
