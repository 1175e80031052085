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
	// syncCheck is the wait of a readiness check for the caches.
	syncCheck = 200 * time.Millisecond
	// refusalMemory is how long a refused watch counts. Informers retry after at most 60 s.
	refusalMemory = 90 * time.Second
)

// Readiness reports whether the operator can watch its objects. Without filled caches, because of a
// missing permission or CRD, it does nothing and must not count as rolled out. The same holds if it
// loses a watch later: it then continues with stale data.
type Readiness struct {
	mu        sync.Mutex
	refusal   error
	refusedAt time.Time
}

// NewReadiness returns the readiness of a process whose cache has these options. It adds to them.
func NewReadiness(options *cache.Options) *Readiness {
	r := &Readiness{}
	options.DefaultWatchErrorHandler = func(ctx context.Context, reflector *toolscache.Reflector, err error) {
		r.note(err)
		toolscache.DefaultWatchErrorHandler(ctx, reflector, err)
	}
	return r
}

// Check returns the readiness check, for a standby as well as for a leader.
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

// note stores a refusal that a retry does not fix. If the API server is unreachable for a moment,
// the cache stays valid.
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
