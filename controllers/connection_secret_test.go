// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// throughAPI is the operator's way to the API server with something in between.
func throughAPI(between func(next http.RoundTripper) roundTrip) *rest.Config {
	config := rest.CopyConfig(operatorConfig)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return between(next) })
	return config
}

// forbidSecrets refuses reads of Secrets while denied is set, as the API server does without the right.
func forbidSecrets(denied *atomic.Bool) *rest.Config {
	const body = `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"secrets \"acs\" is forbidden: User \"operator\" cannot get resource \"secrets\"","reason":"Forbidden","code":403}`
	return throughAPI(func(next http.RoundTripper) roundTrip {
		return func(req *http.Request) (*http.Response, error) {
			if !denied.Load() || !strings.Contains(req.URL.Path, "/secrets/") {
				return next.RoundTrip(req)
			}
			return &http.Response{StatusCode: http.StatusForbidden, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
				Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body))}, nil
		}
	})
}

// An operator that may not read a Secret any more says so, and goes on with what it has in memory.
func TestOperatorMayNotReadTheSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn, late := w.connect(), newConnection(w.namespace, "late")
	var denied atomic.Bool
	w.startAs(forbidSecrets(&denied), w.options)
	w.awaitReason(conn, chatv1alpha1.ReasonSucceeded)
	thread, going := w.newThread("room", w.users(1)...), w.newThread("going")
	w.create(thread, going)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.awaitReason(going, chatv1alpha1.ReasonSucceeded)

	denied.Store(true)
	waiting := w.newThread("waiting")
	waiting.Spec.ConnectionRef.Name = "late"
	w.create(late, waiting)
	w.awaitReason(late, chatv1alpha1.ReasonPermissionDenied)
	w.Expect(w.message(late)).To(ContainSubstring(`User "operator" cannot get resource "secrets"`))
	w.awaitReason(waiting, chatv1alpha1.ReasonConnectionNotReady)
	w.Expect(w.message(waiting)).To(ContainSubstring(chatv1alpha1.ReasonPermissionDenied))
	askConnection(w, conn, "1")
	w.awaitReason(conn, chatv1alpha1.ReasonPermissionDenied)
	edit(w, thread, func(o *chatv1alpha1.ChatThread) { o.Spec.Topic = "edited meanwhile" })
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.Expect(w.remote(thread).Topic).To(Equal("edited meanwhile"))
	w.delete(going)
	w.awaitGone(going)

	denied.Store(false)
	askConnection(w, conn, "2")
	askConnection(w, late, "2")
	w.awaitReason(conn, chatv1alpha1.ReasonSucceeded)
	w.awaitReason(waiting, chatv1alpha1.ReasonSucceeded)
}

// A connection in use is counted in the cache, whatever somebody does to it. Only when that shows no thread, the
// API server is asked, page by page.
func TestConnectionIsCountedInTheCache(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	conn := w.connect()
	var mu sync.Mutex
	var limits []string
	w.startAs(throughAPI(func(next http.RoundTripper) roundTrip {
		return func(req *http.Request) (*http.Response, error) {
			// The cache lists as well: from what the API server has at hand.
			query := req.URL.Query()
			if strings.HasSuffix(req.URL.Path, "/chatthreads") && query.Get("watch") == "" && query.Get("resourceVersion") == "" {
				mu.Lock()
				limits = append(limits, query.Get("limit"))
				mu.Unlock()
			}
			return next.RoundTrip(req)
		}
	}), w.options)
	lists := func() []string {
		mu.Lock()
		defer mu.Unlock()
		return limits
	}
	w.awaitReason(conn, chatv1alpha1.ReasonSucceeded)
	thread := w.newThread("room")
	w.create(thread)
	w.awaitReason(thread, chatv1alpha1.ReasonSucceeded)
	w.delete(conn)
	w.awaitReason(conn, chatv1alpha1.ReasonInUse)
	for _, value := range []string{"1", "2", "3"} {
		askConnection(w, conn, value)
	}
	w.Expect(lists()).To(BeEmpty())
	w.delete(thread)
	w.awaitGone(thread)
	w.awaitGone(conn)
	w.Expect(lists()).To(HaveEach("500"))
	w.Expect(lists()).NotTo(BeEmpty())
}
