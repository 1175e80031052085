// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/directory"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
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
	wanted := map[string]string{chatv1alpha1.StampOwner: s.owner(), chatv1alpha1.StampUID: string(s.thread.UID)}
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
		if _, isWanted := wanted[key]; !isWanted && value != "" && s.isToBeEmptied(key) {
			changes[key] = ""
		}
	}
	maps.DeleteFunc(changes, func(key, value string) bool {
		return !stamped && strings.HasPrefix(key, chatv1alpha1.StampPrefix) || s.memory.settledFor("metadata "+key, value, observed[key])
	})
	return changes
}

// isToBeEmptied says whether a key that is not wanted is the operator's to empty. In an adopted thread
// what others keep is theirs, unless it is declared to be empty.
func (s *threadScope) isToBeEmptied(key string) bool {
	if strings.HasPrefix(key, chatv1alpha1.StampPrefix) {
		return key == chatv1alpha1.StampReleasedBy || key == chatv1alpha1.StampReleasedTo
	}
	_, isDeclared := s.thread.Spec.Metadata[key]
	return isDeclared || !s.thread.Adopts()
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

// keepProperties changes topic, metadata and retention, and the stamp with them.
func (r *ChatThreadReconciler) keepProperties(ctx context.Context, s *threadScope) error {
	// A thread that was only observed so far is taken up now. One whose finalizer somebody took off was ours before.
	took := (s.taking || s.firstTry && s.before.Status.ServiceUser == "") && !s.made
	if !took {
		r.allocate(s)
	} else if s.memory.foundAt.IsZero() {
		s.memory.foundAt = time.Now()
	}
	stamp := directory.StampOf(s.remote.properties)
	stamp.ID, stamp.Owner, stamp.UID = s.threadID, s.owner(), string(s.thread.UID)
	s.session.Directory.Put(stamp)
	if s.propertiesSent {
		return nil
	}
	changes := propertyChanges(s, true)
	sent, refused, err := r.sendProperties(ctx, s, changes)
	if err == nil && took && !sent.isStamped(s) {
		err = refused
	}
	if err != nil {
		return err
	}
	// What ACS does not take of these holds up no member.
	s.refusedChange = refused
	// Only what carries our stamp is ours: a thread that was taken is stored in status no earlier.
	s.taking = false
	r.allocate(s)
	s.tellOfProperties(took, sent)
	if len(sent.fields()) == 0 {
		return nil
	}
	return r.readBack(ctx, s, sent)
}

// isStamped says that with the changes the thread carries the stamp of the resource.
func (d propertyDiff) isStamped(s *threadScope) bool {
	observed := s.remote.properties.Metadata
	return cmp.Or(d.metadata[chatv1alpha1.StampUID], observed[chatv1alpha1.StampUID]) == string(s.thread.UID)
}

// sendProperties changes all that differs in one call. Where ACS refuses that, each part is sent alone: what ACS
// does not take is found, and the rest is set. It returns what was set, and what the first refusal means.
func (r *ChatThreadReconciler) sendProperties(ctx context.Context, s *threadScope, changes propertyDiff) (sent propertyDiff, refused, err error) {
	changes, refused = s.withoutRefused(changes)
	parts := changes.parts()
	if len(parts) == 0 {
		return propertyDiff{}, refused, nil
	}
	err = r.updateProperties(ctx, s, changes)
	switch {
	case err == nil:
		if refused == nil {
			s.memory.unchangeable.end()
		}
		return changes, refused, nil
	case acs.HasStatus(err, http.StatusForbidden):
		return propertyDiff{}, r.mayNotChange(s, err), nil
	case !acs.HasStatus(err, http.StatusBadRequest):
		return propertyDiff{}, refused, err
	}
	for _, part := range parts {
		if len(parts) > 1 {
			err = r.updateProperties(ctx, s, part)
		}
		switch {
		case err == nil:
			sent = sent.and(part)
		case acs.HasStatus(err, http.StatusBadRequest):
			s.memory.refusedParts[part.text()] = err
			refused = cmp.Or(refused, err)
		default:
			return sent, refused, err
		}
	}
	return sent, refused, nil
}

func (r *ChatThreadReconciler) updateProperties(ctx context.Context, s *threadScope, changes propertyDiff) error {
	_, err := s.client().UpdateProperties(ctx, &acs.UpdateThreadPropertiesOptions{
		Topic: changes.topic, Metadata: changes.metadata, RetentionPolicy: changes.retention,
	})
	return outcome.CallFailed("set "+strings.Join(changes.fields(), ", "), err)
}

// withoutRefused leaves out what ACS refused before and is not asked for again yet, and metadata for which the
// thread has no room.
func (s *threadScope) withoutRefused(changes propertyDiff) (left propertyDiff, refused error) {
	for _, part := range changes.parts() {
		err := s.memory.refusedParts[part.text()]
		if err == nil {
			err = s.checkMetadataFits(part)
		}
		if err != nil {
			refused = cmp.Or(refused, err)
			continue
		}
		left = left.and(part)
	}
	return left, refused
}

// maxMetadata is how many bytes of keys and values ACS keeps with a thread.
const maxMetadata = 1024

// checkMetadataFits counts what the thread would hold. ACS removes no key: one that is emptied keeps its place.
func (s *threadScope) checkMetadataFits(part propertyDiff) error {
	if len(part.metadata) == 0 || part.metadata[chatv1alpha1.StampUID] != "" {
		return nil
	}
	merged := maps.Clone(s.remote.properties.Metadata)
	if merged == nil {
		merged = map[string]string{}
	}
	maps.Copy(merged, part.metadata)
	size, emptied := 0, 0
	for key, value := range merged {
		size += len(key) + len(value)
		if value == "" {
			emptied += len(key)
		}
	}
	if size <= maxMetadata {
		return nil
	}
	return &outcome.Stalled{Reason: chatv1alpha1.ReasonInvalidRequest, Message: fmt.Sprintf(
		"spec.metadata: with it the thread would have %d bytes of metadata, and ACS keeps %d. Keys that are no longer used have %d of them, as ACS removes no key: use these again, or fewer and shorter ones.",
		size, maxMetadata, emptied)}
}

// parts are the changes one by one, the stamp first.
func (d propertyDiff) parts() []propertyDiff {
	stamp, declared := map[string]string{}, map[string]string{}
	for key, value := range d.metadata {
		if strings.HasPrefix(key, chatv1alpha1.StampPrefix) {
			stamp[key] = value
			continue
		}
		declared[key] = value
	}
	var parts []propertyDiff
	for _, metadata := range []map[string]string{stamp, declared} {
		if len(metadata) > 0 {
			parts = append(parts, propertyDiff{metadata: metadata})
		}
	}
	if d.topic != nil {
		parts = append(parts, propertyDiff{topic: d.topic})
	}
	if d.retention != nil {
		parts = append(parts, propertyDiff{retention: d.retention})
	}
	return parts
}

// and joins changes.
func (d propertyDiff) and(more propertyDiff) propertyDiff {
	if more.topic != nil {
		d.topic = more.topic
	}
	if more.retention != nil {
		d.retention = more.retention
	}
	if len(more.metadata) > 0 {
		merged := maps.Clone(more.metadata)
		maps.Copy(merged, d.metadata)
		d.metadata = merged
	}
	return d
}

// text identifies changes.
func (d propertyDiff) text() string {
	var b strings.Builder
	if d.topic != nil {
		fmt.Fprintf(&b, "topic %q ", *d.topic)
	}
	for _, key := range slices.Sorted(maps.Keys(d.metadata)) {
		fmt.Fprintf(&b, "metadata %q %q ", key, d.metadata[key])
	}
	if d.retention != nil {
		b.WriteString("retention " + retentionText(d.retention))
	}
	return b.String()
}

// readBack notes what the service made of the values that were sent.
func (r *ChatThreadReconciler) readBack(ctx context.Context, s *threadScope, changes propertyDiff) error {
	answer, err := s.client().GetProperties(ctx, nil)
	if err != nil {
		return outcome.CallFailed("read the thread", err)
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
	if took {
		s.tellOfTaking()
	}
	told := changes
	told.metadata = maps.Clone(changes.metadata)
	if took {
		maps.DeleteFunc(told.metadata, func(key, _ string) bool { return strings.HasPrefix(key, chatv1alpha1.StampPrefix) })
	}
	if fields := told.fields(); len(fields) > 0 {
		s.tell(chatv1alpha1.EventUpdated, "Set %s of thread %s", strings.Join(fields, ", "), s.threadID)
	}
}

// tellOfTaking says which thread the resource has from now on. It is one event: of several with the same reason
// Kubernetes keeps one note.
func (s *threadScope) tellOfTaking() {
	told := objects.Event{Warning: s.formerUID != "" || len(s.others) > 0, Reason: chatv1alpha1.EventFound}
	if s.thread.Adopts() {
		told.Reason = chatv1alpha1.EventAdopted
	}
	switch {
	case s.formerUID != "":
		told.Note = fmt.Sprintf("Took thread %s over from an earlier resource of this name (uid %s)", s.threadID, s.formerUID)
	case s.thread.Adopts():
		told.Note = "Adopted thread " + s.threadID
	default:
		told.Note = fmt.Sprintf("Found thread %s, which was made for this resource before", s.threadID)
	}
	if len(s.others) > 0 {
		told.Note += ". It is the oldest with the stamp of this resource; left alone are " + someOf(s.others)
	}
	s.events = append(s.events, told)
}
