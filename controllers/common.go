// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// errReleased ends a reconcile that removed the finalizer.
var errReleased = errors.New("released")

// firstOf names the first users of a list.
func firstOf(names []string) string {
	if more := len(names) - maxNamed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNamed], ", "), more)
	}
	return strings.Join(names, ", ")
}

// maxNamed is the number of users that an event names.
const maxNamed = 5

// isUnauthorized reports whether ACS refused the credential, in the call itself or in the request
// for a token.
func isUnauthorized(err error) bool { return acs.HasStatus(err, http.StatusUnauthorized) }

// concludeTimeout limits the time to report the end of a reconcile.
const concludeTimeout = 10 * time.Second

// abandonHint describes how to end a deletion that cannot finish.
const abandonHint = `To delete only this resource and leave the thread at ACS, set the annotation ` + chatv1alpha1.AnnotationAbandon + `: "true".`

// errStaleCache ends a reconcile that saw an older version of an object than the API server has.
func errStaleCache() error { return &outcome.Wait{Quiet: true, After: 100 * time.Millisecond} }

// later returns the later of two moments.
func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
