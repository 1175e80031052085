// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/plan"
)

// remembered returns a ChatThread with its memory.
func remembered() (*chatv1alpha1.ChatThread, *threadMemory) {
	thread := &chatv1alpha1.ChatThread{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "a", UID: "u1", Generation: 1}}
	return thread, newMemories().of(thread)
}

func TestMemoryBegin(t *testing.T) {
	t.Parallel()
	start := time.Now()
	ask := func(value string) func(*chatv1alpha1.ChatThread) {
		return func(thread *chatv1alpha1.ChatThread) {
			objects.SetAnnotation(thread, chatv1alpha1.AnnotationReconcileRequestedAt, value)
		}
	}
	for name, c := range map[string]struct {
		after  time.Duration
		change func(*chatv1alpha1.ChatThread)
		want   bool
	}{
		"at once":           {after: 0, want: false},
		"before the resync": {after: 8*time.Minute + 59*time.Second, want: false},
		"after the resync":  {after: 11 * time.Minute, want: true},
		"another spec":      {change: func(thread *chatv1alpha1.ChatThread) { thread.Generation++ }, want: true},
		"asked":             {change: ask("now"), want: true},
		"asked, and answered before": {change: func(thread *chatv1alpha1.ChatThread) {
			ask("now")(thread)
			thread.Status.LastHandledReconcileAt = "now"
		}, want: false},
		"asked again": {change: func(thread *chatv1alpha1.ChatThread) {
			ask("now")(thread)
			thread.Status.LastHandledReconcileAt = "before"
		}, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			thread, memory := remembered()
			if !triesAgain(memory, thread, start) {
				t.Fatal("the first reconcile does not try everything")
			}
			member := plan.Member{Member: chatv1alpha1.Member{UserID: "8:acs:user"}}
			memory.members.NoteRefused(member, "404", "unknown")
			memory.members.NoteMalformed([]plan.Member{member}, nil, nil)
			due := memory.nextResync
			if c.change != nil {
				c.change(thread)
			}
			if got := triesAgain(memory, thread, start.Add(c.after)); got != c.want {
				t.Fatalf("tries everything: %v, want %v", got, c.want)
			}
			if refused := memory.members.Refused[member.Key()].IsFor(member); refused == c.want {
				t.Errorf("a refused member stays refused: %v", refused)
			}
			// Malformed ids stay known: each gets a call of its own.
			if _, malformed := memory.members.Malformed[member.Key()]; !malformed {
				t.Error("a malformed member is forgotten")
			}
			if moved := !memory.nextResync.Equal(due); moved != c.want {
				t.Errorf("the next resync moved: %v, want %v", moved, c.want)
			}
		})
	}
}

// If another process has found the thread gone, the thread in memory belongs to a former
// incarnation.
func TestMemoryOfAFormerIncarnation(t *testing.T) {
	t.Parallel()
	thread, memory := remembered()
	memory.threadID = "19:former"
	memory.create.finalizerStored()
	memory.begin(thread, time.Now())
	if memory.threadID != "19:former" || !memory.create.nothingSent() {
		t.Errorf("forgotten while the incarnation lasts: %+v", memory)
	}
	thread.Status.Incarnation = 1
	memory.begin(thread, time.Now())
	if memory.threadID != "" || memory.create.nothingSent() || !memory.create.isFormer("19:former") {
		t.Errorf("still remembered: %+v", memory)
	}
	memory.threadID = "19:later"
	memory.begin(thread, time.Now())
	if memory.threadID != "19:later" {
		t.Error("the thread of this incarnation is forgotten")
	}
}

// A removed request annotation is no new request. Otherwise each reconcile would try everything
// again, and recreate threads without a limit.
func TestMemoryBeginAfterTheRequestWasTakenBack(t *testing.T) {
	t.Parallel()
	thread, memory := remembered()
	memory.begin(thread, time.Now())
	thread.Status.LastHandledReconcileAt = "before"
	if triesAgain(memory, thread, time.Now()) {
		t.Error("tries everything again")
	}
}

func TestMemoryRefused(t *testing.T) {
	t.Parallel()
	member := plan.Member{Member: chatv1alpha1.Member{UserID: "8:acs:A"}, Participant: "p1", Generation: 2}
	for name, c := range map[string]struct {
		change func(*plan.Member)
		want   bool
	}{
		"the same":              {func(*plan.Member) {}, true},
		"the case of the id":    {func(m *plan.Member) { m.UserID = "8:ACS:a" }, true},
		"another user":          {func(m *plan.Member) { m.UserID = "8:acs:B" }, false},
		"an edit":               {func(m *plan.Member) { m.Generation++ }, false},
		"another resource":      {func(m *plan.Member) { m.Participant = "p2" }, false},
		"declared inline as is": {func(m *plan.Member) { m.Participant = "" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, memory := remembered()
			memory.members.NoteRefused(member, "404", "unknown")
			other := member
			c.change(&other)
			if refused := memory.tried().Refused[other.Key()].IsFor(other); refused != c.want {
				t.Errorf("refused %v, want %v", refused, c.want)
			}
		})
	}
}

// A value that ACS rewrites is remembered until ACS accepts it.
func TestMemoryOfRewrittenValues(t *testing.T) {
	t.Parallel()
	_, memory := remembered()
	memory.noteSent(map[string]plan.Sent{plan.FieldTopic: {Want: "A b", Got: "A B"}, plan.FieldRetention: {Want: "none", Got: "none"}})
	if diff := cmp.Diff(map[string]plan.Sent{plan.FieldTopic: {Want: "A b", Got: "A B"}}, memory.tried().Sent); diff != "" {
		t.Errorf("remembered (-want +got):\n%s", diff)
	}
	memory.noteSent(map[string]plan.Sent{plan.FieldTopic: {Want: "C d", Got: "C d"}})
	if len(memory.tried().Sent) != 0 {
		t.Errorf("a value that ACS did not rewrite is remembered: %v", memory.sent)
	}
}

// triesAgain begins a reconcile and reports whether it tries everything again.
func triesAgain(memory *threadMemory, thread *chatv1alpha1.ChatThread, now time.Time) bool {
	due := memory.nextResync
	memory.begin(thread, now)
	return !memory.nextResync.Equal(due)
}

func TestMemoriesOf(t *testing.T) {
	t.Parallel()
	all := newMemories()
	thread := &chatv1alpha1.ChatThread{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "a", UID: "u1"}}
	first := all.of(thread)
	if all.of(thread.DeepCopy()) != first {
		t.Error("two memories of one thread")
	}
	other := thread.DeepCopy()
	other.Namespace = "other"
	if all.of(other) == first {
		t.Error("one memory of two threads")
	}
	namesake := thread.DeepCopy()
	namesake.UID = "u2"
	fresh := all.of(namesake)
	if fresh == first {
		t.Error("an object of the same name takes over the memory")
	}
	key := types.NamespacedName{Namespace: "ns", Name: "a"}
	if uid := all.forget(key); uid != "u2" {
		t.Errorf("forgot uid %q", uid)
	}
	if uid := all.forget(key); uid != "" {
		t.Errorf("forgot uid %q twice", uid)
	}
	if all.of(namesake) == fresh {
		t.Error("a forgotten memory came back")
	}
}

func TestResyncInterval(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		declared *metav1.Duration
		want     time.Duration
	}{
		"not set":           {nil, 10 * time.Minute},
		"as declared":       {&metav1.Duration{Duration: 90 * time.Minute}, 90 * time.Minute},
		"the shortest":      {&metav1.Duration{Duration: time.Minute}, time.Minute},
		"too short":         {&metav1.Duration{Duration: time.Second}, time.Minute},
		"zero":              {&metav1.Duration{}, time.Minute},
		"negative":          {&metav1.Duration{Duration: math.MinInt64}, time.Minute},
		"as long as can be": {&metav1.Duration{Duration: math.MaxInt64}, 365 * 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			thread := &chatv1alpha1.ChatThread{Spec: chatv1alpha1.ChatThreadSpec{ResyncInterval: c.declared}}
			got := resyncInterval(thread)
			if got != c.want {
				t.Errorf("interval %s, want %s", got, c.want)
			}
			shortest, longest := time.Duration(math.MaxInt64), time.Duration(math.MinInt64)
			for range 2000 {
				spread := withJitter(got)
				shortest, longest = min(shortest, spread), max(longest, spread)
			}
			if shortest < got/10*9 || longest > got/10*11 {
				t.Errorf("between %s and %s, want 10 %% about %s", shortest, longest, got)
			}
			if shortest > got/100*92 || longest < got/100*108 {
				t.Errorf("between %s and %s does not spread %s", shortest, longest, got)
			}
			_, memory := remembered()
			if begun := time.Now(); !triesAgain(memory, thread, begun) || !memory.nextResync.After(begun) {
				t.Errorf("next resync %s", memory.nextResync)
			}
		})
	}
}
