// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

const (
	// maxBatch is how many members ACS takes in one call.
	maxBatch = 200
	// maxNamedRetries bounds how often a create is sent again without the ids that ACS named.
	maxNamedRetries = 3
)

// staleCache ends a pass that saw an older version of the object than the API server has.
func staleCache() error { return &waitError{quiet: true, after: 100 * time.Millisecond} }

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
	s.firstTry = !hasFinalizer(s.thread)
	err := patchMetadata(ctx, r.Client, s.thread, func(obj client.Object) {
		controllerutil.AddFinalizer(obj, chatv1alpha1.Finalizer)
		setAnnotation(obj, chatv1alpha1.AnnotationServiceUser, s.user.id)
	})
	if apierrors.IsNotFound(err) {
		return staleCache()
	}
	if err != nil {
		return fmt.Errorf("add finalizer: %w", err)
	}
	s.before.ObjectMeta = *s.thread.ObjectMeta.DeepCopy()
	if !creating {
		return nil
	}
	s.session.assign(s.thread.UID, s.user.id)
	if s.firstTry {
		s.memory.settled = true
	}
	return r.checkConnectionStays(ctx, s)
}

// prepareCreate chooses who creates the thread. What waits for its turn, or for another connection, has sent
// nothing, and needs no finalizer yet.
func (r *ChatThreadReconciler) prepareCreate(ctx context.Context, s *threadScope) error {
	if err := r.checkDeclared(ctx, s, false); err != nil {
		return err
	}
	if !hasFinalizer(s.thread) && !s.conn.DeletionTimestamp.IsZero() {
		return s.connectionGoes()
	}
	if err := r.chooseUser(s); err != nil {
		return err
	}
	return s.session.pacer.holdCreate(s.who, s.user.id)
}

// readAgain makes sure that the cache held what the API server has, and takes over its metadata.
func (r *ChatThreadReconciler) readAgain(ctx context.Context, s *threadScope) error {
	live := &chatv1alpha1.ChatThread{}
	if err := r.APIReader.Get(ctx, keyOf(s.thread), live); err != nil {
		if apierrors.IsNotFound(err) {
			return staleCache()
		}
		return fmt.Errorf("get ChatThread: %w", err)
	}
	if live.UID != s.thread.UID || live.Generation != s.thread.Generation || !live.DeletionTimestamp.IsZero() ||
		live.Status.ThreadID != s.before.Status.ThreadID || live.Status.Incarnation != s.before.Status.Incarnation ||
		hasFinalizer(live) && !hasFinalizer(s.thread) {
		return staleCache()
	}
	s.thread.ObjectMeta = live.ObjectMeta
	s.before.ObjectMeta = *live.ObjectMeta.DeepCopy()
	return nil
}

// chooseUser takes the service user that was stored before, as every retry must, or the one of the
// pool that can create first. Who made nothing for sure, and is in the pool no more, gives way.
func (r *ChatThreadReconciler) chooseUser(s *threadScope) error {
	id, assigned := s.assignedUser()
	pool := poolUsers(s.conn)
	if !assigned || s.hasNothing() && !containsUser(pool, id) {
		if len(pool) == 0 {
			return &waitError{reason: chatv1alpha1.ReasonConnectionNotReady, after: unreadyInterval,
				message: fmt.Sprintf("ChatConnection %s has no service user yet.", connectionKey(s.thread))}
		}
		id = s.session.chooseUser(s.who, pool)
	} else {
		s.session.assign(s.thread.UID, id)
	}
	user, err := r.Sessions.user(s.session, id)
	s.user = user
	return err
}

// checkConnectionStays keeps a connection that is being deleted from new threads. The connection
// counts threads by their finalizer, which is stored by now: either it sees this one, or this pass
// sees the deletion.
func (r *ChatThreadReconciler) checkConnectionStays(ctx context.Context, s *threadScope) error {
	live := &chatv1alpha1.ChatConnection{}
	err := r.APIReader.Get(ctx, keyOf(s.conn), live)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("get ChatConnection: %w", err)
	}
	if err == nil && live.DeletionTimestamp.IsZero() && live.UID == s.conn.UID {
		return nil
	}
	// Without a thread the resource does not hold the connection.
	if s.hasNothing() {
		if err := removeFinalizer(ctx, r.Client, s.thread); err != nil {
			return err
		}
		s.before.ObjectMeta = *s.thread.ObjectMeta.DeepCopy()
	}
	return s.connectionGoes()
}

func (s *threadScope) connectionGoes() error {
	return &waitError{reason: chatv1alpha1.ReasonConnectionNotReady, after: unreadyInterval,
		message: fmt.Sprintf("ChatConnection %s is being deleted and makes no new threads.", connectionKey(s.thread))}
}

// create makes the thread where there is none.
func (r *ChatThreadReconciler) create(ctx context.Context, s *threadScope) error {
	if s.remote != nil {
		return nil
	}
	declared, _ := declareMembers(s.thread, s.participants)
	plan := planMembers(membersInput{declared: declared, serviceUsers: s.serviceUsers(), policy: s.thread.Membership(),
		skip: func(m declaredMember) bool { _, bad := s.memory.malformed[m.key()]; return bad }})
	places := maxBatch
	if s.displayName() != "" {
		places--
	}
	batch := plan.add[:min(places, len(plan.add))]

	made, sent, err := r.sendCreate(ctx, s, batch)
	if len(made.thread.ID) > maxThreadID {
		made.unanswered = true
		err = &unbelievableError{"ACS gave a new thread an id that is too long to be one; the operator looks whether there is a thread."}
	}
	if err != nil {
		return r.createFailed(s, made.unanswered, err)
	}
	if made.thread.DeletedOn != nil || s.memory.formerIDs[made.thread.ID] {
		// ACS gave an old thread for a new request: no success, and nothing that could be kept.
		s.threadID = made.thread.ID
		again := r.nextIncarnation(ctx, s)
		if wait, ok := errors.AsType[*waitError](again); ok && s.memory.replayed {
			wait.after = refusedInterval
		}
		s.memory.replayed = true
		return again
	}
	return r.created(ctx, s, made, sent)
}

// maxThreadID is how long an id status takes, in bytes. Those of ACS have 64 or so.
const maxThreadID = 1024

// madeThread is the answer to a create.
type madeThread struct {
	thread  acs.ThreadProperties
	refused []acs.InvalidParticipant
	// again says that the create was sent more than once: the answer may be a replay, which answers
	// for the first body.
	again bool
	// unanswered says that a create was sent that ACS did not refuse for certain: a thread may have been made
	// even if a later one was refused.
	unanswered bool
}

// sendCreate sends the create; again without the ids that ACS calls malformed, and in the end without
// any member, as one malformed id fails the whole call.
func (r *ChatThreadReconciler) sendCreate(ctx context.Context, s *threadScope, batch []declaredMember) (madeThread, []declaredMember, error) {
	made := madeThread{again: !s.firstTry}
	for try := 0; ; try++ {
		tried, tries := countTries(ctx)
		answer, err := s.user.chat.CreateThread(tried, s.thread.Spec.Topic, r.createOptions(s, batch))
		sent := tries.Load()
		made.again = made.again || sent > 1
		made.unanswered = made.unanswered || sent > 1 || sent > 0 && !isRefused(err)
		var invalid *acs.InvalidParticipantsError
		switch {
		case errors.As(err, &invalid):
			made.thread, made.refused = answer.Thread, invalid.Participants
			return made, batch, nil
		case err == nil:
			made.thread = answer.Thread
			return made, batch, nil
		case !acs.HasStatus(err, http.StatusBadRequest) || len(batch) == 0:
			return made, batch, err
		}
		made.again = true
		bad, rest := splitNamed(err, batch)
		if len(bad) == 0 || try >= maxNamedRetries {
			batch = nil
			continue
		}
		s.memory.noteMalformed(bad, err)
		batch = rest
	}
}

func (r *ChatThreadReconciler) createOptions(s *threadScope, batch []declaredMember) *acs.CreateThreadOptions {
	options := &acs.CreateThreadOptions{
		RepeatabilityRequestID: repeatabilityID(s.thread.UID, s.thread.Status.Incarnation),
		Metadata:               s.wantedMetadata(),
	}
	if retention := s.thread.Spec.Retention; retention != nil {
		options.RetentionPolicy = &acs.RetentionPolicy{Kind: acs.RetentionThreadCreationDate, DeleteThreadAfterDays: retention.DeleteAfterDays}
	}
	if name := s.displayName(); name != "" {
		options.Participants = append(options.Participants, acs.Participant{ID: acs.ParseRawID(s.user.id), DisplayName: name})
	}
	now := time.Now()
	for _, member := range batch {
		options.Participants = append(options.Participants, member.participantFor(now, nil))
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
		return &refusedError{reason: chatv1alpha1.ReasonAuthenticationFailed, err: failed("create a thread", err)}
	}
	return failed("create a thread", err)
}

// created takes a new thread into status. Where the first try was answered with what was sent, that
// is all there is to know; otherwise thread and members are read before anything is said of them.
func (r *ChatThreadReconciler) created(ctx context.Context, s *threadScope, made madeThread, sent []declaredMember) error {
	s.threadID = made.thread.ID
	s.memory.threadID = s.threadID
	s.memory.replayed = false
	s.made = true
	s.session.index.put(indexedThread{id: made.thread.ID, owner: s.owner(), uid: string(s.thread.UID), createdBy: s.user.id, createdOn: made.thread.CreatedOn})
	s.remote = &remoteThread{properties: made.thread, members: s.membersAfterCreate(sent, made.refused)}
	r.allocate(s)
	s.tell(chatv1alpha1.EventCreated, "Created thread %s with %s", s.threadID, countOf(len(sent)-len(made.refused), "participant"))
	asSent := !made.again && made.thread.Topic == s.thread.Spec.Topic && containsAll(made.thread.Metadata, s.wantedMetadata())
	s.propertiesSent = asSent
	if asSent && s.planMembers().isEmpty() {
		return nil
	}
	// The id must not be lost while more is done.
	unfinished := &waitError{reason: chatv1alpha1.ReasonCreating, message: "The thread was created; its members are being added."}
	if err := r.store(ctx, s, classify(unfinished)); err != nil {
		return err
	}
	if asSent {
		return nil
	}
	s.remote = nil
	return r.observe(ctx, s)
}

// membersAfterCreate are the members of a new thread: those that were sent and not refused, and the
// service user.
func (s *threadScope) membersAfterCreate(sent []declaredMember, refused []acs.InvalidParticipant) []observedMember {
	answers := refusalsByUser(refused)
	members := []observedMember{{id: s.user.id, displayName: s.displayName()}}
	for _, m := range sent {
		if answer, bad := answers[m.key()]; bad {
			s.memory.noteRefused(m, answer.Code, answer.Message)
			continue
		}
		members = append(members, observedMember{id: string(m.UserID), displayName: m.DisplayName, stamp: m.stamp()})
	}
	return members
}

// discard deletes the thread that was just made, because the API server holds another id for the
// resource: two threads for one resource must never be.
func (r *ChatThreadReconciler) discard(ctx context.Context, s *threadScope) error {
	live := &chatv1alpha1.ChatThread{}
	if err := r.APIReader.Get(ctx, keyOf(s.thread), live); err != nil {
		return fmt.Errorf("get ChatThread: %w", err)
	}
	made := s.threadID
	if live.UID != s.thread.UID || live.Status.ThreadID == "" || live.Status.ThreadID == made || made == "" || s.taking || s.user == nil {
		return nil
	}
	s.session.index.drop(made)
	if _, err := s.user.chat.DeleteThread(ctx, made, nil); err != nil && !acs.HasStatus(err, http.StatusNotFound) {
		return failed("delete the second thread "+made, err)
	}
	s.warn(chatv1alpha1.EventDeleted, "Deleted thread %s: the resource has thread %s already", made, live.Status.ThreadID)
	return nil
}

// displayName is the name under which the service user stands in a thread that it makes.
func (s *threadScope) displayName() string {
	if s.conn.Spec.ServiceUsers == nil {
		return ""
	}
	return s.conn.Spec.ServiceUsers.DisplayName
}

// incarnationID is the request id of a thread that is created anew.
func incarnationID(uid types.UID, incarnation int64) string {
	space, err := uuid.Parse(string(uid))
	if err != nil {
		// Not every storage is an API server of Kubernetes; any uid still gives one id of its own.
		space = uuid.NewSHA1(uuid.NameSpaceOID, []byte(uid))
	}
	return uuid.NewSHA1(space, []byte(strconv.FormatInt(incarnation, 10))).String()
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
