// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs

import (
	"context"
	"errors"
	"fmt"
	"net"
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

// ErrNextLink is the error of a list whose next page is not asked for: the link to it is not a URL, is too
// long, leads to another host, where the credential would go, or comes again and again.
var ErrNextLink = errors.New("nextLink is not followed")

// newPager makes a pager of a function that gets one page, the first one for an empty link.
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

// pageQuery is the query of a list's first page; the links have it for the others. What is zero is
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

// trail is the links of a list that were followed.
type trail map[string]struct{}

// follow refuses what would never come to an end.
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

// checkNextLink refuses a link to another place: the credential would go there.
func (c *client) checkNextLink(link string) error {
	if len(link) > maxNextLink {
		return fmt.Errorf("%w: it is longer than %d bytes", ErrNextLink, maxNextLink)
	}
	next, err := url.Parse(link)
	if err != nil {
		return fmt.Errorf("%w: it is not a URL", ErrNextLink)
	}
	own, err := url.Parse(c.endpoint)
	if err != nil {
		return err
	}
	if next.User != nil || origin(next) != origin(own) {
		return fmt.Errorf("%w: it leads to another place than %s", ErrNextLink, c.endpoint)
	}
	return nil
}

// origin is scheme, host and port of a URL, in lower case and with the port spelled out.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}
