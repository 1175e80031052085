// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/objects"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/operatortest"
)

// endState is the state at the end of a run, without the ids and times that differ between runs.
type endState struct {
	lines           []string
	created, users  int
	joins, removals map[string]int
	effects         []string
}

var threadIDPattern = regexp.MustCompile(`19:[A-Za-z0-9_-]+@thread\.v2`)

// end describes the API server and the service.
func (w *world) end() endState {
	w.t.Helper()
	end := endState{created: len(w.emulator.Threads()), users: len(w.serviceUsers()), effects: w.effects}
	end.joins, end.removals = w.counts()
	for _, kind := range reconciledKinds {
		for _, obj := range w.stored(kind) {
			end.lines = append(end.lines, w.describe(obj))
		}
	}
	service := map[string]bool{}
	for _, id := range w.serviceUsers() {
		service[id] = true
	}
	var remote []string
	for _, thread := range w.threads() {
		remote = append(remote, operatortest.DescribeThread(thread, service))
	}
	slices.Sort(remote)
	end.lines = append(end.lines, remote...)
	for i, line := range end.lines {
		end.lines[i] = threadIDPattern.ReplaceAllString(line, "THREAD")
	}
	return end
}

// stored returns the objects of a kind at the API server.
func (w *world) stored(kind objectKind) []objects.Conditioned {
	w.mu.Lock()
	defer w.mu.Unlock()
	last := map[string]objects.Conditioned{}
	for _, e := range w.logs[kind] {
		delete(last, e.key.String())
		if obj, ok := e.now.(objects.Conditioned); ok {
			last[e.key.String()] = obj
		}
	}
	objects := make([]objects.Conditioned, 0, len(last))
	for _, key := range slices.Sorted(maps.Keys(last)) {
		objects = append(objects, last[key])
	}
	return objects
}

func (w *world) describe(obj objects.Conditioned) string {
	return operatortest.Describe(obj, w.emulator)
}

// settle runs the world for more than an hour, in which nothing may be written.
func (w *world) settle() {
	w.t.Helper()
	before, requests := w.lastWrite, w.requests
	w.run(restPeriod)
	if w.lastWrite.After(before) {
		w.t.Errorf("written %s after the world had come to rest", w.lastWrite.Sub(before))
	}
	if resyncs := w.requests > requests; resyncs != (len(w.stored(kindThread)) > 0) {
		w.t.Errorf("%d requests at rest, with %d threads", w.requests-requests, len(w.stored(kindThread)))
	}
}

// wastedUsers is the number of service users that a crash may waste: one that was created and not
// stored yet.
const wastedUsers = 1

// restPeriod is the time without writes at the end of a run. It covers several resyncs.
const restPeriod = 65 * time.Minute

// compare reports the differences from the undisturbed run.
func (w *world) compare(want endState, exact bool) {
	w.t.Helper()
	got := w.end()
	if diff := cmp.Diff(want.lines, got.lines); diff != "" {
		w.t.Errorf("the end differs (-undisturbed +this):\n%s", diff)
	}
	if got.created != want.created {
		w.t.Errorf("%d threads were created, want %d", got.created, want.created)
	}
	if got.users < want.users || got.users > want.users+wastedUsers*len(w.struck) && exact {
		w.t.Errorf("%d service users were created, %d undisturbed", got.users, want.users)
	}
	w.compareCounts("removed", want.removals, got.removals, exact)
	w.compareCounts("added", want.joins, got.joins, exact)
	w.checkOrphans()
	if w.t.Failed() {
		w.t.Logf("struck: %s", strings.Join(w.struck, "; "))
		w.t.Logf("effects:\n%s", strings.Join(w.effects, "\n"))
	}
}

// compareCounts reports users that were added or removed too often. With exact, one more time is an
// error as well.
func (w *world) compareCounts(verb string, want, got map[string]int, exact bool) {
	w.t.Helper()
	for user, times := range got {
		if want[user] == 0 || exact && times != want[user] {
			w.t.Errorf("%s was %s %d times, want %d", user, verb, times, want[user])
		}
	}
}

// checkOrphans reports threads at the service that no resource has and that were not released.
func (w *world) checkOrphans() {
	w.t.Helper()
	had := map[string]int{}
	for _, obj := range w.stored(kindThread) {
		if thread, ok := obj.(*chatv1alpha1.ChatThread); ok {
			had[thread.Status.ThreadID]++
		}
	}
	for _, thread := range w.threads() {
		released := thread.Metadata[chatv1alpha1.StampReleasedBy] != "" && thread.Metadata[chatv1alpha1.StampUID] == ""
		if had[thread.ID] != 1 && (!released || had[thread.ID] != 0) {
			w.t.Errorf("%d resources have thread %s with metadata %v", had[thread.ID], thread.ID, thread.Metadata)
		}
	}
}

// countMembers calls the service and counts the members that were added to or removed from each
// thread.
func (w *world) countMembers(call func() (*http.Response, error)) (*http.Response, error) {
	w.mu.Lock()
	armed := w.armed
	w.mu.Unlock()
	if !armed {
		return call()
	}
	before := w.emulator.Threads()
	was := membersOf(before)
	response, err := call()
	after := w.emulator.Threads()
	is := membersOf(after)
	if w.onChange != nil {
		w.onChange(before, after)
	}
	declared := w.declaredMembers()
	w.mu.Lock()
	defer w.mu.Unlock()
	for place, since := range is {
		if _, before := was[place]; !before && slices.Contains(w.people, place.user) {
			w.joins[place.user]++
			w.checkHistory(place, since)
		}
	}
	for place, since := range was {
		if _, stays := is[place]; !stays {
			w.removals[place.user]++
			if declared[place.folded()] {
				w.removedDeclared[place] = since
			}
		}
	}
	return response, err
}

// checkHistory reports a member that the operator removed in order to add it again and that lost
// history. All declarations here give a known start: all history, a time, or the former start of
// the member.
func (w *world) checkHistory(place memberKey, since time.Time) {
	had, wasIn := w.removedDeclared[place]
	delete(w.removedDeclared, place)
	// With two operators, the later one may renew a member to which the other one has just given a new
	// start.
	if w.lags.pause > 0 && !had.Before(w.armedAt) {
		return
	}
	if wasIn && had.Unix() != 0 && since.Unix() != 0 && !since.Equal(modelSince) && !since.Equal(had) {
		w.t.Errorf("%s could read since %s before it was added again, and can read since %s now", place.user, had, since)
	}
}

// forgetUndeclared drops members that are no longer declared from those that the operator must add
// again.
func (w *world) forgetUndeclared() {
	declared := w.declaredMembers()
	w.mu.Lock()
	defer w.mu.Unlock()
	maps.DeleteFunc(w.removedDeclared, func(place memberKey, _ time.Time) bool { return !declared[place.folded()] })
}

// declaredMembers returns the members that resources declare for the threads that they own. Only
// its owner decides about a thread that another resource has in its status as well.
func (w *world) declaredMembers() map[memberKey]bool {
	declared := map[memberKey]bool{}
	threads := map[string]string{}
	for _, obj := range w.stored(kindThread) {
		if thread, ok := obj.(*chatv1alpha1.ChatThread); ok && w.mayOwn(thread) {
			threads[thread.Name] = thread.Status.ThreadID
			for _, m := range thread.Spec.Participants {
				declared[memberKey{thread.Status.ThreadID, string(m.UserID)}.folded()] = true
			}
		}
	}
	for _, obj := range w.stored(kindParticipant) {
		if p, ok := obj.(*chatv1alpha1.ChatParticipant); ok && p.DeletionTimestamp.IsZero() {
			declared[memberKey{threads[p.Spec.ThreadRef.Name], string(p.Spec.UserID)}.folded()] = true
		}
	}
	return declared
}

// mayOwn reports whether the thread in a status carries no stamp of another resource.
func (w *world) mayOwn(thread *chatv1alpha1.ChatThread) bool {
	remote, _ := w.emulator.Thread(thread.Status.ThreadID)
	uid := remote.Metadata[chatv1alpha1.StampUID]
	return uid == "" || uid == string(thread.UID)
}

// memberKey identifies a user in a thread.
type memberKey struct{ thread, user string }

// folded returns the key in the form in which ids are compared.
func (p memberKey) folded() memberKey { return memberKey{p.thread, strings.ToLower(p.user)} }

// membersOf maps each member of each thread to the time from which it can read.
func membersOf(threads []emulator.Thread) map[memberKey]time.Time {
	places := map[memberKey]time.Time{}
	for _, thread := range threads {
		for _, m := range thread.Members {
			places[memberKey{thread.ID, m.ID}] = m.ShareHistoryTime
		}
	}
	return places
}
