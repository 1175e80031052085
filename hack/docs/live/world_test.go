// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package live runs the commands of the pages against a real control plane, with the operator and
// the emulator of ACS.
package live

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/acs-operator/acs-chat-operator/hack/processes"
	"github.com/acs-operator/acs-chat-operator/hack/sandbox"
	"github.com/acs-operator/acs-chat-operator/hack/sandbox/sandboxtest"
)

const (
	root = "../../.."
	// outputPatience is the time for an output to become that of the page.
	outputPatience = time.Minute
	guard          = "config/components/deletion-guard"
)

// world is a control plane with the CRDs, the deletion guard, the operator and the emulator.
type world struct {
	*sandboxtest.World
	service     *sandbox.Service
	application *sandbox.Application
}

// newWorld starts everything. The working directory becomes the root of the repository.
func newWorld(t *testing.T) *world {
	t.Helper()
	t.Chdir(root)
	for _, program := range []string{sandbox.OperatorProgram, sandbox.EmulatorProgram, processes.Asset(processes.KubeAPIServer)} {
		if _, err := os.Stat(program); err != nil {
			t.Fatalf("%v; make build emulator controlplane builds the programs that the pages are tried with", err)
		}
	}
	w := &world{World: sandboxtest.New(t)}
	ctx, cancel := context.WithTimeout(t.Context(), sandboxtest.Patience)
	defer cancel()
	w.service, w.application = w.StartService(ctx)
	w.Must(w.StartOperator(ctx, sandbox.Operator, w.service))
	w.Do("apply", "-f", guard+"/policy.yaml", "-f", guard+"/binding.yaml")
	return w
}

// kubeconfig writes the configuration of an administrator who works in a namespace.
func (w *world) kubeconfig(namespace string) string {
	w.Helper()
	config, err := w.Server.AdminKubeconfig()
	w.Must(err)
	path, err := w.Write("kubeconfig-"+namespace, strings.Replace(config, "namespace: default", "namespace: "+namespace, 1))
	w.Must(err)
	return path
}

// addNamespace creates a namespace with the Secret that connections name.
func (w *world) addNamespace(name string) {
	w.Helper()
	if w.Do("get", "namespace", name, "--ignore-not-found") == "" {
		w.Do("create", "namespace", name)
	}
	if w.Do("get", "secret", "acs", "-n", name, "--ignore-not-found") == "" {
		w.Do("create", "secret", "generic", "acs", "-n", name, "--from-file=connectionString="+w.service.ConnectionStringFile)
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
	w.Helper()
	w.addNamespace(namespace)
	w.DoWith(fmt.Sprintf(connection, namespace), "apply", "-f", "-")
	w.Do("wait", "--for=condition=Ready", "--timeout=2m", "-n", namespace, "chatconnection/default")
	return strings.Fields(w.Do("get", "chatconnection", "default", "-n", namespace, "-o", "jsonpath={.status.serviceUsers[*]}"))
}
