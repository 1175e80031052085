// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// Names of the changed fields, in messages, events and Tried.Sent.
const (
	FieldTopic     = "topic"
	fieldMetadata  = "metadata"
	FieldRetention = "retention"
)

// Properties are changes of a thread, apart from its members.
type Properties struct {
	Topic     *string
	Metadata  map[string]string
	Retention *acs.RetentionPolicy
}

// Fields returns the names of the changed fields, for people.
func (p Properties) Fields() []string {
	var fields []string
	if p.Topic != nil {
		fields = append(fields, FieldTopic)
	}
	if len(p.Metadata) > 0 {
		fields = append(fields, fieldMetadata)
	}
	if p.Retention != nil {
		fields = append(fields, FieldRetention)
	}
	return fields
}

// WantedMetadata returns the declared metadata with the stamp of the ChatThread.
func (d Declared) WantedMetadata() map[string]string {
	wanted := map[string]string{chatv1alpha1.StampOwner: d.Owner, chatv1alpha1.StampUID: d.UID}
	for key, value := range d.Metadata {
		// ACS treats an empty value as none.
		if value != "" {
			wanted[key] = value
		}
	}
	return wanted
}

// declaredRetention returns the declared retention policy; nil if the operator leaves it unchanged.
func declaredRetention(thread *chatv1alpha1.ChatThread) *acs.RetentionPolicy {
	switch retention := thread.Spec.Retention; {
	case retention != nil:
		return &acs.RetentionPolicy{Kind: acs.RetentionThreadCreationDate, DeleteThreadAfterDays: retention.DeleteAfterDays}
	case thread.Adopts():
		return nil
	default:
		return &acs.RetentionPolicy{Kind: acs.RetentionNone}
	}
}

// ForProperties returns the properties of the plan for a thread that exists, without the work for
// its members.
func ForProperties(d Declared, observed *Observed, tried Tried) Properties {
	return planProperties(d, observed.Properties, tried)
}

// planProperties compares topic, metadata and retention. A value that was sent before is not sent
// again while ACS holds the same form of it.
func planProperties(d Declared, observed acs.ThreadProperties, tried Tried) Properties {
	var p Properties
	if observed.Topic != d.Topic && !tried.isSettled(FieldTopic, d.Topic, observed.Topic) {
		p.Topic = &d.Topic
	}
	p.Metadata = planMetadata(d, observed.Metadata, tried)
	if want, got := retentionText(d.Retention), retentionText(observed.RetentionPolicy); d.Retention != nil && want != got && !tried.isSettled(FieldRetention, want, got) {
		p.Retention = d.Retention
	}
	return p
}

func planMetadata(d Declared, observed map[string]string, tried Tried) map[string]string {
	wanted := d.WantedMetadata()
	changes := map[string]string{}
	for key, value := range wanted {
		if observed[key] != value {
			changes[key] = value
		}
	}
	for key, value := range observed {
		if _, isWanted := wanted[key]; !isWanted && value != "" && d.isToBeEmptied(key) {
			changes[key] = ""
		}
	}
	maps.DeleteFunc(changes, func(key, value string) bool {
		return d.Observes && isStamp(key) || tried.isSettled(metadataField(key), value, observed[key])
	})
	return changes
}

func isStamp(key string) bool { return strings.HasPrefix(key, chatv1alpha1.StampPrefix) }

// metadataField names one key of the metadata in Tried.Sent.
func metadataField(key string) string { return fieldMetadata + " " + key }

// isToBeEmptied reports whether the operator is to empty a key that is not wanted. In an adopted
// thread the keys of others stay, unless they are declared to be empty.
func (d Declared) isToBeEmptied(key string) bool {
	if isStamp(key) {
		return key == chatv1alpha1.StampReleasedBy || key == chatv1alpha1.StampReleasedTo
	}
	_, isDeclared := d.Metadata[key]
	return isDeclared || !d.Adopts
}

func retentionText(policy *acs.RetentionPolicy) string {
	if policy == nil || policy.Kind == acs.RetentionNone {
		return string(acs.RetentionNone)
	}
	return fmt.Sprintf("%s %d", policy.Kind, policy.DeleteThreadAfterDays)
}

// IsStamped reports whether a thread carries the stamp of the ChatThread after the changes.
func (p Properties) IsStamped(d Declared, observed map[string]string) bool {
	return cmp.Or(p.Metadata[chatv1alpha1.StampUID], observed[chatv1alpha1.StampUID]) == d.UID
}

// WithoutStamp returns the changes apart from the stamp.
func (p Properties) WithoutStamp() Properties {
	p.Metadata = maps.Clone(p.Metadata)
	maps.DeleteFunc(p.Metadata, func(key, _ string) bool { return isStamp(key) })
	return p
}

// maxMetadata is the number of bytes of keys and values that ACS keeps with a thread.
const maxMetadata = 1024

// CheckFits returns an error if the thread has no room for the metadata, except for a stamp. ACS
// removes no key: an emptied key keeps its place.
func (p Properties) CheckFits(observed map[string]string) error {
	if len(p.Metadata) == 0 || p.Metadata[chatv1alpha1.StampUID] != "" {
		return nil
	}
	merged := make(map[string]string, len(observed)+len(p.Metadata))
	maps.Copy(merged, observed)
	maps.Copy(merged, p.Metadata)
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

// Parts returns the changes one by one, the stamp first.
func (p Properties) Parts() []Properties {
	stamp, declared := map[string]string{}, map[string]string{}
	for key, value := range p.Metadata {
		if isStamp(key) {
			stamp[key] = value
			continue
		}
		declared[key] = value
	}
	var parts []Properties
	for _, metadata := range []map[string]string{stamp, declared} {
		if len(metadata) > 0 {
			parts = append(parts, Properties{Metadata: metadata})
		}
	}
	if p.Topic != nil {
		parts = append(parts, Properties{Topic: p.Topic})
	}
	if p.Retention != nil {
		parts = append(parts, Properties{Retention: p.Retention})
	}
	return parts
}

// And returns the union of two sets of changes.
func (p Properties) And(more Properties) Properties {
	if more.Topic != nil {
		p.Topic = more.Topic
	}
	if more.Retention != nil {
		p.Retention = more.Retention
	}
	if len(more.Metadata) > 0 {
		merged := maps.Clone(more.Metadata)
		maps.Copy(merged, p.Metadata)
		p.Metadata = merged
	}
	return p
}

// ID returns a text that identifies the changes.
func (p Properties) ID() string {
	var b strings.Builder
	if p.Topic != nil {
		fmt.Fprintf(&b, "topic %q ", *p.Topic)
	}
	for _, key := range slices.Sorted(maps.Keys(p.Metadata)) {
		fmt.Fprintf(&b, "metadata %q %q ", key, p.Metadata[key])
	}
	if p.Retention != nil {
		b.WriteString("retention " + retentionText(p.Retention))
	}
	return b.String()
}

// Sent returns, by field, the values that were sent and the values that ACS stored.
func (p Properties) Sent(answer acs.ThreadProperties) map[string]Sent {
	sent := map[string]Sent{}
	if p.Topic != nil {
		sent[FieldTopic] = Sent{*p.Topic, answer.Topic}
	}
	for key, value := range p.Metadata {
		sent[metadataField(key)] = Sent{value, answer.Metadata[key]}
	}
	if p.Retention != nil {
		sent[FieldRetention] = Sent{retentionText(p.Retention), retentionText(answer.RetentionPolicy)}
	}
	return sent
}
