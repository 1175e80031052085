// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/directory"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

// gather lists the ChatParticipants of the thread. One counts once its finalizer is stored and until
// it is being deleted; where the operator only observes, the finalizer is not waited for.
func (r *ChatThreadReconciler) gather(ctx context.Context, s *threadScope) error {
	list := &chatv1alpha1.ChatParticipantList{}
	err := r.List(ctx, list, client.InNamespace(s.thread.Namespace), client.MatchingFields{indexThread: s.thread.Name})
	if err != nil {
		return fmt.Errorf("list ChatParticipants: %w", err)
	}
	for _, p := range list.Items {
		switch {
		case !p.DeletionTimestamp.IsZero():
			s.leaving = append(s.leaving, p)
		case objects.HasFinalizer(&p) || s.thread.Observes():
			s.participants = append(s.participants, p)
		default:
			s.arriving = append(s.arriving, p)
		}
	}
	return nil
}

// connect resolves the connection and opens its session.
func (r *ChatThreadReconciler) connect(ctx context.Context, s *threadScope) error {
	key := connectionKey(s.thread)
	s.conn = &chatv1alpha1.ChatConnection{}
	if err := r.getConnection(ctx, key, s.conn); err != nil {
		if !apierrors.IsNotFound(err) {
			return fmt.Errorf("get ChatConnection: %w", err)
		}
		return &outcome.Wait{Reason: chatv1alpha1.ReasonConnectionNotFound,
			Message: fmt.Sprintf("ChatConnection %s does not exist.", key)}
	}
	if err := r.checkNamespace(ctx, s); err != nil {
		return err
	}
	session, err := r.Sessions.Get(ctx, s.conn)
	if err != nil {
		return r.connectionNotReady(key, err)
	}
	s.session, s.known = session, connection.KnownUsers(s.conn)
	if err := s.checkUsers(); err != nil {
		return err
	}
	session.KnowUsers(s.known)
	s.heed()
	leave, err := session.Gate.Enter()
	if err != nil {
		return s.awaitProbe(err)
	}
	s.leave = leave
	s.memory.awaitingProbe = time.Time{}
	return nil
}

// heed ends the waits that ACS asked for where somebody asks for a pass.
func (s *threadScope) heed() {
	if objects.IsRequested(s.thread, s.before.Status.LastHandledReconcileAt) {
		s.session.TryAtOnce()
	}
}

// checkUsers waits for a connection that has no service user, or whose record was cut: until it is put back from
// status, threads would be looked for in the lists of some users only.
func (s *threadScope) checkUsers() error {
	wait := &outcome.Wait{Reason: chatv1alpha1.ReasonConnectionNotReady, After: connection.UnreadyInterval}
	switch {
	case len(connection.EverRecorded(s.conn)) != len(connection.RecordedUsers(s.conn)):
		wait.Message = fmt.Sprintf("The annotation %s of ChatConnection %s was cut and is being put back.", chatv1alpha1.AnnotationServiceUsers, connectionKey(s.thread))
	case len(s.known) == 0:
		wait.Message = fmt.Sprintf("ChatConnection %s has no service user yet.", connectionKey(s.thread))
	default:
		return nil
	}
	return wait
}

// awaitProbe is the end of a pass that another one probes the connection for. Where it was told that ACS does not
// answer, a pass that did not ask has no better words.
func (s *threadScope) awaitProbe(err error) error {
	now := time.Now()
	if s.memory.awaitingProbe.IsZero() {
		s.memory.awaitingProbe = now
	}
	if wait, ok := errors.AsType[*outcome.Wait](err); ok {
		wait.Quiet = s.saysUnavailable() || s.who.Background && now.Sub(s.memory.awaitingProbe) < connection.ProbeGrace
	}
	return err
}

// saysUnavailable says that the status tells of a service that does not answer.
func (s *threadScope) saysUnavailable() bool {
	told := apimeta.FindStatusCondition(s.before.Status.Conditions, chatv1alpha1.ConditionReady)
	return told != nil && told.Reason == chatv1alpha1.ReasonServiceUnavailable && told.ObservedGeneration == s.thread.Generation
}

// getConnection reads a connection. One in a namespace that is not watched cannot be seen, and what this process
// wrote into one the cache must show.
func (r *ChatThreadReconciler) getConnection(ctx context.Context, key types.NamespacedName, conn *chatv1alpha1.ChatConnection) error {
	if len(r.WatchNamespaces) > 0 && !slices.Contains(r.WatchNamespaces, key.Namespace) {
		return &outcome.Wait{Reason: chatv1alpha1.ReasonConnectionNotFound, After: connection.UnreadyInterval,
			Message: fmt.Sprintf("ChatConnection %s is in a namespace that this operator does not watch (flag --watch-namespaces).", key)}
	}
	if err := r.Get(ctx, key, conn); err != nil {
		return err
	}
	if _, behind := r.connections.IsBehind(conn); behind {
		return staleCache()
	}
	return nil
}

// connectionNotReady waits for a connection that shows in its own status what is wrong with it.
func (r *ChatThreadReconciler) connectionNotReady(key types.NamespacedName, err error) error {
	o := outcome.Classify(err)
	if o.Quiet {
		return err
	}
	if r.Sessions.IsUntold(key) {
		r.wakeConnection(key)
	}
	return &outcome.Wait{Reason: chatv1alpha1.ReasonConnectionNotReady, After: connection.UnreadyInterval,
		Message: fmt.Sprintf("ChatConnection %s is not ready (%s).", key, o.Reason)}
}

// search looks for the thread of a resource that knows none: a crash, a lost answer or a rebuilt
// cluster must not make a second one.
func (r *ChatThreadReconciler) search(ctx context.Context, s *threadScope) error {
	if s.isOfAnother() && s.thread.Adopts() {
		s.threadID, s.taking, s.thread.Status.ObservedGeneration = s.thread.Spec.ThreadID, true, -1
		return nil
	}
	if s.isOfAnother() {
		if err := r.takeOverStatus(ctx, s); err != nil {
			return err
		}
	}
	switch {
	case s.thread.Status.ThreadID != "":
		s.threadID = s.thread.Status.ThreadID
		s.count()
		return nil
	case s.memory.threadID != "":
		// This process knows better than a cache that lags, or a status that somebody wiped.
		s.threadID = s.memory.threadID
		return nil
	case s.thread.Adopts():
		s.threadID, s.taking = s.thread.Spec.ThreadID, true
		return nil
	}
	if own := s.ownThreads(); len(own) > 0 {
		s.take(own)
		return nil
	}
	if err := r.searchDirectory(ctx, s); err != nil {
		return err
	}
	candidates, err := r.candidates(ctx, s)
	if err == nil && len(candidates) > 0 {
		s.take(candidates)
	}
	return err
}

// takeOverStatus turns a resource with the status of another uid, in one write, into one without a thread.
func (r *ChatThreadReconciler) takeOverStatus(ctx context.Context, s *threadScope) error {
	former := s.thread.Status.ThreadID
	s.disown(time.Now())
	if former == "" {
		return nil
	}
	return r.store(ctx, s, outcome.Classify(&outcome.Wait{Reason: chatv1alpha1.ReasonSearching,
		Message: fmt.Sprintf("The status was written for an earlier ChatThread of this name, with thread %s; the operator looks for the thread.", former)}))
}

// ownThreads are those that carry the resource's own uid: they are ours however old the list.
func (s *threadScope) ownThreads() []directory.Stamp {
	return slices.DeleteFunc(s.session.Directory.Find(s.owner(), s.known), func(thread directory.Stamp) bool {
		return thread.UID != string(s.thread.UID) || s.memory.formerIDs[thread.ID] || s.ignores(thread.ID)
	})
}

// take goes on with the oldest of the threads that may be this resource's.
func (s *threadScope) take(candidates []directory.Stamp) {
	s.threadID, s.taking = candidates[0].ID, true
	for _, other := range candidates[1:] {
		s.others = append(s.others, other.ID)
	}
}

// count has the thread count for its service user before its turn to be read comes: from the start, resyncs
// keep the distance that all threads need.
func (s *threadScope) count() {
	if user, ok := s.assignedUser(); ok {
		s.session.Assign(s.thread.UID, user)
	}
}

// listNeeded says which lists of threads are complete enough. Without a finalizer nothing was ever sent, and
// any list will do. With one, a create may have been sent by an earlier process or without an answer: only a
// list that begins some time after that shows its thread, and only while it is fresh.
func (r *ChatThreadReconciler) listNeeded(s *threadScope) (directory.Need, error) {
	now := time.Now()
	need := directory.Need{Begun: s.session.Directory.Since(s.owner())}
	if s.isUnsure() {
		need.Begun = pacing.Latest(need.Begun, r.certainFrom(s.memory))
		need.Ended = now.Add(-r.timing.listFresh)
	}
	if now.Before(need.Begun) {
		return directory.Need{}, &outcome.Wait{Reason: chatv1alpha1.ReasonSearching, After: need.Begun.Sub(now), Message: searchingMessage}
	}
	return need, nil
}

// searchingMessage is shown before lists can be read.
const searchingMessage = "Reading the threads of the service users, so that no second thread is created where one exists."

// isUnsure reports whether a create may have been sent whose end this process does not know.
func (s *threadScope) isUnsure() bool { return objects.HasFinalizer(s.thread) && !s.memory.settled }

// certainFrom is from when on a list shows whatever was created so far.
func (r *ChatThreadReconciler) certainFrom(memory *threadMemory) time.Time {
	return pacing.Latest(r.startedAt, memory.lostAnswer).Add(r.timing.listAfter)
}

// searchDirectory returns nil once the directory knows all threads that may be the resource's.
func (r *ChatThreadReconciler) searchDirectory(ctx context.Context, s *threadScope) error {
	need, err := r.listNeeded(s)
	if err != nil {
		return err
	}
	return r.ask(s, directory.Query{
		Users: s.makers(), Need: need, Topic: s.thread.Spec.Topic, Unsure: s.isUnsure(),
		Claimed: func(id string) bool {
			claimed, err := r.isClaimed(ctx, s, id)
			return err == nil && claimed
		},
	})
}

// ask makes a query of the directory, and has the lists read that it needs.
func (r *ChatThreadReconciler) ask(s *threadScope, query directory.Query) error {
	query.Waiter = objects.KeyOf(s.thread)
	query.AtOnce = objects.IsRequested(s.thread, s.before.Status.LastHandledReconcileAt)
	if s.memory.searchingSince.IsZero() {
		s.memory.searchingSince = time.Now()
	}
	query.Since = s.memory.searchingSince
	users, err := s.session.Directory.Search(query)
	if err == nil {
		s.memory.searchingSince = time.Time{}
	}
	for _, user := range users {
		r.wakeListing(listingKey(connectionKey(s.thread), user))
	}
	return err
}

// makers are the service users that may have made the thread: the one that was stored before the
// first create, or any where none was or nothing was made.
func (s *threadScope) makers() []string {
	if user, ok := s.assignedUser(); ok && objects.HasFinalizer(s.thread) && !s.hasNothing() {
		return []string{user}
	}
	return s.known
}

// assignedUser is the service user that acts for the thread, if it is one of the connection's.
func (s *threadScope) assignedUser() (string, bool) {
	ids := []string{s.thread.Status.ServiceUser}
	// The operator stores the annotation together with the finalizer. Without that somebody else wrote it, and
	// may have named a user that makes no more threads.
	if objects.HasFinalizer(s.thread) {
		ids = []string{s.thread.Annotations[chatv1alpha1.AnnotationServiceUser], s.thread.Status.ServiceUser}
	}
	for _, id := range ids {
		if id != "" && connection.ContainsUser(s.known, id) {
			return id, true
		}
	}
	return "", false
}

// candidates are the threads that carry the stamp of the resource and that nobody else claims. Nobody can
// claim what carries its own uid.
func (r *ChatThreadReconciler) candidates(ctx context.Context, s *threadScope) ([]directory.Stamp, error) {
	var candidates []directory.Stamp
	for _, candidate := range s.session.Directory.Find(s.owner(), s.known) {
		if s.memory.formerIDs[candidate.ID] || s.ignores(candidate.ID) {
			continue
		}
		if candidate.UID != string(s.thread.UID) {
			claimed, err := r.isClaimed(ctx, s, candidate.ID)
			if err != nil {
				return nil, err
			}
			if claimed {
				continue
			}
		}
		candidates = append(candidates, candidate)
	}
	return candidates, nil
}

// isClaimed says whether another resource of the connection has the thread in its status.
func (r *ChatThreadReconciler) isClaimed(ctx context.Context, s *threadScope, id string) (bool, error) {
	threads := &chatv1alpha1.ChatThreadList{}
	if err := r.List(ctx, threads, client.MatchingFields{indexThreadID: id}, client.UnsafeDisableDeepCopy); err != nil {
		return false, fmt.Errorf("list ChatThreads: %w", err)
	}
	for i := range threads.Items {
		if threads.Items[i].UID != s.thread.UID && connectionKey(&threads.Items[i]) == connectionKey(s.thread) {
			return true, nil
		}
	}
	return false, nil
}

func connectionKey(thread *chatv1alpha1.ChatThread) types.NamespacedName {
	return types.NamespacedName{Namespace: thread.ConnectionNamespace(), Name: thread.Spec.ConnectionRef.Name}
}
