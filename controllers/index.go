// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// Keys in the metadata of a thread that say whose it is.
const (
	ownerStampKey    = "acsOperatorOwner"
	uidStampKey      = "acsOperatorUid"
	releasedStampKey = "acsOperatorReleasedBy"
	stampPrefix      = "acsOperator"
)

const (
	// listPageSize is how many threads are asked for in one page.
	listPageSize = 200
	// readerWait is how long a pass waits for another one that reads the threads already.
	readerWait = time.Second
)

// indexedThread is a thread at ACS that carries the stamp of a resource.
type indexedThread struct {
	id, owner, uid string
	createdBy      string
	createdOn      time.Time
}

// threadIndex knows the stamped threads of the service users of one connection, so that no resource
// creates a thread where it has one. It is filled from lists, and with what this process creates.
type threadIndex struct {
	mu sync.Mutex
	// listed says when the threads of a service user were last listed as a whole.
	listed map[string]time.Time
	// threads holds what was read, also of threads without a stamp, so that none is read twice.
	threads map[string]indexedThread
	// reading is held by the one pass that reads.
	reading bool
}

func newThreadIndex() *threadIndex {
	return &threadIndex{listed: map[string]time.Time{}, threads: map[string]indexedThread{}}
}

// put notes a thread whose stamp is known.
func (x *threadIndex) put(thread indexedThread) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.threads[thread.id] = thread
}

// drop forgets a thread that is gone or let go.
func (x *threadIndex) drop(id string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.threads, id)
}

// find returns the threads that a resource owns, the oldest first. Only those that one of users made
// count: the stamp of another may be forged.
func (x *threadIndex) find(owner string, users []string) []indexedThread {
	makers := map[string]bool{}
	for _, user := range users {
		makers[userKey(user)] = true
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	var found []indexedThread
	for _, thread := range x.threads {
		if thread.owner == owner && makers[userKey(thread.createdBy)] {
			found = append(found, thread)
		}
	}
	slices.SortFunc(found, func(a, b indexedThread) int {
		if order := a.createdOn.Compare(b.createdOn); order != 0 {
			return order
		}
		return strings.Compare(a.id, b.id)
	})
	return found
}

// markListed notes when the threads of a user were known to be in the index.
func (x *threadIndex) markListed(user string, at time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.listed[userKey(user)] = at
}

// outdated returns the users whose threads were not listed since a moment, or never.
func (x *threadIndex) outdated(users []string, since time.Time) []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	var outdated []string
	for _, user := range users {
		if at, ok := x.listed[userKey(user)]; !ok || at.Before(since) {
			outdated = append(outdated, user)
		}
	}
	return outdated
}

// beginReading lets one pass at a time read.
func (x *threadIndex) beginReading() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.reading {
		return false
	}
	x.reading = true
	return true
}

func (x *threadIndex) endReading() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.reading = false
}

func (x *threadIndex) knows(id string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	_, ok := x.threads[id]
	return ok
}

// ensure sees to it that the threads of all users were listed since a moment. claimed says which
// threads belong to a resource already; these are not read. What was read stays when a later call
// fails, so that the next pass goes on from there.
func (x *threadIndex) ensure(ctx context.Context, users []*serviceUser, since time.Time, claimed func(id string) bool) error {
	ids := make([]string, 0, len(users))
	for _, user := range users {
		ids = append(ids, user.id)
	}
	outdated := x.outdated(ids, since)
	if len(outdated) == 0 {
		return nil
	}
	if !x.beginReading() {
		return &waitError{reason: chatv1alpha1.ReasonSearching, after: readerWait, message: searchingMessage}
	}
	defer x.endReading()
	for _, user := range users {
		if !slices.Contains(outdated, user.id) {
			continue
		}
		at := time.Now()
		if err := x.read(ctx, user, claimed); err != nil {
			return err
		}
		x.markListed(user.id, at)
	}
	return nil
}

const searchingMessage = "Reading the threads of the service users, so that no second thread is made where one exists."

// read lists the threads of one user and reads the stamps of those that nobody claims. ACS lists by
// latest activity: a thread that is written to while the pages are read moves to pages that were read
// already. So the first pages are read again until one shows nothing new.
func (x *threadIndex) read(ctx context.Context, user *serviceUser, claimed func(id string) bool) error {
	seen := map[string]bool{}
	pages, _, err := x.readPages(ctx, user, claimed, seen, false)
	for moved := pages > 1; moved && err == nil; {
		_, moved, err = x.readPages(ctx, user, claimed, seen, true)
	}
	return err
}

// readPages reads pages from the first on; with again, only up to one that shows nothing new.
func (x *threadIndex) readPages(ctx context.Context, user *serviceUser, claimed func(id string) bool, seen map[string]bool, again bool) (pages int, anyNew bool, err error) {
	pager := user.chat.NewListThreadsPager(&acs.ListThreadsOptions{MaxPageSize: listPageSize})
	for pager.More() {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return pages, anyNew, failed("list threads", err)
		}
		pages++
		pageNew := false
		for _, item := range page.Threads {
			if seen[item.ID] {
				continue
			}
			seen[item.ID], pageNew = true, true
			if item.DeletedOn != nil || claimed(item.ID) || x.knows(item.ID) {
				continue
			}
			if err := x.readStamp(ctx, user, item.ID); err != nil {
				return pages, anyNew, err
			}
		}
		anyNew = anyNew || pageNew
		if again && !pageNew {
			break
		}
	}
	return pages, anyNew, nil
}

// readStamp reads whose a thread is.
func (x *threadIndex) readStamp(ctx context.Context, user *serviceUser, id string) error {
	properties, err := user.chat.ThreadClient(id).GetProperties(ctx, nil)
	// Lists show threads that the user has left, and may show deleted ones.
	if acs.HasStatus(err, http.StatusNotFound, http.StatusForbidden) {
		return nil
	}
	if err != nil {
		return failed("read a thread", err)
	}
	if properties.DeletedOn == nil {
		x.put(stampedThread(properties.ThreadProperties))
	}
	return nil
}

func stampedThread(properties acs.ThreadProperties) indexedThread {
	createdBy := ""
	if properties.CreatedBy != nil {
		createdBy = properties.CreatedBy.RawID()
	}
	return indexedThread{
		id:        properties.ID,
		owner:     properties.Metadata[ownerStampKey],
		uid:       properties.Metadata[uidStampKey],
		createdBy: createdBy,
		createdOn: properties.CreatedOn,
	}
}
