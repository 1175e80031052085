// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package membership_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/acs-operator/acs-chat-operator/acs"
	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/acstest"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/membership"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
	"github.com/acs-operator/acs-chat-operator/controllers/internal/plan"
)

// member is a member that a ChatParticipant declares.
func member(id string) plan.Member {
	return plan.Member{Member: chatv1alpha1.Member{UserID: chatv1alpha1.UserID(id)}, Participant: "guest", Generation: 7}
}

func membersOf(ids ...string) []plan.Member {
	members := make([]plan.Member, 0, len(ids))
	for _, id := range ids {
		members = append(members, member(id))
	}
	return members
}

func idsOf(members []plan.Member) string {
	ids := make([]string, 0, len(members))
	for _, m := range members {
		ids = append(ids, string(m.UserID))
	}
	return strings.Join(ids, " ")
}

// Recall copies the refusals of members that are not tried again, and ends the memory of renewals
// of members that are as declared or have left.
func TestRecall(t *testing.T) {
	t.Parallel()
	memory := &membership.Memory{Renewed: map[string]string{}}
	for _, id := range []string{"8:acs:Skipped", "8:acs:Joined"} {
		memory.NoteRefused(member(id), "403", "no")
	}
	for _, key := range []string{"8:acs:differs", "8:acs:joined", "8:acs:left"} {
		memory.Renewed[key] = "mark"
	}
	results := plan.NewResults(plan.Declared{})
	memory.Recall(plan.Members{Skipped: membersOf("8:acs:SKIPPED"), Joined: membersOf("8:acs:joined", "8:acs:differs"),
		Differing: map[string]bool{"8:acs:differs": true}}, results)
	want := map[string]plan.Refusal{"8:acs:skipped": {Participant: "guest", Generation: 7, Code: "403", Message: "no"}}
	if diff := cmp.Diff(want, results.Refused); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"8:acs:differs": "mark"}, memory.Renewed); diff != "" {
		t.Errorf("renewed (-want +got):\n%s", diff)
	}
}

// TryAgain ends the memory of refused users. Malformed ids are tried in a call of their own.
func TestTryAgain(t *testing.T) {
	t.Parallel()
	memory := &membership.Memory{Renewed: map[string]string{}}
	memory.NoteRefused(member("8:acs:a"), "403", "no")
	memory.NoteMalformed(membersOf("8:acs:b"), nil, nil)
	memory.Renewed["8:acs:c"] = "mark"
	memory.TryAgain()
	if len(memory.Refused) != 0 || len(memory.Malformed) != 1 || len(memory.Renewed) != 1 {
		t.Errorf("memory %+v", memory)
	}
}

// A refused malformed id has the message of ACS on that id, or else on the call.
func TestNoteMalformed(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("no ", 1000)
	for name, c := range map[string]struct{ body, said, want string }{
		"nothing":       {"", "", "the id is malformed"},
		"on the call":   {`{"error":{"message":"one is\nwrong"}}`, "", "one is wrong"},
		"on the member": {`{"error":{"message":"one is wrong"}}`, "this\none", "this one"},
		"too much":      {`{"error":{"message":"one is wrong"}}`, long, outcome.Sanitize(long, outcome.MaxMessage)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			memory := &membership.Memory{}
			err := acstest.Refusal(t, http.StatusBadRequest, nil, c.body)
			memory.NoteMalformed(membersOf("8:acs:A"), err, map[string]string{"8:acs:a": c.said})
			want := map[string]plan.Refusal{"8:acs:a": {Participant: "guest", Generation: 7, Code: "400", Message: c.want}}
			if diff := cmp.Diff(want, memory.Malformed); diff != "" {
				t.Errorf("malformed (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(want, memory.Refused); diff != "" {
				t.Errorf("refused (-want +got):\n%s", diff)
			}
		})
	}
}

// Refusals are found by user, in upper or lower case. A refusal of no sent member is reported.
func TestRefusals(t *testing.T) {
	t.Parallel()
	a := acs.InvalidParticipant{Target: "8:acs:A", Code: "403", Message: "no"}
	stranger, nobody := acs.InvalidParticipant{Target: "8:acs:x", Code: "404"}, acs.InvalidParticipant{Code: "405"}
	for name, c := range map[string]struct {
		refused   []acs.InvalidParticipant
		byUser    map[string]acs.InvalidParticipant
		unmatched *acs.InvalidParticipant
	}{
		"none":          {nil, map[string]acs.InvalidParticipant{}, nil},
		"a sent member": {[]acs.InvalidParticipant{a}, map[string]acs.InvalidParticipant{"8:acs:a": a}, nil},
		"a stranger":    {[]acs.InvalidParticipant{a, stranger}, map[string]acs.InvalidParticipant{"8:acs:a": a, "8:acs:x": stranger}, &stranger},
		"nobody":        {[]acs.InvalidParticipant{nobody, a}, map[string]acs.InvalidParticipant{"8:acs:a": a, "": nobody}, &nobody},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.byUser, membership.RefusalsByUser(c.refused)); diff != "" {
				t.Errorf("by user (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.unmatched, membership.UnmatchedRefusal(membersOf("8:acs:a", "8:acs:B"), c.refused)); diff != "" {
				t.Errorf("unmatched (-want +got):\n%s", diff)
			}
		})
	}
}

// The answer to a failed call may name members by their ids, or by their places in it.
func TestSplitNamed(t *testing.T) {
	t.Parallel()
	ids := []string{"8:acs:A", "8:acs:B", "8:acs:B-2", "8:acs:C"}
	details := func(message, target string) string {
		return `{"error":{"code":"BadRequest","message":"bad","details":[{"message":"` + message + `","target":"` + target + `"}]}}`
	}
	for name, c := range map[string]struct {
		body   string
		before int
		named  string
		said   map[string]string
	}{
		"no answer":                   {body: ""},
		"no member":                   {body: details("bad", "topic")},
		"in the message":              {body: `{"error":{"message":"8:acs:c is bad"}}`, named: "8:acs:C"},
		"as the target":               {body: `{"error":{"message":"bad","target":"8:acs:c"}}`, named: "8:acs:C"},
		"two":                         {body: `{"error":{"message":"8:ACS:A and 8:acs:c."}}`, named: "8:acs:A 8:acs:C"},
		"the beginning of another":    {body: `{"error":{"message":"(8:acs:b-2)"}}`, named: "8:acs:B-2"},
		"both":                        {body: `{"error":{"message":"8:acs:b-2, 8:acs:b"}}`, named: "8:acs:B 8:acs:B-2"},
		"longer than any":             {body: `{"error":{"message":"8:acs:a_ 8:acs:c="}}`},
		"in a detail":                 {details("8:acs:A is bad", ""), 0, "8:acs:A", map[string]string{"8:acs:a": "8:acs:A is bad"}},
		"as the target of a detail":   {details("bad", "8:acs:A"), 0, "8:acs:A", map[string]string{"8:acs:a": "bad"}},
		"by place":                    {details("bad", "participants[3].rawId"), 0, "8:acs:C", map[string]string{"8:acs:c": "bad"}},
		"by place, in another case":   {details("bad", "body.Participants[0]"), 0, "8:acs:A", map[string]string{"8:acs:a": "bad"}},
		"by place, others before":     {details("bad", "participants[3]"), 2, "8:acs:B", map[string]string{"8:acs:b": "bad"}},
		"by the place of those":       {details("bad", "participants[1]"), 2, "", nil},
		"by a place behind":           {details("bad", "participants[4]"), 0, "", nil},
		"by a place beyond all":       {details("bad", "participants[99999]"), 0, "", nil},
		"by a place of another field": {details("bad", "otherparticipants[1]"), 0, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := acstest.Refusal(t, http.StatusBadRequest, nil, c.body)
			named, rest, said := membership.SplitNamed(err, membersOf(ids...), c.before)
			if got := idsOf(named); got != c.named {
				t.Errorf("named %q, want %q", got, c.named)
			}
			var others []string
			for _, id := range ids {
				if !strings.Contains(" "+c.named+" ", " "+id+" ") {
					others = append(others, id)
				}
			}
			if got := idsOf(rest); got != strings.Join(others, " ") {
				t.Errorf("rest %q, want %q", got, others)
			}
			if c.said == nil {
				c.said = map[string]string{}
			}
			if diff := cmp.Diff(c.said, said); diff != "" {
				t.Errorf("said (-want +got):\n%s", diff)
			}
		})
	}
}

// The history of a member that is out for a renewal is that of its former state.
func TestHistoryOf(t *testing.T) {
	t.Parallel()
	since := metav1.NewTime(time.Unix(1000, 0))
	status := &chatv1alpha1.ChatThreadStatus{Renewing: []chatv1alpha1.RenewingParticipant{
		{UserID: "8:acs:A", ShareHistoryTime: &since}, {UserID: "8:acs:B"}}}
	for key, want := range map[string]*time.Time{"8:acs:a": &since.Time, "8:acs:b": nil, "8:acs:c": nil} {
		if diff := cmp.Diff(want, membership.HistoryOf(status, key)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
	}
}

// Members leave status.renewing once they are back, or are no longer declared. A ChatParticipant
// that does not count yet declares its user, too.
func TestForgetRenewed(t *testing.T) {
	t.Parallel()
	status := &chatv1alpha1.ChatThreadStatus{Renewing: []chatv1alpha1.RenewingParticipant{
		{UserID: "8:acs:Out"}, {UserID: "8:acs:Back"}, {UserID: "8:acs:Undeclared"}, {UserID: "8:acs:Pending"}, {UserID: "8:acs:PendingBack"}}}
	declared := plan.Declared{Members: membersOf("8:acs:out", "8:acs:back", "8:acs:other"),
		Protected: map[string]bool{"8:acs:pending": true, "8:acs:pendingback": true}}
	membership.ForgetRenewed(status, declared, []plan.ObservedMember{{ID: "8:ACS:BACK"}, {ID: "8:acs:other"}, {ID: "8:acs:pendingBack"}})
	want := []chatv1alpha1.RenewingParticipant{{UserID: "8:acs:Out"}, {UserID: "8:acs:Pending"}}
	if diff := cmp.Diff(want, status.Renewing); diff != "" {
		t.Errorf("status.renewing (-want +got):\n%s", diff)
	}
	if len(declared.Protected) != 2 {
		t.Errorf("the declaration changed: %v", declared.Protected)
	}
}
