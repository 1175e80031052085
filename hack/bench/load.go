// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

const (
	threadsPath = "/apis/chat.acs-operator.io/v1alpha1/namespaces/%s/chatthreads"
	// applyWorkers create objects at once, as `kubectl apply` of several users does.
	applyWorkers = 16
)

// send sends a request to the API server.
func (b *bench) send(ctx context.Context, method, path, contentType string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, method, b.admin.Host+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", contentType)
	resp, err := b.direct.Do(req)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s %s: %s %s", method, path, resp.Status, text)
	}
	return err
}

func userID(n int) string {
	return fmt.Sprintf("8:acs:%s_%08x-0000-4000-8000-00000000beef", emulator.DefaultResourceID, n)
}

// manifest is a ChatThread as JSON.
func manifest(name string, members int) []byte {
	type participant struct {
		UserID string `json:"userID"`
	}
	participants := make([]participant, members)
	for i := range participants {
		participants[i].UserID = userID(i)
	}
	text, err := json.Marshal(map[string]any{
		"apiVersion": "chat.acs-operator.io/v1alpha1", "kind": "ChatThread", "metadata": map[string]any{"name": name},
		"spec": map[string]any{"topic": "Room " + name, "participants": participants},
	})
	if err != nil {
		panic(err) // strings and lists
	}
	return text
}

func threadName(n int) string { return fmt.Sprintf("room-%06d", n) }

// apply creates ChatThreads, numbered from first on, in the namespaces in turn.
func (b *bench) apply(ctx context.Context, first, count int, namespaces ...string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var group sync.WaitGroup
	for range applyWorkers {
		group.Go(func() {
			for n := int(next.Add(1)) - 1; n < count && ctx.Err() == nil; n = int(next.Add(1)) - 1 {
				path := fmt.Sprintf(threadsPath, namespaces[n%len(namespaces)])
				if err := b.send(ctx, http.MethodPost, path, "application/json", manifest(threadName(first+n), b.members)); err != nil {
					cancel(err)
				}
			}
		})
	}
	group.Wait()
	return context.Cause(ctx)
}

// seen is a ChatThread as far as a measurement looks at it.
type seen struct {
	Metadata struct {
		Namespace, Name string
		Generation      int64
		ResourceVersion string
	}
	Status struct {
		ObservedGeneration int64
		Conditions         []struct{ Type, Status, Reason string }
	}
}

func (s *seen) ready() (status, reason string) {
	for _, c := range s.Status.Conditions {
		if c.Type == "Ready" {
			return c.Status, c.Reason
		}
	}
	return "", ""
}

func (s *seen) isReady() bool {
	status, _ := s.ready()
	return status == "True" && s.Status.ObservedGeneration == s.Metadata.Generation
}

// observer follows all ChatThreads of a cluster.
type observer struct {
	mu    sync.Mutex
	ready map[string]bool
	// readyAt is when the last thread that became Ready did, and waits counts how often one showed
	// that it waits for a quota.
	readyAt time.Time
	waits   map[string]int
	reasons map[string]string
	// generations are those of the ChatThreads.
	generations map[string]int64
	changed     chan struct{}
	// expected are the ChatThreads whose next change to Ready somebody waits for, and became when each
	// became so.
	expected map[string]int64
	became   map[string]time.Time
}

// observe follows the ChatThreads until the context ends.
func (b *bench) observe(ctx context.Context) (*observer, error) {
	o := &observer{
		ready: map[string]bool{}, waits: map[string]int{}, reasons: map[string]string{}, changed: make(chan struct{}, 1),
		generations: map[string]int64{}, expected: map[string]int64{}, became: map[string]time.Time{},
	}
	stream, err := b.watch(ctx, "0")
	if err != nil {
		return nil, err
	}
	go func() {
		for version := "0"; ; {
			version = o.follow(stream, version)
			// The API server ends a watch that is slow.
			if stream, err = b.watch(ctx, version); err != nil {
				return
			}
		}
	}()
	return o, nil
}

// watch returns the changes of all ChatThreads since a version.
func (b *bench) watch(ctx context.Context, version string) (io.ReadCloser, error) {
	url := b.admin.Host + "/apis/chat.acs-operator.io/v1alpha1/chatthreads?watch=true&timeoutSeconds=3600&resourceVersion=" + version
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := b.direct.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("watch ChatThreads: %s", resp.Status), resp.Body.Close())
	}
	return resp.Body, nil
}

// follow notes the changes of a watch until it ends, and returns the version of the last one.
func (o *observer) follow(stream io.ReadCloser, version string) string {
	defer func() { _ = stream.Close() }()
	decoder := json.NewDecoder(stream)
	for {
		var event struct {
			Type   string
			Object seen
		}
		if decoder.Decode(&event) != nil || event.Type == "ERROR" {
			return version
		}
		version = event.Object.Metadata.ResourceVersion
		o.note(event.Type, &event.Object)
	}
}

func (o *observer) note(event string, s *seen) {
	o.mu.Lock()
	defer o.mu.Unlock()
	key := s.Metadata.Namespace + "/" + s.Metadata.Name
	if event == "DELETED" {
		delete(o.ready, key)
		return
	}
	_, reason := s.ready()
	if reason == "WaitingForQuota" && o.reasons[key] != reason {
		o.waits[key]++
	}
	o.reasons[key], o.generations[key] = reason, s.Metadata.Generation
	if !s.isReady() {
		delete(o.ready, key)
		return
	}
	if wanted, ok := o.expected[key]; ok && s.Metadata.Generation >= wanted {
		delete(o.expected, key)
		o.became[key] = time.Now()
		o.notify()
	}
	if !o.ready[key] {
		o.ready[key], o.readyAt = true, time.Now()
		o.notify()
	}
}

func (o *observer) notify() {
	select {
	case o.changed <- struct{}{}:
	default:
	}
}

// settle waits until the objects that existed before are known, and returns how many are Ready.
func (o *observer) settle(ctx context.Context) (ready int, err error) {
	for last := -1; ; {
		ready, _ = o.count()
		if ready == last {
			return ready, nil
		}
		last = ready
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// expect has the next generation of a ChatThread timed.
func (o *observer) expect(key string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.expected[key] = o.generations[key] + 1
	delete(o.became, key)
}

// awaitExpected waits until the expected generation is Ready, and returns when it became so.
func (o *observer) awaitExpected(ctx context.Context, key string) (time.Time, error) {
	for {
		o.mu.Lock()
		at, ok := o.became[key]
		o.mu.Unlock()
		if ok {
			return at, nil
		}
		select {
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("%s is not Ready: %w", key, ctx.Err())
		case <-o.changed:
		}
	}
}

func (o *observer) count() (ready int, last time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.ready), o.readyAt
}

// await waits until so many ChatThreads are Ready, and returns when the last one became so.
func (o *observer) await(ctx context.Context, wanted int) (time.Time, error) {
	for {
		ready, last := o.count()
		if ready >= wanted {
			return last, nil
		}
		select {
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("%d of %d ChatThreads are Ready: %w", ready, wanted, ctx.Err())
		case <-o.changed:
		}
	}
}
