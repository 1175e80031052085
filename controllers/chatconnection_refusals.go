// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// connectionRefusals remembers the last refusal of each ChatConnection, so that the call is not
// repeated as often as the Secret is read. The zero value is ready.
type connectionRefusals struct {
	mu    sync.Mutex
	byKey map[types.NamespacedName]connectionRefusal
}

type connectionRefusal struct {
	err error
	at  time.Time
	// generation and identity identify the refused spec and credential: others are tried at once.
	generation int64
	identity   *acs.IdentityClient
}

// last returns the refusal that must not be retried yet; nil if a call may be made.
func (c *connectionRefusals) last(conn *chatv1alpha1.ChatConnection, session *connection.Connection, now time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	refusal := c.byKey[objects.KeyOf(conn)]
	if refusal.generation != conn.Generation || refusal.identity != session.IdentityClient() || now.Sub(refusal.at) >= connection.RefusedInterval {
		return nil
	}
	return refusal.err
}

// note stores the end of a reconcile; only a refusal after which a person must act counts.
func (c *connectionRefusals) note(conn *chatv1alpha1.ChatConnection, session *connection.Connection, err error, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !outcome.Classify(err).Stalled {
		delete(c.byKey, objects.KeyOf(conn))
		return
	}
	if c.byKey == nil {
		c.byKey = map[types.NamespacedName]connectionRefusal{}
	}
	c.byKey[objects.KeyOf(conn)] = connectionRefusal{err: err, at: now, generation: conn.Generation, identity: session.IdentityClient()}
}

func (c *connectionRefusals) forget(key types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.byKey, key)
}
