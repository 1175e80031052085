// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// duration has a text form such as "1m30s".
type duration time.Duration

// MarshalText returns the form that a time.Duration prints.
func (d duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText refuses a negative duration.
func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil || parsed < 0 {
		return fmt.Errorf("%.40q is not a duration like 1m30s", text)
	}
	*d = duration(parsed)
	return nil
}

// adminFault is a Fault in JSON.
type adminFault struct {
	ID        int       `json:"id"`
	Operation Operation `json:"operation,omitempty"`
	ThreadID  string    `json:"threadId,omitempty"`
	Skip      int       `json:"skip,omitempty"`
	Times     int       `json:"times,omitempty"`
	Share     float64   `json:"share,omitempty"`

	Delay  duration          `json:"delay,omitempty"`
	Status int               `json:"status,omitempty"`
	Header map[string]string `json:"header,omitempty"`
	Body   json.RawMessage   `json:"body,omitempty"` // a string is sent as it is, anything else as JSON

	DropBefore bool     `json:"dropBefore,omitempty"`
	DropAfter  bool     `json:"dropAfter,omitempty"`
	Truncate   bool     `json:"truncate,omitempty"`
	Garble     bool     `json:"garble,omitempty"`
	Drip       duration `json:"drip,omitempty"`
	DripBytes  int      `json:"dripBytes,omitempty"`

	Hit int `json:"hit"` // the number of calls it has hit
}

// check refuses a fault whose fields contradict each other.
func (f adminFault) check() error {
	if !f.Operation.known() {
		return fmt.Errorf("operation %.40q is not known", f.Operation)
	}
	for _, rule := range []struct {
		broken bool
		text   string
	}{
		{f.ID != 0 || f.Hit != 0, "id and hit are not to be set"},
		{f.Skip < 0 || f.Times < 0 || f.DripBytes < 0, "skip, times and dripBytes must not be negative"},
		{f.Share < 0 || f.Share > 1, "share must be within 0 and 1"},
		{f.Status != 0 && (f.Status < http.StatusOK || f.Status > 599), "status must be within 200 and 599"},
		{f.Status == 0 && (f.Header != nil || f.Body != nil), "header and body need a status"},
		{!f.doesSomething(), "the fault needs delay, status, dropBefore, dropAfter, truncate, garble or drip"},
	} {
		if rule.broken {
			return errors.New(rule.text)
		}
	}
	return nil
}

// known reports whether a fault can apply to the operation; the empty one stands for any.
func (o Operation) known() bool {
	return o == "" || slices.ContainsFunc(routes, func(rt route) bool { return rt.operation == o })
}

func (f adminFault) doesSomething() bool {
	return f.Delay > 0 || f.Status != 0 || f.DropBefore || f.DropAfter || f.Truncate || f.Garble || f.Drip > 0
}

func (f adminFault) fault() Fault {
	out := Fault{
		Operation: f.Operation, ThreadID: f.ThreadID, Skip: f.Skip, Times: f.Times, Share: f.Share,
		Delay: time.Duration(f.Delay), Status: f.Status, Body: string(f.Body), DropBefore: f.DropBefore, DropAfter: f.DropAfter,
		Truncate: f.Truncate, Garble: f.Garble, Drip: time.Duration(f.Drip), DripBytes: f.DripBytes,
	}
	var text string
	if json.Unmarshal(f.Body, &text) == nil {
		out.Body = text
	}
	if f.Header != nil {
		out.Header = http.Header{}
		for name, value := range f.Header {
			out.Header.Set(name, value)
		}
	}
	return out
}

func (f *activeFault) admin() adminFault {
	out := adminFault{
		ID: f.id, Operation: f.Operation, ThreadID: f.ThreadID, Skip: f.Skip, Times: f.Times, Share: f.Share,
		Delay: duration(f.Delay), Status: f.Status, DropBefore: f.DropBefore, DropAfter: f.DropAfter,
		Truncate: f.Truncate, Garble: f.Garble, Drip: duration(f.Drip), DripBytes: f.DripBytes, Hit: f.hit,
	}
	if f.Body != "" {
		out.Body = mustJSON(f.Body)
	}
	for name := range f.Header {
		if out.Header == nil {
			out.Header = map[string]string{}
		}
		out.Header[name] = f.Header.Get(name)
	}
	return out
}

type adminFaults struct {
	Faults []adminFault `json:"faults"`
}

// faults returns the faults that are not used up.
func (a *admin) faults(*http.Request) (int, any, error) {
	out := adminFaults{[]adminFault{}}
	f := &a.server.faults
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, active := range f.active {
		out.Faults = append(out.Faults, active.admin())
	}
	return http.StatusOK, out, nil
}

func (a *admin) addFault(r *http.Request) (int, any, error) {
	var given adminFault
	err := decodeAdmin(r, &given)
	if err == nil {
		err = given.check()
	}
	if err != nil {
		return http.StatusBadRequest, nil, err
	}
	given.ID = a.server.faults.add(given.fault())
	return http.StatusCreated, given, nil
}

func (a *admin) clearFaults(*http.Request) (int, any, error) {
	a.server.ClearFaults()
	return http.StatusNoContent, nil, nil
}

func (a *admin) removeFault(r *http.Request) (int, any, error) {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil || !a.server.faults.remove(id) {
		return http.StatusNotFound, nil, errors.New("there is no such fault, or it is used up")
	}
	return http.StatusNoContent, nil, nil
}

// farthest limits the total movement of the clock: JSON must be able to express its times.
const farthest = duration(100 * 365 * 24 * time.Hour)

type adminClock struct {
	Now   time.Time `json:"now"`
	Moved duration  `json:"moved"`
}

func (a *admin) clock(*http.Request) (int, any, error) {
	return http.StatusOK, adminClock{a.server.now().UTC(), duration(a.server.moved.Load())}, nil
}

func (a *admin) moveClock(r *http.Request) (int, any, error) {
	var move struct {
		Advance duration `json:"advance"`
	}
	if err := decodeAdmin(r, &move); err != nil {
		return http.StatusBadRequest, nil, err
	}
	if a.server.moved.Load()+int64(min(move.Advance, farthest+1)) > int64(farthest) {
		return http.StatusBadRequest, nil, errors.New("advance: the clock does not go that far")
	}
	a.server.AdvanceClock(time.Duration(move.Advance))
	return a.clock(r)
}

type adminQuota struct {
	Operations []Operation `json:"operations"`
	User       string      `json:"user,omitempty"`
	ThreadID   string      `json:"threadId,omitempty"`
	Window     duration    `json:"window"`
	Calls      int         `json:"calls"`
	Used       int         `json:"used"`
}

type adminQuotas struct {
	Enforced bool         `json:"enforced"`
	Quotas   []adminQuota `json:"quotas"`
}

func (a *admin) quotas(*http.Request) (int, any, error) {
	out := adminQuotas{Enforced: a.server.options.Quotas, Quotas: []adminQuota{}}
	for _, use := range a.server.QuotaUse() {
		out.Quotas = append(out.Quotas, adminQuota{use.Operations, use.User, use.ThreadID, duration(use.Window), use.Calls, use.Used})
	}
	return http.StatusOK, out, nil
}
