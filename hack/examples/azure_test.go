// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package examples

import "strings"

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
	r.write("exported", r.service.ConnectionString("https://"+r.name+acsDomain))
	manifest := r.kubectl("create", "secret", "generic", name, "-n", "contoso", "--dry-run=client", "-o", "yaml",
		"--from-file="+key+"="+r.dir+"/exported")
	_, err := r.cluster.kubectl.Run(r.t.Context(), manifest, "apply", "-f", "-")
	r.must(err)
}
