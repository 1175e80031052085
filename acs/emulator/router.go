// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// plane is the common part of the operations of one API.
type plane struct {
	versions    []string
	supported   string                             // the versions, as in a header
	accept      func(*Server, *exchange) *apiError // authenticates the caller
	spec        bool                               // errors have the specification's envelope
	needsUser   bool                               // the caller is a user and its token has scopes
	echoRequest bool                               // x-ms-client-request-id is returned
}

// chatPlane has the versions that the service named in its responses in 2024 and those published
// since. Older previews had other models and are no longer in the recorded list.
var chatPlane = supports(plane{
	versions: []string{
		"2021-03-07", "2021-04-05-preview6", "2021-09-07", "2023-04-01-preview", "2023-07-01-preview", "2023-11-07",
		"2023-11-15-preview", "2024-03-01-preview", "2024-03-07", "2024-03-15-preview", "2024-06-05-preview", "2025-03-15",
	},
	accept:    (*Server).acceptUserToken,
	needsUser: true,
})

var identityPlane = supports(plane{
	versions: []string{
		"2020-07-20-preview2", "2021-02-22-preview1", "2021-03-07", "2021-10-31-preview", "2021-11-01",
		"2022-06-01", "2022-10-01", "2023-10-01", "2025-04-01-preview",
	},
	accept:      (*Server).acceptKeyOrEntra,
	spec:        true,
	echoRequest: true,
})

// supports completes a plane.
func supports(p plane) *plane {
	p.supported = strings.Join(p.versions, ", ")
	return &p
}

// splitPath decodes a path segment by segment, so that an encoded id with any content is one
// segment. It returns false for a path that cannot be decoded.
func splitPath(wire string) ([]string, bool) {
	segments := strings.Split(strings.TrimPrefix(wire, "/"), "/")
	for i, segment := range segments {
		decoded, err := url.PathUnescape(segment)
		if err != nil {
			return nil, false
		}
		segments[i] = decoded
	}
	return segments, true
}

// match reports whether the path has the pattern's form, and sets the ids in it.
func (rt *route) match(segments []string, e *exchange) bool {
	if strings.Count(rt.pattern, "/") != len(segments) {
		return false
	}
	var thread, user, item string
	i := 0
	for want := range strings.SplitSeq(rt.pattern[1:], "/") {
		switch {
		case segments[i] == "":
			return false
		case want == "{thread}":
			thread = segments[i]
		case want == "{user}":
			user = segments[i]
		case want == "{message}":
			item = segments[i]
		case want != segments[i]:
			return false
		}
		i++
	}
	e.threadID, e.userID, e.itemID = thread, user, item
	return true
}

// find sets the exchange's route. A path without an operation is a 404, and a method that the path
// does not have is a 405, both without a body; neither is recorded.
func (e *exchange) find() *apiError {
	segments, ok := splitPath(e.request.URL.EscapedPath())
	if !ok {
		return &apiError{status: http.StatusBadRequest, envelope: bare}
	}
	var allowed []string
	for i := range routes {
		if !routes[i].match(segments, e) {
			continue
		}
		if routes[i].method == e.request.Method {
			e.route = &routes[i]
			return nil
		}
		allowed = append(allowed, routes[i].method)
	}
	if allowed == nil {
		return &apiError{status: http.StatusNotFound, envelope: bare}
	}
	slices.Sort(allowed)
	return &apiError{
		status: http.StatusMethodNotAllowed, envelope: bare,
		header: http.Header{"Allow": {strings.Join(allowed, ", ")}},
	}
}

// checkVersion refuses a call without an api-version of its API. The text is that of the versioning
// library that also sends the service's api-supported-versions header.
func (e *exchange) checkVersion() *apiError {
	versions := e.query()["api-version"]
	refusal := &apiError{status: http.StatusBadRequest, envelope: lowerCase}
	switch {
	case len(versions) == 0 || versions[0] == "":
		refusal.code, refusal.message = "ApiVersionUnspecified", "An API version is required, but was not specified."
	case len(versions) > 1:
		refusal.code, refusal.message = "AmbiguousApiVersion", "More than one API version was requested. At most one is allowed."
	case !slices.Contains(e.route.plane.versions, versions[0]):
		refusal.code = "UnsupportedApiVersion"
		refusal.message = "The HTTP resource that matches the request URI '" + e.baseURL() + e.request.URL.EscapedPath() +
			"' does not support the API version '" + versions[0] + "'."
	default:
		e.version = versions[0]
		return nil
	}
	return refusal
}

// query returns the parameters, which are parsed once.
func (e *exchange) query() url.Values {
	if e.parameters == nil {
		e.parameters = e.request.URL.Query()
	}
	return e.parameters
}

// baseURL is the scheme and host of the client's request: links must use the same ones.
func (e *exchange) baseURL() string {
	scheme := "http"
	if e.request.TLS != nil {
		scheme = "https"
	}
	if forwarded := strings.ToLower(e.request.Header.Get("X-Forwarded-Proto")); forwarded == "https" || forwarded == "http" {
		scheme = forwarded
	}
	return scheme + "://" + e.request.Host
}
