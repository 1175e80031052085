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
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// Members. Those of the page are in the emulator's resource.
const (
	resourceID = "6f3a2b1c-0d4e-4f5a-8b6c-7d8e9f0a1b2c"
	ada        = "8:acs:" + resourceID + "_00000000-0000-4000-8000-00000000000a"
	edsger     = "8:acs:" + resourceID + "_00000000-0000-4000-8000-00000000000c"
	barbara    = "8:acs:" + resourceID + "_00000000-0000-4000-8000-00000000000d"
	// stranger is a user of another resource, whom ACS refuses.
	stranger = "8:acs:0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d_00000000-0000-4000-8000-0000000000ff"
)

// The files of the page, and the thread in them.
const (
	threadFile      = "chat/thread.yaml"
	participantFile = "chat/participants.yaml"
	connectionFile  = "chat/connection.yaml"
	support         = "support"
	pageTopic       = "Support for order 4711"
)

// tenant has what the page shows under names of its own.
type tenant struct {
	*world

	// name is that of the namespace, and the end of the names of the objects of Flux.
	name string
	// repo are the files of the page, with the Secret encrypted.
	repo files
	// source is the kind of the source.
	source string
}

// newTenant creates a namespace. Nothing is applied yet.
func newTenant(t *testing.T, w *world) *tenant {
	t.Helper()
	name := strings.ToLower(t.Name()[strings.LastIndex(t.Name(), "/")+1:])
	must(t, w.client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}))
	repo := repositoryFiles(t).and("credentials/secret.yaml", w.secrets.encrypted)
	return &tenant{world: w, name: name, repo: repo.without(".sops.yaml"), source: "OCIRepository"}
}

// edit changes an object of the page before it is applied.
type edit func(spec map[string]any)

// adapt gives an object of the page the tenant's names and addresses.
func (n *tenant) adapt(object *unstructured.Unstructured, edits []edit) {
	own := func(name string) string {
		if strings.HasPrefix(name, "acs-chat-") {
			return name
		}
		return name + "-" + n.name
	}
	object.SetName(own(object.GetName()))
	spec := object.Object["spec"].(map[string]any) //nolint:errcheck,forcetypeassert // each object of the page has one
	switch object.GetKind() {
	case "OCIRepository":
		spec["url"], spec["insecure"] = "oci://"+n.registry+"/"+n.name, true
	case "GitRepository":
		spec["url"] = n.git + "/" + n.name
	case "Kustomization":
		if n.source == "GitRepository" {
			_ = unstructured.SetNestedField(spec, n.source, "sourceRef", "kind")
		}
		_ = unstructured.SetNestedField(spec, own("chat"), "sourceRef", "name")
		spec["targetNamespace"] = n.name
		dependencies, _, _ := unstructured.NestedSlice(spec, "dependsOn")
		for i := range dependencies {
			one := dependencies[i].(map[string]any) //nolint:errcheck,forcetypeassert // as the page has it
			_ = unstructured.SetNestedField(one, own(fmt.Sprint(one["name"])), "name")
		}
		if dependencies != nil {
			spec["dependsOn"] = dependencies
		}
	}
	for _, change := range edits {
		change(spec)
	}
}

// apply creates the objects of a file of the page.
func (n *tenant) apply(t *testing.T, file string, edits ...edit) {
	t.Helper()
	for _, object := range example(t, file) {
		n.adapt(object, edits)
		must(t, n.client.Create(t.Context(), object))
	}
}

// begin applies everything on the page and waits until it is healthy.
func (n *tenant) begin(t *testing.T, repo files, edits ...edit) {
	t.Helper()
	revision := n.pushArtifact(t, n.name, repo)
	n.apply(t, "source.yaml")
	n.apply(t, "credentials.yaml")
	n.apply(t, "chat.yaml", edits...)
	n.awaitHealthy(t, revision)
}

// release pushes another artifact and has Flux look at it.
func (n *tenant) release(t *testing.T, repo files) (revision string) {
	t.Helper()
	revision = n.pushArtifact(t, n.name, repo)
	n.poke(t, fluxObject(sourceAPI, n.source, "chat-"+n.name))
	return revision
}

// deploy releases an artifact and waits until it is healthy.
func (n *tenant) deploy(t *testing.T, repo files) {
	t.Helper()
	n.awaitHealthy(t, n.release(t, repo))
}

func (n *tenant) kustomization() *unstructured.Unstructured {
	return fluxObject(kustomizationAPI, "Kustomization", "chat-"+n.name)
}

// awaitHealthy waits until Flux calls a revision healthy.
func (n *tenant) awaitHealthy(t *testing.T, revision string) *verdict {
	t.Helper()
	v := n.await(t, "chat-"+n.name, func(v *verdict) bool { return v.isHealthy(revision) })
	n.checkExpressions(t)
	return v
}

// awaitFailure waits until Flux calls a revision failed, and returns its message.
func (n *tenant) awaitFailure(t *testing.T, revision, reason string) string {
	t.Helper()
	v := n.await(t, "chat-"+n.name, func(v *verdict) bool {
		return v.Status.LastAttemptedRevision == revision && v.ready().Status == metav1.ConditionFalse
	})
	if v.ready().Reason != reason {
		t.Errorf("want the reason %s, got: %s", reason, v)
	}
	n.checkExpressions(t)
	return v.ready().Message
}

// reconcile has Flux reconcile once more and waits until it is healthy.
func (n *tenant) reconcile(t *testing.T) {
	t.Helper()
	request := n.poke(t, n.kustomization())
	n.await(t, "chat-"+n.name, func(v *verdict) bool {
		return v.Status.LastHandledReconcileAt == request && v.isHealthy(v.Status.LastAttemptedRevision)
	})
}

// get reads an object of the tenant.
func (n *tenant) get(ctx context.Context, name string, object client.Object) error {
	return n.client.Get(ctx, client.ObjectKey{Namespace: n.name, Name: name}, object)
}

func (n *tenant) chatThread(t *testing.T, name string) *chatv1alpha1.ChatThread {
	t.Helper()
	thread := &chatv1alpha1.ChatThread{}
	must(t, n.get(t.Context(), name, thread))
	return thread
}

// kubectlIn runs kubectl in the namespace of the tenant.
func (n *tenant) kubectlIn(t *testing.T, stdin string, args ...string) (string, error) {
	t.Helper()
	return n.Kubectl.Run(t.Context(), stdin, append([]string{"--namespace=" + n.name}, args...)...)
}

func (n *tenant) mustKubectl(t *testing.T, args ...string) {
	t.Helper()
	_, err := n.kubectlIn(t, "", args...)
	must(t, err)
}

// awaitTopic waits until a thread has a topic at ACS.
func (n *tenant) awaitTopic(t *testing.T, threadID, topic string) {
	t.Helper()
	eventually(t, func(context.Context) error {
		if got := n.service.thread(t, threadID).Topic; got != topic {
			return fmt.Errorf("the topic at ACS is %q, not %q", got, topic)
		}
		return nil
	})
}
