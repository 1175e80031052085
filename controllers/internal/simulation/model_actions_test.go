// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// modelAction is a step of a history. The fields that count depend on its kind.
type modelAction struct {
	kind modelKind
	// name is the name of the object, and thread the thread of a ChatParticipant.
	name, thread string
	// variant selects the field, the drift or the break.
	variant string
	// n selects one of several values.
	n       int
	members []modelMember
	// wait is the time to wait after the action.
	wait time.Duration
}

type modelKind string

const (
	modelCreateThread      modelKind = "create thread"
	modelEditThread        modelKind = "edit thread"
	modelDeleteThread      modelKind = "delete thread"
	modelAbandonThread     modelKind = "abandon thread"
	modelRestoreThread     modelKind = "restore thread from a backup"
	modelReplace           modelKind = "replace without finalizers and annotations"
	modelUninstall         modelKind = "uninstall and install again"
	modelWipeThread        modelKind = "wipe status of thread"
	modelCreateParticipant modelKind = "create participant"
	modelEditParticipant   modelKind = "edit participant"
	modelDeleteParticipant modelKind = "delete participant"
	modelConnection        modelKind = "connection"
	modelDrift             modelKind = "at the service, thread"
	modelBreak             modelKind = "break"
	modelRefusal           modelKind = "a single call is refused with"
	modelStrike            modelKind = "strike"
	modelRestart           modelKind = "restart"
	modelStale             modelKind = "stale caches"
	modelTime              modelKind = "time goes by"
)

// modelWeights holds the frequency of each kind. The simplest come first, because a shorter history
// is searched with them.
var modelWeights = []struct {
	kind   modelKind
	weight int
	whats  []string
}{
	{modelTime, 2, nil},
	{modelCreateThread, 5, []string{"", "", "", "", "on another connection", "observed", "adopting people's", "adopting people's", "adopting one without us",
		"adopting a former one", "adopting one of another", "adopting nothing"}},
	{modelEditThread, 10, []string{"members", "members", "members", "topic", "metadata", "retention", "membership", "management", "management", "deletion", "recreation"}},
	{modelDeleteThread, 3, nil},
	{modelCreateParticipant, 5, nil},
	{modelEditParticipant, 2, nil},
	{modelDeleteParticipant, 2, nil},
	{modelConnection, 2, []string{"service users", "rotate the key", "another", "display name"}},
	{modelDrift, 6, []string{"topic", "metadata", "retention", "remove", "add", "remove", "add", "delete", "delete", "empty the stamp", "shut us out", "let us in"}},
	{modelBreak, 4, []string{"down", "500", "503", "429", "403", "404", "404", "hangs", "foreign 404", "foreign 403", "foreign 401"}},
	{modelRefusal, 5, []string{"500", "429", "403", "404", "foreign"}},
	{modelStrike, 5, []string{string(strikeAfter), string(strikeBefore), string(strikeAnswerLost), string(strikeHalf)}},
	{modelRestart, 2, nil},
	{modelStale, 2, nil},
	{modelWipeThread, 1, nil},
	{modelAbandonThread, 1, nil},
	{modelRestoreThread, 2, []string{"", "with status"}},
	{modelReplace, 1, []string{"thread", "participant", "connection"}},
	{modelUninstall, 1, nil},
}

var (
	modelThreadNames      = []string{"a", "b", "c"}
	modelParticipantNames = []string{"p", "q", "r", "s"}
	modelWaits            = []time.Duration{0, 0, 300 * time.Millisecond, 2 * time.Second, 15 * time.Second}
	modelLongWaits        = []time.Duration{time.Minute, 12 * time.Minute, 3 * time.Hour}
)

var modelActions = rapid.Custom(func(t *rapid.T) modelAction {
	var kinds []int
	for i, w := range modelWeights {
		kinds = append(kinds, slices.Repeat([]int{i}, w.weight)...)
	}
	choice := modelWeights[rapid.SampledFrom(kinds).Draw(t, "kind")]
	action := modelAction{kind: choice.kind, n: rapid.IntRange(0, 5).Draw(t, "n")}
	if len(choice.whats) > 0 {
		action.variant = rapid.SampledFrom(choice.whats).Draw(t, "what")
	}
	action.name = rapid.SampledFrom(modelThreadNames).Draw(t, "name")
	switch action.kind {
	case modelCreateParticipant, modelEditParticipant, modelDeleteParticipant:
		action.thread, action.name = action.name, rapid.SampledFrom(modelParticipantNames).Draw(t, "participant")
		action.members = []modelMember{modelMembers.Draw(t, "member")}
	case modelCreateThread, modelEditThread:
		action.members = rapid.SliceOfN(modelMembers, 0, 5).Draw(t, "members")
	case modelDrift:
		action.members = []modelMember{modelMembers.Draw(t, "member")}
	}
	waits := modelWaits
	if action.kind == modelTime {
		waits = modelLongWaits
	}
	action.wait = rapid.SampledFrom(waits).Draw(t, "wait")
	return action
})

func (a modelAction) String() string {
	parts := []string{string(a.kind)}
	switch a.kind {
	case modelTime, modelRestart, modelUninstall:
	case modelRestoreThread, modelReplace:
		parts = append(parts, a.name, a.variant)
	case modelConnection:
		parts = append(parts, a.variant, fmt.Sprint(a.n))
	case modelBreak, modelRefusal, modelStrike, modelStale:
		parts = append(parts, a.variant, fmt.Sprint(a.n))
	case modelCreateThread, modelEditThread, modelDrift:
		parts = append(parts, a.name, a.variant, fmt.Sprint(a.n), fmt.Sprint(a.members))
	case modelCreateParticipant:
		parts = append(parts, a.name, "of thread", a.thread, fmt.Sprint(a.members))
	case modelEditParticipant:
		parts = append(parts, a.name, fmt.Sprint(a.members))
	default:
		parts = append(parts, a.name)
	}
	if a.wait > 0 {
		parts = append(parts, "then wait", a.wait.String())
	}
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), " ")
}

// modelMember is a user as a resource declares it.
type modelMember struct {
	// user is 0 to 5 for people. The next ones are a user of another ACS resource, a malformed one,
	// and the first service user.
	user int
	// upper spells the id in the other case.
	upper bool
	// name selects the display name, and history the amount of shared history; 0 means none.
	name, history int
}

const (
	modelForeigner = modelPeople + iota
	modelMalformed
	modelServiceUser
)

// modelUsers are the users. Those that can join are more frequent.
var modelUsers = []int{0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 5, modelForeigner, modelMalformed, modelServiceUser}

var modelMembers = rapid.Custom(func(t *rapid.T) modelMember {
	rare := func(n int, label string) int { return max(rapid.IntRange(0, n+3).Draw(t, label)-3, 0) }
	return modelMember{
		user:  rapid.SampledFrom(modelUsers).Draw(t, "user"),
		upper: rare(1, "upper") == 1, name: rapid.IntRange(0, 2).Draw(t, "name"), history: rare(2, "history"),
	}
})

func (m modelMember) String() string {
	text := fmt.Sprint("u", m.user)
	switch m.user {
	case modelForeigner:
		text = "foreigner"
	case modelMalformed:
		text = "malformed"
	case modelServiceUser:
		text = "service-user"
	}
	if m.upper {
		text = strings.ToUpper(text)
	}
	if m.name > 0 {
		text += fmt.Sprint(" name ", m.name)
	}
	switch m.history {
	case 1:
		text += " since join"
	case 2:
		text += " since time"
	}
	return text
}

// id returns the raw id in its spelling, or "" if there is no such user yet.
func (m modelMember) id(w *world) string {
	var id string
	switch {
	case m.user < modelPeople:
		id = w.people[m.user]
	case m.user == modelForeigner:
		id = "8:acs:11111111-2222-4333-8444-555555555555_00000000-0000-4000-8000-00000000000f"
	case m.user == modelMalformed:
		id = "8:acs:fakeid"
	default:
		users := w.serviceUsers()
		if len(users) == 0 {
			return ""
		}
		id = users[0]
	}
	if m.upper {
		const scheme = "8:acs:"
		return scheme + strings.ToUpper(strings.TrimPrefix(id, scheme))
	}
	return id
}

// modelSince is the time from which members with the history SinceTime can read.
var modelSince = time.Date(1999, 6, 1, 0, 0, 0, 0, time.UTC)

// declared returns the members as a spec holds them: no id twice in the same spelling.
func (w *world) declared(members []modelMember) []chatv1alpha1.Member {
	var declared []chatv1alpha1.Member
	for _, m := range members {
		id := chatv1alpha1.UserID(m.id(w))
		if id == "" || slices.ContainsFunc(declared, func(other chatv1alpha1.Member) bool { return other.UserID == id }) {
			continue
		}
		member := chatv1alpha1.Member{UserID: id}
		if m.name > 0 {
			member.DisplayName = fmt.Sprint("name ", m.name)
		}
		switch m.history {
		case 1:
			member.ShareHistory = chatv1alpha1.ShareHistorySinceJoin
		case 2:
			member.ShareHistory, member.ShareHistoryTime = chatv1alpha1.ShareHistorySinceTime, statusTime(modelSince)
		}
		declared = append(declared, member)
	}
	return declared
}
