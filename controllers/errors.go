// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"net/http"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// errReleased ends a reconcile that removed the finalizer.
var errReleased = errors.New("released")

// isUnauthorized reports whether ACS refused the credential, in the call itself or in the request
// for a token.
func isUnauthorized(err error) bool { return acs.HasStatus(err, http.StatusUnauthorized) }

// errStaleCache ends a reconcile that saw an older version of an object than the API server has.
func errStaleCache() error { return &outcome.Wait{Quiet: true, After: 100 * time.Millisecond} }
