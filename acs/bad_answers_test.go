// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/acs-operator/acs-chat-operator/acs"
)

// answered are the operations whose success has a body.
func answered() map[string]wireTest {
	operations := calls()
	for name, test := range operations {
		if test.reply.body == "" {
			delete(operations, name)
		}
	}
	return operations
}

func checkBadAnswer(t *testing.T, name string, status int, err error) {
	t.Helper()
	if err == nil || !strings.HasPrefix(err.Error(), name+": ") {
		t.Fatalf("error is %v, want one of %s", err, name)
	}
	if !acs.HasStatus(err, status) {
		t.Errorf("error %v has not the status %d", err, status)
	}
	if detail, ok := acs.Detail(err); !ok || detail.CorrelationVector != "vector.0" {
		t.Errorf("detail is %+v, %t", detail, ok)
	}
	checkNoCredential(t, err)
}

func TestTruncatedAnswers(t *testing.T) {
	t.Parallel()
	for name, test := range answered() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.reply.header, test.reply.truncate = map[string]string{"MS-CV": "vector.0"}, true
			err := test.call(t.Context(), t, serve(t, test.reply))
			checkBadAnswer(t, name, test.reply.status, err)
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("error is %v, want an early end", err)
			}
		})
	}
}

func TestOversizedAnswers(t *testing.T) {
	t.Parallel()
	blanks := strings.Repeat(" ", 8<<20)
	for name, test := range answered() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.reply.header = map[string]string{"MS-CV": "vector.0"}
			test.reply.body += blanks
			service := serve(t, test.reply)
			checkBadAnswer(t, name, test.reply.status, test.call(t.Context(), t, service))
			service.only(t)
		})
	}
}

// lateContext is a context whose deadline is exceeded when it is canceled.
type lateContext struct{ context.Context } //nolint:containedctx // It is a context.

func (c lateContext) Err() error {
	if c.Context.Err() == nil {
		return nil
	}
	return context.DeadlineExceeded
}

// TestSlowAnswers ends the call after half of the response has arrived.
func TestSlowAnswers(t *testing.T) {
	t.Parallel()
	for name, test := range answered() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			test.reply.header, test.reply.stall = map[string]string{"MS-CV": "vector.0"}, true
			service := serve(t, test.reply)
			service.onBody = cancel
			err := test.call(lateContext{ctx}, t, service)
			checkBadAnswer(t, name, test.reply.status, err)
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error is %v, want the end of the time", err)
			}
			service.only(t)
		})
	}
}

// TestCanceledInTheMiddle checks that a canceled call does not report the service's response.
func TestCanceledInTheMiddle(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	service := serve(t, reply{status: 404, body: notFound, stall: true})
	service.onBody = cancel
	_, err := service.thread(t).GetProperties(ctx, nil)
	if !errors.Is(err, context.Canceled) || !strings.HasPrefix(err.Error(), "ThreadClient.GetProperties: ") || acs.HasStatus(err, 404) {
		t.Errorf("error is %v, want only the cancellation", err)
	}
}
