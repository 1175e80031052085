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

// modelRun is what the model knows: what people declared, and what they did at the service. It
// reads no code of the operator.
type modelRun struct {
	w       *world
	service modelService
	chapter int
	// story is what was done so far, in so many steps.
	story []string
	steps int

	threads      map[string]*modelThread
	participants map[string]*modelParticipant
	// remotes are the threads at the service of which there is something to know, by id.
	remotes map[string]*modelRemote
	// owners are the resources that there ever were, by uid.
	owners map[types.UID]string
	// losses counts the threads that people deleted at the service.
	losses int
	// rotated says that the Secret still holds the former key.
	rotated  func()
	requests int
	outage   modelOutage
	// refusal is how a single call fails that is to come.
	refusal modelRefused
}

// modelThread is a ChatThread as people declared it.
type modelThread struct {
	spec     chatv1alpha1.ChatThreadSpec
	uid      types.UID
	deleting bool
	// incarnation is that of the last check, and mayReturn says that the thread may have been
	// created anew since.
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

// modelRemote is what people did to a thread at the service, and why it may be without a resource.
type modelRemote struct {
	// free says why the thread may be without a resource; empty where it may not.
	orphanReason string
	// takeable says that the next resource of this owner must take the thread up, made by one of
	// these users; certain that it will be found for sure.
	owner   string
	certain bool
	leftAt  time.Time
	// guests are members that the operator did not add, by key. True means that nothing happened
	// since that could have removed them.
	guests map[string]bool
	// added counts how often people put a user into the thread.
	added map[string]int
	// kept is metadata that people gave an adopted thread, and that nobody declared since.
	kept map[string]string
	// retention that nobody declared since; -1 where somebody may have.
	retention int32
	deleted   bool
	// seen is what a thread that is only observed was when it was last checked; nil once something
	// may have been written to it.
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

// live is the thread at the service, if it is there.
func (m *modelRun) live(id string) (emulator.Thread, bool) {
	thread, ok := m.w.emulator.Thread(id)
	return thread, ok && thread.DeletedOn == nil
}

func hasMember(thread emulator.Thread, id string) bool {
	return slices.ContainsFunc(thread.Members, func(m emulator.Member) bool { return strings.EqualFold(m.ID, id) })
}

// stored is what the API server holds of a resource; nil where there is none.
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

// actors are the service users of the connection that a thread names.
func (m *modelRun) actors(spec chatv1alpha1.ChatThreadSpec) []string {
	conn := m.connection(connectionName(spec))
	if conn == nil {
		return nil
	}
	return strings.FieldsFunc(conn.Annotations[chatv1alpha1.AnnotationServiceUsers], func(r rune) bool { return r == ',' })
}

// actorsOf are the service users of the connection whose thread is judged.
func (m *modelRun) actorsOf(v modelVerdict) []string { return m.actors(v.spec) }

func connectionName(spec chatv1alpha1.ChatThreadSpec) string {
	if spec.ConnectionRef.Name == "" {
		return "default"
	}
	return spec.ConnectionRef.Name
}

// referring are the resources that have a thread, or want to adopt it.
func (m *modelRun) referring(id string) []string {
	return slices.DeleteFunc(sortedKeys(m.threads), func(name string) bool {
		stored := m.storedThread(name)
		return m.threads[name].spec.ThreadID != id && (stored == nil || stored.Status.ThreadID != id)
	})
}

// mayStay says whether somebody whom people put into a thread will be in it for sure.
func (m *modelRun) mayStay(id, user string) bool {
	return !slices.ContainsFunc(m.referring(id), func(name string) bool {
		return modelExclusive(m.threads[name].spec) || m.declares(name, user)
	})
}

// isOnlyObserved says that no resource may write to a thread.
func (m *modelRun) isOnlyObserved(id string) bool {
	return !slices.ContainsFunc(m.referring(id), func(name string) bool { return !modelObserves(m.threads[name].spec) })
}

// The defaults of the API, once more.

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

// specOf is what a ChatThread declares, as it counts now: of one that adopted a thread and was
// given another one since, only the defaults still tell of the first.
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

// saw is called at each change at the API server. What becomes of the thread of a resource that
// goes is decided by then.
func (m *modelRun) observeEvent(event watchEvent) {
	if thread, ok := event.now.(*chatv1alpha1.ChatThread); ok {
		m.owners[thread.UID] = testNamespace + "/" + thread.Name
		m.forgetSeen(thread)
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

// forgetSeen notes that a thread is not only observed: a managed ChatThread names it, or looks for
// it by its stamp. So a resource of that name that only observes again finds it changed.
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

// threadWent judges what became of the thread of a resource that is no more; stamped is the one
// that carries its uid still.
func (m *modelRun) threadRemoved(thread *chatv1alpha1.ChatThread, stamped string) {
	declared := m.threads[thread.Name]
	delete(m.threads, thread.Name)
	id := thread.Status.ThreadID
	remote, live := m.live(id)
	if thread.Spec.ThreadID == "" || thread.Status.Incarnation > 0 {
		m.remote(id).retention = -1
	}
	orphaned := thread.Annotations[chatv1alpha1.AnnotationAbandon] == "true" || modelObserves(declared.spec) || !declared.deleting
	switch {
	case orphaned:
		for _, leftover := range []string{id, stamped} {
			if leftover != "" {
				m.noteLeftBehind(leftover, declared.spec)
			}
		}
	case stamped != "":
		m.w.t.Errorf("ChatThread %s went, and thread %s still carries its stamp", thread.Name, stamped)
	case live:
		m.checkReleased(thread.Name, remote, declared.spec)
	}
}

// checkReleased judges a thread that is there though the resource that had it went.
func (m *modelRun) checkReleased(name string, remote emulator.Thread, spec chatv1alpha1.ChatThreadSpec) {
	switch found := m.remote(remote.ID); {
	case remote.Metadata[chatv1alpha1.StampUID] != "" || found.orphanReason != "":
		// It is another's, or was never taken. One of an earlier resource of the name is left as it
		// was.
		if remote.Metadata[chatv1alpha1.StampOwner] == testNamespace+"/"+name {
			m.noteLeftBehind(remote.ID, spec)
		}
	case !modelRetains(spec):
		m.w.t.Errorf("ChatThread %s went, and thread %s is still there", name, remote.ID)
	case remote.Metadata[chatv1alpha1.StampReleasedBy] != testNamespace+"/"+name && !found.deleted:
		m.w.t.Errorf("ChatThread %s went, and thread %s does not say who released it: %v", name, remote.ID, remote.Metadata)
	default:
		found.orphanReason = "retained"
	}
}

// leave notes a thread that keeps its stamp though its resource is gone: the next resource of the
// name takes it up. A list shows it only after a while.
func (m *modelRun) noteLeftBehind(id string, spec chatv1alpha1.ChatThreadSpec) {
	remote, live := m.live(id)
	if !live {
		return
	}
	found := m.remote(id)
	found.orphanReason, found.owner, found.leftAt = "left behind", remote.Metadata[chatv1alpha1.StampOwner], time.Now()
	// Whoever takes it up may want nobody else in it.
	for key := range found.guests {
		found.guests[key] = false
	}
	isActor := func(id string) bool { return slices.Contains(m.actors(spec), id) }
	found.certain = isActor(remote.CreatedBy) && hasMember(remote, remote.CreatedBy) && time.Since(remote.CreatedOn) > 15*time.Second
}

// free are the threads that nobody has for a reason.
func (m *modelRun) orphans(reason string) []string {
	var ids []string
	for _, thread := range m.w.threads() {
		if found, ok := m.remotes[thread.ID]; ok && found.orphanReason == reason && thread.Metadata[chatv1alpha1.StampUID] == "" {
			ids = append(ids, thread.ID)
		}
	}
	return ids
}

// ask asks for a pass over a thread.
func (m *modelRun) requestReconcile(name string) {
	m.requests++
	edit(m.w, threadNamed(name), func(t *chatv1alpha1.ChatThread) {
		metav1.SetMetaDataAnnotation(&t.ObjectMeta, chatv1alpha1.AnnotationReconcileRequestedAt, fmt.Sprint(m.requests))
	})
}

// names of what the model knows, in order.
func sortedKeys[T any](values map[string]T) []string { return slices.Sorted(maps.Keys(values)) }
