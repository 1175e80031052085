// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"context"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// While Flux is suspended, edits in the cluster stay and reach ACS. Then Git is right again.
func (w *world) testSuspendAndResume(t *testing.T) {
	t.Parallel()
	n := newTenant(t, w)
	n.begin(t, n.repo)
	threadID := n.chatThread(t, support).Status.ThreadID
	n.suspend(t, true)
	n.mustKubectl(t, "patch", "chatthread", support, "--type=merge", `--patch={"spec":{"topic":"Incident"}}`)
	n.awaitTopic(t, threadID, "Incident")

	// A new artifact arrives, which another Kustomization with the same source applies, and applies
	// again after both were asked to.
	other := n.name + "-other"
	must(t, n.client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: other}}))
	control := example(t, "chat.yaml")[0]
	n.adapt(control, []edit{func(spec map[string]any) { spec["targetNamespace"], spec["wait"] = other, false }})
	control.SetName("chat-" + other)
	must(t, n.client.Create(t.Context(), control))
	revision := n.release(t, n.repo.with(t, threadFile, "Grace Hopper", "Rear Admiral Hopper"))
	n.await(t, control.GetName(), func(v *verdict) bool { return v.isHealthy(revision) })
	n.poke(t, n.kustomization())
	for range 2 {
		request := n.poke(t, control)
		n.await(t, control.GetName(), func(v *verdict) bool { return v.Status.LastHandledReconcileAt == request })
	}
	if here, remote := n.chatThread(t, support).Spec.Topic, n.service.thread(t, threadID).Topic; here != "Incident" || remote != "Incident" {
		t.Errorf("the topic while Flux is suspended: %q, at ACS %q", here, remote)
	}

	n.suspend(t, false)
	n.awaitHealthy(t, revision)
	n.awaitTopic(t, threadID, pageTopic)
}

func (n *tenant) suspend(t *testing.T, suspend bool) {
	t.Helper()
	_, err := n.Kubectl.Run(t.Context(), "", "patch", "kustomization", "chat-"+n.name, "--namespace="+fluxNamespace,
		"--type=merge", fmt.Sprintf(`--patch={"spec":{"suspend":%t}}`, suspend))
	must(t, err)
}

// With the guard, Flux deletes no ChatThread that does not allow it.
func (w *world) testDeletionGuard(t *testing.T) {
	n := newTenant(t, w)
	n.begin(t, n.repo)
	guard := example(t, "deletion-guard.yaml")[0]
	must(t, n.client.Create(t.Context(), guard))
	n.await(t, guard.GetName(), func(v *verdict) bool { return v.ready().Status == metav1.ConditionTrue })
	const remedy = "kubectl annotate -n deletionguard chatthread support chat.acs-operator.io/allow-delete=true"
	// The API server takes a moment to enforce a new policy.
	eventually(t, func(context.Context) error {
		_, err := n.kubectlIn(t, "", "delete", "chatthread", support, "--dry-run=server")
		if err == nil || !strings.Contains(err.Error(), remedy) {
			return fmt.Errorf("a deletion ends with: %w", err)
		}
		return nil
	})

	empty := n.repo.without(threadFile, participantFile)
	if message := n.awaitFailure(t, n.release(t, empty), pruneFailed); !strings.Contains(message, remedy) {
		t.Errorf("Flux says %q", message)
	}
	if thread := n.chatThread(t, support); thread.DeletionTimestamp != nil {
		t.Error("the ChatThread is being deleted")
	}
	// In Git, the permission comes first, and then the deletion.
	n.deploy(t, n.repo.with(t, threadFile, "  name: support\n", "  name: support\n  annotations:\n    chat.acs-operator.io/allow-delete: \"true\"\n"))
	n.deploy(t, empty)
	n.awaitGone(t, support, &chatv1alpha1.ChatThread{})
}
