// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package membership_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/plan"
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
			r.isKept()

			// The same declaration is reported, and not tried again, not even with the refused
			// ones.
			r.memory.TryAgain()
			r.reconciles()
			r.expect("calls", nil, r.calls())
			r.isKept()

			// Nor does an edit of something else change that, or another resource that declares the
			// same.
			r.declared.Generation++
			r.memory.TryAgain()
			r.reconciles()
			r.expect("calls", nil, r.calls())
			r.isKept()
			r.counted = []chatv1alpha1.ChatParticipant{{ObjectMeta: metav1.ObjectMeta{UID: "guest", Generation: 7},
				Spec: chatv1alpha1.ChatParticipantSpec{UserID: chatv1alpha1.UserID(r.user("ann")), DisplayName: "bad", ShareHistory: chatv1alpha1.ShareHistorySinceJoin}}}
			inline := r.declared.Spec.Participants
			r.declared.Spec.Participants = nil
			r.reconciles()
			r.expect("calls", nil, r.calls())
			r.isKept()
			if got := r.done.Results.Refused[r.key("ann")]; got.Participant != "guest" || got.Generation != 7 {
				t.Errorf("the refusal is for %q, generation %d", got.Participant, got.Generation)
			}
			r.counted, r.declared.Spec.Participants = nil, inline

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
			r.isKept()
			change(r)
			for range 2 {
				r.results([]string{"ann"}, nil)
				r.reconciles()
			}
		})
	}
}

// isKept fails the test unless ann is reported as still in the thread as declared before.
func (r *room) isKept() {
	r.Helper()
	r.results([]string{"ann"}, []string{"ann"})
	if got := r.done.Results.Refused[r.key("ann")]; !got.Kept || got.Message != "no good" {
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

// refuseAll has ACS refuse users one by one, in any form.
func (r *room) refuseAll(names ...string) (end func()) {
	refusals := make([]string, 0, len(names))
	for _, name := range names {
		refusals = append(refusals, fmt.Sprintf(`{"code":"403","message":"no","target":%q}`, r.user(name)))
	}
	return r.add(emulator.Fault{Status: http.StatusCreated, Body: `{"invalidParticipants":[` + strings.Join(refusals, ",") + `]}`})
}

// If ACS takes back nobody of those that were removed, nobody else is removed, neither at once nor
// later. The others show that they wait, and are renewed once the first ones are back.
func TestNobodyElseIsTakenOutWhileSomebodyIsOut(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	out, others := several("out", chatv1alpha1.MaxRenewing), several("other", 12)
	all := slices.Concat(out, others)
	since := r.settle(all...)
	r.rename("new")
	end := r.refuseAll(out...)
	var removals []string
	for _, name := range out {
		removals = append(removals, "remove "+name)
	}
	r.reconciles(append(removals, "add 50", "add 50")...)
	// A resync tries those that are out again.
	for range 2 {
		r.shows("old", since, others...)
		r.results(others, all)
		r.renewing(out...)
		for name, want := range map[string]plan.Refusal{
			"out0":   {Generation: r.declared.Generation, Code: "403", Message: "no"},
			"other0": {Generation: r.declared.Generation, Reason: chatv1alpha1.ReasonRejected, Message: "The user stays as declared before until " + r.user("out0") + " is back, who was removed for a change: correct or remove that user in spec.participants, or its ChatParticipant."},
		} {
			if diff := cmp.Diff(want, r.done.Results.Refused[r.key(name)]); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		r.reconciles()
		r.expect("calls", nil, r.calls())
		r.memory.TryAgain()
		r.reconciles("add 50", "add 50")
	}
	end()
	r.memory.TryAgain()
	r.reconciles()
	r.shows("new", since, all...)
	r.results(all, nil)
	r.renewing()
	for _, stored := range r.stored {
		if len(stored) > chatv1alpha1.MaxRenewing {
			t.Errorf("%d members in status.renewing", len(stored))
		}
	}
}

// The others are renewed, too, once nobody declares the member any more that ACS does not take
// back.
func TestRenewalsGoOnWithoutTheRefused(t *testing.T) {
	inTime(t, func(_ *testing.T, r *room) {
		since := r.settle("ann", "bob")
		r.setQuota(2)
		r.pass(time.Minute)
		r.rename("new")
		end := r.refuseAll("ann")
		r.reconciles("remove ann", "add ann", "add ann")
		r.results([]string{"bob"}, []string{"ann", "bob"})
		end()
		r.pass(time.Minute)
		r.declare("bob")
		r.rename("new")
		r.reconciles("remove bob", "add bob")
		r.shows("new", since, "bob")
		r.results([]string{"bob"}, nil)
		r.renewing()
	})
}

// A member that is out, and whose ChatParticipant does not count yet, is not refused: the others
// wait for it.
func TestRenewalsWaitForWhoIsAboutToComeBack(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	since := r.settle("ann", "bob")
	r.declare("bob")
	r.rename("new")
	r.emulator.RemoveMember(r.id, r.user("ann"))
	r.declared.Status.Renewing = []chatv1alpha1.RenewingParticipant{{UserID: r.user("ann")}}
	r.pending = []chatv1alpha1.ChatParticipant{{Spec: chatv1alpha1.ChatParticipantSpec{UserID: chatv1alpha1.UserID(r.user("ann"))}}}
	wait := r.waits()
	if wait.Reason != chatv1alpha1.ReasonUpdating || wait.Quiet {
		t.Errorf("Do ends with %+v", wait)
	}
	r.shows("old", since, "bob")
	r.results([]string{"bob"}, nil)
	r.pending = nil
	r.declare("ann", "bob")
	r.rename("new")
	r.reconciles("add ann", "remove bob", "add bob")
	r.shows("new", since, "bob")
}

// If ACS refuses the new declaration of many members, one call brings all of them back as they
// were. Only those stay out that the answer names, or that are found by halves.
func TestReturnOfManyInTheFormerState(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		// former are the answers to the calls that add the former states.
		former emulator.Fault
		want   []string
		out    []string
	}{
		"all":            {emulator.Fault{Skip: 1 << 20}, []string{"add u0 u1 u2 u3"}, nil},
		"one is named":   {emulator.Fault{Times: 1, Status: http.StatusBadRequest, Body: `{"error":{"message":"participants[1]","details":[{"message":"no","target":"participants[1]"}]}}`}, []string{"add u0 u1 u2 u3", "add u0 u2 u3"}, []string{"u1"}},
		"one is unnamed": {emulator.Fault{Times: 1, Status: http.StatusBadRequest}, []string{"add u0 u1 u2 u3", "add u0 u1", "add u2 u3"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			users := several("u", 4)
			since := r.settle(users...)
			r.rename("bad")
			refused := fmt.Sprintf(`{"code":"403","message":"no good","target":%q}`, r.user("u0"))
			for _, name := range users[1:] {
				refused += fmt.Sprintf(`,{"code":"403","message":"no good","target":%q}`, r.user(name))
			}
			r.add(emulator.Fault{Times: 1, Status: http.StatusCreated, Body: `{"invalidParticipants":[` + refused + `]}`})
			r.add(c.former)
			r.reconciles(append([]string{"remove u0", "remove u1", "remove u2", "remove u3", "add u0 u1 u2 u3"}, c.want...)...)
			back := slices.DeleteFunc(slices.Clone(users), func(name string) bool { return slices.Contains(c.out, name) })
			r.has(back...)
			r.shows("old", since, back...)
			r.results(back, users)
			r.renewing(c.out...)
		})
	}
}
