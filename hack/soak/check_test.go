// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build soak

package soak

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

const (
	lookInterval = 500 * time.Millisecond
	shownMost    = 12
	shownBytes   = 300
)

// snapshot is the state of Kubernetes and of the service at one time.
type snapshot struct {
	threads      map[types.NamespacedName]*chatv1alpha1.ChatThread
	participants map[types.NamespacedName]*chatv1alpha1.ChatParticipant
	remote       map[string]emulator.Thread
	serviceUsers map[string]bool
}

func (w *world) look(ctx context.Context) (*snapshot, error) {
	s := &snapshot{
		threads: map[types.NamespacedName]*chatv1alpha1.ChatThread{}, participants: map[types.NamespacedName]*chatv1alpha1.ChatParticipant{},
		remote: map[string]emulator.Thread{}, serviceUsers: map[string]bool{},
	}
	threads, participants, connections := &chatv1alpha1.ChatThreadList{}, &chatv1alpha1.ChatParticipantList{}, &chatv1alpha1.ChatConnectionList{}
	if err := w.client.List(ctx, threads); err != nil {
		return nil, err
	}
	if err := w.client.List(ctx, participants); err != nil {
		return nil, err
	}
	if err := w.client.List(ctx, connections); err != nil {
		return nil, err
	}
	for i := range threads.Items {
		t := &threads.Items[i]
		s.threads[types.NamespacedName{Namespace: t.Namespace, Name: t.Name}] = t
	}
	for i := range participants.Items {
		p := &participants.Items[i]
		s.participants[types.NamespacedName{Namespace: p.Namespace, Name: p.Name}] = p
	}
	for _, c := range connections.Items {
		for _, id := range c.Status.ServiceUsers {
			s.serviceUsers[string(id)] = true
		}
	}
	remote, err := w.service.Threads(ctx)
	for _, t := range remote {
		s.remote[t.ID] = t
	}
	return s, err
}

// versions show by name whether an object was written.
func (s *snapshot) versions() map[string]string {
	versions := map[string]string{}
	for name, t := range s.threads {
		versions["ChatThread "+name.String()] = t.ResourceVersion
	}
	for name, p := range s.participants {
		versions["ChatParticipant "+name.String()] = p.ResourceVersion
	}
	return versions
}

// problems are differences from the expected state.
type problems []string

func (p *problems) add(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	*p = append(*p, text[:min(len(text), shownBytes)])
}

func (p problems) String() string {
	shown := p[:min(len(p), shownMost)]
	text := fmt.Sprintf("%d problems:\n  %s", len(p), strings.Join(shown, "\n  "))
	if len(p) > len(shown) {
		text += "\n  …"
	}
	return text
}

// checkDeclared compares the snapshot with the declared threads.
func (s *snapshot) checkDeclared(threads []*declared) (p problems) {
	for _, d := range threads {
		live := s.threads[d.NamespacedName]
		switch {
		case !d.there && live != nil:
			p.add("%s is still there: %s", d.NamespacedName, shown(live.Status.Conditions))
		case d.there && live == nil:
			p.add("%s is not there", d.NamespacedName)
		case d.there:
			s.checkThread(&p, d, live)
		}
		s.checkParticipants(&p, d)
	}
	return p
}

func (s *snapshot) checkThread(p *problems, d *declared, live *chatv1alpha1.ChatThread) {
	remote, found := s.remote[live.Status.ThreadID]
	switch {
	case !live.DeletionTimestamp.IsZero():
		p.add("%s is being deleted: %s", d.NamespacedName, shown(live.Status.Conditions))
	case !d.isStored(live):
		p.add("%s is not yet declared as wanted", d.NamespacedName)
	case !isReady(live.Status.Conditions, live.Generation):
		p.add("%s is not Ready: %s", d.NamespacedName, shown(live.Status.Conditions))
	case !found || remote.DeletedOn != nil:
		p.add("%s has thread %q, which is not there", d.NamespacedName, live.Status.ThreadID)
	case remote.Topic != d.topic:
		p.add("%s has topic %q at the service, not %q", d.NamespacedName, remote.Topic, d.topic)
	case !slices.Equal(s.people(remote), d.members()):
		p.add("%s has members %v at the service, not %v", d.NamespacedName, s.people(remote), d.members())
	case live.Status.Joined != fmt.Sprintf("%d/%[1]d", len(d.members())):
		p.add("%s says %q of %d members", d.NamespacedName, live.Status.Joined, len(d.members()))
	}
}

// people returns the members of a thread that are not service users.
func (s *snapshot) people(remote emulator.Thread) []string {
	var people []string
	for _, m := range remote.Members {
		if !s.serviceUsers[m.ID] {
			people = append(people, m.ID)
		}
	}
	slices.Sort(people)
	return people
}

func (s *snapshot) checkParticipants(p *problems, d *declared) {
	for name := range d.gone {
		if live := s.participants[types.NamespacedName{Namespace: d.Namespace, Name: name}]; live != nil {
			p.add("ChatParticipant %s is still there: %s", name, shown(live.Status.Conditions))
		}
	}
	for name := range d.apart {
		live := s.participants[types.NamespacedName{Namespace: d.Namespace, Name: name}]
		switch {
		case live == nil:
			p.add("ChatParticipant %s is not there", name)
		case d.there != isReady(live.Status.Conditions, live.Generation):
			p.add("ChatParticipant %s: thread wanted %t, %s", name, d.there, shown(live.Status.Conditions))
		}
	}
}

// checkOwned finds threads without a resource, and resources with too many threads. Deleted
// resources count as well: their threads keep the stamp.
func (s *snapshot) checkOwned() (p problems) {
	had := map[string]int{}
	incarnations := map[string]int64{}
	for _, live := range s.threads {
		had[live.Status.ThreadID]++
		incarnations[string(live.UID)] = live.Status.Incarnation
	}
	alive, created := map[string][]string{}, map[string][]string{}
	for _, id := range slices.Sorted(maps.Keys(s.remote)) {
		remote := s.remote[id]
		uid := remote.Metadata[chatv1alpha1.StampUID]
		created[uid] = append(created[uid], id)
		if remote.DeletedOn != nil {
			continue
		}
		alive[uid] = append(alive[uid], id)
		if had[id] != 1 {
			p.add("thread %s of %s at the service is in the status of %d resources", id, remote.Metadata[chatv1alpha1.StampOwner], had[id])
		}
	}
	for _, uid := range slices.Sorted(maps.Keys(created)) {
		if len(alive[uid]) > 1 {
			p.add("resource %q has %d threads alive: %v", uid, len(alive[uid]), alive[uid])
		}
		if most := 1 + incarnations[uid]; int64(len(created[uid])) > most {
			p.add("%d threads were created for resource %q, want at most %d: %v", len(created[uid]), uid, most, created[uid])
		}
	}
	return p
}

func isReady(conditions []metav1.Condition, generation int64) bool {
	ready := apimeta.FindStatusCondition(conditions, "Ready")
	return ready != nil && ready.Status == metav1.ConditionTrue && ready.ObservedGeneration == generation
}

func shown(conditions []metav1.Condition) string {
	ready := apimeta.FindStatusCondition(conditions, "Ready")
	if ready == nil {
		return "no condition"
	}
	return fmt.Sprintf("%s, generation %d: %s", ready.Reason, ready.ObservedGeneration, ready.Message)
}

// converge repeats check until it finds no problem, and returns the time that took.
func (w *world) converge(ctx context.Context, limit time.Duration, check func(context.Context, *snapshot) problems) (time.Duration, *snapshot) {
	w.Helper()
	begun := time.Now()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var left problems
	for {
		s, err := w.look(ctx)
		if err == nil {
			now := check(ctx, s)
			if len(now) == 0 {
				return time.Since(begun), s
			}
			if ctx.Err() == nil { // and it was not canceled
				left = now
			}
		}
		if !pause(ctx, lookInterval) {
			w.Fatalf("not as declared after %s (%v): %v", limit, err, left)
		}
	}
}
