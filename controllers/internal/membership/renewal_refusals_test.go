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

// refusals are the ways in which ACS refuses a member: with a failure of the whole call, or alone.
var refusals = map[string]func(r *room, name string, times int) emulator.Fault{
	"as a whole": func(r *room, name string, times int) emulator.Fault {
		return emulator.Fault{Times: times, Status: http.StatusBadRequest,
			Body: fmt.Sprintf(`{"error":{"code":"BadRequest","message":"no good","details":[{"message":"no good","target":%q}]}}`, r.user(name))}
	},
	"alone": func(r *room, name string, times int) emulator.Fault {
		return emulator.Fault{Times: times, Status: http.StatusCreated,
			Body: fmt.Sprintf(`{"invalidParticipants":[{"code":"403","message":"no good","target":%q}]}`, r.user(name))}
	},
}

// If ACS refuses the present declaration of a member, the member comes back as declared before.
func TestRefusedRenewal(t *testing.T) {
	t.Parallel()
	for name, refusal := range refusals {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			since := r.settle("ann")
			stamp := r.member("ann").Metadata[chatv1alpha1.StampMember]
			r.rename("bad")
			r.add(refusal(r, "ann", 1))
			r.reconciles("remove ann", "add ann", "add ann")
			r.shows("old", since, "ann")
			if got := r.member("ann").Metadata[chatv1alpha1.StampMember]; got != stamp {
				t.Errorf("stamp %q, want %q", got, stamp)
			}
			r.isKept("ann")

			// The same declaration is reported, and not tried again, not even with the refused
			// ones.
			r.memory.TryAgain()
			r.reconciles()
			r.expect("calls", nil, r.calls())
			r.isKept("ann")

			r.rename("good")
			r.reconciles("remove ann", "add ann")
			r.shows("good", since, "ann")
			r.results([]string{"ann"}, nil)
			r.reconciles()
			r.results([]string{"ann"}, nil)
		})
	}
}

// A member that was kept as declared before is no longer reported once it is as declared: with
// another declaration, or because ACS takes it after all.
func TestKeptUntilAsDeclared(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*room){
		"declared as before": func(r *room) {
			r.rename("old")
			r.reconciles()
			r.expect("calls", nil, r.calls())
		},
		"added after all": func(r *room) {
			r.emulator.RemoveMember(r.id, r.user("ann"))
			r.memory.TryAgain()
			r.reconciles("add ann")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			r.settle("ann")
			r.rename("bad")
			r.add(refusals["alone"](r, "ann", 1))
			r.reconciles()
			r.isKept("ann")
			change(r)
			for range 2 {
				r.results([]string{"ann"}, nil)
				r.reconciles()
			}
		})
	}
}

// isKept fails the test unless a member is reported as still in the thread as declared before.
func (r *room) isKept(name string) {
	r.Helper()
	r.results([]string{name}, []string{name})
	if got := r.done.Results.Refused[r.key(name)]; !got.Kept || got.Message != "no good" {
		r.Errorf("refused with %+v", got)
	}
	r.renewing()
}

// A refused renewal does not stop that of others.
func TestRefusedRenewalAmongOthers(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	since := r.settle("ann", "bob", "eve")
	r.rename("new")
	r.add(refusals["as a whole"](r, "bob", 1))
	r.reconciles("remove ann", "remove bob", "remove eve", "add ann bob eve", "add ann eve", "add bob")
	r.shows("new", since, "ann", "eve")
	r.shows("old", since, "bob")
	r.results([]string{"ann", "bob", "eve"}, []string{"bob"})
	r.renewing()
}

// A member that ACS takes in neither form is out and reported. Its former state stays stored, and
// it comes back with its history.
func TestRefusedInBothForms(t *testing.T) {
	t.Parallel()
	for name, refusal := range refusals {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			since := r.settle("ann")
			r.rename("new")
			end := r.add(refusal(r, "ann", 0))
			for _, want := range [][]string{{"remove ann", "add ann", "add ann"}, {}} {
				r.reconciles()
				r.expect("calls", want, r.calls())
				r.results(nil, []string{"ann"})
				r.renewing("ann")
			}
			if got := r.done.Results.Refused[r.key("ann")]; got.Kept {
				t.Errorf("refused with %+v", got)
			}
			end()
			r.memory.TryAgain()
			r.reconciles("add ann")
			r.shows("new", since, "ann")
			r.results([]string{"ann"}, nil)
			r.renewing()
		})
	}
}

// If the former state cannot be added either because ACS fails, that is an error, and the next
// reconcile brings the member back.
func TestFailedReturnInTheFormerState(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	since := r.settle("ann")
	r.rename("new")
	r.add(refusals["alone"](r, "ann", 1))
	r.add(emulator.Fault{Times: 1, Status: http.StatusServiceUnavailable})
	if err := r.reconcile(); err == nil {
		t.Error("no error")
	}
	r.expect("calls", []string{"remove ann", "add ann", "add ann"}, r.calls())
	r.renewing("ann")
	r.reconciles("add ann")
	r.shows("new", since, "ann")
	r.renewing()
}

// If ACS refuses additions without a word, the search for the cause ends with people outside. The
// next reconcile brings them back first.
func TestSearchInARenewal(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	all := append(several("u", 48), "ann")
	since := r.settle(append([]string{"leaving"}, all...)...)
	r.declare(all...)
	r.rename("new")
	r.add(emulator.Fault{Times: 6, Status: http.StatusBadRequest})
	wait, isWait := errors.AsType[*outcome.Wait](r.reconcile())
	if !isWait || wait.Reason != chatv1alpha1.ReasonUpdating {
		t.Errorf("Do ends with %v", wait)
	}
	if r.member("u0") == nil || r.member("ann") != nil || len(r.declared.Status.Renewing) != 25 {
		t.Errorf("in the thread: u0 %v, ann %v; out %d", r.member("u0"), r.member("ann"), len(r.declared.Status.Renewing))
	}
	r.reconciles("add 25")
	r.shows("old", since, "u0")
	r.shows("new", since, all[1:]...)
	r.renewing()
}
