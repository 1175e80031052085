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
	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/membership"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/plan"
)

// madeThread is the answer to a create.
type madeThread struct {
	thread  acs.ThreadProperties
	refused []acs.InvalidParticipant
	// again is set if the create was sent more than once: the answer may be a replay, which answers
	// the first body.
	again bool
	// asked is the time of the answer by the clock of ACS; zero if the answer has none.
	asked time.Time
	// unanswered is set if a create was sent that ACS did not certainly refuse: a thread may have been
	// created even if a later try was refused.
	unanswered bool
}

// sendCreate sends the create. One malformed id fails the whole call, so it repeats the call
// without the ids that ACS names as malformed, and finally without any member.
func (r *ChatThreadReconciler) sendCreate(ctx context.Context, s situation, batch []plan.Member, isHeld bool) (madeThread, []plan.Member, error) {
	made := madeThread{again: isHeld}
	// A service user with a display name stands before the others.
	before := min(len(s.displayName()), 1)
	for try := 0; ; try++ {
		err := made.send(ctx, s, s.createOptions(batch))
		if err == nil || !acs.HasStatus(err, http.StatusBadRequest) || len(batch) == 0 {
			return made, batch, err
		}
		made.again = true
		bad, rest, said := membership.SplitNamed(err, batch, before)
		if len(bad) == 0 || try >= maxNamedRetries {
			batch = nil
			continue
		}
		s.memory.members.NoteMalformed(bad, err, said)
		batch = rest
	}
}

// send makes one call, including the retries of azcore. Refusals of single members are not an
// error.
func (m *madeThread) send(ctx context.Context, s situation, options *acs.CreateThreadOptions) error {
	tried, attempts := pacing.WithAttempts(ctx)
	var raw *http.Response
	answer, err := s.user.Chat.CreateThread(policy.WithCaptureResponse(tried, &raw), s.declared().Topic, options)
	sent := attempts.Count
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
		options.Participants = append(options.Participants, member.ParticipantFor(s.owner(), now, membership.HistoryOf(&s.thread.Status, member.Key())))
	}
	return options
}

// dateOf returns the time of an answer by the clock of the server.
func dateOf(resp *http.Response) time.Time {
	if resp == nil {
		return time.Time{}
	}
	date, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	return date
}

// displayName is the name of the service user in a thread that it creates.
func (s situation) displayName() string {
	if s.conn.Spec.ServiceUsers == nil {
		return ""
	}
	return s.conn.Spec.ServiceUsers.DisplayName
}

// repeatabilityID is the request id for which ACS creates one thread, even if the create is sent
// more than once. It is known before any crash: the API server stored the uid before the first
// reconcile.
func repeatabilityID(uid types.UID, incarnation int64) string {
	if incarnation == 0 {
		return string(uid)
	}
	return incarnationID(uid, incarnation)
}

// incarnationID is the request id of a thread that replaces another one: a UUID of version 8 made
// by SHA-256, because FIPS 140-3 allows no SHA-1.
func incarnationID(uid types.UID, incarnation int64) string {
	const version = 8
	return uuid.NewHash(sha256.New(), uuid.NameSpaceOID, fmt.Appendf(nil, "%s/%d", uid, incarnation), version).String()
}

// maxNamedRetries bounds the retries of a create without the ids that ACS named.
const maxNamedRetries = 3
