// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package cluster gives tests of manifests a cluster: an API server, the controllers of Kubernetes
// that an installation needs, and a node, which runs the pods of Deployments as processes.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/acs-operator/acs-chat-operator/hack/pods"
	"github.com/acs-operator/acs-chat-operator/hack/processes"
)

// Patience is how long a step may take. A busy machine is not a failure.
const Patience = 2 * time.Minute

const authorityFile = "ca.pem"

// Cluster is a cluster of one test.
type Cluster struct {
	// Config is that of an administrator, as is the file Kubeconfig.
	Config     *rest.Config
	Kubeconfig string
	Client     kubernetes.Interface
	// Dir has the files of the cluster.
	Dir string

	tb      testing.TB
	kubectl processes.Kubectl
	node    *pods.Node
	started int
}

// Start starts a cluster, which ends with the test. images are those of its node, by the last part
// of their names.
func Start(tb testing.TB, images map[string]pods.Image) *Cluster {
	tb.Helper()
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		tb.Fatal("KUBEBUILDER_ASSETS is not set: run this test by make, which builds a control plane and sets it")
	}
	control := &envtest.Environment{ControlPlaneStartTimeout: Patience, ControlPlaneStopTimeout: Patience}
	config, err := control.Start()
	must(tb, err)
	tb.Cleanup(func() {
		if err := control.Stop(); err != nil {
			tb.Error(err)
		}
	})
	admin, err := control.AddUser(envtest.User{Name: "admin", Groups: []string{"system:masters"}}, nil)
	must(tb, err)
	kubeconfig, err := admin.KubeConfig()
	must(tb, err)
	host, port, err := serverAddress(config.Host)
	must(tb, err)
	client, err := kubernetes.NewForConfig(config)
	must(tb, err)

	c := &Cluster{tb: tb, Config: config, Client: client, Dir: publicDir(tb)}
	c.Kubeconfig = filepath.Join(c.Dir, "kubeconfig")
	must(tb, errors.Join(
		os.WriteFile(c.Kubeconfig, kubeconfig, 0o600),
		os.WriteFile(filepath.Join(c.Dir, authorityFile), config.CAData, 0o600),
	))
	c.kubectl = processes.NewKubectl(c.Kubeconfig, c.Dir)
	c.node = &pods.Node{
		Client: client, APIHost: host, APIPort: port, APIAuthority: filepath.Join(c.Dir, authorityFile), Dir: filepath.Join(c.Dir, "pods"),
		Images: func(reference string) (pods.Image, error) {
			reference, _, _ = strings.Cut(reference, "@")
			name, _, _ := strings.Cut(path.Base(reference), ":")
			image, ok := images[name]
			if !ok {
				return image, fmt.Errorf("the node has no image %s", reference)
			}
			return image, nil
		},
	}
	c.startControllerManager()
	return c
}

// startControllerManager starts the controllers that delete namespaces and fill in aggregated
// roles.
func (c *Cluster) startControllerManager() {
	c.tb.Helper()
	started, err := processes.Program{
		Name: processes.ControllerManager, Binary: processes.Asset(processes.ControllerManager),
		Arguments: processes.ControllerManagerArguments(c.Kubeconfig), Home: c.Dir, Log: filepath.Join(c.Dir, processes.ControllerManager+".log"),
	}.Start(c.tb.Context())
	must(c.tb, err)
	c.tb.Cleanup(started.Stop)
}

// publicDir returns a directory in which the processes of pods, which are other users, find files.
func publicDir(tb testing.TB) string {
	tb.Helper()
	directory := tb.TempDir()
	for _, one := range []string{directory, filepath.Dir(directory)} {
		must(tb, os.Chmod(one, 0o755)) //nolint:gosec // other users read it
	}
	return directory
}

func serverAddress(server string) (host, port string, err error) {
	if parsed, err := url.Parse(server); err == nil && parsed.Host != "" {
		server = parsed.Host
	}
	return net.SplitHostPort(server)
}

// Kubectl runs kubectl as an administrator and returns its output.
func (c *Cluster) Kubectl(args ...string) string {
	c.tb.Helper()
	output, err := c.kubectl.Run(c.tb.Context(), "", args...)
	must(c.tb, err)
	return output
}

// TryKubectl is Kubectl for a command that may fail, with a standard input.
func (c *Cluster) TryKubectl(stdin string, args ...string) (string, error) {
	return c.kubectl.Run(c.tb.Context(), stdin, args...)
}

// AwaitCRDs waits until the API server serves the kinds.
func (c *Cluster) AwaitCRDs() {
	c.tb.Helper()
	c.Kubectl("wait", "--for=condition=Established", "--timeout=1m", "crd", "--all")
}

// Run runs a pod of a Deployment until it is ready. The pod ends with the test, or with Stop.
func (c *Cluster) Run(namespace, deployment string) *pods.Pod {
	c.tb.Helper()
	ctx, cancel := context.WithTimeout(c.tb.Context(), Patience)
	defer cancel()
	found, err := c.Client.AppsV1().Deployments(namespace).Get(ctx, deployment, metav1.GetOptions{})
	must(c.tb, err)
	c.started++
	pod, err := c.node.Run(ctx, namespace, fmt.Sprintf("%s-%d", deployment, c.started), &found.Spec.Template)
	must(c.tb, err)
	c.tb.Cleanup(pod.Stop)
	return pod
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
