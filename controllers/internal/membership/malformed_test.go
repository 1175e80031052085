// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package membership_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// wordless has the service refuse a call without a word on the reason.
var wordless = emulator.Fault{Transform: func(status int, _ http.Header, body []byte) (int, []byte) {
	if status == http.StatusBadRequest {
		body = []byte(`{"CommunicationError":{"Code":"BadRequest","Details":[]}}`)
	}
	return status, body
}}

// detailed returns the answer to a call that fails for some causes, each with a message and a
// target.
func detailed(causes ...[2]string) emulator.Fault {
	details := ""
	for n, cause := range causes {
		if n > 0 {
			details += ","
		}
		details += fmt.Sprintf(`{"code":"InvalidValue","message":%q,"target":%q}`, cause[0], cause[1])
	}
	return emulator.Fault{Times: 1, Status: http.StatusBadRequest,
		Body: `{"error":{"code":"BadRequest","message":"Validation failed.","details":[` + details + `]}}`}
}

// malformedRoom is a thread. Users with a name that begins with an x have malformed ids.
func malformedRoom(t *testing.T, names ...string) *room {
	t.Helper()
	r := newRoom(t)
	r.settle("old")
	for _, name := range names {
		if name[0] == 'x' {
			r.call(name, "8:acs:malformed-"+name)
		}
	}
	r.declare(names...)
	return r
}

// Ids that make a whole call fail are found with few calls. The other members join, and the work
// goes on.
func TestMalformedIDs(t *testing.T) {
	t.Parallel()
	const x0, x1 = "8:acs:malformed-x0", "8:acs:malformed-x1"
	byID := func(id string) string { return "Identifier format is invalid (" + id + ")." }
	for name, c := range map[string]struct {
		fault    emulator.Fault
		declared []string
		want     []string
		messages []string
	}{
		"named by id, one at a time": {emulator.Fault{}, []string{"x0", "a", "x1", "b"},
			[]string{"add x0 a x1 b", "add a x1 b", "add a b"}, []string{byID(x0), byID(x1)}},
		"named by id, each in a detail": {detailed([2]string{x0 + " is wrong", ""}, [2]string{"wrong id", x1}), []string{"x0", "a", "x1", "b"},
			[]string{"add x0 a x1 b", "add a b"}, []string{x0 + " is wrong", "wrong id"}},
		"named by place": {detailed([2]string{"first", "participants[0].id"}, [2]string{"third", "Participants[2]"}), []string{"x0", "a", "x1", "b"},
			[]string{"add x0 a x1 b", "add a b"}, []string{"first", "third"}},
		"not named": {wordless, []string{"a", "b", "x0", "c", "d", "e", "f", "g"},
			[]string{"add a b x0 c d e f g", "add a b x0 c", "add a b", "add x0 c", "add x0", "add c", "add d e f g"}, []string{"the id is malformed"}},
		"not named, alone": {wordless, []string{"x0"}, []string{"add x0"}, []string{"the id is malformed"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := malformedRoom(t, c.declared...)
			r.add(c.fault)
			r.reconciles(append(c.want, "remove old")...)
			var good, bad []string
			for _, name := range c.declared {
				if name[0] == 'x' {
					bad = append(bad, name)
					continue
				}
				good = append(good, name)
			}
			r.has(good...)
			r.results(good, bad)
			for n, name := range bad {
				if refusal := r.done.Results.Refused[r.key(name)]; refusal.Code != "400" || refusal.Message != c.messages[n] {
					t.Errorf("%s is refused with %q %q, want %q", name, refusal.Code, refusal.Message, c.messages[n])
				}
			}
		})
	}
}

// Ids that were malformed are not sent with others again. ACS may take them later.
func TestMalformedIDsAreSentAlone(t *testing.T) {
	t.Parallel()
	r := malformedRoom(t, "x0", "a", "x1", "b")
	r.add(detailed([2]string{"wrong", "participants[0]"}, [2]string{"wrong", "participants[1]"}, [2]string{"wrong", "participants[2]"}))
	r.reconciles("add x0 a x1 b", "add b", "remove old")
	r.results([]string{"b"}, []string{"x0", "a", "x1"})
	r.reconciles()
	r.expect("calls", nil, r.calls())

	// One call adds the good ones, and one call tries all others.
	r.memory.TryAgain()
	r.declare("x0", "a", "new", "x1", "b")
	r.reconciles("add new", "add x0 a x1")
	r.results([]string{"b", "new"}, []string{"x0", "a", "x1"})
	if got := r.done.Results.Refused[r.key("x0")]; got.Message != "wrong" || got.Generation != r.declared.Generation {
		t.Errorf("refused with %+v", got)
	}

	r.declare("a", "new", "b")
	r.reconciles("add a")
	r.has("a", "new", "b")
	if _, still := r.memory.Malformed[r.key("a")]; still {
		t.Error("a member that ACS took counts as malformed")
	}
}

// A search for malformed ids ends after 10 calls, and goes on later. Nobody is removed meanwhile.
func TestSearchForMalformedIDsIsLimited(t *testing.T) {
	t.Parallel()
	names := several("u", 16)
	names[0], names[8], names[15] = "x0", "x1", "x2"
	r := malformedRoom(t, names...)
	r.add(wordless)
	wait, isWait := errors.AsType[*outcome.Wait](r.reconcile())
	if !isWait || wait.Reason != chatv1alpha1.ReasonUpdating || wait.After <= 0 {
		t.Errorf("Do ends with %v", wait)
	}
	if calls := r.calls(); len(calls) != 10 {
		t.Errorf("%d calls: %q", len(calls), calls)
	}
	r.results([]string{"u1", "u2", "u3", "u4", "u5", "u6", "u7"}, []string{"x0"})
	if r.member("old") == nil {
		t.Error("a member was removed")
	}
	for range 3 {
		err := r.reconcile()
		if calls := r.calls(); len(calls) > 10+1 {
			t.Errorf("%d calls: %q", len(calls), calls)
		}
		if err == nil {
			break
		}
	}
	r.has("u1", "u2", "u3", "u4", "u5", "u6", "u7", "u9", "u10", "u11", "u12", "u13", "u14")
	if len(r.memory.Malformed) != 3 {
		t.Errorf("malformed: %v", r.memory.Malformed)
	}
}
