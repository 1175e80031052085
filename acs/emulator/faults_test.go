// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

func TestFaultAnswers(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	_, token := f.user()
	create := call{method: http.MethodPost, path: "/chat/threads", body: `{"topic":"t"}`, token: token}
	remove := f.emu.Inject(emulator.Fault{
		Operation: emulator.OperationCreateThread, Skip: 1, Times: 2,
		Status: 503, Header: http.Header{"Retry-After": {"7"}}, Body: `{"error":{"code":"ServiceUnavailable"}}`,
	})
	for i, want := range []int{201, 503, 503, 201} {
		r := f.send(create)
		if r.status != want || want == 503 && (r.header.Get("Retry-After") != "7" || r.field("error", "code") != "ServiceUnavailable") {
			t.Errorf("call %d: %d %v %s, want %d", i, r.status, r.header, r.body, want)
		}
		f.chat(200, token, http.MethodGet, "/chat/threads", "")
	}
	remove() // of a used-up fault
	if got := len(f.emu.Threads()); got != 2 {
		t.Errorf("%d threads", got)
	}

	first, second := f.emu.Threads()[0].ID, f.emu.Threads()[1].ID
	remove = f.emu.Inject(emulator.Fault{ThreadID: first, Status: 500})
	f.chat(500, token, http.MethodGet, "/chat/threads/"+escape(first), "")
	f.chat(500, "", http.MethodDelete, "/chat/threads/"+first, "")
	f.chat(200, token, http.MethodGet, "/chat/threads/"+second, "")
	remove()
	f.chat(200, token, http.MethodGet, "/chat/threads/"+first, "")

	// The fault injected first hits, and the other does not count the call.
	f.emu.Inject(emulator.Fault{Status: 500, Times: 1})
	f.emu.Inject(emulator.Fault{Status: 502, Times: 1})
	f.chat(500, token, http.MethodGet, "/chat/threads", "")
	f.chat(502, token, http.MethodGet, "/chat/threads", "")
	f.chat(200, token, http.MethodGet, "/chat/threads", "")
}

func TestFaultsOfTheConnection(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault   emulator.Fault
		threads int
	}{
		"dropped before": {emulator.Fault{DropBefore: true}, 0},
		"dropped after":  {emulator.Fault{DropAfter: true}, 1},
		"truncated":      {emulator.Fault{Truncate: true}, 1},
	} {
		f := start(t, emulator.Options{})
		_, token := f.user()
		test.fault.Times = 1
		f.emu.Inject(test.fault)
		f.emu.ResetRequests()
		r, err := f.try(f.request(call{method: http.MethodPost, path: "/chat/threads", body: `{"topic":"t"}`, token: token}))
		if err == nil {
			t.Errorf("%s: answered %d %s", name, r.status, r.body)
		}
		if test.fault.Truncate && (r.status != 201 || !strings.HasPrefix(r.body, `{"chatThread"`)) {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
		if got := len(f.emu.Threads()); got != test.threads {
			t.Errorf("%s: %d threads, want %d", name, got, test.threads)
		}
		requests := f.emu.Requests()
		if len(requests) != 1 || (requests[0].Status != 0) != test.fault.Truncate {
			t.Errorf("%s: requests %+v", name, requests)
		}
	}
}

func TestFaultTransform(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	_, token := f.user()
	f.emu.Inject(emulator.Fault{Times: 1, Transform: func(status int, header http.Header, body []byte) (int, []byte) {
		header.Set("X-Status", http.StatusText(status))
		return http.StatusAccepted, bytes.ToUpper(body)
	}})
	r := f.chat(202, token, http.MethodPost, "/chat/threads", `{"topic":"t"}`)
	if r.header.Get("X-Status") != "Created" || !strings.HasPrefix(r.body, `{"CHATTHREAD"`) || len(f.emu.Threads()) != 1 {
		t.Errorf("%v %s", r.header, r.body)
	}
}

func TestFaultBlocks(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{})
	_, token := f.user()
	f.emu.ResetRequests()
	gate := make(chan struct{})
	remove := f.emu.Inject(emulator.Fault{Operation: emulator.OperationCreateThread, Block: gate})
	create := f.request(call{method: http.MethodPost, path: "/chat/threads", body: `{"topic":"held"}`, token: token})
	impatient := f.request(call{method: http.MethodPost, path: "/chat/threads", body: `{"topic":"abandoned"}`, token: token})
	ctx, leave := context.WithCancel(t.Context())
	var calls sync.WaitGroup
	calls.Go(func() {
		if r, err := f.try(create); err != nil || r.status != 201 {
			t.Errorf("held call: %d %v", r.status, err)
		}
	})
	calls.Go(func() {
		if _, err := f.try(impatient.WithContext(ctx)); err == nil {
			t.Error("the abandoned call was answered")
		}
	})
	await(t, func() bool { return len(f.emu.Requests()) == 2 })
	f.chat(200, token, http.MethodGet, "/chat/threads", "") // other faults continue
	if len(f.emu.Threads()) != 0 {
		t.Error("a held call had its effect")
	}
	leave()
	await(t, func() bool { return len(f.emu.Threads()) == 1 })
	if topic := f.emu.Threads()[0].Topic; topic != "abandoned" {
		t.Errorf("the effect of %q", topic)
	}
	remove()
	close(gate)
	calls.Wait()
}

func TestDelayAndLatency(t *testing.T) {
	t.Parallel()
	const delay, latency = 30 * time.Millisecond, 20 * time.Millisecond
	f := start(t, emulator.Options{Latency: latency})
	f.emu.Inject(emulator.Fault{Delay: delay, Times: 1})
	for _, least := range []time.Duration{delay + latency, latency} {
		before := time.Now()
		f.chat(401, "", http.MethodGet, "/chat/threads", "")
		if took := time.Since(before); took < least {
			t.Errorf("answered after %s, want at least %s", took, least)
		}
	}
}

func TestRequests(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{KeepRequests: 3})
	id, token := f.user()
	thread := f.thread(token, `{"topic":"t"}`)
	f.chat(200, token, http.MethodGet, thread+"/participants?skip=0", "")
	f.chat(404, token, http.MethodGet, "/nowhere", "")
	requests := f.emu.Requests()
	if len(requests) != 3 {
		t.Fatalf("%d requests are kept, want 3", len(requests))
	}
	now := f.clock.Now()
	for i, want := range []emulator.Request{
		{
			Seq: 2, Operation: "CreateThread", Method: "POST", Path: "/chat/threads", Query: chatVersion,
			User: id, ThreadID: unescape(thread), Status: 201, Body: []byte(`{"topic":"t"}`), Time: now,
		},
		{
			Seq: 3, Operation: "ListParticipants", Method: "GET", Path: thread + "/participants", Query: "skip=0&" + chatVersion,
			User: id, ThreadID: unescape(thread), Status: 200, Body: []byte{}, Time: now,
		},
		{Seq: 4, Method: "GET", Path: "/nowhere", Query: chatVersion, Status: 404, Body: []byte{}, Time: now},
	} {
		if header := requests[i].Header; header.Get("Authorization") != "" || header.Get("User-Agent") == "" {
			t.Errorf("headers %v", header)
		}
		requests[i].Header = nil
		if !reflect.DeepEqual(requests[i], want) {
			t.Errorf("request %+v, want %+v", requests[i], want)
		}
	}
	f.emu.ResetRequests()
	if got := f.emu.Requests(); len(got) != 0 {
		t.Errorf("after the reset: %v", got)
	}
}

func TestRequestsAreLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	f := start(t, emulator.Options{Logger: slog.New(slog.NewJSONHandler(&log, nil))})
	id, token := f.user()
	thread := f.thread(token, `{"topic":"t"}`)
	f.server.Close() // all records are written
	for _, want := range []string{`"operation":"CreateThread","status":201`, `"user":"` + id, `"thread":"` + unescape(thread)} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%s is not in the log", want)
		}
	}
	if strings.Contains(log.String(), token) || strings.Contains(log.String(), f.emu.AccessKey()) {
		t.Error("the log has a credential")
	}
}

func TestIsWrite(t *testing.T) {
	t.Parallel()
	for operation, want := range map[emulator.Operation]bool{
		"CreateThread": true, "UpdateThread": true, "DeleteThread": true, "AddParticipants": true, "RemoveParticipant": true,
		"CreateUser": true, "IssueToken": false, "GetThread": false, "ListThreads": false, "ListParticipants": false, "": false,
	} {
		if operation.IsWrite() != want {
			t.Errorf("%q: %v", operation, !want)
		}
	}
}

func TestConcurrentCalls(t *testing.T) {
	t.Parallel()
	f := start(t, emulator.Options{Quotas: true})
	id, token := f.user()
	thread := "/chat/threads/" + f.emu.CreateThread(id, "t")
	var calls sync.WaitGroup
	for i, user := range sampleUsers(8) {
		calls.Go(func() {
			requestID := http.Header{"repeatability-request-id": {"same"}}
			for _, c := range []call{
				{method: http.MethodPost, path: "/chat/threads", body: `{"topic":"t"}`, header: requestID},
				{method: http.MethodPost, path: thread + "/participants/:add", body: participants(user)},
				{method: http.MethodGet, path: thread + "/participants"},
				{method: http.MethodGet, path: "/chat/threads"},
			} {
				c.token = token
				if r, err := f.try(f.request(c)); err != nil || r.status/100 != 2 {
					t.Errorf("worker %d: %s %s: %d %v", i, c.method, c.path, r.status, err)
				}
			}
			f.emu.UpdateThread(unescape(thread), func(held *emulator.Thread) { held.Topic += "." })
			f.emu.Threads()
			f.emu.Requests()
		})
	}
	calls.Wait()
	threads := f.emu.Threads()
	if len(threads) != 2 || len(threads[0].Members) != 9 || threads[0].Topic != "t........" {
		t.Errorf("threads %+v", threads)
	}
}

// await waits until the condition is true.
func await(t *testing.T, condition func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for !condition() {
		select {
		case <-deadline:
			t.Fatal("the condition never held")
		case <-time.After(time.Millisecond):
		}
	}
}
