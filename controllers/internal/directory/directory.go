// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package directory knows the threads that the service users of a connection made, and the owner of
// each, so that no ChatThread creates a second thread.
//
// A Directory is filled from the lists of ACS, from the stamps of the listed threads, and with the
// threads that the operator creates. A ChatThread asks it with Search. If something is missing,
// Search names the users to be read, and the listing controller calls Read for each of them.
//
// The package does not remember which threads the ChatThreads of the cluster name: Search and Read
// ask for that when it matters. It does not pace calls, which is the task of its clients, and it
// never decides that a thread is to be created.
package directory

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// Stamp names the owner of a thread. Without a stamp on the thread, only the ID and the creation
// are set.
type Stamp struct {
	ID, Owner, UID string
	CreatedBy      string
	CreatedOn      time.Time
}

// StampOf returns the stamp in the metadata of a thread.
func StampOf(thread acs.ThreadProperties) Stamp {
	stamp := Stamp{ID: thread.ID, Owner: thread.Metadata[chatv1alpha1.StampOwner], UID: thread.Metadata[chatv1alpha1.StampUID], CreatedOn: thread.CreatedOn}
	if thread.CreatedBy != nil {
		stamp.CreatedBy = thread.CreatedBy.RawID()
	}
	return stamp
}

// Lister is a service user with the client that lists and reads its threads.
type Lister struct {
	ID   string
	Chat *acs.ChatClient
}

// Directory knows the threads of the service users of one connection. It is safe for concurrent
// use.
type Directory struct {
	mu sync.Mutex
	// lists are by user key.
	lists map[string]*list
	// stamps holds the last stamp that was read, created or written.
	stamps stamps
	// since holds, by owner, the moment from which on a list shows all threads that earlier
	// ChatThreads of the owner may have created.
	since map[string]time.Time
}

// New returns an empty directory.
func New() *Directory {
	return &Directory{lists: map[string]*list{}, stamps: newStamps(), since: map[string]time.Time{}}
}

// list returns the list of a user. The caller holds the lock.
func (d *Directory) list(user string) *list {
	key := acs.UserKey(user)
	found, ok := d.lists[key]
	if !ok {
		found = newList()
		d.lists[key] = found
	}
	return found
}

// Put notes the stamp that a thread has from now on.
func (d *Directory) Put(stamp Stamp) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if stamp.CreatedBy != "" {
		// A list may show a new thread late.
		d.list(stamp.CreatedBy).own[stamp.ID] = true
	}
	d.know(stamp)
}

// know notes a stamp. The caller holds the lock.
func (d *Directory) know(stamp Stamp) {
	d.stamps.put(stamp)
	d.changed(stamp.ID)
}

// changed sees that each list knows whether a thread is unread, after any change that may concern
// that. The caller holds the lock.
func (d *Directory) changed(id string) {
	for _, l := range d.lists {
		l.unread.set(id, d.isUnread(l, id))
	}
}

// isUnread reports whether a list, or the operator itself, knows a thread whose stamp is not known.
// The caller holds the lock.
func (d *Directory) isUnread(l *list, id string) bool {
	thread, listed := l.threads[id]
	if _, known := d.stamps.of(id); known || l.inaccessible[id] {
		return false
	}
	return listed && !thread.deleted || !listed && l.own[id]
}

// Drop forgets a thread that was deleted, or that its ChatThread released at ACS.
func (d *Directory) Drop(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.lists {
		delete(l.own, id)
		l.drop(id)
	}
	d.stamps.drop(id)
	d.changed(id)
}

// Forget makes the next search read a thread again. Its ChatThread was removed without a call to
// ACS, and nobody else checked the stamp, or an earlier refusal, while that ChatThread had the
// thread.
func (d *Directory) Forget(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.lists {
		delete(l.inaccessible, id)
		delete(l.lastRefused, id)
	}
	d.stamps.drop(id)
	d.changed(id)
}

// RequireSince requires lists for an owner that begin at the given moment or later: its earlier
// ChatThread may have sent a create whose answer is unknown.
func (d *Directory) RequireSince(owner string, moment time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if moment.After(d.since[owner]) {
		d.since[owner] = moment
	}
}

// Since returns the moment of RequireSince; zero if there is none.
func (d *Directory) Since(owner string) time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.since[owner]
}

// Created notes a service user that was just created and so has made no thread.
func (d *Directory) Created(user string, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.list(user)
	l.begun, l.ended = now, now
}

// Find returns the threads that carry the stamp of an owner and that one of the users made, the
// oldest first. Anybody with write access to the metadata can forge a stamp, but not the creator.
func (d *Directory) Find(owner string, users []string) []Stamp {
	creators := make(map[string]bool, len(users))
	for _, user := range users {
		creators[acs.UserKey(user)] = true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	var found []Stamp
	for stamp := range d.stamps.ofOwner(owner) {
		if creators[acs.UserKey(stamp.CreatedBy)] {
			found = append(found, stamp)
		}
	}
	slices.SortFunc(found, func(a, b Stamp) int {
		return cmp.Or(a.CreatedOn.Compare(b.CreatedOn), cmp.Compare(a.ID, b.ID))
	})
	return found
}

// Listed returns the threads that the last list of a user showed; false marks a deleted one. All
// callers share the result, so nobody may change it: each thread that is lost keeps one.
func (d *Directory) Listed(user string) map[string]bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.list(user)
	if l.listed == nil {
		l.listed = make(map[string]bool, len(l.threads))
		for id, thread := range l.threads {
			l.listed[id] = !thread.deleted
		}
	}
	return l.listed
}

// waiters returns and clears the ChatThreads that wait for a list, in order.
func (l *list) waiters() []types.NamespacedName {
	keys := slices.SortedFunc(maps.Keys(l.waiting), func(a, b types.NamespacedName) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	clear(l.waiting)
	return keys
}
