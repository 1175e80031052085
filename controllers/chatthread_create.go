// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/uuid"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

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

// create creates the thread. The finalizer is stored; isHeld says that it was before this reconcile, so that
// a create may have been sent already. It is the only call that cannot be repeated at will.
func (r *ChatThreadReconciler) create(ctx context.Context, s situation, isHeld bool) (situation, error) {
	s.session.Assign(s.thread.UID, s.user.ID)
	if !isHeld {
		s.memory.create.finalizerStored()
	}
	if err := r.checkConnectionNotDeleting(ctx, s); err != nil {
		return s, err
	}
	places := maxBatch
	if s.displayName() != "" {
		places--
	}
	batch := s.plan().Create.Members
	made, sent, err := r.sendCreate(ctx, s, batch[:min(places, len(batch))], isHeld)
	if len(made.thread.ID) > objects.MaxThreadID {
		made.unanswered = true
		err = &outcome.Contradiction{Message: "ACS gave a new thread an id that is too long to be one; the operator looks whether there is a thread."}
	}
	if err != nil {
		return s, r.createFailed(s, made.unanswered, err)
	}
	why, err := r.implausible(ctx, s, made)
	if err != nil {
		// The next search finds the thread.
		return s, r.createFailed(s, true, err)
	}
	if why != "" {
		return s, r.createAgain(ctx, s, made, why)
	}
	s.memory.uncreatable.end()
	return r.created(ctx, s, made, sent)
}

// createAgain deals with an answer that names another thread than a new one: no success, and nothing that
// could be kept.
func (r *ChatThreadReconciler) createAgain(ctx context.Context, s situation, made madeThread, why string) error {
	again := r.nextIncarnation(ctx, s, made.thread.ID, fmt.Sprintf("ACS answered a create with thread %s, %s; asking for another one", made.thread.ID, why),
		"ACS answered with another thread than a new one; the operator asks again.")
	if wait, ok := errors.AsType[*outcome.Wait](again); ok && s.memory.create.replayed {
		wait.After = connection.RefusedInterval
	}
	s.memory.create.replayed = true
	return again
}

// madeThread is the answer to a create.
type madeThread struct {
	thread  acs.ThreadProperties
	refused []acs.InvalidParticipant
	// again says that the create was sent more than once: the answer may be a replay, which answers for the
	// first body.
	again bool
	// asked is when ACS answered, by its own clock; zero if the answer does not say.
	asked time.Time
	// unanswered says that a create was sent that ACS did not certainly refuse: a thread may have been created
	// even if a later try was refused.
	unanswered bool
}

// sendCreate sends the create; again without the ids that ACS calls malformed, and in the end without any
// member, as one malformed id fails the whole call.
func (r *ChatThreadReconciler) sendCreate(ctx context.Context, s situation, batch []plan.Member, isHeld bool) (madeThread, []plan.Member, error) {
	made := madeThread{again: isHeld}
	// If it has a name, the service user stands before the others.
	before := min(len(s.displayName()), 1)
	for try := 0; ; try++ {
		err := made.send(ctx, s, s.createOptions(batch))
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

// send makes one call, with the tries that azcore makes of it. Members that ACS refuses one by one are no
// error.
func (m *madeThread) send(ctx context.Context, s situation, options *acs.CreateThreadOptions) error {
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

func (s situation) createOptions(batch []plan.Member) *acs.CreateThreadOptions {
	options := &acs.CreateThreadOptions{
		RepeatabilityRequestID: repeatabilityID(s.thread.UID, s.thread.Status.Incarnation),
		Metadata:               s.declared().WantedMetadata(),
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

// createFailed remembers whether a thread may have been created all the same.
func (r *ChatThreadReconciler) createFailed(s situation, unanswered bool, err error) error {
	s.memory.create.failed(!unanswered, time.Now())
	if acs.HasStatus(err, http.StatusForbidden) {
		if rest := s.memory.uncreatable.rest(time.Now(), r.timing.goneConfirm); rest > 0 {
			return &outcome.Wait{Reason: chatv1alpha1.ReasonCreating, After: rest,
				Message: "ACS refused to create a thread (403); the operator tries again before it believes that."}
		}
		return &outcome.Refused{Reason: chatv1alpha1.ReasonAuthenticationFailed, Err: outcome.CallFailed("create a thread", err)}
	}
	return outcome.CallFailed("create a thread", err)
}

// displayName is the name under which the service user stands in a thread that it creates.
func (s situation) displayName() string {
	if s.conn.Spec.ServiceUsers == nil {
		return ""
	}
	return s.conn.Spec.ServiceUsers.DisplayName
}

// repeatabilityID is the id under which ACS creates one thread however often the create is sent. It is known
// before any crash: the API server stored the uid before the first reconcile.
func repeatabilityID(uid types.UID, incarnation int64) string {
	if incarnation == 0 {
		return string(uid)
	}
	return incarnationID(uid, incarnation)
}

// incarnationID is the request id of a thread that takes the place of another one: a UUID of version 8 made by
// SHA-256, as FIPS 140-3 allows no SHA-1.
func incarnationID(uid types.UID, incarnation int64) string {
	const version = 8
	return uuid.NewHash(sha256.New(), uuid.NameSpaceOID, fmt.Appendf(nil, "%s/%d", uid, incarnation), version).String()
}

// statusTime is a moment as status keeps it, in whole seconds; nil if it takes no such moment.
func statusTime(t time.Time) *metav1.Time {
	if year := t.UTC().Year(); year < 1970 || year > 2999 {
		return nil
	}
	stored := metav1.NewTime(t.UTC().Truncate(time.Second))
	return &stored
}
