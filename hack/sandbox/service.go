// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	"github.com/acs-operator/acs-chat-operator/hack/processes"
)

// The files of an emulator, in its directory.
const (
	AuthorityFile        = "ca.pem"
	ConnectionStringFile = "connection-string"
)

// adminTimeout is the time for a call of an admin endpoint.
const adminTimeout = 10 * time.Second

// Service is a running emulator of ACS.
type Service struct {
	// Address is the one of the endpoint, without the scheme.
	Address string
	// Authority is the file of the authority to trust, and ConnectionStringFile that of the connection
	// string.
	Authority, ConnectionStringFile string
	// Admin is the URL of the admin endpoints.
	Admin string
}

// StartEmulator starts an emulator of ACS with the files of a directory, and names the program
// after it. The emulator loads the state that it saved, if a flag says so.
func (s *Sandbox) StartEmulator(ctx context.Context, dir string, flags ...string) (*Service, error) {
	address, err := processes.FreeAddress(ctx)
	if err != nil {
		return nil, err
	}
	admin, err := processes.FreeAddress(ctx)
	if err != nil {
		return nil, err
	}
	service := &Service{
		Address: address, Admin: "http://" + admin,
		Authority: s.Path(filepath.Join(dir, AuthorityFile)), ConnectionStringFile: s.Path(filepath.Join(dir, ConnectionStringFile)),
	}
	if err := os.MkdirAll(s.Path(dir), 0o700); err != nil {
		return nil, err
	}
	program := s.Program(dir+"-emulator", EmulatorProgram, append([]string{
		"--listen=" + address, "--admin-listen=" + admin, "--tls-dir=" + s.Path(dir), "--connection-string-file=" + service.ConnectionStringFile,
	}, flags...)...)
	return service, s.Run(ctx, program, func(context.Context) error {
		_, err := os.Stat(service.ConnectionStringFile)
		return err
	})
}

// ConnectionString returns the connection string of the service.
func (s *Service) ConnectionString() (string, error) {
	text, err := os.ReadFile(s.ConnectionStringFile)
	return string(bytes.TrimSpace(text)), err
}

// Call calls an admin endpoint. body and answer may be nil.
func (s *Service) Call(ctx context.Context, method, path string, body, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	encoded, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, s.Admin+path, bytes.NewReader(encoded))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	content, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return err
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s %s: %s %s", method, path, response.Status, content)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(content, answer)
}

// Threads returns all threads that were ever created, deleted ones included.
func (s *Service) Threads(ctx context.Context) ([]emulator.Thread, error) {
	var answer struct {
		Threads []emulator.Thread `json:"threads"`
	}
	err := s.Call(ctx, http.MethodGet, "/threads", nil, &answer)
	return answer.Threads, err
}

// Thread is a thread with its messages, among them those that the service writes after a change.
type Thread struct {
	emulator.Thread
	Messages []emulator.Message `json:"messages"`
}

// Thread returns one thread, which may be deleted.
func (s *Service) Thread(ctx context.Context, id string) (thread Thread, err error) {
	err = s.Call(ctx, http.MethodGet, "/threads/"+id, nil, &thread)
	return thread, err
}

// Request is a request that arrived at the service.
type Request struct {
	Time      time.Time          `json:"time"`
	Operation emulator.Operation `json:"operation"`
	Method    string             `json:"method"`
	Path      string             `json:"path"`
	ThreadID  string             `json:"threadId"`
	// User is the service user that acts.
	User   string      `json:"user"`
	Header http.Header `json:"header"`
}

// Requests returns the requests that arrived after a mark, and the mark for the next call. The
// first mark is 0.
func (s *Service) Requests(ctx context.Context, since int) (last int, requests []Request, err error) {
	var answer struct {
		Last     int       `json:"last"`
		Requests []Request `json:"requests"`
	}
	err = s.Call(ctx, http.MethodGet, fmt.Sprintf("/requests?since=%d", since), nil, &answer)
	return answer.Last, answer.Requests, err
}

// Inject injects a fault with the fields of the admin endpoint.
func (s *Service) Inject(ctx context.Context, fault map[string]any) error {
	return s.Call(ctx, http.MethodPost, "/faults", fault, nil)
}

// Heal ends all faults.
func (s *Service) Heal(ctx context.Context) error {
	return s.Call(ctx, http.MethodDelete, "/faults", nil, nil)
}
