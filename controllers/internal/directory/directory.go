// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package directory knows which threads the service users of a connection made, and whose they are,
// so that no ChatThread creates a thread while it has one already.
//
// A Directory is filled from the lists of ACS, from the stamps of the listed threads, and with what
// the operator itself creates. A ChatThread asks it with Search. If something is missing, Search says
// which users are to be read, and the listing controller calls Read for each of them.
//
// The package does not remember which threads the ChatThreads of the cluster name: Search and Read
// ask for that at the moment when it matters. It does not pace calls, which is the task of the
// clients that it is given, and it never decides that a thread is to be created.
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

// Stamp says whose a thread is. It is empty but for the ID if the thread has no stamp.
type Stamp struct {
	ID, Owner, UID string
	CreatedBy      string
	CreatedOn      time.Time
}

// StampOf returns the stamp that a thread carries in its metadata.
func StampOf(thread acs.ThreadProperties) Stamp {
	stamp := Stamp{ID: thread.ID, Owner: thread.Metadata[chatv1alpha1.StampOwner], UID: thread.Metadata[chatv1alpha1.StampUID], CreatedOn: thread.CreatedOn}
	if thread.CreatedBy != nil {
		stamp.CreatedBy = thread.CreatedBy.RawID()
	}
	return stamp
}

// Lister is a service user, and its client, by which its threads are listed and read.
type Lister struct {
	ID   string
	Chat *acs.ChatClient
}

// Directory knows the threads of the service users of one connection. It is safe for concurrent use.
type Directory struct {
	mu sync.Mutex
	// lists are by key of the user.
	lists map[string]*list
	// stamps are those that were read, created or written last, by id of the thread.
	stamps map[string]Stamp
	// since is from when on a list shows all that an owner's former ChatThreads may have created.
	since map[string]time.Time
}

// New returns a directory that knows nothing.
func New() *Directory {
	return &Directory{lists: map[string]*list{}, stamps: map[string]Stamp{}, since: map[string]time.Time{}}
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
	d.stamps[stamp.ID] = stamp
	if stamp.CreatedBy != "" {
		// A list may show a new thread late.
		d.list(stamp.CreatedBy).own[stamp.ID] = true
	}
}

// Drop forgets a thread that was deleted, or that its ChatThread released at ACS.
func (d *Directory) Drop(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.stamps, id)
	for _, l := range d.lists {
		delete(l.own, id)
		delete(l.threads, id)
	}
}

// Forget has the next search read a thread again. A ChatThread was removed without a call to ACS, and
// nobody else checked the stamp while it had the thread.
func (d *Directory) Forget(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.stamps, id)
}

// RequireSince has an owner rely only on lists that begin at a moment or later: its former ChatThread
// may have sent a create whose answer nobody saw.
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

// Created notes a service user that was just created, and so has made no thread.
func (d *Directory) Created(user string, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.list(user)
	l.begun, l.ended = now, now
}

// Find returns the threads that carry the stamp of an owner and that one of the users made, the
// oldest first. Anybody who may write metadata can forge a stamp, but not the creator.
func (d *Directory) Find(owner string, users []string) []Stamp {
	creators := make(map[string]bool, len(users))
	for _, user := range users {
		creators[acs.UserKey(user)] = true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	var found []Stamp
	for _, stamp := range d.stamps {
		if stamp.Owner == owner && creators[acs.UserKey(stamp.CreatedBy)] {
			found = append(found, stamp)
		}
	}
	slices.SortFunc(found, func(a, b Stamp) int {
		return cmp.Or(a.CreatedOn.Compare(b.CreatedOn), cmp.Compare(a.ID, b.ID))
	})
	return found
}

// Listed returns the threads that the last list of a user showed; false marks a deleted one.
func (d *Directory) Listed(user string) map[string]bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	listed := map[string]bool{}
	for id, thread := range d.list(user).threads {
		listed[id] = !thread.deleted
	}
	return listed
}

// waiters takes the ChatThreads that wait for a list, in order.
func (l *list) waiters() []types.NamespacedName {
	keys := slices.SortedFunc(maps.Keys(l.waiting), func(a, b types.NamespacedName) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	clear(l.waiting)
	return keys
}
