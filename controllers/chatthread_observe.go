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

	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

const (
	// maxRecreations threads of one connection are created anew within recreationWindow: a fault of
	// the service that answers 404 must not double every room.
	maxRecreations   = 3
	recreationWindow = 10 * time.Minute
	// membersPageSize is how many members are asked for in one page: all of them.
	membersPageSize = chatv1alpha1.MaxMembers
)

// observe reads the thread and its members, if there is a thread.
func (r *ChatThreadReconciler) observe(ctx context.Context, s *threadScope) error {
	if s.threadID == "" {
		return nil
	}
	properties, err := r.readThread(ctx, s)
	switch {
	case acs.HasStatus(err, http.StatusNotFound):
		return r.missing(ctx, s)
	case acs.HasStatus(err, http.StatusForbidden):
		return accessLost(s)
	case err != nil:
		return failed("read the thread", err)
	case properties.DeletedOn != nil && s.taking:
		return notThere(s)
	case properties.DeletedOn != nil:
		return r.gone(ctx, s)
	}
	s.memory.found()
	if err := checkOwner(s, properties); err != nil {
		return err
	}
	members, err := listMembers(ctx, s.client())
	if acs.HasStatus(err, http.StatusForbidden) {
		return accessLost(s)
	}
	if err != nil {
		return failed("list the members", err)
	}
	s.remote = &remoteThread{properties: properties, members: observeMembers(members)}
	return nil
}

// readThread reads the thread by the service user that acts for it. Where none was chosen yet, the
// first that is not shut out acts from now on.
func (r *ChatThreadReconciler) readThread(ctx context.Context, s *threadScope) (acs.ThreadProperties, error) {
	var err error
	for _, id := range s.actors() {
		s.user, err = r.Sessions.user(s.session, id)
		if err != nil {
			return acs.ThreadProperties{}, err
		}
		var answer acs.GetThreadPropertiesResponse
		answer, err = s.client().GetProperties(ctx, nil)
		if !acs.HasStatus(err, http.StatusForbidden) {
			return answer.ThreadProperties, err
		}
	}
	return acs.ThreadProperties{}, err
}

// actors are the service users that may act for the thread, in the order in which they are tried.
func (s *threadScope) actors() []string {
	if id, ok := s.assignedUser(); ok {
		return []string{id}
	}
	first := []string{}
	if containsUser(s.known, s.memory.actor) {
		first = append(first, s.memory.actor)
	}
	for _, found := range s.session.index.find(s.owner(), s.known) {
		if found.id == s.threadID {
			first = append(first, found.createdBy)
		}
	}
	return mergeUsers(first, s.known)
}

func listMembers(ctx context.Context, thread *acs.ThreadClient) ([]acs.Participant, error) {
	var members []acs.Participant
	pager := thread.NewListParticipantsPager(&acs.ListParticipantsOptions{MaxPageSize: membersPageSize})
	for pager.More() {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		members = append(members, page.Participants...)
	}
	return members, nil
}

// checkOwner says whether the thread is, or may become, this resource's. The owner in the stamp
// decides: a resource that was created anew from Git has another uid and takes its thread back. A
// thread that was this resource's and carries another uid was taken by a second cluster.
func checkOwner(s *threadScope, properties acs.ThreadProperties) error {
	owner, uid := properties.Metadata[ownerStampKey], properties.Metadata[uidStampKey]
	switch {
	case uid == string(s.thread.UID), owner == s.owner() && s.thread.Observes():
		return nil
	case s.isManaged():
		return checkNotTaken(s, properties.Metadata)
	case owner == s.owner():
		if uid != "" || !s.thread.Adopts() {
			s.formerUID = cut(cmp.Or(uid, "unknown"), 64)
		}
		return nil
	case owner != "" || uid != "":
		return &stalledError{chatv1alpha1.ReasonOwnedByAnother,
			fmt.Sprintf("spec.threadID: thread %s belongs to ChatThread %s. Delete that one with deletionPolicy Retain first.", s.threadID, cut(owner, maxMessage))}
	default:
		return checkReleased(s, properties.Metadata[releasedStampKey])
	}
}

// checkNotTaken says whether a thread that was this resource's still is. An emptied stamp is put back,
// unless another namespace emptied it: then the status was written by somebody else than the operator.
func checkNotTaken(s *threadScope, metadata map[string]string) error {
	uid := metadata[uidStampKey]
	if uid == "" {
		return checkReleased(s, metadata[releasedStampKey])
	}
	return &stalledError{chatv1alpha1.ReasonOwnedByAnother,
		fmt.Sprintf("Thread %s was taken by another cluster or resource (%s, uid %s). The operator writes to it no more; delete one of the two resources.",
			s.threadID, cut(metadata[ownerStampKey], maxMessage), cut(uid, 64))}
}

// checkReleased keeps what one namespace released from the others that share a connection.
func checkReleased(s *threadScope, released string) error {
	if !s.isReleasedByAnother(released) {
		return nil
	}
	field := ""
	if s.thread.Adopts() {
		field = "spec.threadID: "
	}
	return &stalledError{chatv1alpha1.ReasonOwnedByAnother,
		fmt.Sprintf("%sThread %s was released by another namespace, and others may not adopt it through a shared connection.", field, s.threadID)}
}

// isReleasedByAnother says whether another namespace that may use the connection let the thread go.
func (s *threadScope) isReleasedByAnother(released string) bool {
	namespace, _, _ := strings.Cut(released, "/")
	return released != "" && namespace != s.thread.Namespace && isShared(s.conn)
}

// isManaged says whether the thread was this resource's before this pass. One that was only observed
// so far carries no stamp of it.
func (s *threadScope) isManaged() bool {
	return !s.taking && hasFinalizer(s.thread) && s.thread.Status.ServiceUser != ""
}

// accessLost is the end of a pass over a thread that the service user may not see.
func accessLost(s *threadScope) error {
	if s.taking && s.thread.Adopts() {
		return &stalledError{chatv1alpha1.ReasonAccessLost,
			fmt.Sprintf("No service user is a member of thread %s (403). Add one of them to it: %s.", s.threadID, strings.Join(s.known, ", "))}
	}
	return &stalledError{chatv1alpha1.ReasonAccessLost,
		fmt.Sprintf("Service user %s may not see thread %s (403): it was removed from it. Add it to the thread again.", s.user.id, s.threadID)}
}

// missing deals with a thread that ACS says it does not know. One such answer is not enough to
// believe that it is gone.
func (r *ChatThreadReconciler) missing(ctx context.Context, s *threadScope) error {
	if s.taking && s.thread.Adopts() {
		return notThere(s)
	}
	now := time.Now()
	if s.memory.missingSince.IsZero() {
		s.memory.missingSince = now
	}
	certain := s.memory.missingSince.Add(r.timing.goneConfirm)
	if created := s.thread.Status.CreatedOn; created != nil && created.Add(r.timing.goneAge).After(certain) {
		certain = created.Add(r.timing.goneAge)
	}
	if now.Before(certain) {
		return &waitError{reason: chatv1alpha1.ReasonSearching, after: max(certain.Sub(now), time.Second),
			message: fmt.Sprintf("ACS does not find thread %s (404); the operator looks again before it believes that.", s.threadID)}
	}
	if s.taking {
		return notThere(s)
	}
	return r.gone(ctx, s)
}

// notThere deals with a thread that was found, or is to be adopted, and is no more.
func notThere(s *threadScope) error {
	if s.thread.Adopts() {
		return &stalledError{chatv1alpha1.ReasonThreadGone,
			fmt.Sprintf("spec.threadID: ACS knows no thread %s. None is created; delete this ChatThread and create it with the right id.", s.threadID)}
	}
	s.memory.missingSince = time.Time{}
	s.session.index.drop(s.threadID)
	return &waitError{reason: chatv1alpha1.ReasonSearching, message: searchingMessage, after: time.Second}
}

// gone decides what happens to a thread that was deleted at ACS: it is created anew, unless the
// resource says otherwise or too many threads vanish at once.
func (r *ChatThreadReconciler) gone(ctx context.Context, s *threadScope) error {
	nobody := newMemberResults(declareMembers(s.thread, s.participants))
	nobody.count(s.thread)
	recreate := s.thread.Recreation() == chatv1alpha1.RecreationRecreate
	switch {
	case s.thread.Observes() && recreate:
		return &stalledError{chatv1alpha1.ReasonDrifted, fmt.Sprintf("would create the thread with %s", participantCount(s))}
	case s.thread.Adopts():
		return &stalledError{chatv1alpha1.ReasonThreadGone,
			fmt.Sprintf("Thread %s no longer exists at ACS. An adopted thread is never created anew: delete this ChatThread.", s.threadID)}
	case !recreate:
		return &stalledError{chatv1alpha1.ReasonThreadGone,
			fmt.Sprintf("Thread %s no longer exists at ACS and recreationPolicy is Never. Set it to Recreate for a new, empty thread, or delete this ChatThread.", s.threadID)}
	}
	// The pass that the request came with may not have got so far.
	requested := s.memory.recreationAsked || isRequested(s.thread, s.thread.Status.LastHandledReconcileAt)
	if !requested && (s.memory.recreationHeld || !s.session.mayRecreate(time.Now())) {
		s.memory.recreationHeld = true
		return &stalledError{chatv1alpha1.ReasonThreadGone,
			fmt.Sprintf("Thread %s no longer exists at ACS. More than %d threads of this connection vanished within %s, so it is not created anew before you set the annotation %s to a new value.",
				s.threadID, maxRecreations, recreationWindow, chatv1alpha1.AnnotationReconcileRequestedAt)}
	}
	return r.nextIncarnation(ctx, s)
}

// nextIncarnation turns the resource, in one write, into one without a thread.
func (r *ChatThreadReconciler) nextIncarnation(ctx context.Context, s *threadScope) error {
	s.warn(chatv1alpha1.ReasonThreadGone, "Thread %s no longer exists at ACS; creating it anew", s.threadID)
	s.memory.settled = false
	s.memory.formerIDs[s.threadID] = true
	s.memory.threadID = ""
	// Lists may show it yet: it is not read again to find out whose it is.
	s.session.index.put(indexedThread{id: s.threadID})

	status := &s.thread.Status
	status.Incarnation++
	s.memory.incarnation = status.Incarnation
	status.ThreadID, status.CreatedOn = "", nil
	status.Joined, status.Participants, status.Rejected = "", nil, nil
	again := &waitError{reason: chatv1alpha1.ReasonCreating, after: 10 * time.Millisecond,
		message: "The thread was deleted at ACS; a new one is created."}
	if err := r.store(ctx, s, classify(again)); err != nil {
		return err
	}
	s.memory.found()
	return again
}

// plan ends the pass where the operator only observes: the message says what it would do.
func (r *ChatThreadReconciler) plan(ctx context.Context, s *threadScope) error {
	if !s.thread.Observes() {
		return nil
	}
	if s.remote == nil {
		return &stalledError{chatv1alpha1.ReasonDrifted, fmt.Sprintf("would create the thread with %s", participantCount(s))}
	}
	// With a finalizer, as from a backup, the thread would count as one that carried our stamp before.
	if s.taking && s.remote.properties.Metadata[uidStampKey] != string(s.thread.UID) {
		if err := removeFinalizer(ctx, r.Client, s.thread); err != nil {
			return err
		}
		s.before.ObjectMeta = *s.thread.ObjectMeta.DeepCopy()
	}
	r.allocate(s)
	if !hasFinalizer(s.thread) {
		// Nobody acts for it yet. Once it is managed, a crash before it carries our stamp must not make it
		// look like one that carried it before and was taken by another.
		s.thread.Status.ServiceUser = ""
	}
	// It may be let go at any time, and the next resource of the name must find it.
	s.session.index.put(stampedThread(s.remote.properties))
	changes := propertyChanges(s, false)
	parts := make([]string, 0, 6)
	for _, field := range changes.fields() {
		parts = append(parts, "set "+field)
	}
	members := s.planMembers()
	for _, part := range []struct {
		verb  string
		count int
	}{{"add", len(members.add)}, {"add again", len(members.renew)}, {"remove", len(members.remove)}} {
		if part.count > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", part.verb, part.count))
		}
	}
	s.results = newMemberResults(declareMembers(s.thread, s.participants))
	s.results.record(members)
	s.results.count(s.thread)
	if len(parts) > 0 {
		return &stalledError{chatv1alpha1.ReasonDrifted, "would " + strings.Join(parts, ", ")}
	}
	return errObserved
}

func participantCount(s *threadScope) string {
	declared, _ := declareMembers(s.thread, s.participants)
	return countOf(len(declared), "participant")
}

// allocate takes over into status what identifies the thread.
func (r *ChatThreadReconciler) allocate(s *threadScope) {
	s.memory.threadID, s.memory.actor = s.threadID, s.user.id
	s.thread.Status.ThreadID = s.threadID
	s.thread.Status.ServiceUser = s.user.id
	s.thread.Status.CreatedOn = statusTime(s.remote.properties.CreatedOn)
	s.session.assign(s.thread.UID, s.user.id)
}

// serviceUsers are the users that are never in the difference of members, by key.
func (s *threadScope) serviceUsers() map[string]bool {
	users := make(map[string]bool, len(s.known))
	for _, id := range s.known {
		users[userKey(id)] = true
	}
	return users
}

// isUnauthorized says whether ACS refused the credential, in the call itself or when a token was to
// be issued for it.
func isUnauthorized(err error) bool { return acs.HasStatus(err, http.StatusUnauthorized) }

func joinKeys(values map[string]sentValue) string {
	return strings.Join(slices.Sorted(maps.Keys(values)), ", ")
}

// repeatabilityID is the id under which ACS makes one thread however often the create is sent. It is
// known before any crash: the API server stored the uid before the first pass.
func repeatabilityID(uid types.UID, incarnation int64) string {
	if incarnation == 0 {
		return string(uid)
	}
	return incarnationID(uid, incarnation)
}
