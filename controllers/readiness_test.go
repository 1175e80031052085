// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

const watchForbidden = `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","message":"not any more","code":403}`

// rights is a transport to the API server. Once taken is done, all watches of ChatThreads
// end and new ones are forbidden.
type rights struct {
	mu    sync.Mutex
	taken context.Context //nolint:containedctx // it is a state
	take  context.CancelFunc
}

func (r *rights) give(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken, r.take = context.WithCancel(ctx)
}

func (r *rights) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTrip(func(req *http.Request) (*http.Response, error) {
		if !strings.HasSuffix(req.URL.Path, "/chatthreads") {
			return next.RoundTrip(req)
		}
		r.mu.Lock()
		taken := r.taken
		r.mu.Unlock()
		select {
		case <-taken.Done():
			return &http.Response{StatusCode: http.StatusForbidden, Request: req, Header: http.Header{"Content-Type": {"application/json"}},
				Body: io.NopCloser(strings.NewReader(watchForbidden))}, nil
		default:
		}
		ctx, cancel := context.WithCancel(req.Context())
		context.AfterFunc(taken, cancel)
		return next.RoundTrip(req.WithContext(ctx))
	})
}

// An operator is ready once its caches are filled, even as a standby, and not ready if it may not
// watch.
func TestReadiness(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	held := &rights{}
	held.give(t.Context())
	held.take()
	api := rest.CopyConfig(operatorConfig)
	api.Wrap(held.wrap)
	caches := CacheOptions(w.options.WatchNamespaces)
	ready := NewReadiness(&caches)
	skipNames := true
	mgr, err := ctrl.NewManager(api, ctrl.Options{
		Scheme: scheme, Cache: caches, Metrics: metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: &skipNames},
	})
	w.Expect(err).NotTo(HaveOccurred())
	metricsTurn.Lock()
	err = Setup(t.Context(), mgr, w.options)
	metricsTurn.Unlock()
	w.Expect(err).NotTo(HaveOccurred())
	check := func() error {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", http.NoBody)
		w.Expect(err).NotTo(HaveOccurred())
		return ready.Check(mgr.GetCache())(req)
	}
	w.Expect(check()).To(MatchError(ContainSubstring("not been filled")))
	// A standby fills its caches without its controllers.
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { w.Expect(mgr.GetCache().Start(ctx)).To(Succeed()) })
	t.Cleanup(running.Wait)
	t.Cleanup(cancel)
	w.Eventually(check).Should(MatchError(ContainSubstring("not any more")))
	restore := func() {
		held.give(t.Context())
		ready.mu.Lock()
		defer ready.mu.Unlock()
		ready.refusedAt = time.Now().Add(-refusalMemory)
	}
	restore()
	w.Eventually(check).Should(Succeed())
	held.take()
	w.Eventually(check).Should(MatchError(ContainSubstring("not any more")))
	restore()
	w.Eventually(check).Should(Succeed())
}
