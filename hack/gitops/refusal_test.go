// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"strings"
	"testing"
	"time"
)

// soon is far below the timeout of the Kustomization, two minutes.
const soon = time.Minute

// A member that ACS refuses makes the Kustomization fail at once, and names the object that says
// why. The correction makes it healthy.
func (w *world) testRefusedMember(t *testing.T) {
	t.Parallel()
	n := newTenant(t, w)
	n.begin(t, n.repo)
	for _, c := range []struct{ file, user, object, message string }{
		{threadFile, "8:acs:${acs_resource}_00000000-0000-4000-8000-00000000000a", "ChatThread/" + n.name + "/support",
			"Not in the thread as declared, though all others are: " + stranger + " (403 Permissions check failed). Correct or remove them in spec.participants."},
		// A ChatParticipant cannot change its user: it gets another name with it.
		{participantFile, "support-edsger\nspec:\n  threadRef:\n    name: support\n  userID: 8:acs:${acs_resource}_00000000-0000-4000-8000-00000000000c",
			"ChatParticipant/" + n.name + "/stranger", "ACS refused the user (403 Permissions check failed)."},
	} {
		start := time.Now()
		bad := stranger
		if c.file == participantFile {
			bad = "stranger\nspec:\n  threadRef:\n    name: support\n  userID: " + stranger
		}
		message := n.awaitFailure(t, n.release(t, n.repo.with(t, c.file, c.user, bad)), healthCheckFailed)
		if took := time.Since(start); took > soon {
			t.Errorf("Flux noticed after %s", took)
		}
		if want := c.object + " status: 'Failed'"; !strings.Contains(message, want) {
			t.Errorf("Flux says %q, without %q", message, want)
		}
		kind, name, _ := strings.Cut(c.object, "/"+n.name+"/")
		got, err := n.kubectlIn(t, "", "get", kind, name, "--output=jsonpath={.status.conditions[?(@.type=='Ready')].message}")
		must(t, err)
		if got != c.message {
			t.Errorf("%s says %q, not %q", c.object, got, c.message)
		}
		n.deploy(t, n.repo)
	}
}

// A manifest that the schema refuses makes the Kustomization fail with the schema's words, and
// nothing of the artifact is applied.
func (w *world) testRefusedManifest(t *testing.T) {
	t.Parallel()
	n := newTenant(t, w)
	n.begin(t, n.repo)
	for _, c := range []struct{ file, old, bad, want string }{
		{threadFile, "topic: " + pageTopic, `topic: " blank"`, "spec.topic in body should match"},
		{threadFile, "    displayName: Ada Lovelace", "    shareHistory: SinceTime",
			"spec.participants[0]: Invalid value: shareHistoryTime is required with shareHistory SinceTime and forbidden otherwise"},
		{threadFile, "  topic: " + pageTopic, "  topic: x\n  threadID: 19:other@thread.v2",
			"threadID can be neither set, changed nor taken out after creation"},
		{participantFile, "000c", "000e", "userID is immutable"},
	} {
		broken := n.repo.with(t, c.file, c.old, c.bad)
		broken = broken.with(t, connectionFile, "    name: acs\n", "    name: acs\n  serviceUsers:\n    displayName: Not to be applied\n")
		start := time.Now()
		message := n.awaitFailure(t, n.release(t, broken), reconciliationFailed)
		if took := time.Since(start); took > soon {
			t.Errorf("Flux noticed after %s", took)
		}
		if !strings.Contains(message, c.want) {
			t.Errorf("Flux says %q, without %q", message, c.want)
		}
		applied, err := n.kubectlIn(t, "", "get", "chatconnection", "default", "--output=jsonpath={.spec.serviceUsers.displayName}")
		must(t, err)
		if applied != "" {
			t.Errorf("%s: another object of the artifact was applied", c.want)
		}
	}
	n.deploy(t, n.repo)
}
