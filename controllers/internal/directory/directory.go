// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package directory

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/pacing"
)

// Keys in the metadata of a thread that say whose it is.
const (
	OwnerKey      = "acsOperatorOwner"
	UIDKey        = "acsOperatorUid"
	ReleasedByKey = "acsOperatorReleasedBy"
	// releasedToStampKey names the resource of another namespace that may adopt a released thread.
	ReleasedToKey = "acsOperatorReleasedTo"
	KeyPrefix     = "acsOperator"
)

// indexedThread is a thread at ACS, and whose stamp it carries, if any.
type Stamp struct {
	Id, Owner, Uid string
	CreatedBy      string
	CreatedOn      time.Time
}

// threadIndex knows the stamped threads of the service users of one connection, so that no resource
// creates a thread where it has one. It is filled from lists, and with what this process creates.
type Directory struct {
	mu sync.Mutex
	// listed says when the threads of a service user were last listed as a whole, forgotten how often all
	// lists were forgotten, and listsFrom when those can begin at the earliest that are believed since.
	listed    map[string]listTime
	forgotten int
	listsFrom time.Time
	// left are threads that a resource let go without a call: they are read even if a resource seems to have
	// them yet. Under the user that made them, where that is known, they are read even if no list shows them yet.
	left map[string]string
	// passed are threads that were not read because a resource had them, with its owner stamp.
	passed map[string]string
	// threads holds what was read, also of threads without a stamp, so that none is read twice.
	threads map[string]Stamp
	// reading is held by the one pass that reads; it alone uses halfRead, the lists that earlier passes
	// did not come to the end of, and refused, the threads that ACS refuses to show to a user, and since when.
	reading  bool
	HalfRead map[string]*ListReading
	refused  map[string]map[string]time.Time
}

// lister is a service user whose threads are listed, and its client.
type Lister struct {
	ID   string
	Chat *acs.ChatClient
}

// listTime says from when to when a list was read.
type listTime struct{ Begun, Ended time.Time }

// listNeed says what list is believed: nothing that was made before begun is missing in it, and it was
// read to its end after ended. Two refusals to show a listed thread are believed when they are confirm apart.
type Need struct {
	Begun, Ended time.Time
	Confirm      time.Duration
}

func (l listTime) meets(need Need) bool {
	return !l.Begun.Before(need.Begun) && !l.Ended.Before(need.Ended)
}

func New() *Directory {
	return &Directory{
		listed: map[string]listTime{}, threads: map[string]Stamp{}, left: map[string]string{}, passed: map[string]string{},
		HalfRead: map[string]*ListReading{}, refused: map[string]map[string]time.Time{},
	}
}

// put notes a thread whose stamp is known.
func (x *Directory) Put(thread Stamp) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.threads[thread.Id] = thread
	delete(x.left, thread.Id)
	delete(x.passed, thread.Id)
}

// drop forgets a thread that is gone or let go.
func (x *Directory) Drop(id string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.threads, id)
	delete(x.left, id)
	delete(x.passed, id)
}

// leave has a thread read anew that was let go, and all lists, also those that are being read.
func (x *Directory) Leave(id string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.left[id] = acs.UserKey(x.threads[id].CreatedBy)
	delete(x.threads, id)
	delete(x.passed, id)
	clear(x.listed)
	x.forgotten++
}

// passOver notes a thread that is not read because a resource has it.
func (x *Directory) PassOver(id, owner string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if _, known := x.threads[id]; !known {
		x.passed[id] = owner
	}
}

// takeUp has the threads read that an earlier resource with this owner stamp had, and may have left behind. It
// says whether there are any: what was listed is then to be read again.
func (x *Directory) TakeUp(owner string) bool {
	x.mu.Lock()
	var ids []string
	for id, claimant := range x.passed {
		if claimant == owner {
			ids = append(ids, id)
		}
	}
	x.mu.Unlock()
	for _, id := range ids {
		x.Leave(id)
	}
	return len(ids) > 0
}

// believeFrom has only lists believed that begin at a moment or later.
func (x *Directory) BelieveFrom(moment time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.listsFrom = pacing.Latest(x.listsFrom, moment)
}

// believedFrom is when a list may begin that is to be believed.
func (x *Directory) BelievedFrom() time.Time {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.listsFrom
}

// needsReading says whether a listed thread must be read to know whose it is.
func (x *Directory) needsReading(id string, claimed bool) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	_, known := x.threads[id]
	_, left := x.left[id]
	return left || !known && !claimed
}

// find returns the threads that a resource owns, the oldest first. Only those that one of users made
// count: the stamp of another may be forged.
func (x *Directory) Find(owner string, users []string) []Stamp {
	makers := map[string]bool{}
	for _, user := range users {
		makers[acs.UserKey(user)] = true
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	var found []Stamp
	for _, thread := range x.threads {
		if thread.Owner == owner && makers[acs.UserKey(thread.CreatedBy)] {
			found = append(found, thread)
		}
	}
	slices.SortFunc(found, func(a, b Stamp) int {
		if order := a.CreatedOn.Compare(b.CreatedOn); order != 0 {
			return order
		}
		return strings.Compare(a.Id, b.Id)
	})
	return found
}

// markListed notes when the threads of a user were known to be in the index.
func (x *Directory) MarkListed(user string, begun, ended time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.listed[acs.UserKey(user)] = listTime{Begun: begun, Ended: ended}
}

// finish notes that a list was read to its end, unless it was forgotten in the meantime.
func (x *Directory) finish(r *ListReading) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if r.forgotten == x.forgotten {
		x.listed[acs.UserKey(r.User.ID)] = listTime{Begun: r.Begun, Ended: time.Now()}
	}
}

// outdated returns the users whose list does not meet a need.
func (x *Directory) Outdated(users []string, need Need) []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	var outdated []string
	for _, user := range users {
		if last, ok := x.listed[acs.UserKey(user)]; !ok || !last.meets(need) {
			outdated = append(outdated, user)
		}
	}
	return outdated
}

// beginReading lets one pass at a time read.
func (x *Directory) beginReading() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.reading {
		return false
	}
	x.reading = true
	return true
}

func (x *Directory) endReading() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.reading = false
}

func RawID(id acs.Identifier) string {
	if id == nil {
		return ""
	}
	return id.RawID()
}
