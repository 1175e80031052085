// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"strings"
)

const welcome = `
A Kubernetes control plane, an emulator of ACS Chat and the operator, on this machine and for as long as this runs.

`

const onceText = `
Everything is Ready. ` + "`make demo`" + ` keeps it up, for you to try.

`

// tryTemplate is the demo's list of suggestions. Each line can be copied as it is.
const tryTemplate = `
Try it, in another terminal in this directory

  export KUBECONFIG=STATE/kubeconfig

  See what the service holds; again after each of the commands below
    bin/demo show
  Rename the topic
    KUBECTL patch chatthread quickstart --type=merge -p '{"spec":{"topic":"a better topic"}}'
  Take out a member that is declared with the thread
    KUBECTL patch chatthread quickstart --type=json -p '[{"op":"remove","path":"/spec/participants/1"}]'
  Take out a member that is declared apart
    KUBECTL delete chatparticipant quickstart-edsger
  Change the thread behind the operator's back, then have it looked at now and not at the next resync
    bin/demo drift
    KUBECTL annotate --overwrite chatthread quickstart chat.acs-operator.io/reconcile-requested-at="$(date)"
  See what the operator did, and what it is made of
    KUBECTL events --for chatthread/quickstart
    KUBECTL explain chatthread.spec
  Delete threads: the first one at the service as well, the adopted one only here
    KUBECTL delete chatthread quickstart order-4711
  Put the first one back
    KUBECTL apply -f config/samples/thread.yaml -f config/samples/participants.yaml

  The logs are in STATE/logs, the operator's metrics at http://METRICS/metrics.
  TRACES

Ctrl-C stops everything and leaves nothing.
`

func (d *demo) tryText() string {
	return strings.NewReplacer("KUBECTL", d.Kubectl.Binary, "STATE", d.state.dir, "METRICS", d.metrics, "TRACES", tracesText(os.Getenv)).Replace(tryTemplate)
}

// tracesText says where traces go.
func tracesText(getenv func(string) string) string {
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"} {
		if getenv(name) != "" {
			return "Its traces go to the collector that " + name + " names."
		}
	}
	return "To see traces as well, start the demo with OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318, the port of a collector."
}
