// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package plan compares a ChatThread as declared with the thread as ACS holds it.
//
// One plan serves every use: it is the message of a ChatThread that only observes, the work of one
// that manages, and the remaining work in its report.
//
// The package is pure: it has no clock, makes no call and remembers nothing. The results of earlier
// tries are a value that the caller provides. Whether a change may be made now, such as a removal,
// is for the caller to decide.
package plan

import (
	"fmt"
	"strings"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// Declared is the state that the cluster asks for.
type Declared struct {
	// Owner is namespace/name of the ChatThread, and UID its uid: together they are the stamp.
	Owner, UID string
	Topic      string
	// Metadata is the declared metadata; a key with an empty value is to be emptied.
	Metadata map[string]string
	// Retention is nil if the policy of the thread is left unchanged.
	Retention *acs.RetentionPolicy
	// Adopts is set if others may keep metadata in the thread, Observes if the thread gets no stamp.
	Adopts, Observes bool

	Members, Duplicates []Member
	// Protected users are declared by a ChatParticipant that does not count yet: they are neither
	// added nor removed. By user key.
	Protected map[string]bool
	// ServiceUsers are neither added nor removed. By user key.
	ServiceUsers map[string]bool
	Policy       chatv1alpha1.MembershipPolicy
}

// Declare returns the state that a ChatThread and its ChatParticipants declare. Pending
// ChatParticipants do not count yet.
func Declare(thread *chatv1alpha1.ChatThread, counted, pending []chatv1alpha1.ChatParticipant, serviceUsers []string) Declared {
	d := Declared{
		Owner: thread.Namespace + "/" + thread.Name, UID: string(thread.UID), Topic: thread.Spec.Topic, Retention: declaredRetention(thread),
		Adopts: thread.Adopts(), Observes: thread.Observes(), Policy: thread.Membership(),
		Metadata: make(map[string]string, len(thread.Spec.Metadata)), Protected: make(map[string]bool, len(pending)), ServiceUsers: make(map[string]bool, len(serviceUsers)),
	}
	for key, value := range thread.Spec.Metadata {
		d.Metadata[key] = string(value)
	}
	for i := range pending {
		d.Protected[acs.UserKey(string(pending[i].Spec.UserID))] = true
	}
	for _, id := range serviceUsers {
		d.ServiceUsers[acs.UserKey(id)] = true
	}
	d.Members, d.Duplicates = declareMembers(thread, counted)
	return d
}

// Observed is a thread as ACS holds it.
type Observed struct {
	Properties acs.ThreadProperties
	Members    []ObservedMember
}

// Observe returns a thread as ACS shows it to the ChatThread that declares it.
func Observe(properties acs.ThreadProperties, participants []acs.Participant, thread *chatv1alpha1.ChatThread) *Observed {
	owner := thread.Namespace + "/" + thread.Name
	return &Observed{Properties: properties, Members: observeMembers(participants, owner, !thread.Adopts())}
}

// Tried holds the results of earlier tries, which are not repeated.
type Tried struct {
	// Refused are users that ACS refused, and Malformed ids that made a whole call fail. By user key.
	Refused, Malformed map[string]Refusal
	// Renewed holds the declaration and the stamp for which a member was added again. By user key.
	Renewed map[string]string
	// Sent holds the values that ACS changed into others, by field.
	Sent map[string]Sent
}

// Sent is a value that was sent, and the value that ACS stored in its place.
type Sent struct{ Want, Got string }

// isSettled reports whether a value was sent before and ACS still holds its own form of it.
func (t Tried) isSettled(field, want, got string) bool { return t.Sent[field] == Sent{want, got} }

// Plan holds all changes that make a thread as declared, in the order of their execution.
type Plan struct {
	// Create is nil if there is a thread.
	Create     *creation
	Properties Properties
	Members    Members
}

// creation is a thread to be created.
type creation struct {
	// Participants is the number of declared members. Members are those that the create can contain.
	Participants int
	Members      []Member
}

// For returns the plan for a thread; observed is nil if there is none.
func For(d Declared, observed *Observed, tried Tried) Plan {
	if observed == nil {
		members := planMembers(membersInput{declared: d.Members, serviceUsers: d.ServiceUsers, policy: d.Policy,
			skip: func(m Member) bool { _, bad := tried.Malformed[m.Key()]; return bad }})
		return Plan{Create: &creation{Participants: len(d.Members), Members: members.Add}}
	}
	return Plan{Properties: ForProperties(d, observed, tried), Members: planMembers(membersInput{
		declared: d.Members, observed: observed.Members, serviceUsers: d.ServiceUsers, protected: d.Protected, policy: d.Policy,
		skip: func(m Member) bool { return tried.Refused[m.Key()].IsFor(m) },
		renew: func(m Member, member ObservedMember) bool {
			return tried.Renewed[m.Key()] != RenewalMark(m, member)
		},
	})}
}

// String describes the plan, for a sentence that begins with "would".
func (p Plan) String() string {
	if p.Create != nil {
		return "create the thread with " + outcome.Plural(p.Create.Participants, "participant")
	}
	parts := make([]string, 0, 6)
	for _, field := range p.Properties.Fields() {
		parts = append(parts, "set "+field)
	}
	for _, part := range []struct {
		verb  string
		count int
	}{{"add", len(p.Members.Add)}, {"add again", len(p.Members.Renew)}, {"remove", len(p.Members.Remove)}} {
		if part.count > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", part.verb, part.count))
		}
	}
	return strings.Join(parts, ", ")
}
