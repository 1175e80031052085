// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/acs-operator/acs-chat-operator/controllers/internal/acstest"
)

// Each ACS resource counts once, by whether its last call had an answer.
func TestServices(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		at := s.first.ownEndpoint()
		registry := &Registry{endpoints: map[string]*endpoint{"a": at, "b": {}}}
		s.Expect(registry.Services()).To(Equal(map[string]int{"answers": 0, "unreachable": 0, "unknown": 2}))
		_, _ = s.read(t.Context())
		s.Expect(registry.Services()).To(Equal(map[string]int{"answers": 1, "unreachable": 0, "unknown": 1}))
		s.takes.Store(int64(time.Minute))
		_, _ = s.read(t.Context())
		s.Expect(registry.Services()).To(Equal(map[string]int{"answers": 0, "unreachable": 1, "unknown": 1}))
	})
}

// The oldest read is that of the connection with the longest time since its last read. A look that
// fails does not count.
func TestOldestRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		w := newSecretWorld(t, firstString)
		g.Expect(w.registry.OldestRead()).To(BeZero())
		first := time.Now()
		_, err := w.registry.Refresh(t.Context(), w.conn)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(acstest.Delay(t.Context(), time.Hour)).To(Succeed())
		other := w.conn.DeepCopy()
		other.Name, other.UID = "other", "c2"
		_, err = w.registry.Refresh(t.Context(), other)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(w.registry.OldestRead()).To(BeTemporally("==", first))

		w.reader.err = apierrors.NewInternalError(errors.New("failed to decrypt DEK"))
		_, _ = w.registry.Refresh(t.Context(), w.conn)
		g.Expect(w.registry.OldestRead()).To(BeTemporally("==", first))
		w.reader.err = nil
		w.ask("now")
		_, err = w.registry.Refresh(t.Context(), w.conn)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(w.registry.OldestRead()).To(BeTemporally("==", first.Add(time.Hour)))
	})
}
