// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/operatortest"
)

// replace removes the finalizers and annotations of an object, as kubectl replace does with the
// manifest from Git.
func (m *modelRun) replace(a modelAction) {
	strip := func(obj client.Object) {
		obj.SetFinalizers(nil)
		obj.SetAnnotations(nil)
	}
	switch a.variant {
	case "thread":
		declared, stored := m.threads[a.name], m.storedThread(a.name)
		if declared != nil && !declared.deleting && m.isSafe(stored) {
			edit(m.w, threadNamed(a.name), func(t *chatv1alpha1.ChatThread) { strip(t) })
			declared.unprotected = true
		}
	case "participant":
		for _, name := range sortedKeys(m.participants) {
			if !m.participants[name].deleting {
				edit(m.w, participantNamed(name, ""), func(p *chatv1alpha1.ChatParticipant) { strip(p) })
				return
			}
		}
	default:
		if len(m.connection("default").Status.ServiceUsers) > 0 {
			edit(m.w, operatortest.Connection(testNamespace, "default"), func(c *chatv1alpha1.ChatConnection) { strip(c) })
		}
	}
}

// uninstall deletes the CRDs with all threads and their ChatParticipants, and applies the threads
// again. Objects that are already being deleted may be gone by then.
func (m *modelRun) uninstall() {
	specs := map[string]chatv1alpha1.ChatThreadSpec{}
	for _, name := range sortedKeys(m.threads) {
		if m.threads[name].deleting || !m.isSafe(m.storedThread(name)) && m.threads[name].spec.ThreadID == "" {
			return
		}
		specs[name] = m.threads[name].spec
	}
	m.setUninstalling(true)
	for _, name := range sortedKeys(m.participants) {
		m.deleteParticipant(modelAction{name: name})
	}
	for _, name := range sortedKeys(specs) {
		m.w.remove(threadNamed(name))
	}
	m.w.run(5 * time.Minute)
	if left := len(m.w.stored(kindThread)) + len(m.w.stored(kindParticipant)); left > 0 {
		m.fail("%d objects block the deletion of their CRD", left)
		return
	}
	m.setUninstalling(false)
	m.restart()
	for _, name := range sortedKeys(specs) {
		thread := threadNamed(name)
		thread.Spec = specs[name]
		m.add(thread)
	}
}

func (m *modelRun) setUninstalling(uninstalling bool) {
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	m.w.uninstalling = uninstalling
}
