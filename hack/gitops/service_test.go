// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// service reads the state of the emulator with its admin endpoints.
type service struct {
	address, admin   string
	client           *http.Client
	connectionString string
}

func (s *service) call(ctx context.Context, method, path string, body, answer any) error {
	encoded, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, s.admin+path, bytes.NewReader(encoded))
	if err != nil {
		return err
	}
	response, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s %s: %s %s", method, path, response.Status, content)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(content, answer)
}

// threadsAtACS returns the threads that the service users of the tenant created.
func (n *tenant) threadsAtACS(t *testing.T) (found []emulator.Thread) {
	t.Helper()
	connection := &chatv1alpha1.ChatConnection{}
	must(t, n.get(t.Context(), "default", connection))
	var answer struct {
		Threads []emulator.Thread `json:"threads"`
	}
	must(t, n.service.call(t.Context(), http.MethodGet, "/threads", nil, &answer))
	for _, one := range answer.Threads {
		if slices.Contains(connection.Status.ServiceUsers, chatv1alpha1.ServiceUserID(one.CreatedBy)) {
			found = append(found, one)
		}
	}
	return found
}

// delay has the service answer the calls of an operation on a thread late.
func (s *service) delay(t *testing.T, operation, threadID, delay string) {
	t.Helper()
	fault := map[string]string{"operation": operation, "threadId": threadID, "delay": delay}
	must(t, s.call(t.Context(), http.MethodPost, "/faults", fault, nil))
}

// thread returns one thread.
func (s *service) thread(t *testing.T, id string) emulator.Thread {
	t.Helper()
	var answer emulator.Thread
	must(t, s.call(t.Context(), http.MethodGet, "/threads/"+id, nil, &answer))
	return answer
}

// writes returns the operations after a mark that changed a thread, and the mark for the next call.
func (s *service) writes(t *testing.T, threadID string, since int) (last int, operations []string) {
	t.Helper()
	var answer struct {
		Last     int `json:"last"`
		Requests []struct {
			Operation string `json:"operation"`
			Method    string `json:"method"`
			Path      string `json:"path"`
			ThreadID  string `json:"threadId"`
		} `json:"requests"`
	}
	must(t, s.call(t.Context(), http.MethodGet, fmt.Sprintf("/requests?since=%d", since), nil, &answer))
	for _, one := range answer.Requests {
		if one.ThreadID == threadID && one.Method != http.MethodGet {
			operations = append(operations, one.Operation)
		}
	}
	return answer.Last, operations
}

// isMember reports whether a user is in a thread.
func isMember(thread *emulator.Thread, user string) bool {
	return slices.ContainsFunc(thread.Members, func(m emulator.Member) bool { return m.ID == user })
}
