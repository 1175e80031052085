// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

// BenchmarkThroughput makes the same calls over TLS to the emulator and to a handler that reads the
// request and returns the emulator's first response. rate/constant must not be below 0.5: a load
// test must not measure the emulator.
func BenchmarkThroughput(b *testing.B) {
	for _, threads := range []int{100, 100_000} {
		emu := emulator.New(emulator.Options{EntraToken: "entra", KeepRequests: -1})
		user := emu.CreateUser()
		for range threads {
			emu.CreateThread(user, "t")
		}
		token := benchmarkToken(b, emu, user)
		list := "/chat/threads/" + emu.CreateThread(user, "t", membersOf(10)...) + "/participants"
		for _, test := range []struct {
			name string
			call call
		}{
			{"create", call{method: http.MethodPost, path: "/chat/threads", body: `{"topic":"t"}`}},
			{"create with 10", call{
				method: http.MethodPost, path: "/chat/threads", body: strings.Replace(participants(sampleUsers(10)...), "{", `{"topic":"t",`, 1),
			}},
			{"list 20 threads", call{method: http.MethodGet, path: "/chat/threads?maxPageSize=20"}},
			{"list 100 threads", call{method: http.MethodGet, path: "/chat/threads"}},
			{"list 11 participants", call{method: http.MethodGet, path: list}},
		} {
			b.Run(fmt.Sprintf("threads=%d/%s", threads, test.name), func(b *testing.B) {
				test.call.token = token
				compare(b, emu, test.call)
			})
		}
	}
}

func membersOf(n int) []emulator.Member {
	members := make([]emulator.Member, n)
	for i, id := range sampleUsers(n) {
		members[i].ID = id
	}
	return members
}

// compare measures a call of both servers. It alternates between them, so that other load on the
// machine slows down both.
func compare(b *testing.B, emu *emulator.Server, c call) {
	b.Helper()
	client, emulatorURL := serveTLS(b, emu)
	answer := exchangeOnce(b, client, emulatorURL, c)
	_, constant := serveTLS(b, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write(answer)
	}))
	exchangeOnce(b, client, constant, c)
	const turn = 50
	var emulated, answered []time.Duration
	calls := 0
	for b.Loop() {
		if calls++; calls%turn != 1 {
			continue // one iteration calls both servers
		}
		for _, part := range []struct {
			url  string
			took *[]time.Duration
		}{{emulatorURL, &emulated}, {constant, &answered}} {
			before := time.Now()
			for range turn {
				exchangeOnce(b, client, part.url, c)
			}
			*part.took = append(*part.took, time.Since(before))
		}
	}
	// The median gives no weight to a round with other load on the machine.
	slices.Sort(emulated)
	slices.Sort(answered)
	typical, constantly := emulated[len(emulated)/2], answered[len(answered)/2]
	b.ReportMetric(constantly.Seconds()/typical.Seconds(), "rate/constant")
	b.ReportMetric(turn/typical.Seconds(), "calls/s")
}

// serveTLS serves with the emulator's certificates, and returns a client that trusts all of them.
func serveTLS(b *testing.B, handler http.Handler) (*http.Client, string) {
	b.Helper()
	config, authority, err := emulator.GenerateTLS()
	if err != nil {
		b.Fatal(err)
	}
	server := httptest.NewUnstartedServer(handler)
	server.TLS = config
	server.StartTLS()
	b.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	transport := &http.Transport{
		//nolint:gosec // the second server has its own authority, and the benchmark does not measure trust
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12},
	}
	b.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}, server.URL
}

func exchangeOnce(b *testing.B, client *http.Client, url string, c call) []byte {
	b.Helper()
	separator := "?"
	if strings.Contains(c.path, "?") {
		separator = "&"
	}
	request, err := http.NewRequestWithContext(b.Context(), c.method, url+c.path+separator+chatVersion, strings.NewReader(c.body))
	if err != nil {
		b.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+c.token)
	response, err := client.Do(request)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode/100 != 2 {
		b.Fatalf("status %d, %v: %s", response.StatusCode, err, body)
	}
	return bytes.Clone(body)
}

// TestMemoryOfThreads creates threads as a client would: no two of them share a value.
func TestMemoryOfThreads(t *testing.T) {
	const threads, limit = 2000, 8 << 10
	emu := emulator.New(emulator.Options{EntraToken: "entra", KeepRequests: -1})
	caller := &fixture{T: t, emu: emu}
	token := caller.issue(emu.CreateUser())
	before := heap()
	for i := range threads {
		users := make([]string, 9)
		for k := range users {
			users[k] = fmt.Sprintf("8:acs:%s_00000000-0000-4000-9000-%06x%06x", emulator.DefaultResourceID, i, k)
		}
		body := strings.Replace(participants(users...), "{", `{"topic":"Incident","metadata":{"incident":"7"},`, 1)
		body = strings.ReplaceAll(body, `}}}`, `}},"displayName":"A participant"}`)
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/chat/threads?"+chatVersion, strings.NewReader(body))
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Authorization", "Bearer "+token)
		request.Header.Set("repeatability-request-id", fmt.Sprint(i))
		if recorder := serve(t, emu, request); recorder.Code != http.StatusCreated {
			t.Fatalf("%d %s", recorder.Code, recorder.Body)
		}
	}
	each := (heap() - before) / threads
	t.Logf("%d bytes for a thread with 10 members of its own", each)
	if members := emu.Threads()[threads-1].Members; len(members) != 10 || members[9].DisplayName == "" {
		t.Fatalf("members %+v", members)
	}
	if each > limit {
		t.Errorf("%d bytes for a thread with 10 members, want at most %d", each, limit)
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
