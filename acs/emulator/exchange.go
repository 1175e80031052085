// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"log/slog"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxBody is far above the size of 200 participants with full metadata.
const maxBody = 4 << 20

// exchange is one request in the server.
type exchange struct {
	request  *http.Request
	route    *route // nil: not an operation of the service
	threadID string
	userID   string // of the path, not of the caller
	itemID   string // of a message
	version  string
	caller   caller
	body     []byte
	arrived  time.Time

	parameters url.Values // see query
}

// answer is the result of a handler; nil body: none.
type answer struct {
	status int
	body   any
	header http.Header
}

// response is an encoded answer or refusal.
type response struct {
	status int
	header http.Header
	body   []byte
}

func (e *exchange) operation() Operation {
	if e.route == nil {
		return ""
	}
	return e.route.operation
}

// ServeHTTP answers one request. To close the connection it panics with http.ErrAbortHandler, which
// http.Server handles by closing it. Only an injected Fault or a client that has closed the
// connection causes that.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if preflight(w, r) {
		return
	}
	started := time.Now()
	e := &exchange{request: r, arrived: s.now()}
	refusal := s.receive(w, e)
	entry := s.requests.begin(Request{
		Time: e.arrived, Operation: e.operation(), Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery,
		User: e.caller.user, ThreadID: e.threadID, Header: r.Header, Body: e.body,
	})
	fault := s.faults.take(e.operation(), e.threadID)
	hold(r.Context(), fault.Delay, fault.Block)
	status := 0
	defer func() { s.logRequest(e, status, time.Since(started)) }()
	if fault.DropBefore {
		panic(http.ErrAbortHandler)
	}
	out := s.respond(e, refusal, fault)
	if fault.Garble {
		out.body = garble(out.body)
	}
	if fault.Transform != nil {
		out.status, out.body = fault.Transform(out.status, out.header, out.body)
	}
	hold(r.Context(), s.options.Latency, nil)
	if fault.DropAfter {
		panic(http.ErrAbortHandler)
	}
	status = out.status
	s.requests.finish(entry, status, e.threadID)
	write(r.Context(), w, out, fault)
}

// receive reads the request and finds its route and its caller. It refuses nothing by itself: a
// fault may still replace the refusal.
func (s *Server) receive(w http.ResponseWriter, e *exchange) *apiError {
	body := bytes.NewBuffer(make([]byte, 0, bytes.MinRead+min(max(0, e.request.ContentLength), maxBody)))
	_, err := body.ReadFrom(http.MaxBytesReader(w, e.request.Body, maxBody))
	e.body = body.Bytes()
	if refusal := e.find(); refusal != nil {
		return refusal
	}
	if refusal := e.checkVersion(); refusal != nil {
		return refusal
	}
	if err != nil {
		return &apiError{status: http.StatusRequestEntityTooLarge, code: "BadRequest"}
	}
	return e.route.plane.accept(s, e)
}

// respond performs the call, or the fault in its place.
func (s *Server) respond(e *exchange, refusal *apiError, fault Fault) response {
	if fault.Status != 0 {
		return s.answerOf(fault, e)
	}
	var given answer
	if refusal == nil {
		given, refusal = s.perform(e)
	}
	out := response{header: s.headers(e)}
	if refusal != nil {
		out.status = refusal.status
		maps.Copy(out.header, refusal.header)
		spec := s.options.SpecErrors || e.route != nil && e.route.plane.spec
		if out.body = refusal.body(spec); out.body != nil {
			out.header.Set("Content-Type", jsonType)
		}
		return out
	}
	out.status = given.status
	maps.Copy(out.header, given.header)
	if given.body != nil {
		out.body = mustJSON(given.body)
		out.header["Content-Type"] = []string{"application/json; charset=utf-8"}
	}
	return out
}

// answerOf returns the response of a fault.
func (s *Server) answerOf(fault Fault, e *exchange) response {
	header := fault.Header.Clone()
	switch {
	case header == nil && fault.Body == "":
		header = s.headers(e)
	case header == nil:
		header = http.Header{}
	}
	if fault.Body != "" && header.Get("Content-Type") == "" {
		header.Set("Content-Type", jsonType)
	}
	return response{status: fault.Status, header: header, body: []byte(fault.Body)}
}

// perform runs the checks that all operations have in common and calls the handler. The quotas come
// first: calls that they refuse, and calls that are refused later, also count.
func (s *Server) perform(e *exchange) (answer, *apiError) {
	if s.options.Quotas {
		if wait := s.quotas.take(e.quotaOperation(), e.caller.user, e.threadID, e.arrived); wait > 0 {
			return answer{}, tooManyRequests(wait)
		}
	}
	if e.route.plane.needsUser && !e.caller.hasScope(e.route.scopes) {
		return answer{}, &apiError{status: http.StatusForbidden, code: "Forbidden"}
	}
	if refusal := e.checkMedia(); refusal != nil {
		return answer{}, refusal
	}
	return e.route.handle(s, e)
}

// checkMedia refuses a body of another type. A request without a body needs no type.
func (e *exchange) checkMedia() *apiError {
	if e.route.media == nil || len(e.body) == 0 {
		return nil
	}
	media, parameters, err := mime.ParseMediaType(e.request.Header.Get("Content-Type"))
	charset := strings.ToLower(parameters["charset"])
	if err != nil || !slices.Contains(e.route.media, media) || charset != "" && charset != "utf-8" {
		return &apiError{status: http.StatusUnsupportedMediaType, code: "UnsupportedMediaType"}
	}
	return nil
}

// correlationVector has the form of the service's MS-CV header.
func (s *Server) correlationVector() string {
	var id [16]byte
	binary.BigEndian.PutUint64(id[8:], s.vectors.Add(1))
	return base64.RawStdEncoding.EncodeToString(id[:]) + ".0"
}

// headers sets the headers that the service sends with every response, refusals included. Date is
// from the clock that checks signatures: a client that is refused for a wrong clock can detect it.
func (s *Server) headers(e *exchange) http.Header {
	header := http.Header{
		"Date":                      {s.options.Clock().UTC().Format(http.TimeFormat)},
		"Ms-Cv":                     {s.correlationVector()},
		"Strict-Transport-Security": {"max-age=31536000;includeSubDomains"},
		"X-Cache":                   {"CONFIG_NOCACHE"},
		"X-Processing-Time":         {strconv.FormatInt(max(0, s.now().Sub(e.arrived).Milliseconds()), 10) + "ms"},
	}
	if e.request.Header.Get("Origin") != "" {
		header["Access-Control-Allow-Origin"] = []string{"*"}
	}
	if e.route == nil {
		return header
	}
	header["Api-Supported-Versions"] = []string{e.route.plane.supported}
	if e.route.plane.echoRequest {
		header["Request-Context"] = []string{"appId="}
		if id := e.request.Header.Get("X-Ms-Client-Request-Id"); id != "" {
			header["X-Ms-Client-Request-Id"] = []string{id}
		}
	} else {
		header["Access-Control-Expose-Headers"] = []string{"*"}
	}
	return header
}

// hold waits for the duration and for the channel, or until the client closes the connection.
func hold(ctx context.Context, d time.Duration, until <-chan struct{}) {
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	if until != nil {
		select {
		case <-until:
		case <-ctx.Done():
		}
	}
}

// write sends the response, or the part of it that a fault leaves.
func write(ctx context.Context, w http.ResponseWriter, out response, fault Fault) {
	maps.Copy(w.Header(), out.header)
	if out.status != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(len(out.body)))
	}
	w.WriteHeader(out.status)
	body := out.body
	if fault.Truncate {
		body = body[:len(body)/2]
	}
	if fault.Drip > 0 {
		drip(ctx, w, body, fault)
	} else {
		// The client may have closed the connection.
		_, _ = w.Write(body)
	}
	if fault.Truncate {
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// logRequest writes one record for a request; status 0 means that it got no response.
func (s *Server) logRequest(e *exchange, status int, took time.Duration) {
	s.options.Logger.LogAttrs(e.request.Context(), slog.LevelInfo, "Served request",
		slog.String("operation", string(e.operation())), slog.Int("status", status), slog.Duration("duration", took),
		slog.String("user", e.caller.user), slog.String("thread", e.threadID))
}
