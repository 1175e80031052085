// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

const (
	maxPages    = 10_000
	maxNextLink = 16 << 10
)

// ErrNextLink is the error of a list whose next page is not requested: the link to it is not a URL,
// is longer than 16 KiB, has user info, does not lead to the threads of the Chat service, or
// repeats. Only path and query of a link count: the next page is requested from the client's own
// endpoint, and the credential is sent nowhere else. So lists can also be read through a gateway or
// a private endpoint, where the service puts a host of its own into the links.
var ErrNextLink = errors.New("nextLink is not followed")

// newPager returns a pager for a function that gets one page, the first one for an empty link.
func newPager[T any](get func(ctx context.Context, link string) (T, error), next func(T) string) *runtime.Pager[T] {
	links := trail{}
	return runtime.NewPager(runtime.PagingHandler[T]{
		More: func(page T) bool { return next(page) != "" },
		Fetcher: func(ctx context.Context, last *T) (page T, err error) {
			if last == nil {
				return get(ctx, "")
			}
			link := next(*last)
			if err := links.follow(link); err != nil {
				return page, err
			}
			return get(ctx, link)
		},
	})
}

// pageQuery is the query of a list's first page; the links have it for the others. Zero values are
// left to the service.
func pageQuery(maxPageSize, skip int32, startTime time.Time) url.Values {
	query := url.Values{}
	if maxPageSize != 0 {
		query.Set("maxPageSize", strconv.Itoa(int(maxPageSize)))
	}
	if skip != 0 {
		query.Set("skip", strconv.Itoa(int(skip)))
	}
	if !startTime.IsZero() {
		query.Set("startTime", formatTime(startTime))
	}
	return query
}

// trail holds the links of a list that were followed.
type trail map[string]struct{}

// follow refuses links that would make a list endless.
func (t trail) follow(link string) error {
	if _, again := t[link]; again {
		return fmt.Errorf("%w: it occurs twice", ErrNextLink)
	}
	if len(t) >= maxPages-1 {
		return fmt.Errorf("%w: the list has more than %d pages", ErrNextLink, maxPages)
	}
	t[link] = struct{}{}
	return nil
}

// pageURL returns the URL of the page that a link leads to: its path and query, at the client's
// endpoint.
func (c *client) pageURL(link string) (string, error) {
	if len(link) > maxNextLink {
		return "", fmt.Errorf("%w: it is longer than %d bytes", ErrNextLink, maxNextLink)
	}
	next, err := url.Parse(link)
	if err != nil {
		return "", fmt.Errorf("%w: it is not a URL", ErrNextLink)
	}
	if next.User != nil {
		return "", fmt.Errorf("%w: it has user info", ErrNextLink)
	}
	path := next.EscapedPath()
	if path != threadsPath && !strings.HasPrefix(path, threadsPath+"/") || hasDotSegment(next.Path) {
		return "", fmt.Errorf("%w: it does not lead to %s", ErrNextLink, threadsPath)
	}
	return c.endpoint + path + "?" + next.RawQuery, nil
}

// hasDotSegment reports whether a server may normalize an unescaped path to another one. Some
// servers read a backslash as a slash.
func hasDotSegment(path string) bool {
	for segment := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '/' || r == '\\' }) {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}
