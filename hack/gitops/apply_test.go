// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"context"
	"fmt"
	"testing"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/hack/sandbox/sandboxtest"
)

// installOperator installs the operator as the page says, from the tag of a repository, and only
// then starts it. An earlier tenant waits for it.
func (w *world) installOperator(t *testing.T) {
	t.Helper()
	early := newTenant(t, w)
	revision := w.pushArtifact(t, early.name, early.repo)
	for _, file := range []string{"source.yaml", "credentials.yaml", "chat.yaml"} {
		early.apply(t, file)
	}
	w.await(t, "chat-"+early.name, func(v *verdict) bool { return v.ready().Reason == dependencyNotReady })

	config := files{}
	for name, content := range filesOf(t, "config") {
		config["config/"+name] = content
	}
	w.commit(t, "acs-chat-operator", "v0.1.0", config)
	for _, object := range example(t, "operator.yaml") {
		spec := object.Object["spec"].(map[string]any) //nolint:errcheck,forcetypeassert // as the page has it
		if object.GetKind() == "GitRepository" {
			spec["url"] = w.git + "/acs-chat-operator"
		} else {
			// There are no nodes. The operator runs as a process, with the permissions that Flux installs.
			spec["patches"] = []any{map[string]any{
				"target": map[string]any{"kind": "Deployment|Service"},
				"patch":  "$patch: delete\napiVersion: v1\nkind: any\nmetadata:\n  name: any\n",
			}}
		}
		must(t, w.client.Create(t.Context(), object))
	}
	w.await(t, "acs-chat-operator", func(v *verdict) bool { return v.ready().Status == metav1.ConditionTrue })
	ctx, cancel := context.WithTimeout(t.Context(), sandboxtest.Patience)
	defer cancel()
	w.startOperator(ctx)
	early.awaitHealthy(t, revision)
}

// The Kustomization is healthy once the threads are at ACS, and not before.
func (w *world) testHealthyWithItsThreads(t *testing.T) {
	t.Parallel()
	n := newTenant(t, w)
	revision := n.pushArtifact(t, n.name, n.repo)
	n.apply(t, "source.yaml")
	// The Secret comes from elsewhere, and late.
	n.apply(t, "chat.yaml", func(spec map[string]any) { spec["dependsOn"] = []any{map[string]any{"name": "acs-chat-operator"}} })
	eventually(t, func(ctx context.Context) error {
		v, err := w.verdict(ctx, "chat-"+n.name)
		if err != nil {
			return err
		}
		output, err := n.kubectlIn(t, "", "get", "chatthread,chatconnection,chatparticipant", "--output=jsonpath={.items[*].status.conditions[?(@.type=='Ready')].reason}")
		if want := "ConnectionNotReady SecretNotFound ThreadNotReady"; err == nil && output != want {
			err = fmt.Errorf("reasons %q, not %q", output, want)
		}
		if v.ready().Status == metav1.ConditionTrue {
			t.Fatalf("healthy without threads: %s", v)
		}
		return err
	})
	waits := w.await(t, "chat-"+n.name, func(v *verdict) bool { return v.Status.LastAttemptedRevision == revision })
	if waits.ready().Status != metav1.ConditionUnknown {
		t.Errorf("while the Secret is missing: %s", waits)
	}
	_, err := n.kubectlIn(t, w.secrets.plain, "apply", "--filename=-")
	must(t, err)
	healthy := n.awaitHealthy(t, revision)

	thread := n.chatThread(t, support)
	ready := apimeta.FindStatusCondition(thread.Status.Conditions, chatv1alpha1.ConditionReady)
	if since := healthy.ready().LastTransitionTime; since.Time.Before(ready.LastTransitionTime.Time) {
		t.Errorf("healthy at %s, before the thread at %s", since, ready.LastTransitionTime)
	}
	remote := n.service.thread(t, thread.Status.ThreadID)
	if remote.Topic != pageTopic || remote.Metadata["environment"] != "production" || !isMember(&remote, ada) || !isMember(&remote, edsger) {
		t.Errorf("the thread at ACS: %+v", remote)
	}
}

// A change in a new artifact reaches ACS, and only that.
func (w *world) testChangeReachesACS(t *testing.T) {
	t.Parallel()
	n := newTenant(t, w)
	n.begin(t, n.repo)
	threadID := n.chatThread(t, support).Status.ThreadID
	mark, _ := n.service.writes(t, threadID, 0)
	n.deploy(t, n.repo.with(t, threadFile, pageTopic, "Support for order 4712"))
	if got := n.service.thread(t, threadID).Topic; got != "Support for order 4712" {
		t.Errorf("the topic at ACS is %q when Flux calls it healthy", got)
	}
	if _, writes := n.service.writes(t, threadID, mark); len(writes) != 1 || writes[0] != "UpdateThread" {
		t.Errorf("writes to ACS: %v", writes)
	}
}

// The same from Git instead of a registry.
func (w *world) testFromGit(t *testing.T) {
	t.Parallel()
	n := newTenant(t, w)
	n.source = "GitRepository"
	first := n.commit(t, n.name, "", n.repo)
	for _, file := range []string{"source-git.yaml", "credentials.yaml", "chat.yaml"} {
		n.apply(t, file)
	}
	n.awaitHealthy(t, "main@sha1:"+first)
	threadID := n.chatThread(t, support).Status.ThreadID
	second := n.commit(t, n.name, "", n.repo.with(t, threadFile, pageTopic, "From Git"))
	n.poke(t, fluxObject(sourceAPI, n.source, "chat-"+n.name))
	n.awaitHealthy(t, "main@sha1:"+second)
	if got := n.service.thread(t, threadID).Topic; got != "From Git" {
		t.Errorf("the topic at ACS is %q", got)
	}
}
