// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package correlation_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/acs-operator/acs-chat-operator/controllers/internal/correlation"
)

// note notes an answer with an id.
func note(ctx context.Context, id string) {
	correlation.Note(ctx, &http.Response{Body: http.NoBody, Header: http.Header{http.CanonicalHeaderKey(correlation.Header): {id}}})
}

// The id is that of the last answer in the same reconcile, and short and plain enough for a line.
func TestLast(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ctx := correlation.Begin(t.Context())
	g.Expect(correlation.Last(ctx)).To(BeEmpty())
	correlation.Note(ctx, nil)
	note(t.Context(), "other")
	g.Expect(correlation.Last(ctx)).To(BeEmpty())
	note(ctx, "first.0")
	note(ctx, "second.0")
	g.Expect(correlation.Last(ctx)).To(Equal("second.0"))
	note(ctx, "a\nb"+strings.Repeat("c", 10_000))
	g.Expect(correlation.Last(ctx)).To(And(HavePrefix("a b"), WithTransform(func(id string) int { return len(id) }, BeNumerically("<", 100))))
	g.Expect(correlation.Last(correlation.Begin(ctx))).To(BeEmpty())
}
