// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// A create costs three requests to the API server: the finalizer, the status and an event. The
// connection is read live once for all threads.
func TestCreateRequests(t *testing.T) {
	t.Parallel()
	const threads = 20
	w := newWorld(t, emulator.Options{})
	seen := &seenRequests{rules: map[string]bool{}}
	conn := w.connect(allow)
	w.startAs(seen.watching(operatorConfig), w.options)
	w.awaitReason(conn, chatv1alpha1.ReasonSucceeded)
	first := w.readyThread("first", w.users(1)...)
	// Events are sent in the background, also those of the first thread and of the connection.
	w.Eventually(func() []string { return w.eventReasons(first) }).Should(ContainElement(chatv1alpha1.EventCreated))
	w.Eventually(func() []string { return w.eventReasons(conn) }).Should(ContainElement(chatv1alpha1.EventCreated))
	seen.mu.Lock()
	seen.paths = nil
	seen.mu.Unlock()
	users := w.users(3)
	for n := range threads {
		w.create(w.newThread(fmt.Sprint("room-", n), users...))
	}
	for n := range threads {
		w.awaitReason(w.newThread(fmt.Sprint("room-", n)), chatv1alpha1.ReasonSucceeded)
	}
	counted := func() map[string]int {
		seen.mu.Lock()
		defer seen.mu.Unlock()
		counts := map[string]int{}
		for _, path := range seen.paths {
			method, rest, _ := strings.Cut(path, " ")
			switch parts := strings.Split(rest, "/"); {
			case strings.Contains(rest, "watch=true"):
			case slices.Contains(parts, "events"):
				counts[method+" event"]++
			case parts[len(parts)-1] == "status":
				counts[method+" status"]++
			default:
				counts[method+" "+parts[len(parts)-2]]++
			}
		}
		return counts
	}
	// Events are sent in the background.
	w.Eventually(counted).Should(Equal(map[string]int{"PATCH chatthreads": threads, "PATCH status": threads, "POST event": threads}))
}
