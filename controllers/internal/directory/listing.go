// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package directory

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

const (
	// listPageSize is how many threads are asked for in one page.
	ListPageSize = 200
	// readerWait is how long a pass waits for another one that reads the threads already.
	readerWait = time.Second
	// listSkew is by how much the clock of ACS may differ from ours.
	listSkew = time.Minute
	// maxIdle is how long a list that is being read may rest: what ACS gives to go on with need not last, and
	// a list is believed by when it was read to its end.
	MaxIdle = 2 * time.Minute
)

const (
	SearchingMessage = "Reading the threads of the service users, so that no second thread is made where one exists."
	DoubtingMessage  = "ACS lists threads that it refuses to show. Before they count as left by the service user, the operator asks again, so that no second thread is made where one exists."
)

// listReading is a list of the threads of one user while it is read. The quota may allow fewer pages at
// a time than the list has, so it is kept from pass to pass.
//
// ACS lists by latest message: a thread that is written to in the meantime moves to pages that were read
// already. So at the end the first pages are read again, as far as something can have moved there.
type ListReading struct {
	User Lister
	// begun is when it was begun, and touched when something of it was read last.
	Begun, Touched time.Time
	// forgotten is how often lists had been forgotten by then.
	forgotten int
	pager     *runtime.Pager[acs.ListThreadsResponse]
	// nextLink is where the last page led to.
	nextLink string
	pages    int
	Seen     map[string]bool
	// unread are threads whose stamp is still to be read, doubtful those that ACS refused to show, which are
	// to be read again.
	Unread, doubtful []string
	// refused says since when ACS refuses to show a thread, also from earlier lists.
	Refused map[string]time.Time
	// again says that the first pages are read again, anyNew that they showed something new, and done
	// that there is nothing more to list.
	again, anyNew, Done bool
}

func (x *Directory) newListReading(user Lister) *ListReading {
	refused := x.refusedTo(user)
	x.mu.Lock()
	defer x.mu.Unlock()
	now := time.Now()
	r := &ListReading{User: user, Begun: now, Touched: now, forgotten: x.forgotten, Seen: map[string]bool{}, Refused: refused}
	r.Start()
	for id, actor := range x.left {
		if actor == acs.UserKey(user.ID) {
			r.Seen[id], r.Unread = true, append(r.Unread, id)
		}
	}
	return r
}

// start begins with the first page.
func (r *ListReading) Start() {
	r.pager = r.User.Chat.NewListThreadsPager(&acs.ListThreadsOptions{MaxPageSize: ListPageSize})
	r.nextLink, r.pages, r.anyNew = "", 0, false
}

// resume goes on behind the last page: a pager that has failed does not.
func (r *ListReading) Resume(ctx context.Context) error {
	if r.Done {
		return nil
	}
	r.pager = r.User.Chat.NewListThreadsPager(&acs.ListThreadsOptions{MaxPageSize: ListPageSize})
	if r.nextLink == "" {
		return nil
	}
	last, err := json.Marshal(acs.ListThreadsResponse{NextLink: r.nextLink})
	if err != nil {
		return err
	}
	if err := r.pager.UnmarshalJSON(last); err != nil {
		return err
	}
	_, err = r.pager.NextPage(ctx)
	return err
}

// next reads a page. After the last one it goes on to the first, where something may have moved there.
func (r *ListReading) Next(ctx context.Context) error {
	page, err := r.pager.NextPage(ctx)
	if err != nil {
		return err
	}
	r.nextLink, r.Touched = page.NextLink, time.Now()
	delete(r.Refused, "")
	r.pages++
	pageNew := r.take(page.Threads)
	r.anyNew = r.anyNew || pageNew
	// What moved stands before what nothing was written to.
	moved := pageNew || r.isRecent(page.Threads)
	switch {
	case r.pager.More() && (!r.again || moved):
	case r.again && r.anyNew, !r.again && r.pages > 1:
		r.again = true
		r.Start()
	default:
		r.Done = true
	}
	return nil
}

// take notes the threads of a page and says whether any of them is new.
func (r *ListReading) take(threads []acs.ThreadItem) (pageNew bool) {
	for _, item := range threads {
		if r.Seen[item.ID] {
			continue
		}
		r.Seen[item.ID], pageNew = true, true
		if item.DeletedOn == nil {
			r.Unread = append(r.Unread, item.ID)
		}
	}
	return pageNew
}

// isRecent says whether the last thread of a page was written to while the list was read.
func (r *ListReading) isRecent(threads []acs.ThreadItem) bool {
	if len(threads) == 0 {
		return false
	}
	last := threads[len(threads)-1].LastMessageReceivedOn
	return last != nil && !last.Before(r.Begun.Add(-listSkew))
}

// claimsReader says which threads belong to a resource already, by its owner stamp; these are not read.
type claimsReader func(ctx context.Context) (map[string]string, error)

// ensure sees to it that the lists of all users meet a need. What was read stays when a later call fails: the
// next pass goes on from there.
func (x *Directory) Ensure(ctx context.Context, users []Lister, need Need, claimed claimsReader) error {
	ids := make([]string, 0, len(users))
	for _, user := range users {
		ids = append(ids, user.ID)
	}
	if len(x.Outdated(ids, need)) == 0 {
		return nil
	}
	if !x.beginReading() {
		return &outcome.Wait{Reason: chatv1alpha1.ReasonSearching, After: readerWait, Message: SearchingMessage}
	}
	defer x.endReading()
	var deleted error
	read := 0
	for _, user := range users {
		err := x.readAll(ctx, user, need, claimed)
		switch {
		case isUserUnknown(err):
			deleted = cmp.Or(deleted, err)
			err = x.doubtUser(user, need.Confirm)
		case err == nil:
			read++
		}
		if err != nil {
			return Searching(err)
		}
	}
	if read == 0 {
		return deleted
	}
	return nil
}

// readAll reads the list of a user until it meets the need. A list that was begun before it was needed is read to
// its end all the same: others wait for it.
func (x *Directory) readAll(ctx context.Context, user Lister, need Need, claimed claimsReader) error {
	for len(x.Outdated([]string{user.ID}, need)) > 0 {
		claims, err := claimed(ctx)
		if err == nil {
			err = x.read(ctx, user, need.Confirm, claims)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// isUserUnknown says whether ACS issues no token because there is no such user.
func isUserUnknown(err error) bool {
	noToken, ok := errors.AsType[*acs.TokenError](err)
	return ok && acs.HasStatus(noToken.Err, http.StatusBadRequest, http.StatusNotFound)
}

// doubtUser says whether this pass must do without the list of a user that was deleted at ACS: nobody can read
// what it made. ACS must say so twice, some time apart, and know another user: a fault of its Identity service must
// not hide all threads. The next pass asks again.
func (x *Directory) doubtUser(user Lister, confirm time.Duration) error {
	refused := x.refusedTo(user)
	now := time.Now()
	if refused[""].IsZero() {
		refused[""] = now
	}
	if rest := refused[""].Add(confirm).Sub(now); rest > 0 {
		return &outcome.Wait{Reason: chatv1alpha1.ReasonSearching, After: rest,
			Message: "ACS issues no token for a service user whose threads are to be read; the operator asks again before it does without them."}
	}
	return nil
}

// refusedTo says since when ACS refuses threads to a user; under the empty id, since when it has no token for it.
func (x *Directory) refusedTo(user Lister) map[string]time.Time {
	key := acs.UserKey(user.ID)
	if x.refused[key] == nil {
		x.refused[key] = map[string]time.Time{}
	}
	return x.refused[key]
}

// searching tells a wait for the quota as part of the search.
func Searching(err error) error {
	wait, ok := errors.AsType[*outcome.Wait](err)
	if !ok || wait.Reason != chatv1alpha1.ReasonWaitingForQuota {
		return err
	}
	return &outcome.Wait{Reason: chatv1alpha1.ReasonSearching, After: wait.After, Message: SearchingMessage}
}

// read reads the list of one user to its end, and the stamps of the threads in it that nobody claims.
func (x *Directory) read(ctx context.Context, user Lister, confirm time.Duration, claims map[string]string) error {
	key := acs.UserKey(user.ID)
	r := x.HalfRead[key]
	if r == nil || r.User.Chat != user.Chat || time.Since(r.Touched) > MaxIdle {
		r = x.newListReading(user)
		x.HalfRead[key] = r
	} else if err := r.Resume(ctx); err != nil {
		return ListFailed(err)
	}
	for !r.isComplete() {
		if err := x.readOn(ctx, r, confirm, claims); err != nil {
			return err
		}
	}
	delete(x.HalfRead, key)
	maps.DeleteFunc(r.Refused, func(id string, _ time.Time) bool { return !r.Seen[id] })
	x.finish(r)
	return nil
}

// readOn reads the stamps of the threads that were listed last, and a page more.
func (x *Directory) readOn(ctx context.Context, r *ListReading, confirm time.Duration, claims map[string]string) error {
	if err := x.readStamps(ctx, r, confirm, claims); err != nil {
		return err
	}
	if r.Done {
		return r.readDoubtful(confirm)
	}
	err := r.Next(ctx)
	// A page that ACS refuses, or that cannot be asked for, is not asked for again: the next pass begins anew.
	if errors.Is(err, acs.ErrNextLink) || outcome.Definite(err) && !acs.HasStatus(err, http.StatusTooManyRequests) {
		delete(x.HalfRead, acs.UserKey(r.User.ID))
	}
	return ListFailed(err)
}

// isComplete says that all was read.
func (r *ListReading) isComplete() bool {
	return r.Done && len(r.Unread) == 0 && len(r.doubtful) == 0
}

// readDoubtful has the threads read again that ACS refused to show, once that is long enough ago.
func (r *ListReading) readDoubtful(confirm time.Duration) error {
	var certain time.Time
	for _, id := range r.doubtful {
		if at := r.Refused[id].Add(confirm); at.After(certain) {
			certain = at
		}
	}
	if rest := time.Until(certain); rest > 0 {
		return &outcome.Wait{Reason: chatv1alpha1.ReasonSearching, After: rest, Message: DoubtingMessage}
	}
	r.Unread, r.doubtful = r.doubtful, nil
	return nil
}

// listFailed is the error of a list. Who may not list may not create.
func ListFailed(err error) error {
	err = outcome.CallFailed("list threads", err)
	if acs.HasStatus(err, http.StatusForbidden) {
		return &outcome.Refused{Reason: chatv1alpha1.ReasonAuthenticationFailed, Err: err}
	}
	return err
}

// readStamps reads whose the threads are that a list has shown.
func (x *Directory) readStamps(ctx context.Context, r *ListReading, confirm time.Duration, claims map[string]string) error {
	for len(r.Unread) > 0 {
		id := r.Unread[0]
		owner, claimed := claims[id]
		if x.needsReading(id, claimed) {
			certain, err := x.readStamp(ctx, r, id, confirm)
			if err != nil {
				return err
			}
			if !certain {
				r.doubtful = append(r.doubtful, id)
			}
		} else if claimed {
			x.PassOver(id, owner)
		}
		r.Unread = r.Unread[1:]
	}
	return nil
}

// readStamp reads whose a thread is, and says whether that is certain.
func (x *Directory) readStamp(ctx context.Context, r *ListReading, id string, confirm time.Duration) (certain bool, err error) {
	properties, err := r.User.Chat.ThreadClient(id).GetProperties(ctx, nil)
	r.Touched = time.Now()
	if IsInaccessible(err) {
		certain, err = r.isShutOut(ctx, id, confirm)
		if certain && err == nil {
			x.Drop(id)
		}
		return certain, err
	}
	if err != nil {
		return false, outcome.CallFailed("read a thread", err)
	}
	delete(r.Refused, id)
	if properties.DeletedOn != nil {
		x.Drop(id)
		return true, nil
	}
	x.Put(StampOf(properties.ThreadProperties))
	return true, nil
}

// isShutOut says whether a thread that ACS refuses to show is certainly none of the user's. Lists show
// threads that the user has left, and may show deleted ones; but a thread that is overlooked for a fault of
// the service is made a second time. So the refusals must be some time apart, and agree with another call.
func (r *ListReading) isShutOut(ctx context.Context, id string, confirm time.Duration) (bool, error) {
	since, again := r.Refused[id]
	if !again {
		r.Refused[id] = time.Now()
	}
	if !again || time.Since(since) < confirm {
		return false, nil
	}
	return true, ConfirmInaccessible(ctx, r.User.Chat.ThreadClient(id))
}

// confirmNotShown fails unless ACS refuses the members of a thread too that it refused to show: one refusal
// alone may be a fault.
func ConfirmInaccessible(ctx context.Context, thread *acs.ThreadClient) error {
	_, err := thread.NewListParticipantsPager(&acs.ListParticipantsOptions{MaxPageSize: 1}).NextPage(ctx)
	switch {
	case err == nil:
		return &outcome.Contradiction{Message: "ACS refuses to show a thread whose members it lists; the operator asks again before it believes that the thread is gone or of no concern."}
	case IsInaccessible(err):
		return nil
	default:
		return outcome.CallFailed("list the members of a thread that it does not show", err)
	}
}

// isNotShown says whether a thread is not there, or not for this user.
func IsInaccessible(err error) bool {
	return acs.HasStatus(err, http.StatusNotFound, http.StatusForbidden)
}

func StampOf(properties acs.ThreadProperties) Stamp {
	return Stamp{
		Id:        properties.ID,
		Owner:     properties.Metadata[OwnerKey],
		Uid:       properties.Metadata[UIDKey],
		CreatedBy: RawID(properties.CreatedBy),
		CreatedOn: properties.CreatedOn,
	}
}
