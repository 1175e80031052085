// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
)

// inProcess calls the emulator without a socket, so that time can be moved.
type inProcess struct{ handler http.Handler }

func (p *inProcess) Do(req *http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	served := req.Clone(req.Context())
	served.RequestURI = req.URL.RequestURI()
	if served.Body == nil {
		served.Body = http.NoBody
	}
	p.handler.ServeHTTP(recorder, served)
	response := recorder.Result()
	response.Request = req
	return response, nil
}

// throttledBy is a 429 with a Retry-After of some seconds.
func throttledBy(t *testing.T, seconds int) *http.Response {
	t.Helper()
	answer := httptest.NewRecorder()
	answer.Header().Set("Retry-After", fmt.Sprint(seconds))
	answer.WriteHeader(http.StatusTooManyRequests)
	response := answer.Result()
	response.Request = httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://contoso.communication.azure.com/chat/threads/a", nil)
	return response
}
