// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// memberID is the id of the nth member.
func memberID(n int) string { return fmt.Sprintf("8:acs:Resource_%03d", n) }

func declaredAs(n int, displayName string) Member {
	return Member{Member: chatv1alpha1.Member{UserID: chatv1alpha1.UserID(memberID(n)), DisplayName: displayName}}
}

func declaredKeys(members []Member) []string {
	keys := make([]string, 0, len(members))
	for _, m := range members {
		keys = append(keys, m.Key())
	}
	return keys
}

func TestDeclareMembers(t *testing.T) {
	t.Parallel()
	created := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	participant := func(uid string, age time.Duration, user string) chatv1alpha1.ChatParticipant {
		return chatv1alpha1.ChatParticipant{
			ObjectMeta: metav1.ObjectMeta{UID: types.UID(uid), Generation: 7, CreationTimestamp: metav1.NewTime(created.Add(-age))},
			Spec:       chatv1alpha1.ChatParticipantSpec{UserID: chatv1alpha1.UserID(user)},
		}
	}
	for name, c := range map[string]struct {
		inline               []string
		participants         []chatv1alpha1.ChatParticipant
		declared, duplicates []string // declarer and user; the declarer of an inline member is empty
	}{
		"nobody": {},
		"inline as they stand": {
			inline:   []string{"8:acs:c", "8:acs:a", "8:acs:b"},
			declared: []string{" 8:acs:c", " 8:acs:a", " 8:acs:b"},
		},
		"inline before the oldest": {
			inline:       []string{"8:acs:z"},
			participants: []chatv1alpha1.ChatParticipant{participant("p1", 0, "8:acs:b"), participant("p2", time.Hour, "8:acs:c")},
			declared:     []string{" 8:acs:z", "p2 8:acs:c", "p1 8:acs:b"},
		},
		"same age: by uid": {
			participants: []chatv1alpha1.ChatParticipant{participant("p9", 0, "8:acs:a"), participant("p1", 0, "8:acs:c"), participant("p5", 0, "8:acs:b")},
			declared:     []string{"p1 8:acs:c", "p5 8:acs:b", "p9 8:acs:a"},
		},
		"inline wins over an older ChatParticipant": {
			inline:       []string{"8:acs:a"},
			participants: []chatv1alpha1.ChatParticipant{participant("p1", time.Hour, "8:acs:a")},
			declared:     []string{" 8:acs:a"},
			duplicates:   []string{"p1 8:acs:a"},
		},
		"the oldest wins, whatever the case": {
			participants: []chatv1alpha1.ChatParticipant{participant("p1", 0, "8:acs:aB"), participant("p2", time.Second, "8:ACS:Ab"), participant("p3", 2*time.Second, "8:acs:AB")},
			declared:     []string{"p3 8:acs:AB"},
			duplicates:   []string{"p2 8:ACS:Ab", "p1 8:acs:aB"},
		},
		"inline twice": {
			inline:     []string{"8:acs:a", "8:acs:A", "8:acs:b"},
			declared:   []string{" 8:acs:a", " 8:acs:b"},
			duplicates: []string{" 8:acs:A"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			thread := &chatv1alpha1.ChatThread{ObjectMeta: metav1.ObjectMeta{Generation: 3}}
			for _, id := range c.inline {
				thread.Spec.Participants = append(thread.Spec.Participants, chatv1alpha1.Member{UserID: chatv1alpha1.UserID(id)})
			}
			given := slices.Clone(c.participants)
			declared, duplicates := declareMembers(thread, c.participants)
			text := func(members []Member) []string {
				var lines []string
				for _, m := range members {
					lines = append(lines, string(m.Participant)+" "+string(m.UserID))
				}
				return lines
			}
			if diff := cmp.Diff(c.declared, text(declared)); diff != "" {
				t.Errorf("declared (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.duplicates, text(duplicates)); diff != "" {
				t.Errorf("duplicates (-want +got):\n%s", diff)
			}
			for _, m := range slices.Concat(declared, duplicates) {
				if want := map[bool]int64{true: 3, false: 7}[m.IsInline()]; m.Generation != want {
					t.Errorf("%s answers for generation %d, want %d", m.UserID, m.Generation, want)
				}
			}
			// The list may be the cache's own.
			if diff := cmp.Diff(given, c.participants); diff != "" {
				t.Errorf("the list that was given changed (-before +after):\n%s", diff)
			}
		})
	}
}

func TestMemberStamp(t *testing.T) {
	t.Parallel()
	at := func(text string) *metav1.Time {
		parsed, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		stamped := metav1.NewTime(parsed)
		return &stamped
	}
	base := Member{Member: chatv1alpha1.Member{
		UserID: "8:acs:a", DisplayName: "Ann", ShareHistory: chatv1alpha1.ShareHistorySinceTime, ShareHistoryTime: at("2026-03-01T12:00:00Z"),
	}}
	for name, c := range map[string]struct {
		change func(*Member)
		same   bool
	}{
		"nothing":                   {func(*Member) {}, true},
		"who it is":                 {func(m *Member) { m.UserID = "8:acs:b" }, true},
		"the case of the id":        {func(m *Member) { m.UserID = "8:ACS:A" }, true},
		"who declares it":           {func(m *Member) { m.Participant = "p1" }, true},
		"the generation":            {func(m *Member) { m.Generation++ }, true},
		"the zone of the time":      {func(m *Member) { m.ShareHistoryTime = at("2026-03-01T14:00:00+02:00") }, true},
		"a fraction of a second":    {func(m *Member) { m.ShareHistoryTime = at("2026-03-01T12:00:00.9Z") }, true},
		"display name":              {func(m *Member) { m.DisplayName = "Anne" }, false},
		"no display name":           {func(m *Member) { m.DisplayName = "" }, false},
		"the case of the name":      {func(m *Member) { m.DisplayName = "ann" }, false},
		"a quote in the name":       {func(m *Member) { m.DisplayName = `Ann" "All` }, false},
		"share history":             {func(m *Member) { m.ShareHistory, m.ShareHistoryTime = chatv1alpha1.ShareHistoryAll, nil }, false},
		"share history since join":  {func(m *Member) { m.ShareHistory, m.ShareHistoryTime = chatv1alpha1.ShareHistorySinceJoin, nil }, false},
		"a second of the time":      {func(m *Member) { m.ShareHistoryTime = at("2026-03-01T12:00:01Z") }, false},
		"another day, same o'clock": {func(m *Member) { m.ShareHistoryTime = at("2026-03-02T12:00:00Z") }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed := base
			c.change(&changed)
			if got := changed.Stamp() == base.Stamp(); got != c.same {
				t.Errorf("the stamp stays: %v, want %v", got, c.same)
			}
		})
	}

	t.Run("not set is All", func(t *testing.T) {
		t.Parallel()
		all := Member{Member: chatv1alpha1.Member{ShareHistory: chatv1alpha1.ShareHistoryAll}}
		if got, want := (Member{}).Stamp(), all.Stamp(); got != want {
			t.Errorf("stamp %s, want %s", got, want)
		}
	})
	// Stamps are stored at the service: another form would add every member of every thread again.
	t.Run("form", func(t *testing.T) {
		t.Parallel()
		if got, want := base.Stamp(), "1:9f31d282753f3c50"; got != want {
			t.Errorf("stamp %s, want %s", got, want)
		}
	})
}

func TestParticipantFor(t *testing.T) {
	t.Parallel()
	moment := func(text string) *time.Time {
		parsed, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return &parsed
	}
	now := *moment("2026-03-01T12:00:05.7+02:00")
	epoch := time.Unix(0, 0)
	declaredTime := metav1.NewTime(*moment("2026-01-01T00:00:59.999+01:00"))
	for name, c := range map[string]struct {
		history  chatv1alpha1.ShareHistory
		since    *metav1.Time
		observed *time.Time
		want     *time.Time
	}{
		"not set":                            {},
		"All":                                {history: chatv1alpha1.ShareHistoryAll},
		"All, added again":                   {history: chatv1alpha1.ShareHistoryAll, observed: moment("2026-02-01T00:00:00Z")},
		"SinceJoin":                          {history: chatv1alpha1.ShareHistorySinceJoin, want: moment("2026-03-01T10:00:05Z")},
		"SinceJoin, added again":             {history: chatv1alpha1.ShareHistorySinceJoin, observed: moment("2026-02-01T00:00:07.5Z"), want: moment("2026-02-01T00:00:07Z")},
		"SinceJoin, had the whole history":   {history: chatv1alpha1.ShareHistorySinceJoin, observed: &epoch, want: moment("2026-03-01T10:00:05Z")},
		"SinceJoin, before the epoch":        {history: chatv1alpha1.ShareHistorySinceJoin, observed: &time.Time{}, want: moment("2026-03-01T10:00:05Z")},
		"SinceTime":                          {history: chatv1alpha1.ShareHistorySinceTime, since: &declaredTime, want: moment("2025-12-31T23:00:59Z")},
		"SinceTime, added again: as it says": {history: chatv1alpha1.ShareHistorySinceTime, since: &declaredTime, observed: moment("2026-02-01T00:00:00Z"), want: moment("2025-12-31T23:00:59Z")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := Member{Member: chatv1alpha1.Member{UserID: "8:acs:Ann_1", DisplayName: "Ann", ShareHistory: c.history, ShareHistoryTime: c.since}}
			var before time.Time
			if c.observed != nil {
				before = *c.observed
			}
			want := acs.Participant{
				ID: acs.CommunicationUser{ID: "8:acs:Ann_1"}, DisplayName: "Ann", ShareHistoryTime: c.want,
				Metadata: map[string]string{"acsOperatorSpec": "2:09ac74bb56f19d2c" + strings.TrimPrefix(m.Stamp(), "1")},
			}
			got := m.ParticipantFor("ns/a", now, c.observed)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("participant (-want +got):\n%s", diff)
			}
			if got.ShareHistoryTime != nil && got.ShareHistoryTime.Location() != time.UTC {
				t.Errorf("the time is sent in zone %s", got.ShareHistoryTime.Location())
			}
			if c.observed != nil && !c.observed.Equal(before) {
				t.Error("what was observed changed")
			}
		})
	}
}

func TestObserveMembers(t *testing.T) {
	t.Parallel()
	since := time.Unix(1000, 0)
	participants := []acs.Participant{
		{ID: acs.CommunicationUser{ID: "8:acs:A"}, DisplayName: "Ann", ShareHistoryTime: &since, Metadata: map[string]string{"acsOperatorSpec": "1:x", "other": "y"}},
		{ID: acs.CommunicationUser{ID: "8:acs:B"}, Metadata: map[string]string{"acsOperatorSpec": sentStamp("ns/a", "1:y")}},
		{ID: acs.CommunicationUser{ID: "8:acs:C"}, Metadata: map[string]string{"acsOperatorSpec": sentStamp("ns/other", "1:y")}},
		{ID: acs.PhoneNumber{Value: "+4930"}},
	}
	want := []ObservedMember{
		{ID: "8:acs:A", DisplayName: "Ann", HistorySince: &since, Stamp: "1:x", RawStamp: "1:x"},
		{ID: "8:acs:B", Stamp: "1:y", RawStamp: sentStamp("ns/a", "1:y")},
		{ID: "8:acs:C", RawStamp: sentStamp("ns/other", "1:y")},
		{ID: "4:+4930"},
	}
	got := observeMembers(participants, "ns/a", true)
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(ObservedMember{})); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
	// In a thread that was another resource's, members without an owner may have been added by that
	// one.
	want[0].Stamp = ""
	if diff := cmp.Diff(want, observeMembers(participants, "ns/a", false), cmp.AllowUnexported(ObservedMember{})); diff != "" {
		t.Errorf("members of an adopted thread (-want +got):\n%s", diff)
	}
	if got[0].Key() != "8:acs:a" {
		t.Errorf("key %q", got[0].Key())
	}
}

func TestDiffers(t *testing.T) {
	t.Parallel()
	ann, nameless := declaredAs(1, "Ann"), declaredAs(1, "")
	for name, c := range map[string]struct {
		declared Member
		observed ObservedMember
		want     bool
	}{
		"our stamp": {ann, ObservedMember{Stamp: ann.Stamp(), DisplayName: "Ann"}, false},
		"our stamp, the service rewrote the name": {ann, ObservedMember{Stamp: ann.Stamp(), DisplayName: "ANN"}, false},
		"another stamp":                              {ann, ObservedMember{Stamp: nameless.Stamp(), DisplayName: "Ann"}, true},
		"a stamp of another form":                    {ann, ObservedMember{Stamp: "2:00", DisplayName: "Ann"}, true},
		"another stamp, no name declared":            {nameless, ObservedMember{Stamp: ann.Stamp(), DisplayName: "Ann"}, true},
		"no stamp, the name differs":                 {ann, ObservedMember{DisplayName: "Bob"}, true},
		"no stamp, no name":                          {ann, ObservedMember{}, true},
		"no stamp, the name is the same":             {ann, ObservedMember{DisplayName: "Ann"}, false},
		"no stamp, none declared":                    {nameless, ObservedMember{DisplayName: "Bob"}, false},
		"no stamp, history cannot be told to differ": {Member{Member: chatv1alpha1.Member{ShareHistory: chatv1alpha1.ShareHistorySinceJoin}}, ObservedMember{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := differs(c.declared, c.observed); got != c.want {
				t.Errorf("differs: %v, want %v", got, c.want)
			}
		})
	}
}

// category is what a plan does with a user.
type category string

const (
	isJoined  category = "joined"
	isAdded   category = "added"
	isRenewed category = "renewed"
	isRemoved category = "removed"
	isSurplus category = "surplus"
	isSkipped category = "skipped"
	isAbsent  category = "absent"
)

// categories says what a plan does with each user, in the order of the plan's fields.
func categories(plan Members) map[string][]category {
	all := map[string][]category{}
	put := func(key string, c category) { all[key] = append(all[key], c) }
	for _, m := range plan.Joined {
		put(m.Key(), isJoined)
	}
	for _, m := range plan.Add {
		put(m.Key(), isAdded)
	}
	for _, r := range plan.Renew {
		put(r.Declared.Key(), isRenewed)
	}
	for _, m := range plan.Remove {
		put(m.Key(), isRemoved)
	}
	for _, m := range plan.Surplus {
		put(m.Key(), isSurplus)
	}
	for _, m := range plan.Skipped {
		put(m.Key(), isSkipped)
	}
	for _, m := range plan.Absent {
		put(m.Key(), isAbsent)
	}
	return all
}

// room is a thread as the service holds it, for carrying out plans.
type room struct {
	members map[string]ObservedMember
	order   []string
	// most is how many members there ever were at once.
	most int
}

func newRoom(members []ObservedMember) *room {
	r := &room{members: map[string]ObservedMember{}}
	for _, m := range members {
		r.put(m)
	}
	return r
}

func (r *room) put(m ObservedMember) {
	if _, ok := r.members[m.Key()]; !ok {
		r.order = append(r.order, m.Key())
	}
	r.members[m.Key()] = m
	r.most = max(r.most, len(r.members))
}

func (r *room) list() []ObservedMember {
	members := make([]ObservedMember, 0, len(r.members))
	for _, key := range r.order {
		if m, ok := r.members[key]; ok {
			members = append(members, m)
		}
	}
	return members
}

func (r *room) keys() []string { return slices.Sorted(maps.Keys(r.members)) }

// carryOut does what a plan says, in the order in which the operator does, and returns what is
// wrong with a step.
func (r *room) carryOut(plan Members) error {
	remove := func(key string) error {
		if _, ok := r.members[key]; !ok {
			return fmt.Errorf("%s is removed and not there", key)
		}
		delete(r.members, key)
		r.order = slices.DeleteFunc(r.order, func(other string) bool { return other == key })
		return nil
	}
	add := func(m Member) error {
		if _, ok := r.members[m.Key()]; ok {
			return fmt.Errorf("%s is added and there already", m.Key())
		}
		r.put(ObservedMember{ID: string(m.UserID), DisplayName: m.DisplayName, Stamp: m.Stamp()})
		return nil
	}
	first := plan.RemovalsFirst()
	for _, m := range plan.Remove[:first] {
		if err := remove(m.Key()); err != nil {
			return err
		}
	}
	for _, m := range plan.Add {
		if err := add(m); err != nil {
			return err
		}
	}
	for _, again := range plan.Renew {
		if err := remove(again.Observed.Key()); err != nil {
			return err
		}
		if err := add(again.Declared); err != nil {
			return err
		}
	}
	for _, m := range plan.Remove[first:] {
		if err := remove(m.Key()); err != nil {
			return err
		}
	}
	return nil
}

// situation is one user of an exhaustive test.
type situation struct {
	declared, named, observed, stamped, asIs, serviceUser, refused, protected bool

	want category
}

// situations are all that can be said of one user, with what must become of it: written down from
// the rules, without a look at how the difference is made.
func situations(policy chatv1alpha1.MembershipPolicy) []situation {
	var all []situation
	for bits := range 1 << 8 {
		is := func(n int) bool { return bits>>n&1 == 1 }
		s := situation{declared: is(0), named: is(1), observed: is(2), stamped: is(3), asIs: is(4), serviceUser: is(5), refused: is(6), protected: is(7)}
		if s.named && !s.declared || (s.stamped || s.asIs) && !s.observed || s.refused && !s.declared {
			continue
		}
		s.want = wantedCategory(s, policy)
		all = append(all, s)
	}
	return all
}

func wantedCategory(s situation, policy chatv1alpha1.MembershipPolicy) category {
	switch {
	case !s.declared:
		return wantedOfUndeclared(s, policy)
	case s.serviceUser && s.observed:
		return isJoined
	case s.serviceUser:
		return isAbsent
	case s.observed:
		return map[bool]category{true: isJoined, false: isRenewed}[s.asIs || !s.stamped && !s.named]
	case s.refused:
		return isSkipped
	default:
		return isAdded
	}
}

func wantedOfUndeclared(s situation, policy chatv1alpha1.MembershipPolicy) category {
	if s.observed && !s.serviceUser && !s.protected && (s.stamped || policy == chatv1alpha1.MembershipExclusive) {
		return isRemoved
	}
	return ""
}

// input builds what the situations describe: user n in the nth situation.
func input(policy chatv1alpha1.MembershipPolicy, users []situation) membersInput {
	in := membersInput{policy: policy, serviceUsers: map[string]bool{}, protected: map[string]bool{}}
	refused := map[string]bool{}
	for n, s := range users {
		m := declaredAs(n, "")
		if s.named {
			m.DisplayName = "Ann"
		}
		if s.declared {
			in.declared = append(in.declared, m)
		}
		if s.observed {
			current := ObservedMember{ID: strings.ToUpper(memberID(n)), DisplayName: "Somebody"}
			if s.asIs {
				current.DisplayName = m.DisplayName
			}
			if s.stamped && s.asIs {
				current.Stamp = m.Stamp()
			} else if s.stamped {
				current.Stamp = "1:other"
			}
			in.observed = append(in.observed, current)
		}
		if s.serviceUser {
			in.serviceUsers[m.Key()] = true
		}
		refused[m.Key()], in.protected[m.Key()] = s.refused, s.protected
	}
	in.skip = func(m Member) bool { return refused[m.Key()] }
	return in
}

// wrongWith plans twice, carries out what is planned, and says what breaks a rule.
func wrongWith(in membersInput, users []situation) string {
	plan := planMembers(in)
	want, remain := map[string][]category{}, map[string]bool{}
	for n, s := range users {
		key := acs.UserKey(memberID(n))
		if s.want != "" {
			want[key] = []category{s.want}
		}
		kept := s.observed && s.want != isRemoved
		if kept || s.want == isAdded {
			remain[key] = true
		}
	}
	if diff := cmp.Diff(want, categories(plan)); diff != "" {
		return "plan (-want +got):\n" + diff
	}
	r := newRoom(in.observed)
	if err := r.carryOut(plan); err != nil {
		return err.Error()
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(remain)), r.keys()); diff != "" {
		return "members afterwards (-want +got):\n" + diff
	}
	in.observed = r.list()
	if again := planMembers(in); !again.IsEmpty() {
		return fmt.Sprintf("a second pass is not idle: %v", categories(again))
	}
	return ""
}

// combinations calls f with each way to fill so many places.
func combinations(from []situation, places int, f func([]situation)) {
	chosen := make([]situation, places)
	var choose func(int)
	choose = func(at int) {
		if at == places {
			f(chosen)
			return
		}
		for _, s := range from {
			chosen[at] = s
			choose(at + 1)
		}
	}
	choose(0)
}

func TestPlanMembersExhaustively(t *testing.T) {
	t.Parallel()
	for _, policy := range []chatv1alpha1.MembershipPolicy{chatv1alpha1.MembershipExclusive, chatv1alpha1.MembershipAdditive} {
		every := situations(policy)
		// Those in which a name or a stamp alone is not told apart from the other, for more users.
		few := slices.DeleteFunc(slices.Clone(every), func(s situation) bool {
			return s.named != s.declared || s.stamped != s.asIs || s.refused || s.protected
		})
		for users, from := range map[int][]situation{1: every, 2: every, 4: few} {
			t.Run(fmt.Sprintf("%s, %d users", policy, users), func(t *testing.T) {
				t.Parallel()
				combinations(from, users, func(chosen []situation) {
					if wrong := wrongWith(input(policy, chosen), chosen); wrong != "" {
						t.Fatalf("users %+v: %s", chosen, wrong)
					}
				})
			})
		}
	}
}

// fullRoom describes a thread at the limit.
type fullRoom struct {
	policy chatv1alpha1.MembershipPolicy
	// serviceUsers are in the thread; none is seen there where the list is late.
	serviceUsers int
	// strangers are declared by nobody, and added by somebody else or by the operator.
	strangers, leftovers int
	// protected says that the leftovers are declared, but do not count yet.
	protected bool
	declared  int
	// present are in the thread already: the first of the declared, or the last.
	present     int
	presentLast bool
	// renewed says that those present were added with other words.
	renewed bool
}

// build returns the input and how many declared members have a place.
func (f fullRoom) build() (in membersInput, places int) {
	in = membersInput{policy: f.policy, serviceUsers: map[string]bool{}, protected: map[string]bool{}}
	next := 0
	id := func() string { next++; return memberID(next) }
	for n := range 4 {
		user := id()
		in.serviceUsers[acs.UserKey(user)] = true
		if n < f.serviceUsers {
			in.observed = append(in.observed, ObservedMember{ID: user})
		}
	}
	for range f.strangers {
		in.observed = append(in.observed, ObservedMember{ID: id()})
	}
	for range f.leftovers {
		left := ObservedMember{ID: id(), Stamp: "1:left"}
		in.protected[left.Key()] = f.protected
		in.observed = append(in.observed, left)
	}
	for range f.declared {
		m := declaredAs(0, "")
		m.UserID = chatv1alpha1.UserID(id())
		in.declared = append(in.declared, m)
	}
	present := in.declared[:f.present]
	if f.presentLast {
		present = in.declared[f.declared-f.present:]
	}
	for _, m := range present {
		stamp := m.Stamp()
		if f.renewed {
			stamp = "1:other"
		}
		in.observed = append(in.observed, ObservedMember{ID: string(m.UserID), Stamp: stamp})
	}
	places = chatv1alpha1.MaxMembers - max(f.serviceUsers, 1) - f.others()
	return in, min(max(places, 0), f.declared)
}

// others are the members that nobody declares and that stay all the same.
func (f fullRoom) others() int {
	others := 0
	if f.policy == chatv1alpha1.MembershipAdditive {
		others += f.strangers
	}
	if f.protected {
		others += f.leftovers
	}
	return others
}

// fits says whether a thread can hold those who are in it.
func (f fullRoom) fits() bool {
	return f.present <= f.declared && max(f.serviceUsers, 1)+f.strangers+f.leftovers+f.present <= chatv1alpha1.MaxMembers
}

// fullRooms are all threads of some numbers that can be.
func fullRooms() []fullRoom {
	rooms := []fullRoom{{}}
	vary := func(values []int, set func(*fullRoom, int)) {
		var varied []fullRoom
		for _, room := range rooms {
			for _, value := range values {
				set(&room, value)
				varied = append(varied, room)
			}
		}
		rooms = varied
	}
	vary([]int{0, 1}, func(f *fullRoom, n int) {
		f.policy = []chatv1alpha1.MembershipPolicy{chatv1alpha1.MembershipExclusive, chatv1alpha1.MembershipAdditive}[n]
	})
	vary([]int{1, 4}, func(f *fullRoom, n int) { f.serviceUsers = n })
	vary([]int{0, 3, 245}, func(f *fullRoom, n int) { f.strangers = n })
	vary([]int{0, 2, 249}, func(f *fullRoom, n int) { f.leftovers = n })
	vary([]int{0, 1}, func(f *fullRoom, n int) { f.protected = n == 1 })
	vary([]int{0, 10, 249, 250}, func(f *fullRoom, n int) { f.declared = n })
	vary([]int{0, 2, 249}, func(f *fullRoom, n int) { f.present = n })
	vary([]int{0, 1}, func(f *fullRoom, n int) { f.presentLast = n == 1 })
	vary([]int{0, 1}, func(f *fullRoom, n int) { f.renewed = n == 1 })
	return slices.DeleteFunc(rooms, func(f fullRoom) bool { return !f.fits() })
}

func TestPlanMembersAtCapacity(t *testing.T) {
	t.Parallel()
	rooms := fullRooms()
	if len(rooms) < 200 {
		t.Fatalf("only %d threads", len(rooms))
	}
	for _, f := range rooms {
		in, places := f.build()
		plan := planMembers(in)
		r := newRoom(in.observed)
		if err := r.carryOut(plan); err != nil {
			t.Fatalf("%+v: %v", f, err)
		}
		if r.most > chatv1alpha1.MaxMembers {
			t.Fatalf("%+v: %d members at once", f, r.most)
		}
		// Who stands first has a place, and the others are told.
		want := declaredKeys(in.declared)
		if diff := cmp.Diff(want[places:], declaredKeys(plan.Surplus)); diff != "" {
			t.Fatalf("%+v: surplus (-want +got):\n%s", f, diff)
		}
		for n, key := range want {
			if _, isMember := r.members[key]; isMember != (n < places) {
				t.Fatalf("%+v: declared member %d is in the thread: %v", f, n, isMember)
			}
		}
		others := len(r.members) - places - f.serviceUsers
		if wantOthers := f.others(); others != wantOthers {
			t.Fatalf("%+v: %d others in the thread, want %d", f, others, wantOthers)
		}
		in.observed = r.list()
		if again := planMembers(in); !again.IsEmpty() {
			t.Fatalf("%+v: a second pass is not idle: %d added, %d renewed, %d removed", f, len(again.Add), len(again.Renew), len(again.Remove))
		}
	}
}

// No more is removed before anything was added than the additions need: an addition that fails must
// not empty the thread.
func TestRemovalsFirst(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ observed, add, remove, want int }{
		{1, 0, 0, 0},
		{1, 249, 0, 0},
		{240, 10, 5, 0},
		{241, 10, 5, 1},
		{250, 3, 10, 3},
		{250, 10, 10, 10},
		{250, 0, 249, 0},
		{250, 249, 249, 249},
		{250, 10, 3, 3},
		{251, 0, 2, 1},
	} {
		plan := Members{Present: c.observed, Add: make([]Member, c.add), Remove: make([]ObservedMember, c.remove)}
		if got := plan.RemovalsFirst(); got != c.want {
			t.Errorf("%d observed, %d to add, %d to remove: %d first, want %d", c.observed, c.add, c.remove, got, c.want)
		}
	}
}

func TestPlanMembersListIsLate(t *testing.T) {
	t.Parallel()
	in := membersInput{policy: chatv1alpha1.MembershipExclusive, serviceUsers: map[string]bool{"8:acs:operator": true}}
	for n := range chatv1alpha1.MaxMembers {
		in.declared = append(in.declared, declaredAs(n, ""))
	}
	if got := len(planMembers(in).Add); got != chatv1alpha1.MaxMembers-1 {
		t.Errorf("%d are added to a thread that shows no member, want %d: the service user is one", got, chatv1alpha1.MaxMembers-1)
	}
}

func TestPlanMembersAsksOnlyWhereItMatters(t *testing.T) {
	t.Parallel()
	in := input(chatv1alpha1.MembershipExclusive, []situation{
		{declared: true}, // added, unless it was refused
		{declared: true, named: true, observed: true},                // renewed, unless it was before
		{declared: true, observed: true, asIs: true, stamped: true},  // in sync
		{declared: true, observed: true, serviceUser: true},          // none of its business
		{observed: true, stamped: true},                              // removed
		{declared: true, named: true, observed: true, stamped: true}, // renewed, unless it was before
	})
	var skips, renewals []string
	in.skip = func(m Member) bool { skips = append(skips, m.Key()); return true }
	in.renew = func(m Member, observed ObservedMember) bool {
		if m.Key() != observed.Key() {
			t.Errorf("%s is compared with %s", m.Key(), observed.Key())
		}
		renewals = append(renewals, m.Key())
		return false
	}
	plan := planMembers(in)
	key := func(n int) string { return acs.UserKey(memberID(n)) }
	if diff := cmp.Diff([]string{key(0)}, skips); diff != "" {
		t.Errorf("asked whether they were refused (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{key(1), key(5)}, renewals); diff != "" {
		t.Errorf("asked whether they were renewed (-want +got):\n%s", diff)
	}
	want := map[string][]category{key(0): {isSkipped}, key(1): {isJoined}, key(2): {isJoined}, key(3): {isJoined}, key(4): {isRemoved}, key(5): {isJoined}}
	if diff := cmp.Diff(want, categories(plan)); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}

// A member that the operator may not remove keeps its place, wherever it stands.
func TestPlanMembersAdditiveKeepsWhoIsThere(t *testing.T) {
	t.Parallel()
	in := membersInput{policy: chatv1alpha1.MembershipAdditive, serviceUsers: map[string]bool{"8:acs:operator": true},
		observed: []ObservedMember{{ID: "8:acs:operator"}}}
	for n := range chatv1alpha1.MaxMembers {
		in.declared = append(in.declared, declaredAs(n, ""))
	}
	last := in.declared[len(in.declared)-1]
	in.observed = append(in.observed, ObservedMember{ID: string(last.UserID)})
	plan := planMembers(in)
	r := newRoom(in.observed)
	if err := r.carryOut(plan); err != nil {
		t.Fatal(err)
	}
	if r.most > chatv1alpha1.MaxMembers {
		t.Errorf("%d members at once", r.most)
	}
	if diff := cmp.Diff([]string{last.Key()}, declaredKeys(plan.Joined)); diff != "" {
		t.Errorf("joined (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{in.declared[chatv1alpha1.MaxMembers-2].Key()}, declaredKeys(plan.Surplus)); diff != "" {
		t.Errorf("surplus (-want +got):\n%s", diff)
	}
}

// Pages of a list that changes meanwhile can name a member twice.
func TestPlanMembersListedTwice(t *testing.T) {
	t.Parallel()
	in := input(chatv1alpha1.MembershipExclusive, []situation{{observed: true}, {observed: true, serviceUser: true}})
	in.observed = append(in.observed, in.observed...)
	if got := len(planMembers(in).Remove); got != 1 {
		t.Errorf("%d are removed, want 1", got)
	}
}

// What was tried before is not tried again, and a plan says what it would do.
func TestFor(t *testing.T) {
	t.Parallel()
	thread := &chatv1alpha1.ChatThread{}
	thread.Namespace, thread.Name, thread.UID = "ns", "a", "uid"
	thread.Spec.Topic = "topic"
	thread.Spec.Participants = []chatv1alpha1.Member{{UserID: "8:acs:a", DisplayName: "Ann"}, {UserID: "8:acs:b"}}
	declared := Declare(thread, nil, nil, []string{"8:acs:user"})
	ann := declared.Members[0]
	stamped := map[string]string{chatv1alpha1.StampOwner: "ns/a", chatv1alpha1.StampUID: "uid"}
	observed := &Observed{Properties: acs.ThreadProperties{Topic: "other", Metadata: stamped},
		Members: []ObservedMember{{ID: "8:acs:user"}, {ID: "8:acs:a", DisplayName: "Bob"}}}
	mark := RenewalMark(ann, observed.Members[1])
	for name, c := range map[string]struct {
		observed *Observed
		tried    Tried
		want     string
	}{
		"no thread":    {nil, Tried{}, "create the thread with 2 participants"},
		"a thread":     {observed, Tried{}, "set topic, add 1, add again 1"},
		"malformed":    {nil, Tried{Malformed: map[string]Refusal{"8:acs:b": {Code: "400"}}}, "create the thread with 2 participants"},
		"topic sent":   {observed, Tried{Sent: map[string]Sent{FieldTopic: {"topic", "other"}}}, "add 1, add again 1"},
		"other topic":  {observed, Tried{Sent: map[string]Sent{FieldTopic: {"topic", "third"}}}, "set topic, add 1, add again 1"},
		"renewed":      {observed, Tried{Renewed: map[string]string{"8:acs:a": mark}}, "set topic, add 1"},
		"refused":      {observed, Tried{Refused: map[string]Refusal{"8:acs:b": {Code: "403"}}}, "set topic, add again 1"},
		"refused then": {observed, Tried{Refused: map[string]Refusal{"8:acs:b": {Code: "403", Generation: 7}}}, "set topic, add 1, add again 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := For(declared, c.observed, c.tried)
			if got := p.String(); got != c.want {
				t.Errorf("would %s, want %s", got, c.want)
			}
			if c.observed != nil && !p.Members.Differing["8:acs:a"] {
				t.Error("a member that differs is not named")
			}
		})
	}
}
