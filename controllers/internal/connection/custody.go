// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// custody says whether a ChatConnection can go without this process. Its finalizer was seen at the
// API server, and only the process that reconciles the ChatConnection removes it. So from then on
// the process itself knows when the ChatConnection may go, and need not ask for each new thread.
type custody struct {
	mu sync.Mutex
	// held is the ChatConnection with a finalizer at the API server, ended the one in deletion.
	held, ended types.UID
}

// Hold notes that the API server has the ChatConnection, with the finalizer.
func (c *custody) Hold(uid types.UID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = uid
}

// EndCustody notes that the finalizer of the ChatConnection is about to go. Threads that use it are
// counted after that.
func (c *custody) EndCustody(uid types.UID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = uid
}

// IsHeld reports whether the ChatConnection stays as long as a ChatThread with a finalizer uses it.
// It is asked after the finalizer of the ChatThread was stored: either the count of threads sees
// the ChatThread, or the answer is no.
func (c *custody) IsHeld(uid types.UID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.held == uid && c.ended != uid
}
