// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"net/http"
	"slices"
	"testing"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/hack/sandbox"
)

// service reads the state of the emulator, and fails the test that asks if it cannot.
type service struct{ *sandbox.Service }

// threadsAtACS returns the threads that the service users of the tenant created.
func (n *tenant) threadsAtACS(t *testing.T) (found []emulator.Thread) {
	t.Helper()
	connection := &chatv1alpha1.ChatConnection{}
	must(t, n.get(t.Context(), "default", connection))
	threads, err := n.service.Threads(t.Context())
	must(t, err)
	for _, one := range threads {
		if slices.Contains(connection.Status.ServiceUsers, chatv1alpha1.ServiceUserID(one.CreatedBy)) {
			found = append(found, one)
		}
	}
	return found
}

// delay has the service answer the calls of an operation on a thread late.
func (s *service) delay(t *testing.T, operation, threadID, delay string) {
	t.Helper()
	must(t, s.Inject(t.Context(), map[string]any{"operation": operation, "threadId": threadID, "delay": delay}))
}

// thread returns one thread.
func (s *service) thread(t *testing.T, id string) emulator.Thread {
	t.Helper()
	found, err := s.Thread(t.Context(), id)
	must(t, err)
	return found.Thread
}

// writes returns the operations after a mark that changed a thread, and the mark for the next call.
func (s *service) writes(t *testing.T, threadID string, since int) (last int, operations []emulator.Operation) {
	t.Helper()
	last, requests, err := s.Requests(t.Context(), since)
	must(t, err)
	for _, one := range requests {
		if one.ThreadID == threadID && one.Method != http.MethodGet {
			operations = append(operations, one.Operation)
		}
	}
	return last, operations
}

// isMember reports whether a user is in a thread.
func isMember(thread *emulator.Thread, user string) bool {
	return slices.ContainsFunc(thread.Members, func(m emulator.Member) bool { return m.ID == user })
}
