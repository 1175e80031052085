// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
)

// modelRun is the state of the model: the declarations of people, and their actions at the service.
// It uses no code of the operator.
type modelRun struct {
	w       *world
	service modelService
	chapter int
	// story lists the actions so far, and steps counts them.
	story []string
	steps int

	threads      map[string]*modelThread
	participants map[string]*modelParticipant
	// remotes are the threads at the service that the model has records of, by id.
	remotes map[string]*modelRemote
	// owners are all resources of the history, by uid.
	owners map[types.UID]string
	// losses counts the threads that people deleted at the service.
	losses int
	// rotated updates the Secret, which still holds the former key; nil if it holds the present one.
	rotated  func()
	requests int
	outage   modelOutage
	// refusal is a single call that will fail.
	refusal modelRefused
}

// modelThread is a ChatThread as people declared it.
type modelThread struct {
	spec     chatv1alpha1.ChatThreadSpec
	uid      types.UID
	deleting bool
	// unprotected is set while the resource lacks the finalizer because people removed it.
	unprotected bool
	// incarnation is the one at the last check. mayReturn is set if the operator may have created the
	// thread again since.
	incarnation int64
	mayReturn   bool
}

// modelParticipant is a ChatParticipant as people declared it.
type modelParticipant struct {
	spec     chatv1alpha1.ChatParticipantSpec
	uid      types.UID
	created  time.Time
	deleting bool
}

// modelRemote records the actions of people on a thread at the service, and the reason for which it
// may be an orphan.
type modelRemote struct {
	// orphanReason is the reason for which the thread may have no resource; empty if it must have one.
	orphanReason string
	// owner is the resource that must adopt the thread again. certain is set if the operator can find
	// the thread in any case.
	owner   string
	certain bool
	leftAt  time.Time
	// guests are members that the operator did not add, by key. True means that nothing happened since
	// that could have removed them.
	guests map[string]bool
	// added counts the additions of each user by people.
	added map[string]int
	// kept is metadata that people gave an adopted thread and that no resource has declared since.
	kept map[string]string
	// retention is the retention if no resource has declared one since; -1 if one may have.
	retention int32
	deleted   bool
	// seen is a thread that is only observed, as of the last check; nil once something may have been
	// written to it.
	seen *emulator.Thread
}

func newModelRun(w *world, service modelService) *modelRun {
	m := &modelRun{w: w, service: service, threads: map[string]*modelThread{}, participants: map[string]*modelParticipant{}, remotes: map[string]*modelRemote{}, owners: map[types.UID]string{}}
	w.watch, w.outage, w.onChange = m.observeEvent, m.answer, m.checkCall
	return m
}

func (m *modelRun) remote(id string) *modelRemote {
	found, ok := m.remotes[id]
	if !ok {
		found = &modelRemote{guests: map[string]bool{}, added: map[string]int{}, kept: map[string]string{}}
		m.remotes[id] = found
	}
	return found
}

// live returns the thread at the service if it exists.
func (m *modelRun) live(id string) (emulator.Thread, bool) {
	thread, ok := m.w.emulator.Thread(id)
	return thread, ok && thread.DeletedOn == nil
}

func hasMember(thread emulator.Thread, id string) bool {
	return slices.ContainsFunc(thread.Members, func(m emulator.Member) bool { return strings.EqualFold(m.ID, id) })
}

// stored returns a resource as the API server has it, or nil if there is none.
func (m *modelRun) stored(kind objectKind, name string) objects.Conditioned {
	for _, obj := range m.w.stored(kind) {
		if obj.GetName() == name {
			return obj
		}
	}
	return nil
}

func (m *modelRun) storedThread(name string) *chatv1alpha1.ChatThread {
	thread, _ := m.stored(kindThread, name).(*chatv1alpha1.ChatThread)
	return thread
}

func (m *modelRun) connection(name string) *chatv1alpha1.ChatConnection {
	conn, _ := m.stored(kindConnection, name).(*chatv1alpha1.ChatConnection)
	return conn
}

// actors returns the service users of the connection that a thread names.
func (m *modelRun) actors(spec chatv1alpha1.ChatThreadSpec) []string {
	conn := m.connection(connectionName(spec))
	if conn == nil {
		return nil
	}
	return strings.FieldsFunc(conn.Annotations[chatv1alpha1.AnnotationServiceUsers], func(r rune) bool { return r == ',' })
}

// actorsOf returns the service users of the connection of the thread.
func (m *modelRun) actorsOf(v modelVerdict) []string { return m.actors(v.spec) }

func connectionName(spec chatv1alpha1.ChatThreadSpec) string {
	if spec.ConnectionRef.Name == "" {
		return "default"
	}
	return spec.ConnectionRef.Name
}

// referring returns the resources that have a thread or want to adopt it.
func (m *modelRun) referring(id string) []string {
	return slices.DeleteFunc(sortedKeys(m.threads), func(name string) bool {
		stored := m.storedThread(name)
		return m.threads[name].spec.ThreadID != id && (stored == nil || stored.Status.ThreadID != id)
	})
}

// mayStay reports whether a user that people added to a thread certainly stays in it.
func (m *modelRun) mayStay(id, user string) bool {
	return !slices.ContainsFunc(m.referring(id), func(name string) bool {
		return modelExclusive(m.threads[name].spec) || m.declares(name, user)
	})
}

// isOnlyObserved reports whether no resource may write to a thread.
func (m *modelRun) isOnlyObserved(id string) bool {
	return !slices.ContainsFunc(m.referring(id), func(name string) bool { return !modelObserves(m.threads[name].spec) })
}

// These functions repeat the defaults of the API.

func modelObserves(spec chatv1alpha1.ChatThreadSpec) bool {
	return spec.ManagementPolicy == chatv1alpha1.ManagementObserve
}

func modelExclusive(spec chatv1alpha1.ChatThreadSpec) bool {
	if spec.MembershipPolicy == "" {
		return spec.ThreadID == ""
	}
	return spec.MembershipPolicy == chatv1alpha1.MembershipExclusive
}

func modelRetains(spec chatv1alpha1.ChatThreadSpec) bool {
	if spec.DeletionPolicy == "" {
		return spec.ThreadID != ""
	}
	return spec.DeletionPolicy == chatv1alpha1.DeletionRetain
}

func modelRecreates(spec chatv1alpha1.ChatThreadSpec) bool {
	if spec.RecreationPolicy == "" {
		return spec.ThreadID == "" && spec.Retention == nil
	}
	return spec.RecreationPolicy == chatv1alpha1.RecreationRecreate
}

// specOf returns the effective spec of a ChatThread. If it adopted a thread and has created another
// one since, only the defaults are those of an adopted thread.
func (m *modelRun) specOf(name string) chatv1alpha1.ChatThreadSpec {
	spec := m.threads[name].spec
	stored := m.storedThread(name)
	if spec.ThreadID == "" || stored == nil || stored.Status.Incarnation == 0 {
		return spec
	}
	spec.MembershipPolicy = cmp.Or(spec.MembershipPolicy, chatv1alpha1.MembershipAdditive)
	spec.DeletionPolicy = cmp.Or(spec.DeletionPolicy, chatv1alpha1.DeletionRetain)
	spec.RecreationPolicy = cmp.Or(spec.RecreationPolicy, chatv1alpha1.RecreationNever)
	spec.ThreadID = ""
	return spec
}

// observeEvent is called for each change at the API server. When a resource is gone, the end of its
// thread is final.
func (m *modelRun) observeEvent(event watchEvent) {
	if thread, ok := event.now.(*chatv1alpha1.ChatThread); ok {
		m.owners[thread.UID] = testNamespace + "/" + thread.Name
		m.forgetSeen(thread)
		if declared := m.threads[thread.Name]; declared != nil && len(thread.Finalizers) > 0 {
			declared.unprotected = false
		}
	}
	m.checkStamps(m.w.emulator.Threads())
	thread, ok := event.old.(*chatv1alpha1.ChatThread)
	if ok && event.now == nil {
		stamped := ""
		for _, remote := range m.w.threads() {
			if remote.Metadata[chatv1alpha1.StampUID] == string(thread.UID) {
				stamped = remote.ID
			}
		}
		m.threadRemoved(thread, stamped)
	}
	if p, ok := event.old.(*chatv1alpha1.ChatParticipant); ok && event.now == nil {
		delete(m.participants, p.Name)
	}
}

// forgetSeen records that a thread is not only observed: a managed ChatThread names it, or searches
// for it by its stamp. A resource of the same name that only observes later finds it changed.
func (m *modelRun) forgetSeen(thread *chatv1alpha1.ChatThread) {
	if modelObserves(thread.Spec) {
		return
	}
	for id, found := range m.remotes {
		if found.seen != nil && (id == thread.Status.ThreadID || id == thread.Spec.ThreadID ||
			found.seen.Metadata[chatv1alpha1.StampOwner] == testNamespace+"/"+thread.Name) {
			found.seen = nil
		}
	}
}

// threadRemoved checks the thread of a resource that is gone. stamped is the thread that still
// carries the uid of that resource.
func (m *modelRun) threadRemoved(thread *chatv1alpha1.ChatThread, stamped string) {
	declared := m.threads[thread.Name]
	delete(m.threads, thread.Name)
	id := thread.Status.ThreadID
	remote, live := m.live(id)
	if thread.Spec.ThreadID == "" || thread.Status.Incarnation > 0 {
		m.remote(id).retention = -1
	}
	// A resource without the finalizer is gone at once, and nobody could do anything before.
	orphaned := thread.Annotations[chatv1alpha1.AnnotationAbandon] == "true" || modelObserves(declared.spec) || !declared.deleting || declared.unprotected
	switch {
	case orphaned:
		for _, leftover := range []string{id, stamped} {
			if leftover != "" {
				m.noteLeftBehind(leftover, declared.spec)
			}
		}
	case stamped != "":
		m.w.t.Errorf("ChatThread %s is gone, and thread %s still carries its stamp", thread.Name, stamped)
	case live:
		m.checkReleased(thread.Name, remote, declared.spec)
	}
}

// checkReleased checks a thread that still exists after its resource is gone.
func (m *modelRun) checkReleased(name string, remote emulator.Thread, spec chatv1alpha1.ChatThreadSpec) {
	switch found := m.remote(remote.ID); {
	case remote.Metadata[chatv1alpha1.StampUID] != "" || found.orphanReason != "":
		// Another resource owns the thread, or none ever did. A thread of an earlier resource of the same
		// name stays as it was.
		if remote.Metadata[chatv1alpha1.StampOwner] == testNamespace+"/"+name {
			m.noteLeftBehind(remote.ID, spec)
		}
	case !modelRetains(spec):
		m.w.t.Errorf("ChatThread %s is gone, and thread %s still exists", name, remote.ID)
	case remote.Metadata[chatv1alpha1.StampReleasedBy] != testNamespace+"/"+name && !found.deleted:
		m.w.t.Errorf("ChatThread %s is gone, and thread %s does not name the resource that released it: %v", name, remote.ID, remote.Metadata)
	default:
		found.orphanReason = "retained"
	}
}

// noteLeftBehind records a thread that keeps its stamp after its resource is gone. The next
// resource of the same name adopts it. A list shows it only after a while.
func (m *modelRun) noteLeftBehind(id string, spec chatv1alpha1.ChatThreadSpec) {
	remote, live := m.live(id)
	if !live {
		return
	}
	found := m.remote(id)
	found.orphanReason, found.owner, found.leftAt = "left behind", remote.Metadata[chatv1alpha1.StampOwner], time.Now()
	// The resource that adopts the thread may declare other members.
	for key := range found.guests {
		found.guests[key] = false
	}
	isActor := func(id string) bool { return slices.Contains(m.actors(spec), id) }
	found.certain = isActor(remote.CreatedBy) && hasMember(remote, remote.CreatedBy) && time.Since(remote.CreatedOn) > 15*time.Second
}

// orphans returns the threads that have no resource for a reason.
func (m *modelRun) orphans(reason string) []string {
	var ids []string
	for _, thread := range m.w.threads() {
		if found, ok := m.remotes[thread.ID]; ok && found.orphanReason == reason && thread.Metadata[chatv1alpha1.StampUID] == "" {
			ids = append(ids, thread.ID)
		}
	}
	return ids
}

// requestReconcile requests a reconcile of a thread.
func (m *modelRun) requestReconcile(name string) {
	m.requests++
	edit(m.w, threadNamed(name), func(t *chatv1alpha1.ChatThread) {
		metav1.SetMetaDataAnnotation(&t.ObjectMeta, chatv1alpha1.AnnotationReconcileRequestedAt, fmt.Sprint(m.requests))
	})
}

// sortedKeys returns the keys of a map in order.
func sortedKeys[T any](values map[string]T) []string { return slices.Sorted(maps.Keys(values)) }
