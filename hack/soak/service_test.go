// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build soak

package soak

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

// The stamps of the operator in the metadata of a thread.
const (
	ownerStamp    = "acsOperatorOwner"
	uidStamp      = "acsOperatorUid"
	releasedStamp = "acsOperatorReleasedBy"
)

// service reads the state of the emulator with its admin endpoints.
type service struct {
	admin  string // URL
	client *http.Client
}

func (s *service) call(ctx context.Context, method, path string, body, answer any) error {
	encoded, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, s.admin+path, bytes.NewReader(encoded))
	if err != nil {
		return err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s %s: %s %s", method, path, resp.Status, text)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}

// request is a request that arrived at the service.
type request struct {
	Time      time.Time          `json:"time"`
	Operation emulator.Operation `json:"operation"`
	Method    string             `json:"method"`
	Path      string             `json:"path"`
	// User is the service user that acts.
	User   string      `json:"user"`
	Header http.Header `json:"header"`
}

// requests returns the requests that arrived after a mark, and the mark for the next call.
func (s *service) requests(ctx context.Context, since int) (last int, requests []request, err error) {
	var answer struct {
		Last     int       `json:"last"`
		Requests []request `json:"requests"`
	}
	err = s.call(ctx, http.MethodGet, fmt.Sprintf("/requests?since=%d", since), nil, &answer)
	return answer.Last, answer.Requests, err
}

// threads returns all threads that were ever created, deleted ones included.
func (s *service) threads(ctx context.Context) ([]emulator.Thread, error) {
	var answer struct {
		Threads []emulator.Thread `json:"threads"`
	}
	err := s.call(ctx, http.MethodGet, "/threads", nil, &answer)
	return answer.Threads, err
}
