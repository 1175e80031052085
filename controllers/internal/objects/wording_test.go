// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"testing"
	"time"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/acstest"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// A moment that status does not take would keep the id of the thread out of it.
func TestStatusTime(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		at   time.Time
		want string
	}{
		"none":         {time.Time{}, ""},
		"before 1970":  {time.Unix(0, -1), ""},
		"the first":    {time.Unix(0, 0), "1970-01-01T00:00:00Z"},
		"elsewhere":    {time.Date(2026, 3, 1, 13, 0, 0, 5e8, time.FixedZone("", 3600)), "2026-03-01T12:00:00Z"},
		"the last":     {time.Date(2999, 12, 31, 23, 59, 59, 9e8, time.UTC), "2999-12-31T23:59:59Z"},
		"out of reach": {time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := ""
			if stored := StatusTime(c.at); stored != nil {
				got = stored.UTC().Format(time.RFC3339Nano)
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// A refusal that differs only in the words of ACS is not written again; another refusal is.
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
		Mark(thread, outcome.Classify(outcome.CallFailed("read the thread", acstest.Refusal(t, c.status, nil, c.body))))
		for _, condition := range thread.Status.Conditions {
			if condition.Message != c.want {
				t.Errorf("%s: %q, want %q", condition.Type, condition.Message, c.want)
			}
		}
	}
}
