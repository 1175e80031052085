// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"context"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// While Flux is suspended, edits in the cluster stay and reach ACS. Then Git is right again.
func testSuspendAndResume(t *testing.T, w *world) {
	n := newTenant(t, w)
	n.begin(t, n.repo)
	threadID := n.chatThread(t, support).Status.ThreadID
	n.suspend(t, true)
	n.mustKubectl(t, "patch", "chatthread", support, "--type=merge", `--patch={"spec":{"topic":"Incident"}}`)
	n.awaitTopic(t, threadID, "Incident")

	// A new artifact arrives, and the operator is asked to look at the thread.
	revision := n.release(t, n.repo.with(t, threadFile, "Grace Hopper", "Rear Admiral Hopper"))
	eventually(t, func(ctx context.Context) error {
		output, err := n.kubectl.Run(ctx, "", "get", "ocirepository", "chat-"+n.name, "--namespace="+fluxNamespace, "--output=jsonpath={.status.artifact.revision}")
		if err == nil && output != revision {
			err = fmt.Errorf("the source has revision %s, not %s", output, revision)
		}
		return err
	})
	n.poke(t, n.kustomization())
	n.mustKubectl(t, "annotate", "chatthread", support, chatv1alpha1.AnnotationReconcileRequestedAt+"=now")
	eventually(t, func(context.Context) error {
		if got := n.chatThread(t, support).Status.LastHandledReconcileAt; got != "now" {
			return fmt.Errorf("the operator has handled %q", got)
		}
		return nil
	})
	if got := n.service.thread(t, threadID).Topic; got != "Incident" {
		t.Errorf("the topic at ACS while Flux is suspended: %q", got)
	}

	n.suspend(t, false)
	n.awaitHealthy(t, revision)
	n.awaitTopic(t, threadID, pageTopic)
}

func (n *tenant) suspend(t *testing.T, suspend bool) {
	t.Helper()
	_, err := n.kubectl.Run(t.Context(), "", "patch", "kustomization", "chat-"+n.name, "--namespace="+fluxNamespace,
		"--type=merge", fmt.Sprintf(`--patch={"spec":{"suspend":%t}}`, suspend))
	must(t, err)
}

// With the guard, Flux deletes no ChatThread that does not allow it.
func testDeletionGuard(t *testing.T, w *world) {
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
