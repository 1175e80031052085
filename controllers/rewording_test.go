// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/acstest"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// A refusal that differs only in what ACS says of it is not written again; another refusal is.
func TestMarkSameInOtherWords(t *testing.T) {
	t.Parallel()
	thread := &chatv1alpha1.ChatThread{}
	for _, c := range []struct {
		status     int
		body       string
		generation int64
		want       string
	}{
		{400, `{"code":"Bad","message":"No (request 1)."}`, 1, "ACS refused to read the thread (400: Bad No (request 1))."},
		{400, `{"code":"Bad","message":"No (request 2)."}`, 1, "ACS refused to read the thread (400: Bad No (request 1))."},
		{400, `{"code":"Worse","message":"No (request 3)."}`, 1, "ACS refused to read the thread (400: Worse No (request 3))."},
		{413, `{"code":"Worse","message":"No (request 4)."}`, 1, "ACS refused to read the thread (413: Worse No (request 4))."},
		{413, `{"code":"Worse","message":"No (request 5)."}`, 2, "ACS refused to read the thread (413: Worse No (request 5))."},
	} {
		thread.Generation = c.generation
		objects.Mark(thread, outcome.Classify(outcome.CallFailed("read the thread", acstest.Refusal(t, c.status, nil, c.body))))
		for _, condition := range thread.Status.Conditions {
			if condition.Message != c.want {
				t.Errorf("%s: %q, want %q", condition.Type, condition.Message, c.want)
			}
		}
	}
}
