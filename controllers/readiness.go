// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
)

const (
	// syncCheck is how long a check of readiness waits for the caches.
	syncCheck = 200 * time.Millisecond
	// refusalMemory is how long a refused watch counts. Informers try again after 60 s at the latest.
	refusalMemory = 90 * time.Second
)

// Readiness says whether an operator sees what it is for. One whose caches are not filled, for want of a
// permission or a CRD, does nothing, and must not count as rolled out. Nor must one that lost them since:
// it goes on with what it saw last.
type Readiness struct {
	mu        sync.Mutex
	refusal   error
	refusedAt time.Time
}

// NewReadiness gives the readiness of a process whose cache has these options. It adds to them.
func NewReadiness(options *cache.Options) *Readiness {
	r := &Readiness{}
	options.DefaultWatchErrorHandler = func(ctx context.Context, reflector *toolscache.Reflector, err error) {
		r.note(err)
		toolscache.DefaultWatchErrorHandler(ctx, reflector, err)
	}
	return r
}

// Check is the check of readiness, on a standby as well as on a leader.
func (r *Readiness) Check(caches cache.Cache) healthz.Checker {
	return func(req *http.Request) error {
		if err := r.refused(); err != nil {
			return fmt.Errorf("the API server refuses a watch: %w", err)
		}
		ctx, cancel := context.WithTimeout(req.Context(), syncCheck)
		defer cancel()
		if !caches.WaitForCacheSync(ctx) {
			return errors.New("the caches have not been filled")
		}
		return nil
	}
}

// note keeps what no new try mends. An API server that is away for a moment leaves the cache as it is.
func (r *Readiness) note(err error) {
	if !apierrors.IsForbidden(err) && !apierrors.IsUnauthorized(err) && !apierrors.IsNotFound(err) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refusal, r.refusedAt = err, time.Now()
}

func (r *Readiness) refused() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.refusedAt) >= refusalMemory {
		return nil
	}
	return r.refusal
}
