// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"

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
		if _, isWanted := wanted[key]; !isWanted && value != "" && s.isToBeEmptied(key) {
			changes[key] = ""
		}
	}
	maps.DeleteFunc(changes, func(key, value string) bool {
		return !stamped && strings.HasPrefix(key, stampPrefix) || s.memory.settledFor("metadata "+key, value, observed[key])
	})
	return changes
}

// isToBeEmptied says whether a key that is not wanted is the operator's to empty. In an adopted thread
// what others keep is theirs, unless it is declared to be empty.
func (s *threadScope) isToBeEmptied(key string) bool {
	if strings.HasPrefix(key, stampPrefix) {
		return key == releasedStampKey
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

// keepProperties changes topic, metadata and retention in one call, and the stamp with them.
func (r *ChatThreadReconciler) keepProperties(ctx context.Context, s *threadScope) error {
	// A thread that was only observed so far is taken up now.
	took := (s.taking || s.firstTry) && !s.made
	if !took {
		r.allocate(s)
	} else if !s.thread.Adopts() && s.memory.foundAt.IsZero() {
		s.memory.foundAt = time.Now()
	}
	s.session.index.put(indexedThread{id: s.threadID, owner: s.owner(), uid: string(s.thread.UID),
		createdBy: rawID(s.remote.properties.CreatedBy), createdOn: s.remote.properties.CreatedOn})
	if s.propertiesSent {
		return nil
	}
	changes := propertyChanges(s, true)
	changed := len(changes.fields()) > 0
	if changed {
		err := r.sendProperties(ctx, s, changes)
		if acs.HasStatus(err, http.StatusBadRequest) && !took {
			// What ACS does not take of these holds up no member.
			s.refusedChange = err
			return nil
		}
		if err != nil {
			return err
		}
	}
	// Only what carries our stamp is ours: a thread that was taken is stored in status no earlier.
	s.taking = false
	r.allocate(s)
	s.tellOfProperties(took, changes)
	if !changed {
		return nil
	}
	return r.readBack(ctx, s, changes)
}

// sendProperties makes the call.
func (r *ChatThreadReconciler) sendProperties(ctx context.Context, s *threadScope, changes propertyDiff) error {
	_, err := s.client().UpdateProperties(ctx, &acs.UpdateThreadPropertiesOptions{
		Topic: changes.topic, Metadata: changes.metadata, RetentionPolicy: changes.retention,
	})
	if acs.HasStatus(err, http.StatusForbidden) {
		return accessLost(s)
	}
	return failed("set "+strings.Join(changes.fields(), ", "), err)
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
	if took {
		s.tellOfTaking()
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

// tellOfTaking says which thread the resource has from now on. It is one event: of several with the same reason
// Kubernetes keeps one note.
func (s *threadScope) tellOfTaking() {
	told := occurrence{warning: s.formerUID != "" || len(s.others) > 0, reason: chatv1alpha1.EventFound}
	if s.thread.Adopts() {
		told.reason = chatv1alpha1.EventAdopted
	}
	switch {
	case s.formerUID != "":
		told.note = fmt.Sprintf("Took thread %s over from an earlier resource of this name (uid %s)", s.threadID, s.formerUID)
	case s.thread.Adopts():
		told.note = "Adopted thread " + s.threadID
	default:
		told.note = fmt.Sprintf("Found thread %s, which was made for this resource before", s.threadID)
	}
	if len(s.others) > 0 {
		told.note += ". It is the oldest with the stamp of this resource; left alone are " + someOf(s.others)
	}
	s.events = append(s.events, told)
}

func rawID(id acs.Identifier) string {
	if id == nil {
		return ""
	}
	return id.RawID()
}
