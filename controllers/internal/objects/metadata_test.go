// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"strings"
	"testing"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

func TestReconcileRequested(t *testing.T) {
	t.Parallel()
	const limit = chatv1alpha1.MaxReconcileRequest
	for name, c := range map[string]struct {
		annotations map[string]string
		want        string
	}{
		"not asked": {nil, ""},
		"another":   {map[string]string{"reconcile-requested-at": "now"}, ""},
		"asked":     {map[string]string{chatv1alpha1.AnnotationReconcileRequestedAt: "2026-03-01T12:00:00Z"}, "2026-03-01T12:00:00Z"},
		"as it is":  {map[string]string{chatv1alpha1.AnnotationReconcileRequestedAt: "  two\nlines "}, "  two\nlines "},
		"as long as can be": {map[string]string{chatv1alpha1.AnnotationReconcileRequestedAt: strings.Repeat("x", limit)},
			strings.Repeat("x", limit)},
		"too long": {map[string]string{chatv1alpha1.AnnotationReconcileRequestedAt: strings.Repeat("x", limit+1)},
			strings.Repeat("x", limit-len("…")) + "…"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			thread := &chatv1alpha1.ChatThread{ObjectMeta: metav1.ObjectMeta{Annotations: c.annotations}}
			got := ReconcileRequested(thread)
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			// The API server counts characters.
			if utf8.RuneCountInString(got) > limit {
				t.Errorf("%d characters do not fit into the status", utf8.RuneCountInString(got))
			}
		})
	}
}

func TestIsAbandoned(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{"true": true, "True": false, "false": false, "": false, "1": false} {
		thread := &chatv1alpha1.ChatThread{}
		SetAnnotation(thread, chatv1alpha1.AnnotationAbandon, value)
		if got := IsAbandoned(thread); got != want {
			t.Errorf("%q: abandoned %v, want %v", value, got, want)
		}
	}
}
