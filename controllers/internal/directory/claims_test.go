// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package directory

import (
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// A cache may show that the ChatThread which searches for a thread has it: a former one of its name
// had it, or its status came from a backup. The search waits for the stamp, so the Read reads it.
func TestThreadOfTheChatThreadThatSearches(t *testing.T) {
	t.Parallel()
	s := newService(t, emulator.Options{}, 1)
	own := s.thread(0, "ns/a")
	q := s.query(Need{})
	q.Claims = func(_ string, meets func(types.NamespacedName) bool) bool { return meets(q.Waiter) }
	if _, reads, err := s.ask(q); err != nil || !slices.Equal(reads, []string{own}) {
		t.Errorf("read %v, error %v", reads, err)
	}
	s.finds(own)
}

// A Read without a call wakes a ChatThread that finds the same state. The next Read comes later, so
// that the two do not wake each other forever.
func TestReadWithNothingToDoIsNotRepeatedAtOnce(t *testing.T) {
	t.Parallel()
	s := newService(t, emulator.Options{}, 1)
	s.thread(0, "ns/a")
	q := s.query(Need{})
	q.AtOnce = false
	read := func(isClaimed bool) (wake []types.NamespacedName, err error) {
		_, _ = s.Search(q)
		return s.Read(t.Context(), s.users[0], ReadOptions{Claims: claims(func(string) bool { return isClaimed })})
	}
	for range 2 {
		if wake, err := read(true); err != nil || len(wake) == 0 {
			t.Fatalf("woken %v, error %v", wake, err)
		}
	}
	_, err := read(true)
	s.ends(err, chatv1alpha1.ReasonSearching, "")
	if outcome.Classify(err).After > firstRetry {
		t.Errorf("the next Read comes after %s", outcome.Classify(err).After)
	}
}
