// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/uuid"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/connection"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/plan"
)

const (
	// maxBatch is how many members ACS takes in one call.
	maxBatch = 200
	// maxNamedRetries bounds how often a create is sent again without the ids that ACS named.
	maxNamedRetries = 3
)

// staleCache ends a pass that saw an older version of the object than the API server has.
func staleCache() error { return &outcome.Wait{Quiet: true, After: 100 * time.Millisecond} }

// hold stores the finalizer and, in the same write, the service user that acts for the thread. From
// here on a create may have been sent. Before one is sent, thread and connection are read once more
// from the API server: the cache may be older than a create of ours, or than a deletion.
func (r *ChatThreadReconciler) hold(ctx context.Context, s *threadScope) error {
	creating := s.remote == nil
	if creating {
		if err := r.prepareCreate(ctx, s); err != nil {
			return err
		}
	}
	s.firstTry = !objects.HasFinalizer(s.thread)
	if err := r.storeHold(ctx, s, s.user.ID); err != nil {
		return err
	}
	if !creating {
		return nil
	}
	s.session.Assign(s.thread.UID, s.user.ID)
	if s.firstTry {
		s.memory.settled = true
	}
	return r.checkConnectionStays(ctx, s)
}

// regain puts back what somebody took off a resource that has a thread. That comes before all that may fail or
// wait: a deletion would not wait for the operator, and would leave the thread behind.
func (r *ChatThreadReconciler) regain(ctx context.Context, s *threadScope) error {
	status := s.thread.Status
	if objects.HasFinalizer(s.thread) || s.thread.Observes() || status.UID != string(s.thread.UID) || status.ServiceUser == "" {
		return nil
	}
	return r.storeHold(ctx, s, cmp.Or(s.thread.Annotations[chatv1alpha1.AnnotationServiceUser], status.ServiceUser))
}

// storeHold stores that user acts for the thread, with the finalizer.
func (r *ChatThreadReconciler) storeHold(ctx context.Context, s *threadScope, user string) error {
	err := objects.PatchMetadata(ctx, r.Client, s.thread, func(obj client.Object) {
		controllerutil.AddFinalizer(obj, chatv1alpha1.Finalizer)
		objects.SetAnnotation(obj, chatv1alpha1.AnnotationServiceUser, user)
	})
	if apierrors.IsNotFound(err) {
		return staleCache()
	}
	if err != nil {
		return fmt.Errorf("add finalizer: %w", err)
	}
	s.before.ObjectMeta = *s.thread.ObjectMeta.DeepCopy()
	return nil
}

// prepareCreate chooses who creates the thread. What waits for its turn, or for another connection, has sent
// nothing, and needs no finalizer yet.
func (r *ChatThreadReconciler) prepareCreate(ctx context.Context, s *threadScope) error {
	if err := r.checkDeclared(ctx, s, false); err != nil {
		return err
	}
	if !objects.HasFinalizer(s.thread) && !s.conn.DeletionTimestamp.IsZero() {
		return s.connectionGoes()
	}
	if err := r.chooseUser(s); err != nil {
		return err
	}
	return s.session.Pacer.Room(s.who, s.user.ID)
}

// readAgain makes sure that the cache held what the API server has, and takes over its metadata.
func (r *ChatThreadReconciler) readAgain(ctx context.Context, s *threadScope) error {
	live := &chatv1alpha1.ChatThread{}
	if err := r.APIReader.Get(ctx, objects.KeyOf(s.thread), live); err != nil {
		if apierrors.IsNotFound(err) {
			return staleCache()
		}
		return fmt.Errorf("get ChatThread: %w", err)
	}
	if live.UID != s.thread.UID || live.Generation != s.thread.Generation || !live.DeletionTimestamp.IsZero() ||
		live.Status.ThreadID != s.before.Status.ThreadID || live.Status.Incarnation != s.before.Status.Incarnation ||
		objects.HasFinalizer(live) && !objects.HasFinalizer(s.thread) {
		return staleCache()
	}
	s.thread.ObjectMeta = live.ObjectMeta
	s.before.ObjectMeta = *live.ObjectMeta.DeepCopy()
	// Another process may have taken members out since the cache was read.
	s.before.Status.Renewing = live.DeepCopy().Status.Renewing
	s.thread.Status.Renewing = live.Status.Renewing
	return nil
}

// chooseUser takes the service user that was stored before, as every retry must, or the one of the
// pool that can create first. Who made nothing for sure, and is in the pool no more, gives way.
func (r *ChatThreadReconciler) chooseUser(s *threadScope) error {
	id, assigned := s.assignedUser()
	pool := connection.PoolUsers(s.conn)
	if !assigned || s.hasNothing() && !connection.ContainsUser(pool, id) {
		if len(pool) == 0 {
			return &outcome.Wait{Reason: chatv1alpha1.ReasonConnectionNotReady, After: connection.UnreadyInterval,
				Message: fmt.Sprintf("ChatConnection %s has no service user yet.", connectionKey(s.thread))}
		}
		id = s.session.Choose(s.who, pool)
	} else {
		s.session.Assign(s.thread.UID, id)
	}
	user, err := r.Sessions.User(s.session, id)
	s.user = user
	return err
}

// checkConnectionStays keeps a connection that is being deleted from new threads. The connection
// counts threads by their finalizer, which is stored by now: either it sees this one, or this pass
// sees the deletion.
func (r *ChatThreadReconciler) checkConnectionStays(ctx context.Context, s *threadScope) error {
	live := &chatv1alpha1.ChatConnection{}
	err := r.APIReader.Get(ctx, objects.KeyOf(s.conn), live)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("get ChatConnection: %w", err)
	}
	if err == nil && live.DeletionTimestamp.IsZero() && live.UID == s.conn.UID {
		return nil
	}
	// Without a thread the resource does not hold the connection.
	if s.hasNothing() {
		if err := objects.RemoveFinalizer(ctx, r.Client, s.thread); err != nil {
			return err
		}
		s.before.ObjectMeta = *s.thread.ObjectMeta.DeepCopy()
	}
	return s.connectionGoes()
}

func (s *threadScope) connectionGoes() error {
	return &outcome.Wait{Reason: chatv1alpha1.ReasonConnectionNotReady, After: connection.UnreadyInterval,
		Message: fmt.Sprintf("ChatConnection %s is being deleted and makes no new threads.", connectionKey(s.thread))}
}

// create makes the thread where there is none.
func (r *ChatThreadReconciler) create(ctx context.Context, s *threadScope) error {
	if s.remote != nil {
		return nil
	}
	declared, _ := plan.DeclareMembers(s.thread, s.participants)
	plan := plan.PlanMembers(plan.MembersInput{Declared: declared, ServiceUsers: s.serviceUsers(), Policy: s.thread.Membership(),
		Skip: func(m plan.DeclaredMember) bool { _, bad := s.memory.malformed[m.Key()]; return bad }})
	places := maxBatch
	if s.displayName() != "" {
		places--
	}
	batch := plan.Add[:min(places, len(plan.Add))]

	made, sent, err := r.sendCreate(ctx, s, batch)
	if len(made.thread.ID) > objects.MaxThreadID {
		made.unanswered = true
		err = &outcome.Contradiction{Message: "ACS gave a new thread an id that is too long to be one; the operator looks whether there is a thread."}
	}
	if err != nil {
		return r.createFailed(s, made.unanswered, err)
	}
	why, err := r.implausible(ctx, s, made)
	if err != nil {
		// What was made is found by the next search.
		return r.createFailed(s, true, err)
	}
	if why != "" {
		// ACS gave another thread for a new request: no success, and nothing that could be kept.
		s.threadID = made.thread.ID
		again := r.nextIncarnation(ctx, s, fmt.Sprintf("ACS answered a create with thread %s, %s; asking for another one", made.thread.ID, why),
			"ACS answered with another thread than a new one; the operator asks again.")
		if wait, ok := errors.AsType[*outcome.Wait](again); ok && s.memory.replayed {
			wait.After = connection.RefusedInterval
		}
		s.memory.replayed = true
		return again
	}
	s.memory.uncreatable.end()
	return r.created(ctx, s, made, sent)
}

// madeThread is the answer to a create.
type madeThread struct {
	thread  acs.ThreadProperties
	refused []acs.InvalidParticipant
	// again says that the create was sent more than once: the answer may be a replay, which answers
	// for the first body.
	again bool
	// asked is when ACS answered, by its own clock; zero where the answer does not say.
	asked time.Time
	// unanswered says that a create was sent that ACS did not refuse for certain: a thread may have been made
	// even if a later one was refused.
	unanswered bool
}

// sendCreate sends the create; again without the ids that ACS calls malformed, and in the end without
// any member, as one malformed id fails the whole call.
func (r *ChatThreadReconciler) sendCreate(ctx context.Context, s *threadScope, batch []plan.DeclaredMember) (madeThread, []plan.DeclaredMember, error) {
	made := madeThread{again: !s.firstTry}
	// Where it has a name the service user stands before the others.
	before := min(len(s.displayName()), 1)
	for try := 0; ; try++ {
		err := made.send(ctx, s, r.createOptions(s, batch))
		if err == nil || !acs.HasStatus(err, http.StatusBadRequest) || len(batch) == 0 {
			return made, batch, err
		}
		made.again = true
		bad, rest, said := splitNamed(err, batch, before)
		if len(bad) == 0 || try >= maxNamedRetries {
			batch = nil
			continue
		}
		s.memory.noteMalformed(bad, err, said)
		batch = rest
	}
}

// send makes one call, with the tries that azcore makes of it. Members that ACS refuses one by one are no error.
func (m *madeThread) send(ctx context.Context, s *threadScope, options *acs.CreateThreadOptions) error {
	tried, tries := connection.CountTries(ctx)
	var raw *http.Response
	answer, err := s.user.Chat.CreateThread(policy.WithCaptureResponse(tried, &raw), s.thread.Spec.Topic, options)
	sent := tries.Load()
	m.again = m.again || sent > 1
	m.unanswered = m.unanswered || sent > 1 || sent > 0 && !outcome.Definite(err)
	m.asked = dateOf(raw)
	if invalid, ok := errors.AsType[*acs.InvalidParticipantsError](err); ok {
		m.refused, err = invalid.Participants, nil
	}
	if err == nil {
		m.thread = answer.Thread
	}
	return err
}

func (r *ChatThreadReconciler) createOptions(s *threadScope, batch []plan.DeclaredMember) *acs.CreateThreadOptions {
	options := &acs.CreateThreadOptions{
		RepeatabilityRequestID: repeatabilityID(s.thread.UID, s.thread.Status.Incarnation),
		Metadata:               s.wantedMetadata(),
	}
	if retention := s.thread.Spec.Retention; retention != nil {
		options.RetentionPolicy = &acs.RetentionPolicy{Kind: acs.RetentionThreadCreationDate, DeleteThreadAfterDays: retention.DeleteAfterDays}
	}
	if name := s.displayName(); name != "" {
		options.Participants = append(options.Participants, acs.Participant{ID: acs.ParseRawID(s.user.ID), DisplayName: name})
	}
	now := time.Now()
	for _, member := range batch {
		options.Participants = append(options.Participants, member.ParticipantFor(s.owner(), now, s.historyOf(member.Key())))
	}
	return options
}

// createFailed remembers whether a thread may have been made all the same.
func (r *ChatThreadReconciler) createFailed(s *threadScope, unanswered bool, err error) error {
	if unanswered {
		s.memory.lostAnswer = time.Now()
		s.memory.settled = false
	}
	if acs.HasStatus(err, http.StatusForbidden) {
		if rest := s.memory.uncreatable.rest(time.Now(), r.timing.goneConfirm); rest > 0 {
			return &outcome.Wait{Reason: chatv1alpha1.ReasonCreating, After: rest,
				Message: "ACS refused to create a thread (403); the operator tries again before it believes that."}
		}
		return &outcome.Refused{Reason: chatv1alpha1.ReasonAuthenticationFailed, Err: outcome.CallFailed("create a thread", err)}
	}
	return outcome.CallFailed("create a thread", err)
}

// displayName is the name under which the service user stands in a thread that it makes.
func (s *threadScope) displayName() string {
	if s.conn.Spec.ServiceUsers == nil {
		return ""
	}
	return s.conn.Spec.ServiceUsers.DisplayName
}

// incarnationID is the request id of a thread that is created anew: a UUID of version 8 made by SHA-256, as FIPS
// 140-3 allows no SHA-1.
func incarnationID(uid types.UID, incarnation int64) string {
	const version = 8
	return uuid.NewHash(sha256.New(), uuid.NameSpaceOID, fmt.Appendf(nil, "%s/%d", uid, incarnation), version).String()
}

func containsAll(have, want map[string]string) bool {
	for key, value := range want {
		if have[key] != value {
			return false
		}
	}
	return true
}

func countOf(count int, noun string) string {
	if count == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", count, noun)
}

// statusTime is a moment as status keeps it, in whole seconds; none where it takes no such moment.
func statusTime(t time.Time) *metav1.Time {
	if year := t.UTC().Year(); year < 1970 || year > 2999 {
		return nil
	}
	stored := metav1.NewTime(t.UTC().Truncate(time.Second))
	return &stored
}
