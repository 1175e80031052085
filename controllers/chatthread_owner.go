// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/access"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/directory"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// checkOwner returns an error unless the thread belongs, or may belong, to this ChatThread. The
// owner in the stamp decides: a ChatThread that was created again from Git has another uid and
// takes its thread over. If a thread of this ChatThread carries another uid, a second cluster took
// it over. The result is the uid of the earlier ChatThread of this name that had the thread, if
// there was one.
func (r *ChatThreadReconciler) checkOwner(ctx context.Context, s situation, properties acs.ThreadProperties) (previousUID string, err error) {
	owner, uid := properties.Metadata[chatv1alpha1.StampOwner], properties.Metadata[chatv1alpha1.StampUID]
	switch {
	case uid == string(s.thread.UID):
		return "", s.checkOwnStamp(properties)
	case owner == s.owner() && s.thread.Observes():
		return "", nil
	case s.isManaged():
		return "", s.checkNotTaken(properties.Metadata)
	case owner == s.owner():
		if uid != "" || !s.thread.Adopts() {
			previousUID = outcome.Sanitize(cmp.Or(uid, "unknown"), 64)
		}
		return previousUID, s.checkConsent(properties)
	case owner != "" || uid != "":
		return "", r.ownedByAnother(ctx, s, owner)
	default:
		return "", s.checkReleased(properties.Metadata)
	}
}

// stampSkew is the largest difference between the clocks of ACS and of the API server.
const stampSkew = time.Minute

// checkOwnStamp requires consent for a thread with the uid of this ChatThread that was found, and
// whose creator cannot have meant this ChatThread.
func (s situation) checkOwnStamp(properties acs.ThreadProperties) error {
	if !s.isFound() || !s.isAnothers(string(s.thread.UID), properties.CreatedOn) {
		return nil
	}
	return s.checkConsent(properties)
}

// isAnothers reports whether a thread with the name of this ChatThread was not created for its uid
// and incarnation: the stamp has another uid, or the thread is older, so that its creator cannot
// have known the uid, or cannot have meant the incarnation.
func (s situation) isAnothers(uid string, createdOn time.Time) bool {
	since := s.thread.CreationTimestamp.Time
	if changed := s.thread.Status.IncarnationSince; changed != nil {
		since = later(since, changed.Time)
	}
	return uid != string(s.thread.UID) || createdOn.Before(since.Add(-stampSkew))
}

// checkConsent returns an error if a thread with the name of this ChatThread may not be taken over.
// Through a shared connection any member of a thread of the same service users can write that name
// into it, so a person must consent. A ChatThread that names the thread in spec.threadID consents
// with that.
func (s situation) checkConsent(properties acs.ThreadProperties) error {
	if !access.IsShared(s.conn) || s.thread.Observes() || s.thread.Adopts() || s.consentsTo(s.threadID) {
		return nil
	}
	return &outcome.Stalled{Reason: chatv1alpha1.ReasonOwnedByAnother, Message: fmt.Sprintf(
		"Thread %s (topic %q) carries the name of this ChatThread, and was created for another uid. Members of other namespaces' threads could have written that name, as ChatConnection %s is shared. "+
			"If the thread is yours, set the annotation %s to its id, or to %q for any; to have a new thread created, set it to %q.",
		s.threadID, outcome.Sanitize(properties.Topic, outcome.MaxMessage), connectionKey(s.thread), chatv1alpha1.AnnotationRecover, chatv1alpha1.RecoverAny, chatv1alpha1.RecoverNone)}
}

// consentsTo reports whether somebody allowed the ChatThread to take a thread over.
func (s situation) consentsTo(id string) bool {
	consent := s.thread.Annotations[chatv1alpha1.AnnotationRecover]
	return consent == chatv1alpha1.RecoverAny || consent == id
}

// isRuledOut reports whether a thread that the search shows is not the one of this ChatThread: it
// belongs to an earlier incarnation, or members of other namespaces' threads could have written the
// name into a thread that was there when the last one was lost.
func (s situation) isRuledOut(id string) bool {
	return s.memory.create.isFormer(id) || access.IsShared(s.conn) && s.memory.isListedBefore(id) && !s.consentsTo(id)
}

// isDeclined reports whether a thread that may be taken over by consent only has none, although
// somebody decided on the thread to take over.
func (s situation) isDeclined(thread directory.Stamp) bool {
	return access.IsShared(s.conn) && s.thread.Annotations[chatv1alpha1.AnnotationRecover] != "" &&
		!s.consentsTo(thread.ID) && s.isAnothers(thread.UID, thread.CreatedOn)
}

// chosen returns the threads that may be taken over after all, of those that carry the name of this
// ChatThread. If a person decided on a thread that is none of them, it returns an error: a typo
// must not create a new, empty thread.
func (s situation) chosen(candidates []directory.Stamp) ([]directory.Stamp, error) {
	left := slices.DeleteFunc(slices.Clone(candidates), s.isDeclined)
	value := s.thread.Annotations[chatv1alpha1.AnnotationRecover]
	if len(left) > 0 || len(candidates) == 0 || value == chatv1alpha1.RecoverNone {
		return left, nil
	}
	ids := make([]string, 0, len(candidates))
	for _, thread := range candidates {
		ids = append(ids, thread.ID)
	}
	return nil, &outcome.Stalled{Reason: chatv1alpha1.ReasonOwnedByAnother, Message: fmt.Sprintf(
		"Annotation %s names none of the threads that carry the name of this ChatThread: its value is %q. Set it to the id of one of them (%s), or to %q; to have a new thread created, set it to %q.",
		chatv1alpha1.AnnotationRecover, outcome.Sanitize(value, outcome.MaxMessage), outcome.Sanitize(strings.Join(ids, ", "), 2*outcome.MaxMessage),
		chatv1alpha1.RecoverAny, chatv1alpha1.RecoverNone)}
}

// ownedByAnother returns the error for a thread with the stamp of another ChatThread, with a
// solution. Any member of a thread can write a stamp, so the message says nothing about the
// ChatThreads of other namespaces.
func (r *ChatThreadReconciler) ownedByAnother(ctx context.Context, s situation, owner string) error {
	namespace, name, _ := strings.Cut(owner, "/")
	wayOut := fmt.Sprintf("Delete that one with deletionPolicy Retain and the annotation %s: %s first; if there is none, create it with this threadID before.", chatv1alpha1.AnnotationReleaseTo, s.owner())
	if namespace == s.thread.Namespace {
		wayOut = "Delete that one with deletionPolicy Retain first."
		err := r.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, &chatv1alpha1.ChatThread{})
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("get ChatThread: %w", err)
		}
		if err != nil {
			wayOut = "This cluster has no such ChatThread: create it with this threadID. Then delete it with deletionPolicy Retain."
		}
	}
	return &outcome.Stalled{Reason: chatv1alpha1.ReasonOwnedByAnother,
		Message: fmt.Sprintf("spec.threadID: thread %s belongs to ChatThread %s. %s", s.threadID, outcome.Sanitize(owner, outcome.MaxMessage), wayOut)}
}

// checkNotTaken returns an error if a thread of this ChatThread now belongs to another one. An
// emptied stamp is restored, unless another namespace emptied it: then the operator did not write
// the status.
func (s situation) checkNotTaken(metadata map[string]string) error {
	uid := metadata[chatv1alpha1.StampUID]
	if uid == "" {
		return s.checkReleased(metadata)
	}
	return &outcome.Stalled{Reason: chatv1alpha1.ReasonOwnedByAnother,
		Message: fmt.Sprintf("Thread %s was taken by another cluster or resource (%s, uid %s). The operator writes to it no more. Delete this ChatThread: the thread stays with the other one. To have it back, delete the other one with deletionPolicy Retain first.",
			s.threadID, outcome.Sanitize(metadata[chatv1alpha1.StampOwner], outcome.MaxMessage), outcome.Sanitize(uid, 64))}
}

// checkReleased protects the threads that one namespace released from the other namespaces that
// share a connection, except for the ChatThread that the thread was released to.
func (s situation) checkReleased(metadata map[string]string) error {
	if !s.isReleasedByAnother(metadata) {
		return nil
	}
	field := ""
	if s.thread.Adopts() {
		field = "spec.threadID: "
	}
	return &outcome.Stalled{Reason: chatv1alpha1.ReasonOwnedByAnother, Message: fmt.Sprintf(
		"%sThread %s was released by ChatThread %s of another namespace, and not to this one. Create that ChatThread again with this threadID, and delete it with deletionPolicy Retain and the annotation %s: %s.",
		field, s.threadID, outcome.Sanitize(metadata[chatv1alpha1.StampReleasedBy], outcome.MaxMessage), chatv1alpha1.AnnotationReleaseTo, s.owner())}
}

// isReleasedByAnother reports whether another namespace that may use the connection released the
// thread, and not to this ChatThread.
func (s situation) isReleasedByAnother(metadata map[string]string) bool {
	released := metadata[chatv1alpha1.StampReleasedBy]
	namespace, _, _ := strings.Cut(released, "/")
	return released != "" && namespace != s.thread.Namespace && access.IsShared(s.conn) && metadata[chatv1alpha1.StampReleasedTo] != s.owner()
}

// releasedTo is the ChatThread that may adopt the thread from another namespace; empty for none.
func (s situation) releasedTo() string {
	to := s.thread.Annotations[chatv1alpha1.AnnotationReleaseTo]
	if namespace, name, ok := strings.Cut(to, "/"); !ok || namespace == "" || name == "" || len(to) > maxOwner {
		return ""
	}
	return to
}

// maxOwner is the greatest length of the name of a resource with its namespace.
const maxOwner = 63 + 1 + 253

// isManaged reports whether the thread belonged to this ChatThread before this reconcile. A thread
// that was only observed so far carries no stamp of it.
func (s situation) isManaged() bool {
	return !s.isFound() && objects.HasFinalizer(s.thread) && s.thread.Status.ServiceUser != ""
}

// isStatusForeign reports whether the status was written for another uid: a backup was restored
// with it, or somebody copied it. The ChatThread has no thread yet, and finds its thread as in a
// rebuilt cluster.
func (s situation) isStatusForeign() bool {
	return s.thread.Status.UID != "" && s.thread.Status.UID != string(s.thread.UID)
}

// disownStatus replaces the conditions in a status that was written for another uid. It returns the
// outcome that the status shows then.
func (s situation) disownStatus() outcome.Outcome {
	message := "The status was written for an earlier ChatThread of this name"
	if s.thread.Status.ThreadID != "" {
		message += ", with thread " + s.thread.Status.ThreadID
	}
	shown := outcome.Classify(&outcome.Wait{Reason: chatv1alpha1.ReasonSearching, Message: message + "; the operator looks for the thread."})
	s.thread.Status.ObservedGeneration = -1
	objects.Mark(s.thread, shown)
	return shown
}

// disownStatusOnce does so if the status shows Ready. That of a ChatThread that adopts a thread
// stays foreign until the adoption, and is not to be written by each reconcile.
func (s situation) disownStatusOnce() {
	if ready, _ := objects.ReadyReason(s.thread); ready == metav1.ConditionTrue {
		s.disownStatus()
	}
	s.thread.Status.ObservedGeneration = -1
}

// dropForeignStatus clears the thread in a status that was written for another uid. It returns the
// outcome that the status shows then.
func (s situation) dropForeignStatus(now time.Time) outcome.Outcome {
	shown := s.disownStatus()
	status := &s.thread.Status
	if status.ThreadID != "" {
		status.Incarnation++
		s.memory.incarnation = status.Incarnation
	}
	// A thread that was created for the former uid is older than this.
	status.IncarnationSince = objects.StatusTime(now)
	status.UID, status.ThreadID, status.CreatedOn, status.ServiceUser = string(s.thread.UID), "", nil, ""
	status.Joined, status.Participants, status.Rejected, status.Renewing = "", nil, nil, nil
	return shown
}
