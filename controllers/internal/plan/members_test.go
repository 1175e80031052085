// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
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

// firstCreated is when a ChatParticipant of no age was created.
var firstCreated = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// participantAged returns a ChatParticipant of this age.
func participantAged(uid string, age time.Duration, user string) chatv1alpha1.ChatParticipant {
	return chatv1alpha1.ChatParticipant{
		ObjectMeta: metav1.ObjectMeta{UID: types.UID(uid), Generation: 7, CreationTimestamp: metav1.NewTime(firstCreated.Add(-age))},
		Spec:       chatv1alpha1.ChatParticipantSpec{UserID: chatv1alpha1.UserID(user)},
	}
}

// declareTests are members that are declared twice, or in some order.
var declareTests = map[string]struct {
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
		participants: []chatv1alpha1.ChatParticipant{participantAged("p1", 0, "8:acs:b"), participantAged("p2", time.Hour, "8:acs:c")},
		declared:     []string{" 8:acs:z", "p2 8:acs:c", "p1 8:acs:b"},
	},
	"same age: by uid": {
		participants: []chatv1alpha1.ChatParticipant{participantAged("p9", 0, "8:acs:a"), participantAged("p1", 0, "8:acs:c"), participantAged("p5", 0, "8:acs:b")},
		declared:     []string{"p1 8:acs:c", "p5 8:acs:b", "p9 8:acs:a"},
	},
	"inline wins over an older ChatParticipant": {
		inline:       []string{"8:acs:a"},
		participants: []chatv1alpha1.ChatParticipant{participantAged("p1", time.Hour, "8:acs:a")},
		declared:     []string{" 8:acs:a"},
		duplicates:   []string{"p1 8:acs:a"},
	},
	"the oldest wins, also in another case": {
		participants: []chatv1alpha1.ChatParticipant{participantAged("p1", 0, "8:acs:aB"), participantAged("p2", time.Second, "8:ACS:Ab"), participantAged("p3", 2*time.Second, "8:acs:AB")},
		declared:     []string{"p3 8:acs:AB"},
		duplicates:   []string{"p2 8:ACS:Ab", "p1 8:acs:aB"},
	},
	"inline twice": {
		inline:     []string{"8:acs:a", "8:acs:A", "8:acs:b"},
		declared:   []string{" 8:acs:a", " 8:acs:b"},
		duplicates: []string{" 8:acs:A"},
	},
}

func TestDeclareMembers(t *testing.T) {
	t.Parallel()
	for name, c := range declareTests {
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
		"the user":                  {func(m *Member) { m.UserID = "8:acs:b" }, true},
		"the case of the id":        {func(m *Member) { m.UserID = "8:ACS:A" }, true},
		"the declarer":              {func(m *Member) { m.Participant = "p1" }, true},
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
				t.Error("the observed time changed")
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
		"another stamp":                        {ann, ObservedMember{Stamp: nameless.Stamp(), DisplayName: "Ann"}, true},
		"a stamp of another form":              {ann, ObservedMember{Stamp: "2:00", DisplayName: "Ann"}, true},
		"another stamp, no name declared":      {nameless, ObservedMember{Stamp: ann.Stamp(), DisplayName: "Ann"}, true},
		"no stamp, the name differs":           {ann, ObservedMember{DisplayName: "Bob"}, true},
		"no stamp, no name":                    {ann, ObservedMember{}, true},
		"no stamp, the name is the same":       {ann, ObservedMember{DisplayName: "Ann"}, false},
		"no stamp, none declared":              {nameless, ObservedMember{DisplayName: "Bob"}, false},
		"no stamp, history cannot be compared": {Member{Member: chatv1alpha1.Member{ShareHistory: chatv1alpha1.ShareHistorySinceJoin}}, ObservedMember{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := differs(c.declared, c.observed); got != c.want {
				t.Errorf("differs: %v, want %v", got, c.want)
			}
		})
	}
}

// Members at ACS carry stamps of earlier versions: the form must never change.
func TestStampIsStable(t *testing.T) {
	t.Parallel()
	at := metav1.NewTime(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	for _, m := range []chatv1alpha1.Member{
		{}, {DisplayName: "Anna \"A\" \u00e4 \x00\u2028"}, {ShareHistory: chatv1alpha1.ShareHistorySinceJoin}, {DisplayName: "b", ShareHistoryTime: &at},
	} {
		since, history := "", chatv1alpha1.ShareHistoryAll
		if m.ShareHistoryTime != nil {
			since = m.ShareHistoryTime.UTC().Format(time.RFC3339)
		}
		if m.ShareHistory != "" {
			history = m.ShareHistory
		}
		sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q", m.DisplayName, history, since))
		if got, want := (Member{Member: m}).Stamp(), "1:"+hex.EncodeToString(sum[:8]); got != want {
			t.Errorf("the stamp of %+v is %s, want %s", m, got, want)
		}
	}
}
