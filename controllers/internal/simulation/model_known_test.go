// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"strings"
	"testing"
	"time"
)

// knownHistories are short histories that TestSimModel found with other seeds. The operator or the
// model once got them wrong.
var knownHistories = map[string]modelHistory{
	// The finalizer was the only way to learn of the deletion. The thread stays, and a later
	// ChatThread of that name adopts it.
	"deleted while the finalizer is missing": {chapters: [][]modelAction{{
		{kind: modelCreateThread, name: "a", wait: time.Minute},
		{kind: modelStale, n: 5},
		{kind: modelReplace, name: "a", variant: "thread"},
		{kind: modelDeleteThread, name: "a", wait: time.Minute},
	}, {
		{kind: modelCreateThread, name: "a"},
	}}},
	// After many minutes without answers the operator waits up to an hour before it creates a service
	// user.
	"the answers to the creation of a service user are lost for long": {chapters: [][]modelAction{{
		{kind: modelBreak, variant: "hangs", n: 5},
		{kind: modelConnection, variant: "another"},
		{kind: modelTime, wait: 40 * time.Minute},
	}}},
	// The status of another uid is dropped, but not the condition in it.
	"restored with its status and deleted at once": {chapters: [][]modelAction{{
		{kind: modelCreateThread, name: "a"},
		{kind: modelTime, wait: time.Minute},
		{kind: modelStale, n: 1},
		{kind: modelRestoreThread, name: "a", variant: "with status"},
		{kind: modelDeleteThread, name: "a"},
	}}},
	// The same for an adopted thread, after a change of its members.
	"adopting, restored with its status and edited at once": {chapters: [][]modelAction{{
		{kind: modelCreateThread, name: "b", variant: "adopting people's", n: 3},
		{kind: modelEditThread, name: "b", variant: "members", n: 3, members: []modelMember{{user: 3, name: 1}}},
	}, {
		{kind: modelStale, n: 2, wait: 300 * time.Millisecond},
		{kind: modelRestoreThread, name: "b", variant: "with status"},
		{kind: modelEditThread, name: "b", variant: "members", n: 5, members: []modelMember{{name: 2}}},
	}}},
	// The same for a thread that we are shut out of: its status stays foreign, and is written once.
	"adopting, restored with its status and shut out": {chapters: [][]modelAction{{
		{kind: modelCreateThread, name: "b", variant: "adopting people's", n: 3, wait: time.Minute},
		{kind: modelStale, n: 2, wait: 300 * time.Millisecond},
		{kind: modelRestoreThread, name: "b", variant: "with status"},
		{kind: modelDrift, name: "b", variant: "shut us out", members: []modelMember{{}}},
	}}},
	// For a while ACS refuses everything. That says nothing about the thread that an earlier
	// ChatThread left behind.
	"everything is refused during a search": {chapters: [][]modelAction{{
		{kind: modelCreateThread, name: "a"},
	}, {
		{kind: modelAbandonThread, name: "a"},
		{kind: modelBreak, variant: "403", n: 3},
		{kind: modelCreateThread, name: "a", wait: time.Minute},
	}}},
	// A service that finds nothing at all does not say that a thread is gone.
	"a deletion while ACS finds nothing": {chapters: [][]modelAction{{
		{kind: modelCreateThread, name: "a", wait: time.Minute},
		{kind: modelBreak, variant: "404", n: 3},
		{kind: modelDeleteThread, name: "a", wait: time.Minute},
	}}},
	// ACS knows none of the service users for a while, and then the first one again. The threads of
	// the other one must not be left out.
	"the threads of a service user that ACS does not know for a while": {chapters: [][]modelAction{{
		{kind: modelConnection, variant: "service users", n: 1},
	}, {
		{kind: modelCreateThread, name: "c"},
	}, {
		{kind: modelCreateThread, name: "b"},
	}, {
		{kind: modelConnection, variant: "rotate the key"},
		{kind: modelCreateThread, name: "a", variant: "observed", n: 5, wait: 300 * time.Millisecond},
		{kind: modelBreak, variant: "404", n: 5},
		{kind: modelDeleteThread, name: "a", wait: 15 * time.Second},
		{kind: modelUninstall, wait: 15 * time.Second},
	}}},
	// A thread that carries the stamp of a former resource, and that another resource lost to it, is
	// that of the next resource of the name.
	"left behind by one, claimed by another": {chapters: [][]modelAction{{
		{kind: modelCreateThread, name: "b"},
	}, {
		{kind: modelDrift, name: "b", variant: "empty the stamp", members: []modelMember{{}}},
		{kind: modelCreateThread, name: "a", variant: "adopting one of another", n: 1},
	}, {
		{kind: modelAbandonThread, name: "a", wait: time.Minute},
		{kind: modelCreateThread, name: "a"},
	}}},
	// People add a user twice, the first time before the adoption. The operator adds it again under
	// its declared name only once.
	"added by people before and after the adoption": {chapters: [][]modelAction{{
		{kind: modelCreateThread, name: "a", variant: "adopting people's", n: 1, members: []modelMember{{name: 1}}},
		{kind: modelDrift, name: "a", variant: "remove", members: []modelMember{{}}},
		{kind: modelDrift, name: "a", variant: "add", members: []modelMember{{}}},
	}}},
	// Another ChatThread observed the thread while it had no stamp. The thread is still that of the
	// first one.
	"restored while another observes its thread": {chapters: [][]modelAction{{
		{kind: modelCreateThread, name: "b"},
	}, {
		{kind: modelCreateThread, name: "c", variant: "adopting one of another", n: 1},
		{kind: modelEditThread, name: "c", variant: "management", n: 1, members: []modelMember{{}}},
	}, {
		{kind: modelDrift, name: "b", variant: "empty the stamp", members: []modelMember{{}}},
		{kind: modelEditThread, name: "c", variant: "topic", n: 3, members: []modelMember{{}}, wait: 15 * time.Second},
	}, {
		{kind: modelRestoreThread, name: "b"},
	}}},
	// Later that one is to manage the thread, and may not.
	"created again while another observed its thread": {chapters: [][]modelAction{{
		{kind: modelCreateThread, name: "b"},
	}, {
		{kind: modelCreateThread, name: "c", variant: "adopting one of another", n: 1},
		{kind: modelEditThread, name: "c", variant: "management", n: 1, members: []modelMember{{}}},
	}, {
		{kind: modelDrift, name: "b", variant: "empty the stamp", members: []modelMember{{}}},
		{kind: modelEditThread, name: "c", variant: "topic", n: 3, members: []modelMember{{}}, wait: 15 * time.Second},
	}, {
		{kind: modelEditThread, name: "c", variant: "management", members: []modelMember{{}}},
	}, {
		{kind: modelAbandonThread, name: "b"},
		{kind: modelCreateThread, name: "b"},
	}}},
	// The owner repairs the retention before another ChatThread adopts the thread.
	"adopted after the repair of its retention": {chapters: [][]modelAction{{
		{kind: modelCreateThread, name: "b"},
		{kind: modelCreateThread, name: "c", variant: "adopting one of another", n: 3},
	}, {
		{kind: modelDrift, name: "b", variant: "retention", n: 2, members: []modelMember{{}}},
	}, {
		{kind: modelDrift, name: "b", variant: "empty the stamp", members: []modelMember{{}}},
		{kind: modelEditThread, name: "c", variant: "topic", n: 3, members: []modelMember{{}}, wait: 15 * time.Second},
	}}},
	// Another ChatThread took the thread and deleted it. A person asks for another one.
	"taken and deleted by another": {chapters: [][]modelAction{{
		{kind: modelCreateThread, name: "b"},
		{kind: modelCreateThread, name: "c", variant: "adopting one of another", n: 3},
		{kind: modelEditThread, name: "c", variant: "deletion", n: 1, members: []modelMember{{}}},
	}, {
		{kind: modelDrift, name: "b", variant: "empty the stamp", members: []modelMember{{}}},
		{kind: modelEditThread, name: "c", variant: "topic", n: 3, members: []modelMember{{}}, wait: 15 * time.Second},
	}, {
		{kind: modelDeleteThread, name: "c"},
	}}},
	// ACS once does not find a thread that the service user may not see: it is not gone for that.
	"a deletion while we are shut out and ACS errs once": {chapters: [][]modelAction{{
		{kind: modelCreateThread, name: "b", wait: time.Minute},
		{kind: modelDrift, name: "b", variant: "shut us out", members: []modelMember{{}}},
		{kind: modelDeleteThread, name: "b", wait: 2 * time.Second},
		{kind: modelRefusal, variant: "404"},
		{kind: modelTime, wait: 3 * time.Hour},
	}}},
	// A status from a backup names the thread that is searched for. The search waited for its stamp,
	// the listing controller took it for claimed, and both woke each other without a pause.
	"the searched thread seems to be claimed": {chapters: [][]modelAction{{
		{kind: modelCreateThread, name: "a", members: []modelMember{{history: 2}}},
		{kind: modelEditThread, name: "a", variant: "management", members: []modelMember{{user: 1, upper: true, name: 1}, {user: 2, history: 1}, {user: 0, name: 1}, {user: 0, name: 1}}, wait: 2 * time.Second},
		{kind: modelEditThread, name: "a", variant: "recreation", n: 5, wait: 2 * time.Second},
		{kind: modelEditThread, name: "a", variant: "members", n: 3, members: []modelMember{{}}, wait: 15 * time.Second},
		{kind: modelStale, n: 2},
		{kind: modelEditThread, name: "a", variant: "members", n: 3, members: []modelMember{{}, {name: 1}, {name: 1}}},
		{kind: modelStrike, variant: "half", n: 5, wait: 2 * time.Second},
		{kind: modelStale, n: 3},
		{kind: modelRestoreThread, name: "a", variant: "with status", wait: 300 * time.Millisecond},
		{kind: modelCreateThread, name: "b", n: 4, wait: 2 * time.Second},
		{kind: modelEditThread, name: "a", variant: "members", n: 5},
		{kind: modelTime, wait: 3 * time.Hour},
	}}},
}

func TestSimModelKnown(t *testing.T) {
	t.Parallel()
	for name, history := range knownHistories {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var story []string
			report := runInBubble(t, func(tb reporter) { playModel(tb, history, &story) })
			for _, failure := range report.failures {
				t.Errorf("%s\n%s", failure, strings.Join(story, "\n"))
			}
		})
	}
}
