// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package correlation remembers by which id Microsoft's support finds the last call of a reconcile,
// for the lines of the log.
//
// ACS sends the id, a correlation vector, in the header MS-CV of each answer. The package holds it
// in the context of the reconcile, and writes no line itself.
package correlation

import (
	"context"
	"net/http"
	"sync/atomic"

	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// Header is the header of an answer with the id.
const Header = "MS-CV"

type key struct{}

// last is the header of the last answer.
type last struct{ header atomic.Pointer[http.Header] }

// Begin returns a context for one reconcile.
func Begin(ctx context.Context) context.Context { return context.WithValue(ctx, key{}, &last{}) }

// Note notes an answer of ACS.
func Note(ctx context.Context, resp *http.Response) {
	if l, ok := ctx.Value(key{}).(*last); ok && resp != nil {
		l.header.Store(&resp.Header)
	}
}

// Last returns the id of the last answer, or "".
func Last(ctx context.Context) string {
	l, ok := ctx.Value(key{}).(*last)
	if !ok {
		return ""
	}
	header := l.header.Load()
	if header == nil {
		return ""
	}
	return Of(*header)
}

// Of returns the id of an answer, in a form that is fit to show.
func Of(header http.Header) string { return outcome.Sanitize(header.Get(Header), outcome.MaxCode) }
