// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package live

import (
	"strings"
	"testing"
)

// The way back in docs/troubleshooting.md, section New threads after a rebuild: a rebuilt cluster
// made new service users and a new thread, and gets its first thread back.
func (w *world) testNewThreadsAfterRebuild(t *testing.T) {
	const (
		namespace = "rebuilt"
		manifest  = "apiVersion: chat.acs-operator.io/v1alpha1\nkind: ChatThread\nmetadata: {name: support}\nspec: {topic: Support}\n"
		observe   = `{"spec":{"managementPolicy":"Observe"}}`
	)
	apply := func() (id, user string) {
		w.DoWith(manifest, "apply", "-n", namespace, "-f", "-")
		w.Do("wait", "--for=condition=Ready", "--timeout=2m", "-n", namespace, "chatthread/support")
		id, user, _ = strings.Cut(w.Do("get", "chatthread", "support", "-n", namespace, "-o", "jsonpath={.status.threadID} {.status.serviceUser}"), " ")
		return id, user
	}
	release := func() {
		w.Do("patch", "chatthread", "support", "-n", namespace, "--type=merge", "-p", observe)
		w.Do("delete", "chatthread", "support", "-n", namespace)
	}

	w.addConnection(namespace)
	first, firstUser := apply()
	release()
	w.Do("delete", "chatconnection", "default", "-n", namespace)
	w.addConnection(namespace)
	if second, user := apply(); second == first || user == firstUser {
		t.Fatalf("the rebuilt cluster has the former thread %s and user %s, so there is nothing to get back", second, user)
	}

	w.Do("patch", "chatconnection", "default", "-n", namespace, "--type=merge", "-p", `{"spec":{"serviceUsers":{"ids":["`+firstUser+`"]}}}`)
	w.Do("wait", "--for=jsonpath={.status.conditions[?(@.type==\"Ready\")].message}=1 service user can create threads.",
		"--timeout=2m", "-n", namespace, "chatconnection/default")
	release()
	if third, user := apply(); third != first || user != firstUser {
		t.Errorf("the thread is %s of %s, want %s of %s", third, user, first, firstUser)
	}
}
