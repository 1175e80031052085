// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"context"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/acs-operator/acs-chat-operator/hack/sandbox"
	"github.com/acs-operator/acs-chat-operator/hack/sandbox/sandboxtest"
)

const entraOverlay = "docs/examples/entra/operator"

// cluster is a control plane with the operator.
type cluster struct{ *sandboxtest.World }

// startOperator installs the operator and starts it with the arguments of the Deployment in the
// recipe entra, and with the environment that Azure's webhook gives to its pod.
func (c *cluster) startOperator(ctx context.Context, binary string, n *internet) {
	c.Helper()
	c.Must(c.InstallOperator(ctx, c.Server.Address))
	deployed := c.deployed()
	n.allow("system:serviceaccount:"+sandbox.OperatorNamespace+":"+deployed.account, deployed.clientID)
	probes := c.FreeAddress()
	args := slices.Concat(deployed.args, []string{
		"--kubeconfig=" + c.Path(sandbox.OperatorKubeconfig), "--acs-ca-file=" + c.write(sandbox.AuthorityFile, string(n.authority)),
		"--leader-elect=false", "--metrics-bind-address=0", "--health-probe-bind-address=" + probes,
	})
	identity := c.Do("create", "token", deployed.account, "-n", sandbox.OperatorNamespace, "--audience="+entraAudience)
	program := c.Program(sandbox.Operator, binary, args...)
	program.Environment = []string{
		"HTTPS_PROXY=" + n.proxy.URL, "POD_NAMESPACE=" + sandbox.OperatorNamespace,
		"AZURE_CLIENT_ID=" + deployed.clientID, "AZURE_TENANT_ID=" + entraTenant,
		"AZURE_AUTHORITY_HOST=https://" + entraHost + "/", "AZURE_FEDERATED_TOKEN_FILE=" + c.write("identity-token", identity),
	}
	c.Must(c.Run(ctx, program, sandbox.Answers("http://"+probes+"/readyz")))
}

func (c *cluster) write(name, content string) (path string) {
	c.Helper()
	path, err := c.Write(name, content)
	c.Must(err)
	return path
}

// deployment is what the operator's pod gets from a kustomization.
type deployment struct {
	account, clientID string
	args              []string
}

// deployed returns what the recipe entra deploys.
func (c *cluster) deployed() deployment {
	c.Helper()
	var d deployment
	isWorkload := ""
	for document := range strings.SplitSeq(c.Do("kustomize", entraOverlay), "\n---\n") {
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
			c.Fatal(err)
		}
		switch pod := object.Spec.Template; object.Kind {
		case "ServiceAccount":
			d.account, d.clientID = object.Metadata.Name, object.Metadata.Annotations["azure.workload.identity/client-id"]
		case "Deployment":
			d.args, isWorkload = pod.Spec.Containers[0].Args, pod.Metadata.Labels["azure.workload.identity/use"]
			if pod.Spec.ServiceAccountName == "" {
				c.Errorf("%s: the Deployment names no service account", entraOverlay)
			}
		}
	}
	if d.clientID == "" || isWorkload != "true" {
		c.Errorf("%s: Azure's webhook would not give the pod an identity: client id %q, label %q", entraOverlay, d.clientID, isWorkload)
	}
	return d
}
