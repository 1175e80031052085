// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/acs-operator/acs-chat-operator/hack/processes"
)

const (
	// startPatience is generous: a busy machine is not a failure.
	startPatience     = 3 * time.Minute
	operatorNamespace = "acs-chat-operator-system"
	entraOverlay      = "docs/examples/entra/operator"
	operator          = "operator"
	authorityFile     = "ca.pem"
)

// cluster is a control plane with the operator.
type cluster struct {
	t       *testing.T
	dir     string
	server  *processes.APIServer
	kubectl processes.Kubectl
}

// startCluster starts an API server that keeps its objects below a prefix in etcd. The directory is
// for its files.
func startCluster(ctx context.Context, t *testing.T, etcd, prefix, dir string) *cluster {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	c := &cluster{t: t, dir: dir, server: &processes.APIServer{Dir: dir, Etcd: etcd, Address: freeAddress(ctx, t)}}
	args, err := c.server.Arguments()
	if err != nil {
		t.Fatal(err)
	}
	c.start(ctx, processes.KubeAPIServer, processes.Asset(processes.KubeAPIServer), nil, append(args, "--etcd-prefix="+prefix)...)
	c.await(ctx, processes.KubeAPIServer, c.server.Probe)
	admin, err := c.server.AdminKubeconfig()
	if err != nil {
		t.Fatal(err)
	}
	c.kubectl = processes.NewKubectl(c.write("kubeconfig", admin), dir)
	return c
}

// startControllers starts the controllers of Kubernetes that the recipes need.
func (c *cluster) startControllers(ctx context.Context) {
	c.t.Helper()
	args := append(processes.ControllerManagerArguments(c.path("kubeconfig")), "--controllers=resourcequota-controller")
	c.start(ctx, processes.ControllerManager, processes.Asset(processes.ControllerManager), nil, args...)
	// Only a running controller manager creates this service account.
	c.run(ctx, "wait", "--for=create", "serviceaccount/default", "-n", "default", "--timeout=2m")
}

// startOperator installs the operator and starts it with the arguments of the Deployment in the
// recipe entra, and with the environment that Azure's webhook gives to its pod.
func (c *cluster) startOperator(ctx context.Context, binary string, n *internet) {
	c.t.Helper()
	token, err := c.kubectl.Install(ctx)
	if err != nil {
		c.t.Fatal(err)
	}
	kubeconfig, err := c.server.Kubeconfig(c.server.Address, processes.OperatorAccount, token)
	if err != nil {
		c.t.Fatal(err)
	}
	deployed := c.deployed(ctx)
	n.allow("system:serviceaccount:"+operatorNamespace+":"+deployed.account, deployed.clientID)
	probes := freeAddress(ctx, c.t)
	args := slices.Concat(deployed.args, []string{
		"--kubeconfig=" + c.write("operator.kubeconfig", kubeconfig), "--acs-ca-file=" + c.write(authorityFile, string(n.authority)),
		"--leader-elect=false", "--metrics-bind-address=0", "--health-probe-bind-address=" + probes,
	})
	identity := c.run(ctx, "create", "token", deployed.account, "-n", operatorNamespace, "--audience="+entraAudience)
	c.start(ctx, operator, binary, []string{
		"HTTPS_PROXY=" + n.proxy.URL, "POD_NAMESPACE=" + operatorNamespace,
		"AZURE_CLIENT_ID=" + deployed.clientID, "AZURE_TENANT_ID=" + entraTenant,
		"AZURE_AUTHORITY_HOST=https://" + entraHost + "/", "AZURE_FEDERATED_TOKEN_FILE=" + c.write("identity-token", identity),
	}, args...)
	c.await(ctx, operator, func(ctx context.Context) error {
		return processes.Probe(ctx, http.DefaultClient, "http://"+probes+"/readyz")
	})
}

// deployment is what the operator's pod gets from a kustomization.
type deployment struct {
	account, clientID string
	args              []string
}

// deployed returns what the recipe entra deploys.
func (c *cluster) deployed(ctx context.Context) deployment {
	c.t.Helper()
	var d deployment
	isWorkload := ""
	for document := range strings.SplitSeq(c.run(ctx, "kustomize", entraOverlay), "\n---\n") {
		var object struct {
			Kind     string
			Metadata struct {
				Name        string
				Annotations map[string]string
			}
			Spec struct {
				Template struct {
					Metadata struct{ Labels map[string]string }
					Spec     struct {
						ServiceAccountName string
						Containers         []struct{ Args []string }
					}
				}
			}
		}
		if err := yaml.Unmarshal([]byte(document), &object); err != nil {
			c.t.Fatal(err)
		}
		switch pod := object.Spec.Template; object.Kind {
		case "ServiceAccount":
			d.account, d.clientID = object.Metadata.Name, object.Metadata.Annotations["azure.workload.identity/client-id"]
		case "Deployment":
			d.args, isWorkload = pod.Spec.Containers[0].Args, pod.Metadata.Labels["azure.workload.identity/use"]
			if pod.Spec.ServiceAccountName == "" {
				c.t.Errorf("%s: the Deployment names no service account", entraOverlay)
			}
		}
	}
	if d.clientID == "" || isWorkload != "true" {
		c.t.Errorf("%s: Azure's webhook would not give the pod an identity: client id %q, label %q", entraOverlay, d.clientID, isWorkload)
	}
	return d
}

// run runs kubectl as the administrator.
func (c *cluster) run(ctx context.Context, args ...string) string {
	c.t.Helper()
	output, err := c.kubectl.Run(ctx, "", args...)
	if err != nil {
		c.t.Fatal(err)
	}
	return output
}

func (c *cluster) path(name string) string { return filepath.Join(c.dir, name) }

func (c *cluster) write(name, content string) (path string) {
	c.t.Helper()
	if err := os.WriteFile(c.path(name), []byte(content), 0o600); err != nil {
		c.t.Fatal(err)
	}
	return c.path(name)
}

// start starts a program that runs until the test ends.
func (c *cluster) start(ctx context.Context, name, binary string, environment []string, args ...string) {
	c.t.Helper()
	startProgram(ctx, c.t, processes.Program{
		Name: name, Binary: binary, Arguments: args, Home: c.dir, Log: c.path(name + ".log"), Environment: environment,
	})
}

func (c *cluster) await(ctx context.Context, name string, ready func(context.Context) error) {
	c.t.Helper()
	if err := processes.Poll(ctx, ready); err != nil {
		c.t.Fatalf("%s is not ready: %v\n%s", name, err, processes.Tail(c.path(name+".log")))
	}
}

func startProgram(ctx context.Context, t *testing.T, program processes.Program) {
	t.Helper()
	program.Ended = func(err error) { t.Errorf("%v\n%s", err, processes.Tail(program.Log)) }
	process, err := program.Start(ctx)
	if err != nil {
		t.Fatalf("start %s: %v", program.Name, err)
	}
	t.Cleanup(func() {
		if t.Failed() && program.Name == operator {
			t.Logf("The end of the log of the operator:\n%s", processes.Tail(program.Log))
		}
		process.Stop()
	})
}

func freeAddress(ctx context.Context, t *testing.T) string {
	t.Helper()
	address, err := processes.FreeAddress(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return address
}
