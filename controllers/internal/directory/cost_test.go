// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package directory

import (
	"errors"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/acstest"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// naiveUnread are the unread threads of a list, as their definition says.
func (d *Directory) naiveUnread(l *list) []string {
	ids := []string{}
	for id, thread := range l.threads {
		if _, known := d.stamps.of(id); !thread.deleted && !known && !l.inaccessible[id] {
			ids = append(ids, id)
		}
	}
	for id := range l.own {
		_, listed := l.threads[id]
		if _, known := d.stamps.of(id); !listed && !known && !l.inaccessible[id] {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// walk returns the threads of a whole walk over a list, sorted.
func (d *Directory) walk(user string) []string {
	ids := []string{}
	for _, c := d.begin(user); ; {
		id, ok := d.step(c, func(string) bool { return true })
		if !ok {
			slices.Sort(ids)
			return ids
		}
		ids = append(ids, id)
	}
}

// indexed is a directory to which anything happens, with the stamps that it must know.
type indexed struct {
	*Directory
	random *rand.Rand
	stamps map[string]Stamp
	users  []string
}

func (x *indexed) id() string    { return strconv.Itoa(x.random.IntN(90)) }
func (x *indexed) owner() string { return "ns/" + strconv.Itoa(x.random.IntN(9)) }

// change changes something.
func (x *indexed) change() {
	id, user := x.id(), x.users[x.random.IntN(2)]
	l := x.list(user)
	switch x.random.IntN(8) {
	case 0:
		r := newReading(Lister{ID: user})
		r.done = true
		for range x.random.IntN(60) {
			r.seen[x.id()] = listedThread{deleted: x.random.IntN(9) == 0}
		}
		x.note(l, r)
	case 1, 2:
		x.stamps[id] = Stamp{ID: id, Owner: x.owner(), CreatedBy: user}
		x.Put(x.stamps[id])
	case 3:
		x.Drop(id)
		delete(x.stamps, id)
	case 4, 5:
		x.Forget(id)
		delete(x.stamps, id)
	case 6:
		l.inaccessible[id] = true
		x.changed(id)
	default:
		_, c := x.begin(user)
		for range x.random.IntN(9) {
			if id, ok := x.step(c, func(string) bool { return true }); ok {
				x.askClaim(l, c, id, func(string) bool { return x.random.IntN(2) == 0 })
			}
		}
	}
}

// check compares what the indexes of a list show with a look at everything.
func (x *indexed) check(t *testing.T, user string) {
	t.Helper()
	u, claimed := &x.list(user).unread, 0
	for _, thread := range u.at {
		if thread.claimed {
			claimed++
		}
	}
	if u.claimed != claimed || len(u.order) > max(2*len(u.at), leastOrder) {
		t.Fatalf("%d claims are counted of %d, and the order has %d of %d", u.claimed, claimed, len(u.order), len(u.at))
	}
	if diff := cmp.Diff(x.naiveUnread(x.list(user)), x.walk(user)); diff != "" {
		t.Fatalf("unread threads (-all +index):\n%s", diff)
	}
	owner := x.owner()
	var want []string
	for id, stamp := range maps.All(x.stamps) {
		if stamp.Owner == owner {
			want = append(want, id)
		}
	}
	if diff := cmp.Diff(sorted(want...), sorted(idsOf(x.Find(owner, x.users))...)); diff != "" {
		t.Fatalf("threads of %s (-all +index):\n%s", owner, diff)
	}
}

// Whatever happens, the indexes show just what a look at everything would.
func TestIndexesAreTrue(t *testing.T) {
	t.Parallel()
	x := &indexed{Directory: New(), random: rand.New(rand.NewPCG(1, 2)), //nolint:gosec // a run is to be repeated
		stamps: map[string]Stamp{}, users: []string{"8:acs:a", "8:acs:b"}}
	for range 10_000 {
		x.change()
		for _, user := range x.users {
			x.check(t, user)
		}
	}
}

// A ChatThread that must wait for stamps asks for few claims, however many threads there are, and
// so does each further one.
func TestClaimsOfThoseThatWait(t *testing.T) {
	t.Parallel()
	asked := func(threads int) int {
		d, count := known(threads, threads), 0
		// Nearly all are claimed: just after a start the stamp of hardly any thread is known.
		for n := range threads {
			query := Query{Users: []string{"8:acs:user"}, Topic: "topic", Waiter: types.NamespacedName{Namespace: "ns", Name: strconv.Itoa(n)}, Since: time.Now(),
				Claims: claims(func(id string) bool { count++; return id != threadNumber(threads-1) })}
			if _, err := d.Search(query); err == nil {
				t.Fatal("a search ends before all stamps are read")
			}
		}
		return count
	}
	few, many := asked(500), asked(2000)
	if many > 5*few || many > 3*2000 {
		t.Errorf("%d claims were asked for 500 ChatThreads, %d for 2000", few, many)
	}
}

// roomForOne lets one call through each time.
type roomForOne struct{ used *bool }

func (r roomForOne) Do(req *policy.Request) (*http.Response, error) {
	if *r.used {
		return nil, &outcome.Wait{Reason: chatv1alpha1.ReasonWaitingForQuota, After: time.Second}
	}
	*r.used = true
	return req.Next()
}

// A read of stamps that the quota interrupts after each one asks for about one claim for each
// thread, though most are claimed.
func TestClaimsOfAnInterruptedRead(t *testing.T) {
	t.Parallel()
	asked := func(threads int) (claims, calls int) {
		s := newService(t, emulator.Options{}, 1)
		for n := range threads {
			if id := s.thread(0, ""); n%4 != 0 {
				s.claimed[id] = true
			}
		}
		used := false
		paced := s.users[0]
		paced.Chat = s.client(paced.ID, roomForOne{&used})
		query := s.query(Need{})
		ask := query.Claims
		query.Claims = func(id string, meets func(types.NamespacedName) bool) bool { claims++; return ask(id, meets) }
		_, err := s.Search(query)
		for err != nil {
			used = false
			if calls++; calls > threads {
				t.Fatal("the reads do not end")
			}
			_, err = s.Read(t.Context(), paced, ReadOptions{Claims: query.Claims})
			if _, isWait := errors.AsType[*outcome.Wait](err); err != nil && !isWait {
				t.Fatal(err)
			}
		}
		return claims, calls
	}
	few, calls := asked(40)
	many, _ := asked(160)
	t.Logf("%d claims for 40 threads in %d reads, %d for 160", few, calls, many)
	// Each thread is looked at when the list comes and by one walk, and the last of each read once
	// more.
	if calls < 10 || few > 4*40 || many > 4*160 {
		t.Errorf("%d claims were asked for 40 threads, %d for 160", few, many)
	}
}

// client returns another client of a user.
func (s *service) client(id string, first policy.Policy) *acs.ChatClient {
	s.Helper()
	chat, err := acs.NewChatClient(s.url, s.credentials[id], &acs.ClientOptions{ClientOptions: azcore.ClientOptions{
		Transport: s.transport, Retry: policy.RetryOptions{MaxRetries: -1}, PerCallPolicies: []policy.Policy{first}}})
	acstest.MustSucceed(s.T, err)
	return chat
}

// All threads that are lost share the list of those that were there before.
func TestListedIsShared(t *testing.T) { //nolint:paralleltest // it counts allocations
	d := known(1000, 10)
	if allocations := testing.AllocsPerRun(100, func() { d.Listed("8:acs:user") }); allocations > 0 {
		t.Errorf("each costs %.0f allocations", allocations)
	}
	before := d.Listed("8:acs:user")
	d.Drop(threadNumber(3))
	if after := d.Listed("8:acs:user"); len(after) != len(before)-1 {
		t.Error("a thread that is gone is listed")
	}
	d.list("8:acs:user").markDeleted(threadNumber(4))
	if after := d.Listed("8:acs:user"); after[threadNumber(4)] || !after[threadNumber(5)] {
		t.Error("a thread that was deleted is listed as one that exists")
	}
	if !before[threadNumber(3)] || !before[threadNumber(4)] {
		t.Error("a list that somebody keeps changed")
	}
}
