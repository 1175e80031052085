// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/acs-operator/acs-chat-operator/hack/sandbox"
)

const azureCRD = "hack/examples/testdata/azure-service-operator.yaml"

func init() {
	recipes["azure-service-operator"] = recipe{
		prepare: func(r *run) {
			r.kubectl("apply", "-f", azureCRD)
			r.kubectl("wait", "--for=condition=Established", "--timeout=1m", "-f", azureCRD)
		},
		actions: map[string]func(*run){
			"aso-exports-the-secret": (*run).exportSecret,
			"key-is-rotated": func(r *run) {
				r.service.RotateAccessKey()
				r.exportSecret()
			},
		},
		check: func(r *run) { r.expectRooms("Welcome to Contoso by contoso/welcome: Ada Lovelace") },
	}
}

// exportSecret writes the Secret that a CommunicationService names, as Azure Service Operator does.
func (r *run) exportSecret() {
	r.t.Helper()
	const path = "jsonpath={.spec.operatorSpec.secrets.primaryConnectionString['name','key']}"
	name, key, _ := strings.Cut(r.kubectl("get", "communicationservice", "contoso", "-n", "contoso", "-o", path), " ")
	r.write("exported", r.service.ConnectionString(r.endpoint))
	manifest := r.kubectl("create", "secret", "generic", name, "-n", "contoso", "--dry-run=client", "-o", "yaml",
		"--from-file="+key+"="+r.dir+"/exported")
	_, err := r.cluster.Kubectl.Run(r.t.Context(), manifest, "apply", "-f", "-")
	r.must(err)
}

// azureCLI records its arguments, and answers what the recipe entra asks for.
const azureCLI = `#!/bin/sh
echo "$*" >>"$HOME/azure.log"
case "$*" in
*--query\ clientId*) echo 00000000-0000-0000-0000-000000000000 ;;
*--query\ oidcIssuerProfile.issuerUrl*) echo https://oidc.example.com/ ;;
esac
`

func init() {
	recipes["entra"] = recipe{
		// Its connection names a resource, unlike a Secret of the other recipes.
		resource: "contoso",
		prepare: func(r *run) {
			r.must(os.WriteFile(filepath.Join(r.tree, "bin", "az"), []byte(azureCLI), 0o700))
		},
		check: func(r *run) {
			r.expectRooms("Welcome by chat-entra/welcome: Ada Lovelace")
			calls, err := os.ReadFile(filepath.Join(r.tree, "azure.log"))
			r.must(err)
			for _, want := range []string{
				"--subject system:serviceaccount:" + sandbox.OperatorNamespace + ":" + r.cluster.deployed().account,
				"--audiences " + entraAudience, "--issuer https://oidc.example.com/", "--assignee 00000000-0000-0000-0000-000000000000",
			} {
				if !strings.Contains(string(calls), want+"\n") && !strings.Contains(string(calls), want+" ") {
					r.t.Errorf("no call of az has %q:\n%s", want, calls)
				}
			}
		},
	}
}
