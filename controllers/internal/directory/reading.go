// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package directory

import (
	"context"
	"encoding/json"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/acs-operator/acs-chat-operator/acs"
)

const (
	// listPageSize is the number of threads on a page.
	listPageSize = 200
	// listSkew is the largest difference between the clocks of ACS and of the operator.
	listSkew = time.Minute
	// maxIdle is the longest pause within a list: the link to the next page may expire, and a list is
	// valid from the moment of its end.
	maxIdle = 2 * time.Minute
)

// reading is a list of the threads of one user in progress. The quota may allow fewer pages at a
// time than the list has, so a reading is kept between calls of Read.
//
// ACS sorts by the latest message: a thread that gets a message during the reading moves to pages
// that were read already. So at the end the first pages are read again, as far as something can
// have moved there.
type reading struct {
	user Lister
	// begun is the start of the reading; touched is the time of the last page.
	begun, touched time.Time
	// pager is nil if the last page could not be read: a failed pager does not continue.
	pager *runtime.Pager[acs.ListThreadsResponse]
	// nextLink leads from the last page to the next one.
	nextLink string
	pages    int
	seen     map[string]listedThread
	// isAgain is set while the first pages are read again, anyNew if they showed something new, and
	// done if there is nothing more to list.
	isAgain, anyNew, done bool
}

func newReading(user Lister) *reading {
	now := time.Now()
	return &reading{user: user, begun: now, touched: now, seen: map[string]listedThread{}}
}

// next reads a page. After the last page it continues with the first one, if something may have
// moved there.
func (r *reading) next(ctx context.Context) error {
	if err := r.ensurePager(ctx); err != nil {
		return err
	}
	page, err := r.pager.NextPage(ctx)
	if err != nil {
		r.pager = nil
		return err
	}
	r.nextLink, r.touched = page.NextLink, time.Now()
	r.pages++
	isPageNew := r.add(page.Threads)
	r.anyNew = r.anyNew || isPageNew
	// Threads that moved stand before threads without a new message.
	moved := isPageNew || r.isRecent(page.Threads)
	switch {
	case r.pager.More() && (!r.isAgain || moved):
	case r.isAgain && r.anyNew, !r.isAgain && r.pages > 1:
		r.isAgain, r.anyNew = true, false
		r.pager, r.nextLink, r.pages = nil, "", 0
	default:
		r.done = true
	}
	return nil
}

// ensurePager makes a pager that continues after the last page.
func (r *reading) ensurePager(ctx context.Context) error {
	if r.pager != nil {
		return nil
	}
	pager := r.user.Chat.NewListThreadsPager(&acs.ListThreadsOptions{MaxPageSize: listPageSize})
	if r.nextLink != "" {
		last, err := json.Marshal(acs.ListThreadsResponse{NextLink: r.nextLink})
		if err != nil {
			return err
		}
		if err := pager.UnmarshalJSON(last); err != nil {
			return err
		}
		// The first page of such a pager is the page that it was made from.
		if _, err := pager.NextPage(ctx); err != nil {
			return err
		}
	}
	r.pager = pager
	return nil
}

// add notes the threads of a page and reports whether any of them is new.
func (r *reading) add(threads []acs.ThreadItem) (isPageNew bool) {
	for _, item := range threads {
		if _, seen := r.seen[item.ID]; seen {
			continue
		}
		r.seen[item.ID] = listedThread{topic: item.Topic, deleted: item.DeletedOn != nil}
		isPageNew = true
	}
	return isPageNew
}

// isRecent reports whether the last thread of a page got a message while the list was read.
func (r *reading) isRecent(threads []acs.ThreadItem) bool {
	if len(threads) == 0 {
		return false
	}
	last := threads[len(threads)-1].LastMessageReceivedOn
	return last != nil && !last.Before(r.begun.Add(-listSkew))
}
