// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// admin serves the endpoints with which a test controls a Server in another process.
type admin struct {
	server *Server
	save   func() error
}

// AdminHandler returns the endpoints to read and change the state of the emulator. They need no
// credential, so they belong on a listener of their own that only the tester can reach. POST /save
// calls save; if save is nil, that request is refused.
func (s *Server) AdminHandler(save func() error) http.Handler {
	a := &admin{server: s, save: save}
	mux := http.NewServeMux()
	for pattern, handle := range map[string]func(*http.Request) (int, any, error){
		"GET /threads":                a.threads,
		"GET /threads/{id}":           a.thread,
		"POST /threads/{id}/messages": a.addMessage,
		"GET /users":                  a.users,
		"GET /requests":               a.requests,
		"DELETE /requests":            a.forgetRequests,
		"GET /quotas":                 a.quotas,
		"GET /faults":                 a.faults,
		"POST /faults":                a.addFault,
		"DELETE /faults":              a.clearFaults,
		"DELETE /faults/{id}":         a.removeFault,
		"GET /clock":                  a.clock,
		"POST /clock":                 a.moveClock,
		"POST /reset":                 a.reset,
		"POST /save":                  a.saveState,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			status, body, err := handle(r)
			respondAdmin(w, status, body, err)
		})
	}
	return refuseBrowsers(mux)
}

// refuseBrowsers prevents web pages in the tester's browser from using the endpoints.
func refuseBrowsers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A page that is opened by its address has no site; any other request comes from another
		// page.
		byPage := strings.HasPrefix(r.Header.Get("Sec-Fetch-Site"), "same-") || r.Header.Get("Sec-Fetch-Site") == "cross-site"
		if r.Header.Get("Origin") != "" || byPage {
			respondAdmin(w, http.StatusForbidden, nil, errors.New("web pages may not use this"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

var errNoThread = errors.New("there is no such thread")

type adminError struct {
	Error string `json:"error"`
}

func respondAdmin(w http.ResponseWriter, status int, body any, err error) {
	if err != nil {
		body = adminError{err.Error()}
	}
	if body == nil {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", jsonType)
	w.WriteHeader(status)
	_, _ = w.Write(append(mustJSON(body), '\n')) // the client may have closed the connection
}

// decodeAdmin reads a body strictly: a misspelled fault would have no effect.
func decodeAdmin(r *http.Request, into any) error {
	const limit = 1 << 20
	decoder := json.NewDecoder(io.LimitReader(r.Body, limit))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("the body: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("the body: something follows the JSON object")
	}
	return nil
}

type adminThreads struct {
	Threads []Thread `json:"threads"`
}

// threads returns all threads, or those of one member.
func (a *admin) threads(r *http.Request) (int, any, error) {
	out := adminThreads{a.server.Threads()}
	if user := r.URL.Query().Get("user"); user != "" {
		out.Threads = slices.DeleteFunc(out.Threads, func(t Thread) bool {
			return !slices.ContainsFunc(t.Members, func(m Member) bool { return userKey(m.ID) == userKey(user) })
		})
	}
	return http.StatusOK, out, nil
}

type adminThread struct {
	Thread
	Messages []Message `json:"messages"`
	Receipts []Receipt `json:"receipts"`
}

func (a *admin) thread(r *http.Request) (int, any, error) {
	t, ok := a.server.Thread(r.PathValue("id"))
	if !ok {
		return http.StatusNotFound, nil, errNoThread
	}
	return http.StatusOK, adminThread{t, a.server.Messages(t.ID), a.server.Receipts(t.ID)}, nil
}

// addMessage adds a message that no client could send to a thread.
func (a *admin) addMessage(r *http.Request) (int, any, error) {
	var m Message
	if err := decodeAdmin(r, &m); err != nil {
		return http.StatusBadRequest, nil, err
	}
	if m.Type == "" {
		return http.StatusBadRequest, nil, errors.New("the body: type is required")
	}
	id, ok := a.server.store.addMessage(r.PathValue("id"), m)
	if !ok {
		return http.StatusNotFound, nil, errNoThread
	}
	return http.StatusCreated, sendMessageResult{strconv.FormatInt(id, 10)}, nil
}

func (a *admin) users(*http.Request) (int, any, error) {
	return http.StatusOK, struct {
		Users []string `json:"users"`
	}{append([]string{}, a.server.Users()...)}, nil
}

type adminRequest struct {
	Seq       int         `json:"seq"`
	Time      time.Time   `json:"time"`
	Operation Operation   `json:"operation"`
	Method    string      `json:"method"`
	Path      string      `json:"path"`
	Query     string      `json:"query"`
	User      string      `json:"user,omitempty"`
	ThreadID  string      `json:"threadId,omitempty"`
	Status    int         `json:"status"`
	Header    http.Header `json:"header"`
	Body      string      `json:"body"`
}

type adminRequests struct {
	Last     int            `json:"last"` // the mark for the next request
	Requests []adminRequest `json:"requests"`
}

// requests returns the requests that arrived after the mark.
func (a *admin) requests(r *http.Request) (int, any, error) {
	since := 0
	if text := r.URL.Query().Get("since"); text != "" {
		var err error
		if since, err = strconv.Atoi(text); err != nil {
			return http.StatusBadRequest, nil, errors.New("since must be a number")
		}
	}
	out := adminRequests{Last: a.server.requests.lastSeq(), Requests: []adminRequest{}}
	for _, one := range a.server.Requests() {
		if one.Seq <= since {
			continue
		}
		out.Last = max(out.Last, one.Seq)
		out.Requests = append(out.Requests, adminRequest{
			Seq: one.Seq, Time: one.Time, Operation: one.Operation, Method: one.Method, Path: one.Path, Query: one.Query,
			User: one.User, ThreadID: one.ThreadID, Status: one.Status, Header: one.Header, Body: string(one.Body),
		})
	}
	return http.StatusOK, out, nil
}

func (a *admin) forgetRequests(*http.Request) (int, any, error) {
	a.server.ResetRequests()
	return http.StatusNoContent, nil, nil
}

func (a *admin) reset(*http.Request) (int, any, error) {
	a.server.Reset()
	return http.StatusNoContent, nil, nil
}

func (a *admin) saveState(*http.Request) (int, any, error) {
	if a.save == nil {
		return http.StatusConflict, nil, errors.New("there is no file to save to: start the emulator with --state-file")
	}
	if err := a.save(); err != nil {
		return http.StatusInternalServerError, nil, err
	}
	return http.StatusNoContent, nil, nil
}
