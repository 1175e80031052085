// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// awaitGone waits until an object is gone.
func (n *tenant) awaitGone(t *testing.T, name string, object client.Object) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		err := n.get(ctx, name, object)
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("%T %s is still there: %w", object, name, err)
	})
}

// secondThread is one more thread of the page's connection, with more lines in its spec.
func secondThread(name string, lines ...string) string {
	return "apiVersion: chat.acs-operator.io/v1alpha1\nkind: ChatThread\nmetadata:\n  name: " + name + "\nspec:\n  topic: " + name + "\n" + strings.Join(lines, "")
}

// What goes from the artifact goes from the cluster, and from ACS as its policy says.
func (w *world) testPrune(t *testing.T) {
	t.Parallel()
	n := newTenant(t, w)
	full := n.repo.and("chat/kept.yaml", secondThread("kept", "  deletionPolicy: Retain\n")).
		and("chat/gone.yaml", secondThread("gone")).
		and("chat/protected.yaml", strings.Replace(secondThread("protected"), "  name: protected\n",
			"  name: protected\n  annotations:\n    kustomize.toolkit.fluxcd.io/prune: disabled\n", 1))
	n.begin(t, full)
	ids := map[string]string{}
	for _, name := range []string{"kept", "gone", "protected"} {
		ids[name] = n.chatThread(t, name).Status.ThreadID
	}
	n.deploy(t, n.repo)
	n.awaitGone(t, "kept", &chatv1alpha1.ChatThread{})
	n.awaitGone(t, "gone", &chatv1alpha1.ChatThread{})
	if kept := n.service.thread(t, ids["kept"]); kept.DeletedOn != nil || kept.Metadata["acsOperatorOwner"] != "" {
		t.Errorf("the thread with deletionPolicy Retain: %+v", kept)
	}
	if gone := n.service.thread(t, ids["gone"]); gone.DeletedOn == nil {
		t.Errorf("the thread with deletionPolicy Delete: %+v", gone)
	}
	if protected := n.chatThread(t, "protected"); protected.DeletionTimestamp != nil || protected.Status.ThreadID != ids["protected"] {
		t.Errorf("the ChatThread with prune disabled: %+v", protected)
	}
}

// If that is asked for, Flux replaces a ChatParticipant whose user changes. But it also deletes a
// ChatThread that the schema refuses in any way, with its thread.
func (w *world) testForce(t *testing.T) {
	t.Parallel()
	n := newTenant(t, w)
	forced := n.repo.with(t, participantFile, "  name: support-edsger\n", "  name: support-edsger\n  annotations:\n    kustomize.toolkit.fluxcd.io/force: enabled\n")
	n.begin(t, forced)
	threadID := n.chatThread(t, support).Status.ThreadID
	n.deploy(t, forced.with(t, participantFile, "00000000000c", "00000000000d"))
	if remote := n.service.thread(t, threadID); isMember(&remote, edsger) || !isMember(&remote, barbara) {
		t.Errorf("the members at ACS: %+v", remote.Members)
	}
	broken := forced.with(t, threadFile, "  name: support\nspec:\n", "  name: support\n  annotations:\n    kustomize.toolkit.fluxcd.io/force: enabled\nspec:\n").
		with(t, threadFile, "topic: "+pageTopic, `topic: " blank"`)
	n.awaitFailure(t, n.release(t, broken), reconciliationFailed)
	if remote := n.service.thread(t, threadID); remote.DeletedOn == nil {
		t.Error("the thread is still at ACS: correct docs/flux.md")
	}
}

// With the Kustomization go the threads and then the connection. Other Kustomizations stay.
func (w *world) testDeletedWithItsResources(t *testing.T) {
	t.Parallel()
	n := newTenant(t, w)
	n.begin(t, n.repo)
	threadID := n.chatThread(t, support).Status.ThreadID
	// The connection is asked to go while the thread is still there.
	n.service.delay(t, "DeleteThread", threadID, "3s")
	threads := n.record(t, "ChatThread")
	connections := n.record(t, "ChatConnection")
	must(t, n.client.Delete(t.Context(), n.kustomization()))
	n.awaitGone(t, support, &chatv1alpha1.ChatThread{})
	n.awaitGone(t, "default", &chatv1alpha1.ChatConnection{})

	threadGone, connectionGone := threads.deletion(t, support), connections.deletion(t, "default")
	if threadGone >= connectionGone {
		t.Errorf("the ChatThread went at resource version %d, after the ChatConnection at %d", threadGone, connectionGone)
	}
	if !slices.Contains(connections.reasons("default"), chatv1alpha1.ReasonInUse) {
		t.Errorf("the reasons of the connection were %v", connections.reasons("default"))
	}
	if remote := n.service.thread(t, threadID); remote.DeletedOn == nil {
		t.Error("the thread is still at ACS")
	}
	if _, err := n.kubectlIn(t, "", "get", "secret", "acs"); err != nil {
		t.Error(err)
	}
}

// A ChatThread gets another name in one commit. It is the same thread, which nobody leaves.
func (w *world) testRename(t *testing.T) {
	t.Parallel()
	n := newTenant(t, w)
	retained := n.repo.with(t, threadFile, "  topic:", "  deletionPolicy: Retain\n  topic:")
	n.begin(t, retained)
	threadID := n.chatThread(t, support).Status.ThreadID
	before := n.service.thread(t, threadID)
	mark, _ := n.service.writes(t, threadID, 0)

	renamed := n.repo.with(t, threadFile, "name: support", "name: support-2").
		with(t, threadFile, "  topic:", "  threadID: "+threadID+"\n  recreationPolicy: Recreate\n  deletionPolicy: Delete\n  membershipPolicy: Exclusive\n  topic:").
		with(t, participantFile, "name: support-edsger", "name: support-2-edsger").
		with(t, participantFile, "name: support\n", "name: support-2\n")
	n.deploy(t, renamed)
	n.awaitGone(t, support, &chatv1alpha1.ChatThread{})
	if got := n.chatThread(t, "support-2").Status.ThreadID; got != threadID {
		t.Errorf("the new ChatThread has thread %s, not %s", got, threadID)
	}
	after := n.service.thread(t, threadID)
	if after.DeletedOn != nil || len(after.Members) != len(before.Members) || after.Metadata["acsOperatorOwner"] != n.name+"/support-2" {
		t.Errorf("the thread at ACS was %+v, and is %+v", before, after)
	}
	for _, user := range []string{ada, edsger} {
		if !isMember(&after, user) {
			t.Errorf("%s left the thread", user)
		}
	}
	if _, writes := n.service.writes(t, threadID, mark); slices.ContainsFunc(writes, func(o emulator.Operation) bool { return o != "UpdateThread" && o != "AddParticipants" }) {
		t.Errorf("writes to ACS: %v", writes)
	}
	if all := n.threadsAtACS(t); len(all) != 1 {
		t.Errorf("threads at ACS: %+v", all)
	}
}
