// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/hack/processes"
)

// patience is generous: a busy machine is not a failure.
const patience = 3 * time.Minute

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
	testing.TB
	dir     string
	server  *processes.APIServer
	kubectl processes.Kubectl
	// account is the kubeconfig of the operator.
	account string
	// admin is the URL of the emulator's admin endpoints.
	admin   string
	service *service
	// running are the programs by their names.
	running map[string]*processes.Process
	// collector takes the traces of the operator.
	collector *collector
	*scraper
}

// service is ACS as an application uses it.
type service struct {
	endpoint string
	identity *acs.IdentityClient
	options  *acs.ClientOptions
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	w := &world{TB: tb, dir: tb.TempDir(), running: map[string]*processes.Process{}, collector: newCollector(tb)}
	w.startControlPlane()
	w.startEmulator()
	targets := map[string]string{}
	for _, pod := range replicas {
		targets[pod] = w.startOperator(pod)
	}
	w.scraper = newScraper(tb, targets)
	return w
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// run starts a program, waits until it is ready, and stops it with the test.
func (w *world) run(name, binary string, ready func(context.Context) error, args ...string) {
	w.Helper()
	started, err := processes.Program{Name: name, Binary: binary, Arguments: args, Home: w.dir, Log: w.path(name + ".log"),
		Environment: []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + w.collector.URL}}.Start(w.Context())
	w.must(err)
	w.Cleanup(started.Stop)
	w.running[name] = started
	w.poll(name, func(ctx context.Context) error {
		select {
		case <-started.Done():
			return errors.New(started.Status())
		default:
			return ready(ctx)
		}
	})
}

// poll waits until a question has no error as its answer.
func (w *world) poll(what string, ask func(context.Context) error) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), patience)
	defer cancel()
	if err := processes.Poll(ctx, ask); err != nil {
		w.Fatalf("%s: %v\n%s", what, err, processes.Tail(w.path(what+".log")))
	}
}

func (w *world) freeAddress() string {
	w.Helper()
	address, err := processes.FreeAddress(w.Context())
	w.must(err)
	return address
}

func (w *world) startControlPlane() {
	w.Helper()
	url := "http://" + w.freeAddress()
	w.run(processes.Etcd, processes.Asset(processes.Etcd), func(ctx context.Context) error {
		return processes.Probe(ctx, http.DefaultClient, url+"/health")
	}, processes.EtcdArguments(w.path("etcd"), url)...)
	w.server = &processes.APIServer{Dir: w.dir, Etcd: url, Address: w.freeAddress()}
	args, err := w.server.Arguments()
	w.must(err)
	w.run(processes.KubeAPIServer, processes.Asset(processes.KubeAPIServer), w.server.Probe, args...)

	kubeconfig, err := w.server.AdminKubeconfig()
	w.must(err)
	w.must(os.WriteFile(w.path("kubeconfig"), []byte(kubeconfig), 0o600))
	w.kubectl = processes.NewKubectl(w.path("kubeconfig"), w.dir)
	token, err := w.kubectl.Install(w.Context())
	w.must(err)
	account, err := w.server.Kubeconfig(w.server.Address, processes.OperatorAccount, token)
	w.must(err)
	w.account = w.path("operator.kubeconfig")
	w.must(os.WriteFile(w.account, []byte(account), 0o600))
}

func (w *world) startEmulator() {
	w.Helper()
	admin := w.freeAddress()
	w.admin = "http://" + admin
	w.run("emulator", "bin/acs-emulator", func(context.Context) error {
		_, err := os.Stat(w.path("connection-string"))
		return err
	}, "--listen=127.0.0.1:0", "--admin-listen="+admin, "--tls-dir="+w.path("acs"), "--connection-string-file="+w.path("connection-string"))
	text, err := os.ReadFile(w.path("connection-string"))
	w.must(err)
	authority, err := os.ReadFile(w.path("acs/ca.pem"))
	w.must(err)
	client, err := processes.ClientTrusting(authority)
	w.must(err)
	parsed, err := acs.ParseConnectionString(string(text))
	w.must(err)
	w.service = &service{endpoint: parsed.Endpoint, options: &acs.ClientOptions{}}
	w.service.options.Transport = client
	w.service.identity, err = acs.NewIdentityClientWithAccessKey(parsed.Endpoint, parsed.AccessKey, w.service.options)
	w.must(err)
}

// startOperator starts a replica and returns the address of its metrics.
func (w *world) startOperator(pod string) string {
	w.Helper()
	metrics, probes := w.freeAddress(), w.freeAddress()
	w.run(pod, "bin/manager", func(ctx context.Context) error {
		return processes.Probe(ctx, http.DefaultClient, "http://"+probes+"/readyz")
	}, "--kubeconfig="+w.account, "--acs-ca-file="+w.path("acs/ca.pem"), "--allowed-endpoint-suffixes="+strings.TrimPrefix(w.service.endpoint, "https://"),
		"--metrics-bind-address="+metrics, "--metrics-secure=false", "--health-probe-bind-address="+probes,
		"--leader-elect", "--leader-election-namespace="+scrapedNamespace)
	return metrics
}

// do runs kubectl and returns its output.
func (w *world) do(args ...string) string {
	w.Helper()
	output, err := w.kubectl.Run(w.Context(), "", args...)
	w.must(err)
	return output
}

// settle applies the samples, as a user would.
func (w *world) settle() {
	w.Helper()
	w.do("create", "secret", "generic", "acs", "--from-file=connectionString="+w.path("connection-string"))
	w.do("apply", "-k", "config/samples")
	w.do("wait", "--for=condition=Ready", "--timeout=2m", "chatthread/quickstart", "chatthread/incident", "chatparticipant/quickstart-edsger")
}

// live makes the operator do everything else that it has metrics for: threads beyond the quota,
// objects that are stalled, drift, a thread that is deleted at ACS, a refusal by ACS, and deletions
// that wait.
func (w *world) live() {
	w.Helper()
	w.do("apply", "-f", "hack/monitoring/testdata/objects.yaml")
	var many strings.Builder
	for i := range 15 {
		fmt.Fprintf(&many, "---\n{apiVersion: chat.acs-operator.io/v1alpha1, kind: ChatThread, metadata: {name: many-%d}, spec: {topic: One of many}}\n", i)
	}
	_, err := w.kubectl.Run(w.Context(), many.String(), "apply", "-f", "-")
	w.must(err)
	w.await("quota_waits", "sum(acs_chat_operator_quota_waits_total) > 0")
	w.do("wait", "--for=condition=Ready", "--timeout=2m", "chatthread/many-14")

	topic := "Renamed by somebody else"
	_, err = w.chatOf("quickstart").ThreadClient(w.threadOf("quickstart")).UpdateProperties(w.Context(), &acs.UpdateThreadPropertiesOptions{Topic: &topic})
	w.must(err)
	w.ask("quickstart")
	w.await("drift", `sum(acs_chat_operator_changes_total{cause="drift"}) > 0`)

	w.change()

	_, err = w.chatOf("many-0").DeleteThread(w.Context(), w.threadOf("many-0"), nil)
	w.must(err)
	w.ask("many-0")
	w.await("recreation", "sum(acs_chat_operator_recreations_total) > 0")

	w.inject(`{"operation":"GetThread","status":429,"times":1}`)
	w.ask("quickstart")
	w.await("throttle", "sum(acs_chat_operator_acs_throttled_total) > 0")
	w.await("stalled participants", `sum(acs_chat_operator_objects{kind="ChatParticipant",state="stalled"}) > 0`)
	w.await("refused members", "sum(acs_chat_operator_members_rejected) > 0")

	w.delete()
}

// change adds a member, removes it, and deletes the thread. Each counts as a change by the spec.
func (w *world) change() {
	w.Helper()
	const members = `{"spec":{"participants":[{"userID":"8:acs:6f3a2b1c-0d4e-4f5a-8b6c-7d8e9f0a1b2c_00000000-0000-4000-8000-00000000000a"}]}}`
	for _, step := range []struct {
		change string
		args   []string
	}{
		{"members_added", []string{"patch", "chatthread", "many-2", "--type=merge", "--patch", members}},
		{"members_removed", []string{"patch", "chatthread", "many-2", "--type=merge", "--patch", `{"spec":{"participants":[]}}`}},
		{"thread_deleted", []string{"delete", "chatthread", "many-2"}},
	} {
		count := fmt.Sprintf(`sum(acs_chat_operator_changes_total{change=%q,cause="spec"})`, step.change)
		before, err := w.query(w.Context(), count)
		w.must(err)
		w.do(step.args...)
		w.await(step.change, fmt.Sprintf("%s > %g", count, before[0].F))
	}
}

// delete deletes an object of each kind, whose deletion then waits: for its thread, because the
// connection limits deletions, and because ACS is in trouble.
func (w *world) delete() {
	w.Helper()
	w.inject(`{"operation":"RemoveParticipant","status":503}`)
	w.do("patch", "chatconnection", "default", "--type=merge", "--patch", `{"spec":{"maxDeletions":{"count":0}}}`)
	w.do("delete", "chatparticipant/quickstart-edsger", "chatthread/many-1", "chatconnection/default", "--wait=false")
	for _, kind := range []string{"ChatConnection", "ChatThread", "ChatParticipant"} {
		w.await(kind, fmt.Sprintf("max(acs_chat_operator_oldest_deletion_seconds{kind=%q}) > 0", kind))
	}
}

// ask asks the operator to look at a ChatThread now.
func (w *world) ask(thread string) {
	w.Helper()
	w.do("annotate", "chatthread", thread, "--overwrite", "chat.acs-operator.io/reconcile-requested-at="+time.Now().Format(time.RFC3339Nano))
}

func (w *world) threadOf(name string) string {
	w.Helper()
	return w.do("get", "chatthread", name, "-o", "jsonpath={.status.threadID}")
}

// chatOf returns the client of the user that acts for a ChatThread.
func (w *world) chatOf(name string) *acs.ChatClient {
	w.Helper()
	user := w.do("get", "chatthread", name, "-o", "jsonpath={.status.serviceUser}")
	credential := acs.NewUserCredential(func(ctx context.Context) (acs.AccessToken, error) {
		issued, err := w.service.identity.IssueToken(ctx, user, []acs.TokenScope{acs.ScopeChat}, nil)
		return issued.AccessToken, err
	}, nil)
	client, err := acs.NewChatClient(w.service.endpoint, credential, w.service.options)
	w.must(err)
	return client
}

// inject injects a fault into the emulator.
func (w *world) inject(fault string) {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), http.MethodPost, w.admin+"/faults", strings.NewReader(fault))
	w.must(err)
	resp, err := http.DefaultClient.Do(req)
	w.must(err)
	w.must(resp.Body.Close())
	if resp.StatusCode >= http.StatusMultipleChoices {
		w.Fatalf("the emulator answers %s to a fault", resp.Status)
	}
}
