// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package membership_test

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/membership"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/plan"
)

// foreign is a well-formed user of another ACS resource, which ACS refuses alone.
const foreign = "8:acs:00000000-1111-2222-3333-444444444444_55555555-6666-7777-8888-999999999999"

// Members are added before others are removed, as far as the thread has room.
func TestOrder(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		// stay is the number of members that stay; back are out for a renewal, and come are new.
		stay       int
		back, come []string
		want       []string
	}{
		"room for all":               {0, nil, []string{"c0", "c1"}, []string{"add c0 c1", "remove l0", "remove l1"}},
		"room for just all":          {245, nil, []string{"c0", "c1"}, []string{"add c0 c1", "remove l0", "remove l1"}},
		"room for some":              {246, nil, []string{"c0", "c1"}, []string{"remove l0", "add c0 c1", "remove l1"}},
		"full":                       {247, nil, []string{"c0"}, []string{"remove l0", "add c0", "remove l1"}},
		"full, as many come":         {247, nil, []string{"c0", "c1"}, []string{"remove l0", "remove l1", "add c0 c1"}},
		"one is out for a renewal":   {0, []string{"b"}, []string{"c0"}, []string{"add b", "add c0", "remove l0", "remove l1"}},
		"one is out, room for it":    {246, []string{"b"}, []string{"c0"}, []string{"add b", "remove l0", "add c0", "remove l1"}},
		"one is out, full":           {247, []string{"b"}, nil, []string{"remove l0", "add b", "remove l1"}},
		"one is out, full, one more": {247, []string{"b"}, []string{"c0"}, []string{"remove l0", "add b", "remove l1", "add c0"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			stay := several("s", c.stay)
			all := slices.Concat(stay, c.come, c.back)
			r.join(append(slices.Clone(stay), "l0", "l1")...)
			r.areOut(c.back...)
			r.declare(all...)
			r.reconciles(c.want...)
			r.has(all...)
			r.results(all, nil)
			r.renewing()
			if added := slices.Concat(c.back, c.come); len(r.done.Added) != len(added) || len(r.done.Removed) != 2 {
				t.Errorf("added %v, removed %v", r.done.Added, r.done.Removed)
			}
		})
	}
}

// While removals are held back, no call adds more members than the thread has room for: ACS would
// refuse the whole call, and a member would count as malformed. Members that are out for a renewal
// come first. The others come once members are removed.
func TestNoCallExceedsTheRoom(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		stay       int
		back, come []string
		// held and then are the calls while removals are held back, and after that.
		held, then []string
	}{
		"full":                      {247, nil, []string{"c0"}, nil, []string{"remove l0", "add c0", "remove l1"}},
		"room for one":              {246, nil, []string{"c0", "c1"}, []string{"add c0"}, []string{"remove l0", "add c1", "remove l1"}},
		"room for one that is out":  {246, []string{"b"}, []string{"c0"}, []string{"add b"}, []string{"remove l0", "add c0", "remove l1"}},
		"no room for those out":     {246, []string{"b0", "b1"}, nil, []string{"add b0"}, []string{"remove l0", "add b1", "remove l1"}},
		"room for a sound one only": {246, nil, []string{"x0", "c0"}, []string{"add c0"}, []string{"remove l0", "add x0", "remove l1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			stay := several("s", c.stay)
			all := slices.Concat(stay, c.come, c.back)
			r.join(append(slices.Clone(stay), "l0", "l1")...)
			r.areOut(c.back...)
			for _, name := range c.come {
				if name[0] == 'x' {
					r.memory.NoteMalformed([]plan.Member{{Member: chatv1alpha1.Member{UserID: chatv1alpha1.UserID(r.user(name))}}}, nil, nil)
				}
			}
			r.memory.TryAgain()
			r.declare(all...)
			r.holdsRemovals = true
			if err := r.reconcile(); !errors.Is(err, membership.ErrNoRoom) {
				t.Errorf("Do ends with %v", err)
			}
			r.expect("calls", c.held, r.calls())
			if len(r.done.Results.Refused) > 0 {
				t.Errorf("refused: %v", r.done.Results.Refused)
			}
			r.holdsRemovals = false
			r.reconciles(c.then...)
			r.has(all...)
			r.results(all, nil)
			r.renewing()
		})
	}
}

// If a removal fails that was to make room, those that are out for a renewal come back as far as
// there is room.
func TestFailedRemovalKeepsNobodyOutWhoHasRoom(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	stay := several("s", 246)
	r.join(append(slices.Clone(stay), "l0", "l1", "l2")...)
	r.areOut("b0", "b1")
	r.declare(append(slices.Clone(stay), "c0", "b0", "b1")...)
	r.remove(emulator.Fault{Skip: 1, Times: 1, Status: http.StatusServiceUnavailable})
	if err := r.reconcile(); err == nil {
		t.Error("no error")
	}
	r.expect("calls", []string{"remove l0", "remove l1", "add b0"}, r.calls())
	r.renewing("b1")
	r.reconciles("remove l1", "add b1", "remove l2", "add c0")
}

// If an addition fails outright, nobody is removed before it succeeds.
func TestNobodyIsRemovedIfAnAdditionFails(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]emulator.Fault{
		"a failing server":   {Status: http.StatusServiceUnavailable},
		"too many calls":     {Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After-Ms": {"0"}}},
		"no access":          {Status: http.StatusForbidden},
		"lost":               {DropBefore: true},
		"its answer is lost": {DropAfter: true},
		"not understood":     {Status: http.StatusCreated, Body: "<html>"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			r.settle("ann", "bob")
			r.declare("ann", "eve")
			end := r.add(fault)
			if err := r.reconcile(); err == nil {
				t.Error("no error")
			}
			r.expect("calls", []string{"add eve"}, r.calls())
			if r.member("bob") == nil {
				t.Error("bob was removed")
			}
			end()
			r.pacer.Unblock()
			r.reconciles()
			r.has("ann", "eve")
		})
	}
}

// A removal that fails ends the work, and is made later.
func TestFailedRemoval(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.settle("ann", "bob", "eve")
	r.declare()
	r.remove(emulator.Fault{Skip: 1, Times: 1, Status: http.StatusServiceUnavailable})
	if err := r.reconcile(); err == nil {
		t.Error("no error")
	}
	r.has("bob", "eve")
	r.expect("removed", []string{r.user("ann")}, r.done.Removed)
	r.reconciles("remove bob", "remove eve")
	r.has()
}

// ACS refuses some members one by one. The others join, and the work goes on. If an answer does
// not name the member that it refuses, the list of members decides.
func TestRefusedOneByOne(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		target string
		want   []string
	}{
		"named":          {foreign, []string{"add ann foreign eve", "remove bob"}},
		"no target":      {"", []string{"add ann foreign eve", "list", "remove bob"}},
		"another target": {"somebody", []string{"add ann foreign eve", "list", "remove bob"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			r.settle("bob")
			r.call("foreign", foreign)
			r.declare("ann", "foreign", "eve")
			r.add(emulator.Fault{Times: 1, Transform: func(status int, _ http.Header, body []byte) (int, []byte) {
				return status, bytes.Replace(body, []byte(foreign), []byte(c.target), 1)
			}})
			r.reconciles(c.want...)
			r.has("ann", "eve")
			r.results([]string{"ann", "eve"}, []string{"foreign"})
			want := plan.Refusal{Generation: r.declared.Generation, Code: "403", Message: "Permissions check failed"}
			if diff := cmp.Diff(want, r.done.Results.Refused[r.key("foreign")]); diff != "" {
				t.Errorf("refusal (-want +got):\n%s", diff)
			}

			// It is not tried again, but reported, before the declaration changes or TryAgain.
			r.reconciles()
			r.expect("calls", nil, r.calls())
			r.results([]string{"ann", "eve"}, []string{"foreign"})
			r.memory.TryAgain()
			r.reconciles("add foreign")
			r.declare("foreign", "ann", "eve")
			r.reconciles("add foreign")
			r.results([]string{"ann", "eve"}, []string{"foreign"})
		})
	}
}

// A call has as many members as ACS takes.
func TestBatches(t *testing.T) {
	t.Parallel()
	if membership.MaxBatch != 200 {
		t.Errorf("MaxBatch is %d, ACS takes 200", membership.MaxBatch)
	}
	r := newRoom(t)
	all := several("u", 249)
	r.declare(all...)
	r.reconciles("add 200", "add 49")
	r.has(all...)
	r.results(all, nil)
}

// Ids that were malformed before are also sent in batches.
func TestBatchesOfMalformedIDs(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	all := several("u", 201)
	r.declare(all...)
	for _, m := range plan.Declare(r.declared, nil, nil, nil).Members {
		r.memory.NoteMalformed([]plan.Member{m}, nil, nil)
	}
	r.memory.TryAgain()
	r.reconciles("add 200", "add u200")
	r.has(all...)
}

// A member that ACS accepts, and does not list, counts as joined only twice.
func TestAddedAndNotListed(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.declare("ann")
	r.add(emulator.Fault{Status: http.StatusCreated, Body: "{}"})
	for range 2 {
		r.reconciles("add ann")
		r.results([]string{"ann"}, nil)
	}
	// The count begins again once a list shows the member.
	r.join("ann")
	r.reconciles()
	r.emulator.RemoveMember(r.id, r.user("ann"))
	for range 2 {
		r.reconciles("add ann")
		r.results([]string{"ann"}, nil)
	}
	r.reconciles("add ann")
	r.results(nil, []string{"ann"})
	if got := r.done.Results.Refused[r.key("ann")].Message; got != "ACS answers that it added the user, and does not list it as a member" {
		t.Errorf("message %q", got)
	}
}

// The creation of a thread with a member counts as an addition.
func TestCreatedAndNotListed(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.declare("ann")
	r.memory.NoteCreated(plan.Declare(r.declared, nil, nil, nil).Members[:1])
	r.add(emulator.Fault{Status: http.StatusCreated, Body: "{}"})
	r.reconciles("add ann")
	r.results([]string{"ann"}, nil)
	r.reconciles("add ann")
	r.results(nil, []string{"ann"})
}
