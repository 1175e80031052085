// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"strings"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// propertyDiff is what to change of a thread, apart from its members.
type propertyDiff struct {
	topic     *string
	metadata  map[string]string
	retention *acs.RetentionPolicy
}

// fields names what differs, for people.
func (d propertyDiff) fields() []string {
	var fields []string
	if d.topic != nil {
		fields = append(fields, "topic")
	}
	if len(d.metadata) > 0 {
		fields = append(fields, "metadata")
	}
	if d.retention != nil {
		fields = append(fields, "retention")
	}
	return fields
}

// wantedMetadata is what is declared, with the stamp that says whose the thread is.
func (s *threadScope) wantedMetadata() map[string]string {
	wanted := map[string]string{ownerStampKey: s.owner(), uidStampKey: string(s.thread.UID)}
	for key, value := range s.thread.Spec.Metadata {
		// To the service an empty value is none.
		if value != "" {
			wanted[key] = string(value)
		}
	}
	return wanted
}

// propertyChanges compares topic, metadata and retention. A value that was sent before is not sent
// again while the service holds what it made of it. stamped says whether the stamp counts.
func propertyChanges(s *threadScope, stamped bool) propertyDiff {
	observed := s.remote.properties
	var diff propertyDiff
	if topic := s.thread.Spec.Topic; observed.Topic != topic && !s.memory.settledFor("topic", topic, observed.Topic) {
		diff.topic = &topic
	}
	diff.metadata = metadataChanges(s, observed.Metadata, stamped)
	wanted := s.wantedRetention()
	if want, got := retentionText(wanted), retentionText(observed.RetentionPolicy); wanted != nil && want != got && !s.memory.settledFor("retention", want, got) {
		diff.retention = wanted
	}
	return diff
}

func metadataChanges(s *threadScope, observed map[string]string, stamped bool) map[string]string {
	wanted := s.wantedMetadata()
	changes := map[string]string{}
	for key, value := range wanted {
		if observed[key] != value {
			changes[key] = value
		}
	}
	for key, value := range observed {
		_, isWanted := wanted[key]
		_, isDeclared := s.thread.Spec.Metadata[key]
		switch {
		case isWanted || value == "":
		case key == releasedStampKey:
			changes[key] = ""
		case strings.HasPrefix(key, stampPrefix):
		// What others keep in an adopted thread is theirs, unless it is declared to be empty.
		case !s.thread.Adopts() || isDeclared:
			changes[key] = ""
		}
	}
	for key, value := range changes {
		if !stamped && strings.HasPrefix(key, stampPrefix) || s.memory.settledFor("metadata "+key, value, observed[key]) {
			delete(changes, key)
		}
	}
	return changes
}

// wantedRetention is the retention policy to have; nil where it is none of the operator's business.
func (s *threadScope) wantedRetention() *acs.RetentionPolicy {
	switch retention := s.thread.Spec.Retention; {
	case retention != nil:
		return &acs.RetentionPolicy{Kind: acs.RetentionThreadCreationDate, DeleteThreadAfterDays: retention.DeleteAfterDays}
	case s.thread.Adopts():
		return nil
	default:
		return &acs.RetentionPolicy{Kind: acs.RetentionNone}
	}
}

func retentionText(policy *acs.RetentionPolicy) string {
	if policy == nil || policy.Kind == acs.RetentionNone {
		return string(acs.RetentionNone)
	}
	return fmt.Sprintf("%s %d", policy.Kind, policy.DeleteThreadAfterDays)
}

// keepProperties changes topic, metadata and retention in one call, and the stamp with them.
func (r *ChatThreadReconciler) keepProperties(ctx context.Context, s *threadScope) error {
	took := s.taking
	if !took {
		r.allocate(s)
	}
	s.session.index.put(indexedThread{id: s.threadID, owner: s.owner(), uid: string(s.thread.UID),
		createdBy: rawID(s.remote.properties.CreatedBy), createdOn: s.remote.properties.CreatedOn})
	if s.propertiesSent {
		return nil
	}
	changes := propertyChanges(s, true)
	fields := changes.fields()
	if len(fields) > 0 {
		_, err := s.client().UpdateProperties(ctx, &acs.UpdateThreadPropertiesOptions{
			Topic: changes.topic, Metadata: changes.metadata, RetentionPolicy: changes.retention,
		})
		switch {
		case acs.HasStatus(err, http.StatusBadRequest):
			s.refusedChange = failed("set "+strings.Join(fields, ", "), err)
			return nil
		case acs.HasStatus(err, http.StatusForbidden):
			return accessLost(s)
		case err != nil:
			return failed("set "+strings.Join(fields, ", "), err)
		}
		// Only what carries our stamp is ours: a thread that was taken is stored no earlier.
		s.taking = false
		r.allocate(s)
		if err := r.readBack(ctx, s, changes); err != nil {
			return err
		}
	}
	s.taking = false
	r.allocate(s)
	s.tellOfProperties(took, changes)
	return nil
}

// readBack notes what the service made of the values that were sent.
func (r *ChatThreadReconciler) readBack(ctx context.Context, s *threadScope, changes propertyDiff) error {
	answer, err := s.client().GetProperties(ctx, nil)
	if err != nil {
		return failed("read the thread", err)
	}
	s.remote.properties = answer.ThreadProperties
	if changes.topic != nil {
		s.memory.remember("topic", *changes.topic, answer.Topic)
	}
	for key, value := range changes.metadata {
		s.memory.remember("metadata "+key, value, answer.Metadata[key])
	}
	if changes.retention != nil {
		s.memory.remember("retention", retentionText(changes.retention), retentionText(answer.RetentionPolicy))
	}
	return nil
}

func (s *threadScope) tellOfProperties(took bool, changes propertyDiff) {
	switch {
	case s.tookOver:
	case took && s.thread.Adopts():
		s.tell(chatv1alpha1.EventAdopted, "Adopted thread %s", s.threadID)
	case took:
		s.tell(chatv1alpha1.EventFound, "Found thread %s, which was made for this resource before", s.threadID)
	}
	told := changes
	told.metadata = maps.Clone(changes.metadata)
	if took {
		maps.DeleteFunc(told.metadata, func(key, _ string) bool { return strings.HasPrefix(key, stampPrefix) })
	}
	if fields := told.fields(); len(fields) > 0 {
		s.tell(chatv1alpha1.EventUpdated, "Set %s of thread %s", strings.Join(fields, ", "), s.threadID)
	}
}

func rawID(id acs.Identifier) string {
	if id == nil {
		return ""
	}
	return id.RawID()
}

// memberResults is how each declared member of a thread fared.
type memberResults struct {
	declared, duplicates []declaredMember
	joined               map[string]bool
	refused              map[string]refusedMember
}

func newMemberResults(declared, duplicates []declaredMember) memberResults {
	return memberResults{declared: declared, duplicates: duplicates, joined: map[string]bool{}, refused: map[string]refusedMember{}}
}

// record takes over what needs no call.
func (r *memberResults) record(plan membersPlan) {
	for _, m := range plan.joined {
		r.joined[m.key()] = true
	}
	for _, renewal := range plan.renew {
		r.joined[renewal.declared.key()] = true
	}
	for _, m := range plan.surplus {
		r.refused[m.key()] = refusedMember{code: chatv1alpha1.ReasonTooManyParticipants,
			message: fmt.Sprintf("the thread is full: ACS allows %d members, the service user included", chatv1alpha1.MaxMembers)}
	}
}

// count writes the counts, and the inline participants that were refused, to status.
func (r *memberResults) count(thread *chatv1alpha1.ChatThread) {
	counts := &chatv1alpha1.ParticipantCounts{
		Desired:  int32(len(r.declared)), //nolint:gosec // bounded by the API server's object size
		Joined:   int32(len(r.joined)),   //nolint:gosec // as above
		Rejected: int32(len(r.refused)),  //nolint:gosec // as above
	}
	thread.Status.Participants = counts
	thread.Status.Joined = fmt.Sprintf("%d/%d", counts.Joined, counts.Desired)
	thread.Status.Rejected = nil
	for _, rejected := range r.rejectedInline() {
		if len(thread.Status.Rejected) == chatv1alpha1.MaxRejectedShown {
			break
		}
		thread.Status.Rejected = append(thread.Status.Rejected, rejected)
	}
}

// rejectedInline are the inline participants that are not in the thread, in the order of the spec.
func (r *memberResults) rejectedInline() []chatv1alpha1.RejectedParticipant {
	var rejected []chatv1alpha1.RejectedParticipant
	for _, m := range r.declared {
		if refusal, bad := r.refused[m.key()]; bad && m.isInline() {
			rejected = append(rejected, chatv1alpha1.RejectedParticipant{UserID: string(m.UserID),
				Code: cut(refusal.code, 60), Message: cut(refusal.message, maxMessage)})
		}
	}
	for _, m := range r.duplicates {
		if m.isInline() {
			rejected = append(rejected, chatv1alpha1.RejectedParticipant{UserID: string(m.UserID),
				Code: chatv1alpha1.ReasonDuplicate, Message: "spec.participants names this user twice; ids are compared without regard to case"})
		}
	}
	return rejected
}

// verdict is the end of a pass that did all it could: ParticipantRejected where inline participants
// are not in the thread. ChatParticipants answer for themselves.
func (r *memberResults) verdict() error {
	rejected := r.rejectedInline()
	if len(rejected) == 0 {
		return nil
	}
	const shown = 3
	names := make([]string, 0, shown+1)
	for _, p := range rejected[:min(shown, len(rejected))] {
		names = append(names, fmt.Sprintf("%s (%s %s)", p.UserID, p.Code, p.Message))
	}
	if more := len(rejected) - shown; more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return &stalledError{chatv1alpha1.ReasonParticipantRejected,
		fmt.Sprintf("Not in the thread, though all others are: %s. Correct or remove them in spec.participants.", strings.Join(names, ", "))}
}

// publish tells the ChatParticipants how they fared.
func (r *ChatThreadReconciler) publish(s *threadScope, o outcome) {
	if o.quiet || !s.thread.DeletionTimestamp.IsZero() {
		return
	}
	unknown := rosterEntry{state: rosterWaiting, threadID: s.thread.Status.ThreadID, reason: chatv1alpha1.ReasonThreadNotReady,
		message: fmt.Sprintf("ChatThread %s is not ready (%s).", s.thread.Name, o.reason)}
	switch o.reason {
	case chatv1alpha1.ReasonAccessLost, chatv1alpha1.ReasonCredentialsLost:
		unknown.state = rosterShut
	case chatv1alpha1.ReasonThreadGone, chatv1alpha1.ReasonOwnedByAnother:
		unknown.state = rosterClosed
	}
	if s.thread.Observes() {
		unknown.state = rosterClosed
		unknown.message = fmt.Sprintf("ChatThread %s only observes (managementPolicy Observe) and adds nobody.", s.thread.Name)
	}
	lines := make([]rosterLine, 0, len(s.participants)+len(s.leaving))
	add := func(p *chatv1alpha1.ChatParticipant, entry rosterEntry) {
		entry.generation = p.Generation
		lines = append(lines, rosterLine{key: keyOf(p), uid: p.UID, rosterEntry: entry})
	}
	duplicates := map[string]bool{}
	for _, m := range s.results.duplicates {
		duplicates[string(m.participant)] = true
	}
	for i := range s.participants {
		p := &s.participants[i]
		add(p, s.results.entry(p, duplicates[string(p.UID)], unknown))
	}
	for i := range s.leaving {
		entry := unknown
		if s.membersDone && !s.thread.Observes() {
			entry.state = rosterReleased
		}
		add(&s.leaving[i], entry)
	}
	r.roster.publish(s.thread.UID, lines)
}

// entry is what the results say of one ChatParticipant; unknown where they say nothing.
func (r *memberResults) entry(p *chatv1alpha1.ChatParticipant, duplicate bool, unknown rosterEntry) rosterEntry {
	refused := rosterEntry{state: rosterRefused, threadID: unknown.threadID}
	key := userKey(string(p.Spec.UserID))
	refusal, isRefused := r.refused[key]
	switch {
	case duplicate:
		refused.reason = chatv1alpha1.ReasonDuplicate
		refused.message = "The same user is declared elsewhere for this thread: inline, or by an older ChatParticipant."
		return refused
	case r.joined[key]:
		return rosterEntry{state: rosterJoined, threadID: unknown.threadID}
	case isRefused && refusal.code == chatv1alpha1.ReasonTooManyParticipants:
		refused.reason = chatv1alpha1.ReasonTooManyParticipants
		refused.message = strings.ToUpper(refusal.message[:1]) + refusal.message[1:] + "."
		return refused
	case isRefused:
		refused.reason = chatv1alpha1.ReasonRejected
		refused.message = fmt.Sprintf("ACS refused the user (%s).", strings.TrimSpace(cut(refusal.code, 60)+" "+cut(refusal.message, maxMessage)))
		return refused
	default:
		return unknown
	}
}
