// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

const (
	chatAPI = "chat.acs-operator.io/v1alpha1"
	// expressionsFile has expressions with the verdict of kstatus, observeFile those for Observe.
	expressionsFile = "health-checks.yaml"
	observeFile     = "health-checks-observe.yaml"
)

// kinds are the kinds of the operator.
var kinds = []string{"ChatConnection", "ChatThread", "ChatParticipant"}

// healthChecks returns the expressions of a file of the page.
func healthChecks(t *testing.T, name string) (checks []kustomize.CustomHealthCheck) {
	t.Helper()
	content, err := os.ReadFile(path.Join(examples, name))
	must(t, err)
	var file struct {
		Spec struct {
			HealthCheckExprs []kustomize.CustomHealthCheck `json:"healthCheckExprs"`
		} `json:"spec"`
	}
	must(t, yaml.UnmarshalStrict(content, &file))
	return file.Spec.HealthCheckExprs
}

// evaluate returns the verdict of the expressions for an object, as Flux evaluates them.
func evaluate(t *testing.T, checks []kustomize.CustomHealthCheck, object *unstructured.Unstructured) status.Status {
	t.Helper()
	for _, check := range checks {
		if check.APIVersion != object.GetAPIVersion() || check.Kind != object.GetKind() {
			continue
		}
		evaluator, err := cel.NewStatusEvaluator(&check.HealthCheckExpressions)
		must(t, err)
		result, err := evaluator.Evaluate(t.Context(), object)
		if err != nil {
			t.Fatalf("%s %s: %v", object.GetKind(), object.GetName(), err)
		}
		return result.Status
	}
	t.Fatalf("there is no expression for %s", object.GetKind())
	return ""
}

// kstatus returns the verdict of Flux without expressions. Flux waits for an object that is being
// deleted.
func kstatus(t *testing.T, object *unstructured.Unstructured) status.Status {
	t.Helper()
	result, err := status.Compute(object)
	must(t, err)
	if result.Status == status.TerminatingStatus {
		return status.InProgressStatus
	}
	return result.Status
}

// checkExpressions checks that the expressions agree with kstatus on all objects of a tenant.
func (n *tenant) checkExpressions(t *testing.T) {
	t.Helper()
	checks := healthChecks(t, expressionsFile)
	for name, object := range n.resources(t) {
		if got, want := evaluate(t, checks, object), kstatus(t, object); got != want {
			t.Errorf("%s: the expressions say %s, kstatus says %s:\n%v", name, got, want, object.Object["status"])
		}
	}
}

// state is the state of an object by its conditions.
type state struct {
	name               string
	observedGeneration int64
	deleted            bool
	// conditions are those that are true or, with a minus, false.
	conditions []string
	reason     string
	want       status.Status
}

// goldenStates are the states that the operator writes: docs/chatthread.md and the pages of the
// other kinds list their reasons.
func goldenStates() []state {
	states := []state{
		{name: "before the first reconcile", observedGeneration: -1, want: status.InProgressStatus},
		{name: "ready", observedGeneration: 2, conditions: []string{"Ready"}, reason: chatv1alpha1.ReasonSucceeded, want: status.CurrentStatus},
		{name: "ready for the generation before", observedGeneration: 1, conditions: []string{"Ready"}, reason: chatv1alpha1.ReasonSucceeded, want: status.InProgressStatus},
		{name: "stalled for the generation before", observedGeneration: 1, conditions: []string{"-Ready", "Stalled"}, reason: chatv1alpha1.ReasonInvalidRequest, want: status.InProgressStatus},
		{name: "being deleted", observedGeneration: 2, deleted: true, conditions: []string{"-Ready", "Reconciling"}, reason: chatv1alpha1.ReasonDeleting, want: status.InProgressStatus},
		{name: "ready, and being deleted", observedGeneration: 2, deleted: true, conditions: []string{"Ready"}, reason: chatv1alpha1.ReasonSucceeded, want: status.InProgressStatus},
		{name: "stalled, and being deleted", observedGeneration: 2, deleted: true, conditions: []string{"-Ready", "Stalled"}, reason: chatv1alpha1.ReasonCredentialsLost, want: status.InProgressStatus},
	}
	for _, reason := range []string{
		chatv1alpha1.ReasonSearching, chatv1alpha1.ReasonCreating, chatv1alpha1.ReasonUpdating, chatv1alpha1.ReasonWaitingForQuota, chatv1alpha1.ReasonThrottled,
		chatv1alpha1.ReasonServiceUnavailable, chatv1alpha1.ReasonInternalError, chatv1alpha1.ReasonConnectionNotFound, chatv1alpha1.ReasonConnectionNotReady,
		chatv1alpha1.ReasonSecretNotFound, chatv1alpha1.ReasonThreadNotFound, chatv1alpha1.ReasonThreadNotReady,
	} {
		states = append(states, state{name: reason, observedGeneration: 2, conditions: []string{"-Ready", "Reconciling"}, reason: reason, want: status.InProgressStatus})
	}
	for _, reason := range []string{
		chatv1alpha1.ReasonParticipantRejected, chatv1alpha1.ReasonRejected, chatv1alpha1.ReasonDuplicate, chatv1alpha1.ReasonTooManyParticipants, chatv1alpha1.ReasonDrifted,
		chatv1alpha1.ReasonInvalidConnectionString, chatv1alpha1.ReasonAuthenticationFailed, chatv1alpha1.ReasonEndpointNotAllowed, chatv1alpha1.ReasonNamespaceNotAllowed,
		chatv1alpha1.ReasonAccessLost, chatv1alpha1.ReasonOwnedByAnother, chatv1alpha1.ReasonThreadGone, chatv1alpha1.ReasonInvalidRequest, chatv1alpha1.ReasonPermissionDenied,
	} {
		states = append(states, state{name: reason, observedGeneration: 2, conditions: []string{"-Ready", "Stalled"}, reason: reason, want: status.FailedStatus})
	}
	return states
}

// object returns an object of generation 2 in the state.
func (s *state) object(t *testing.T, kind string) *unstructured.Unstructured {
	t.Helper()
	metadata := map[string]any{"name": "golden", "generation": 2}
	if s.deleted {
		metadata["deletionTimestamp"] = "2026-11-27T04:00:00Z"
	}
	statusField := map[string]any{"observedGeneration": s.observedGeneration}
	if len(s.conditions) > 0 {
		var conditions []any
		for _, name := range s.conditions {
			value := "True"
			if strings.HasPrefix(name, "-") {
				value = "False"
			}
			conditions = append(conditions, map[string]any{"type": strings.TrimPrefix(name, "-"), "status": value, "reason": s.reason, "message": ""})
		}
		statusField["conditions"] = conditions
	}
	encoded, err := json.Marshal(map[string]any{"apiVersion": chatAPI, "kind": kind, "metadata": metadata, "status": statusField})
	must(t, err)
	object := &unstructured.Unstructured{}
	must(t, object.UnmarshalJSON(encoded))
	return object
}

func TestExpressionsAgreeWithKstatus(t *testing.T) {
	checks := healthChecks(t, expressionsFile)
	for _, kind := range kinds {
		for _, s := range goldenStates() {
			t.Run(fmt.Sprintf("%s/%s", kind, s.name), func(t *testing.T) {
				object := s.object(t, kind)
				if got := kstatus(t, object); got != s.want {
					t.Errorf("kstatus says %s, not %s", got, s.want)
				}
				if got := evaluate(t, checks, object); got != s.want {
					t.Errorf("the expressions say %s, not %s", got, s.want)
				}
			})
		}
	}
}

// The expressions for Observe differ from kstatus in one reason.
func TestExpressionsForObserve(t *testing.T) {
	checks := healthChecks(t, observeFile)
	for _, s := range goldenStates() {
		t.Run(s.name, func(t *testing.T) {
			want := s.want
			if s.reason == chatv1alpha1.ReasonDrifted {
				want = status.CurrentStatus
			}
			if got := evaluate(t, checks, s.object(t, "ChatThread")); got != want {
				t.Errorf("the expressions say %s, not %s", got, want)
			}
		})
	}
}

// withExpressions adds the expressions of a file of the page to a Kustomization.
func withExpressions(t *testing.T, file string) edit {
	t.Helper()
	content, err := os.ReadFile(path.Join(examples, file))
	must(t, err)
	var fragment struct {
		Spec map[string]any `json:"spec"`
	}
	must(t, yaml.UnmarshalStrict(content, &fragment))
	return func(spec map[string]any) { spec["healthCheckExprs"] = fragment.Spec["healthCheckExprs"] }
}

// With the expressions, Flux comes to the same verdicts.
func (w *world) testHealthCheckExpressions(t *testing.T) {
	t.Parallel()
	n := newTenant(t, w)
	n.begin(t, n.repo, withExpressions(t, expressionsFile))
	refused := n.repo.with(t, threadFile, "8:acs:${acs_resource}_00000000-0000-4000-8000-00000000000a", stranger)
	message := n.awaitFailure(t, n.release(t, refused), healthCheckFailed)
	if want := "ChatThread/" + n.name + "/support status: 'Failed'"; !strings.Contains(message, want) {
		t.Errorf("Flux says %q, without %q", message, want)
	}
	n.deploy(t, n.repo)
}

// The plan of an observed thread is a failure, unless the expressions say otherwise.
func (w *world) testObserveIsNoFailure(t *testing.T) {
	t.Parallel()
	n := newTenant(t, w)
	observed := n.repo.with(t, threadFile, "  topic:", "  managementPolicy: Observe\n  topic:").without(participantFile)
	revision := n.pushArtifact(t, n.name, observed)
	n.apply(t, "source.yaml")
	n.apply(t, "credentials.yaml")
	n.apply(t, "chat.yaml")
	if message := n.awaitFailure(t, revision, healthCheckFailed); !strings.Contains(message, "/support status: 'Failed'") {
		t.Errorf("Flux says %q", message)
	}
	if got := n.chatThread(t, support).Status.Conditions; len(got) == 0 || got[0].Reason != chatv1alpha1.ReasonDrifted {
		t.Errorf("conditions: %+v", got)
	}
	encoded, err := json.Marshal(healthChecks(t, observeFile))
	must(t, err)
	_, err = n.Kubectl.Run(t.Context(), "", "patch", "kustomization", "chat-"+n.name, "--namespace="+fluxNamespace, "--type=merge",
		fmt.Sprintf(`--patch={"spec":{"healthCheckExprs":%s}}`, encoded))
	must(t, err)
	n.awaitHealthy(t, revision)
	if all := n.threadsAtACS(t); len(all) > 0 {
		t.Errorf("threads at ACS: %v", all)
	}
}
