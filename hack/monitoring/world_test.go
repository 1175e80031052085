// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/hack/sandbox"
	"github.com/acs-operator/acs-chat-operator/hack/sandbox/sandboxtest"
)

// The labels that the Prometheus operator gives to what it scrapes.
const (
	scrapedNamespace = "acs-chat-operator-system"
	scrapedJob       = "acs-chat-operator-controller-manager-metrics"
)

// replicas are the names of the pods.
var replicas = []string{"operator-a", "operator-b"}

// world is a control plane, an emulator of ACS and two replicas of the operator, with a Prometheus
// that scrapes them.
type world struct {
	*sandboxtest.World
	service     *sandbox.Service
	application *sandbox.Application
	// collector takes the traces of the operator.
	collector *collector
	*scraper
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	w := &world{World: sandboxtest.New(tb), collector: newCollector(tb)}
	w.Environment = []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + w.collector.URL}
	ctx, cancel := context.WithTimeout(tb.Context(), sandboxtest.Patience)
	defer cancel()
	w.service, w.application = w.StartService(ctx)
	targets := map[string]string{}
	for _, pod := range replicas {
		targets[pod] = w.FreeAddress()
		w.Must(w.StartOperator(ctx, pod, w.service, "--metrics-bind-address="+targets[pod], "--metrics-secure=false",
			"--leader-elect", "--leader-election-namespace="+scrapedNamespace))
	}
	w.scraper = newScraper(tb, targets)
	return w
}

// settle applies the samples, as a user would.
func (w *world) settle() {
	w.Helper()
	w.Do("create", "secret", "generic", "acs", "--from-file=connectionString="+w.service.ConnectionStringFile)
	w.Do("apply", "-k", "config/samples")
	w.Do("wait", "--for=condition=Ready", "--timeout=2m", "chatthread/quickstart", "chatthread/incident", "chatparticipant/quickstart-edsger")
}

// live makes the operator do everything else that it has metrics for: threads beyond the quota,
// objects that are stalled, drift, a thread that is deleted at ACS, a refusal by ACS, and deletions
// that wait.
func (w *world) live() {
	w.Helper()
	w.Do("apply", "-f", "hack/monitoring/testdata/objects.yaml")
	var many strings.Builder
	for i := range 15 {
		fmt.Fprintf(&many, "---\n{apiVersion: chat.acs-operator.io/v1alpha1, kind: ChatThread, metadata: {name: many-%d}, spec: {topic: One of many}}\n", i)
	}
	w.DoWith(many.String(), "apply", "-f", "-")
	w.await("quota_waits", "sum(acs_chat_operator_quota_waits_total) > 0")
	w.Do("wait", "--for=condition=Ready", "--timeout=2m", "chatthread/many-14")

	topic := "Renamed by somebody else"
	_, err := w.chatOf("quickstart").ThreadClient(w.threadOf("quickstart")).UpdateProperties(w.Context(), &acs.UpdateThreadPropertiesOptions{Topic: &topic})
	w.Must(err)
	w.ask("quickstart")
	w.await("drift", `sum(acs_chat_operator_changes_total{cause="drift"}) > 0`)

	w.change()

	_, err = w.chatOf("many-0").DeleteThread(w.Context(), w.threadOf("many-0"), nil)
	w.Must(err)
	w.ask("many-0")
	w.await("recreation", "sum(acs_chat_operator_recreations_total) > 0")

	w.Must(w.service.Inject(w.Context(), map[string]any{"operation": "GetThread", "status": 429, "times": 1}))
	w.ask("quickstart")
	w.await("throttle", "sum(acs_chat_operator_acs_throttled_total) > 0")
	w.await("stalled participants", `sum(acs_chat_operator_objects{kind="ChatParticipant",state="stalled"}) > 0`)
	w.await("refused members", "sum(acs_chat_operator_members_rejected) > 0")

	w.delete()
}

// change adds a member, removes it, deletes the thread, and adopts one that another ChatThread
// left. Each counts as a change by the spec.
func (w *world) change() {
	w.Helper()
	const members = `{"spec":{"participants":[{"userID":"8:acs:6f3a2b1c-0d4e-4f5a-8b6c-7d8e9f0a1b2c_00000000-0000-4000-8000-00000000000a"}]}}`
	left := w.threadOf("many-3")
	w.Do("patch", "chatthread", "many-3", "--type=merge", "--patch", `{"spec":{"deletionPolicy":"Retain"}}`)
	w.Do("delete", "chatthread", "many-3")
	adopter := "{apiVersion: chat.acs-operator.io/v1alpha1, kind: ChatThread, metadata: {name: adopter}, spec: {topic: Adopted, threadID: \"" + left + "\"}}"
	for _, step := range []struct {
		change, stdin string
		args          []string
	}{
		{"members_added", "", []string{"patch", "chatthread", "many-2", "--type=merge", "--patch", members}},
		{"members_removed", "", []string{"patch", "chatthread", "many-2", "--type=merge", "--patch", `{"spec":{"participants":[]}}`}},
		{"thread_deleted", "", []string{"delete", "chatthread", "many-2"}},
		{"thread_adopted", adopter, []string{"apply", "-f", "-"}},
	} {
		count := fmt.Sprintf(`sum(acs_chat_operator_changes_total{change=%q,cause="spec"})`, step.change)
		before, err := w.query(w.Context(), count)
		w.Must(err)
		w.DoWith(step.stdin, step.args...)
		w.await(step.change, fmt.Sprintf("%s > %g", count, before[0].F))
	}
}

// delete deletes an object of each kind, whose deletion then waits: for its thread, because the
// connection limits deletions, and because ACS is in trouble.
func (w *world) delete() {
	w.Helper()
	w.Must(w.service.Inject(w.Context(), map[string]any{"operation": "RemoveParticipant", "status": 503}))
	w.Do("patch", "chatconnection", "default", "--type=merge", "--patch", `{"spec":{"maxDeletions":{"count":0}}}`)
	w.Do("delete", "chatparticipant/quickstart-edsger", "chatthread/many-1", "chatconnection/default", "--wait=false")
	for _, kind := range []string{"ChatConnection", "ChatThread", "ChatParticipant"} {
		w.await(kind, fmt.Sprintf("max(acs_chat_operator_oldest_deletion_seconds{kind=%q}) > 0", kind))
	}
}

// ask asks the operator to look at a ChatThread now.
func (w *world) ask(thread string) {
	w.Helper()
	w.Do("annotate", "chatthread", thread, "--overwrite", "chat.acs-operator.io/reconcile-requested-at="+time.Now().Format(time.RFC3339Nano))
}

func (w *world) threadOf(name string) string {
	w.Helper()
	return w.Do("get", "chatthread", name, "-o", "jsonpath={.status.threadID}")
}

// chatOf returns the client of the user that acts for a ChatThread.
func (w *world) chatOf(name string) *acs.ChatClient {
	w.Helper()
	client, err := w.application.Chat(w.Do("get", "chatthread", name, "-o", "jsonpath={.status.serviceUser}"))
	w.Must(err)
	return client
}
