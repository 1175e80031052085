// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package membership_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/acstest"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// A renewal stores the former state of members, removes them, and adds them again with the history
// that they had.
func TestRenewal(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	since := r.settle("ann", "bob")
	stamp := r.member("ann").Metadata[chatv1alpha1.StampMember]
	r.rename("new")
	r.reconciles("remove ann", "remove bob", "add ann bob")
	r.shows("new", since, "ann", "bob")
	r.results([]string{"ann", "bob"}, nil)
	if len(r.stored) != 1 || len(r.storedAfter[0]) != 0 {
		t.Fatalf("stored %v, after the calls %q", r.stored, r.storedAfter)
	}
	former := metav1.NewTime(since)
	want := []chatv1alpha1.RenewingParticipant{
		{UserID: r.user("ann"), DisplayName: "old", ShareHistoryTime: &former, Stamp: stamp},
		{UserID: r.user("bob"), DisplayName: "old", ShareHistoryTime: &former, Stamp: stamp},
	}
	if diff := cmp.Diff(want, r.stored[0]); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	r.renewing()
	r.reconciles()
	r.expect("calls", nil, r.calls())
}

// Values of other writers are stored in the length that the status allows.
func TestRenewalOfLongTexts(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.declare("ann")
	r.rename("new")
	r.emulator.AddMember(r.id, emulator.Member{ID: r.user("ann"), DisplayName: strings.Repeat("é", 300),
		Metadata: map[string]string{chatv1alpha1.StampMember: strings.Repeat("è", 200)}})
	r.reconciles("remove ann", "add ann")
	if len(r.stored) != 1 || len(r.stored[0]) != 1 {
		t.Fatalf("stored %v", r.stored)
	}
	if got := r.stored[0][0]; got.DisplayName != strings.Repeat("é", 256) || got.Stamp != strings.Repeat("è", 128) {
		t.Errorf("stored %+v", got)
	}
}

// A member stays if its former state cannot be stored.
func TestRenewalNeedsTheStore(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	since := r.settle("ann")
	r.rename("new")
	r.storeErr = errors.New("the API server does not answer")
	if err := r.reconcile(); !errors.Is(err, r.storeErr) {
		t.Errorf("Do ends with %v", err)
	}
	r.expect("calls", nil, r.calls())
	r.shows("old", since, "ann")
	r.storeErr = nil
	r.reconciles("remove ann", "add ann")
	r.shows("new", since, "ann")
}

// Renewals, which remove people for a moment, come last.
func TestRenewalsComeLast(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	since := r.settle("ann", "bob")
	r.declare("eve", "ann")
	r.rename("new")
	r.reconciles("add eve", "remove bob", "remove ann", "add ann")
	r.has("ann", "eve")
	r.shows("new", since, "ann")
}

// If a call of a renewal fails, removed members are added at once if possible. The next reconcile
// does the rest. It makes no difference whether the same process does that.
func TestFailuresOfARenewal(t *testing.T) {
	t.Parallel()
	unavailable := emulator.Fault{Times: 1, Status: http.StatusServiceUnavailable}
	for name, c := range map[string]struct {
		inject func(*room, emulator.Fault) func()
		fault  emulator.Fault
		want   []string
		// out are the members outside the thread until the next reconcile.
		out []string
	}{
		"the first removal is refused": {(*room).remove, emulator.Fault{Times: 1, Status: http.StatusForbidden}, []string{"remove ann"}, nil},
		"a removal is refused":         {(*room).remove, emulator.Fault{Skip: 1, Times: 1, Status: http.StatusForbidden}, []string{"remove ann", "remove bob", "add ann"}, nil},
		"a removal fails":              {(*room).remove, emulator.Fault{Skip: 1, Times: 1, Status: http.StatusServiceUnavailable}, []string{"remove ann", "remove bob", "add ann bob"}, nil},
		"a removal is lost":            {(*room).remove, emulator.Fault{Skip: 1, Times: 1, DropBefore: true}, []string{"remove ann", "remove bob", "add ann bob"}, nil},
		"the answer to it is lost":     {(*room).remove, emulator.Fault{Skip: 1, Times: 1, DropAfter: true}, []string{"remove ann", "remove bob", "add ann bob"}, nil},
		"the addition fails":           {(*room).add, unavailable, []string{"remove ann", "remove bob", "remove eve", "add ann bob eve"}, []string{"ann", "bob", "eve"}},
		"the addition is lost":         {(*room).add, emulator.Fault{Times: 1, DropBefore: true}, []string{"remove ann", "remove bob", "remove eve", "add ann bob eve"}, []string{"ann", "bob", "eve"}},
		"the answer to that is lost":   {(*room).add, emulator.Fault{Times: 1, DropAfter: true}, []string{"remove ann", "remove bob", "remove eve", "add ann bob eve"}, nil},
	} {
		for _, restarts := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, restart %v", name, restarts), func(t *testing.T) {
				t.Parallel()
				r := newRoom(t)
				since := r.settle("ann", "bob", "eve")
				r.rename("new")
				c.inject(r, c.fault)
				if err := r.reconcile(); err == nil {
					t.Error("no error")
				}
				r.expect("calls", c.want, r.calls())
				var out []string
				for _, name := range []string{"ann", "bob", "eve"} {
					if r.member(name) == nil {
						out = append(out, name)
					}
				}
				r.expect("out of the thread", c.out, out)
				if restarts {
					r.restart()
				}
				r.reconciles()
				r.shows("new", since, "ann", "bob", "eve")
				r.renewing()
			})
		}
	}
}

// A renewal in the middle of which the operator dies loses nobody, and no history.
func TestDeathInARenewal(t *testing.T) {
	t.Parallel()
	for calls := range 4 {
		t.Run(fmt.Sprintf("after %d calls", calls), func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			since := r.settle("ann", "bob")
			r.rename("new")
			// The first call lists the members.
			end := r.emulator.Inject(emulator.Fault{Skip: 1 + calls, DropBefore: true})
			if err := r.reconcile(); (err == nil) != (calls == 3) {
				t.Errorf("Do ends with %v", err)
			}
			end()
			r.restart()
			r.reconciles()
			r.shows("new", since, "ann", "bob")
			r.renewing()
		})
	}
}

// inTime runs a test on a clock of its own.
func inTime(t *testing.T, test func(*testing.T, *room)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { test(t, newRoom(t)) })
}

// waits fails the test unless a reconcile ends with a wait for a quota, after these calls.
func (r *room) waits(wantCalls ...string) *outcome.Wait {
	r.Helper()
	err := r.reconcile()
	wait, isWait := errors.AsType[*outcome.Wait](err)
	if !isWait || wait.After <= 0 {
		r.Fatalf("Do ends with %v", err)
	}
	r.expect("calls", wantCalls, r.calls())
	return wait
}

// pass waits until the quota is whole again.
func (r *room) pass(after time.Duration) {
	r.Helper()
	acstest.MustSucceed(r.T, acstest.Delay(r.Context(), after))
}

// A member that is out comes back before anything else, without waiting for a quota.
func TestNobodyWaitsOutsideForAQuota(t *testing.T) {
	inTime(t, func(_ *testing.T, r *room) {
		since := r.settle("ann", "bob", "leaving")
		r.declare("ann", "bob", "new")
		r.rename("new")
		r.declared.Spec.Participants[2].DisplayName = ""
		r.setQuota(5)
		r.pass(time.Minute)
		r.add(emulator.Fault{Skip: 1, Times: 1, Status: http.StatusServiceUnavailable})
		if err := r.reconcile(); err == nil {
			r.Error("no error")
		}
		r.expect("calls", []string{"add new", "remove leaving", "remove ann", "remove bob", "add ann bob"}, r.calls())
		r.declare("late", "bob", "ann")
		r.rename("new")
		wait := r.waits("add bob ann")
		r.shows("new", since, "ann", "bob")
		r.renewing()
		r.pass(wait.After)
		r.reconciles("add late", "remove new")
	})
}

// After a 429 to a removal, removed members come back before ACS takes other calls again.
func TestNobodyWaitsOutsideForARetryAfter(t *testing.T) {
	inTime(t, func(_ *testing.T, r *room) {
		since := r.settle("ann", "bob", "eve")
		r.rename("new")
		r.remove(emulator.Fault{Skip: 1, Times: 1, Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"300"}}})
		wait := r.waits("remove ann", "remove bob", "add ann")
		r.has("ann", "bob", "eve")
		r.shows("new", since, "ann")
		r.shows("old", since, "bob", "eve")
		r.pass(wait.After)
		r.reconciles("remove bob", "remove eve", "add bob eve")
		r.shows("new", since, "ann", "bob", "eve")
	})
}

// A renewal removes only as many members at a time as the quota allows to be added again.
func TestRenewalsKeepToTheQuota(t *testing.T) {
	t.Parallel()
	for quota, first := range map[int32][]string{
		1: {"remove u0", "add u0"},
		3: {"remove u0", "remove u1", "add u0 u1"},
		4: {"remove u0", "remove u1", "remove u2", "add u0 u1 u2"},
	} {
		t.Run(fmt.Sprintf("quota %d", quota), func(t *testing.T) {
			inTime(t, func(_ *testing.T, r *room) {
				all := several("u", 5)
				since := r.settle(all...)
				r.setQuota(quota)
				r.pass(time.Minute)
				r.rename("new")
				wait := r.waits(first...)
				r.results(all, nil)
				r.has(all...)
				for r.pass(wait.After); ; r.pass(wait.After) {
					err := r.reconcile()
					if err == nil {
						break
					}
					var isWait bool
					if wait, isWait = errors.AsType[*outcome.Wait](err); !isWait {
						r.Fatal(err)
					}
				}
				r.shows("new", since, all...)
			})
		})
	}
}

// status.renewing holds no more members than its schema allows.
func TestRenewalsKeepToTheStatus(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	all := several("u", chatv1alpha1.MaxRenewing+2)
	since := r.settle(all...)
	r.rename("new")
	r.reconciles()
	r.shows("new", since, all...)
	if len(r.stored) != 2 || len(r.stored[0]) != chatv1alpha1.MaxRenewing || len(r.stored[1]) != 2 {
		t.Errorf("stored %v", r.stored)
	}
}
