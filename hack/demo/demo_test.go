// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/hack/processes"
	"github.com/acs-operator/acs-chat-operator/hack/sandbox"
)

func TestFillIn(t *testing.T) {
	t.Parallel()
	sample, err := os.ReadFile(filepath.Join("..", "..", samplesDir, "adopt.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	filled, err := fillIn(withoutComments(string(sample)), "19:made@thread.v2")
	if err != nil {
		t.Fatal(err)
	}
	var thread struct {
		Metadata struct{ Name string }
		Spec     struct{ ThreadID string }
	}
	if err := yaml.Unmarshal([]byte(filled), &thread); err != nil {
		t.Fatal(err)
	}
	if thread.Metadata.Name != "order-4711" || thread.Spec.ThreadID != "19:made@thread.v2" {
		t.Errorf("got %+v of %s", thread, filled)
	}
}

// withoutComments returns the output of kubectl kustomize for a sample.
func withoutComments(manifest string) string {
	var kept []string
	for line := range strings.Lines(manifest) {
		if !strings.HasPrefix(line, "#") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

func TestFillInRefuses(t *testing.T) {
	t.Parallel()
	for name, manifests := range map[string]string{
		"without the id":   "name: existing-thread\n",
		"without the name": "threadID: 19:existing-thread@thread.v2\n",
		"twice":            strings.Repeat("name: existing-thread\nthreadID: 19:existing-thread@thread.v2\n", 2),
	} {
		if filled, err := fillIn(manifests, "19:made@thread.v2"); err == nil {
			t.Errorf("%s: got %q, want an error", name, filled)
		}
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	made, joined, always := time.Unix(1000, 0).UTC(), time.Unix(2000, 0).UTC(), time.Unix(0, 0)
	rooms := []room{
		{ThreadProperties: acs.ThreadProperties{ID: "19:b", Topic: "later", CreatedOn: made.Add(time.Second)}},
		{
			ThreadProperties: acs.ThreadProperties{
				ID: "19:a", Topic: "first", CreatedOn: made,
				Metadata:        map[string]string{"acsOperatorOwner": "default/first", "acsOperatorUid": "1", "team": "blue", "gone": ""},
				RetentionPolicy: &acs.RetentionPolicy{Kind: acs.RetentionThreadCreationDate, DeleteThreadAfterDays: 30},
			},
			members: []acs.Participant{
				{ID: acs.ParseRawID("8:acs:1_operator")},
				{ID: acs.ParseRawID("8:acs:1_ada"), DisplayName: "Ada", ShareHistoryTime: &always},
				{ID: acs.ParseRawID("8:acs:1_grace"), DisplayName: "Grace", ShareHistoryTime: &joined},
			},
		},
	}
	want := `
"first"  19:a
  kept by ChatThread default/first, team=blue, deleted after 30 days
  (no name)  8:acs:1_operator  service user
  Ada        8:acs:1_ada
  Grace      8:acs:1_grace     sees messages from 1970-01-01T00:33:20Z on

"later"  19:b
  kept by no ChatThread
`
	got := describe(rooms, map[string]string{"8:acs:1_operator": "service user"})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestNextLook(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	ago := func(seconds ...int) []time.Time {
		var times []time.Time
		for _, s := range seconds {
			times = append(times, now.Add(-time.Duration(s)*time.Second))
		}
		return times
	}
	for name, test := range map[string]struct {
		past []time.Time
		want time.Duration
	}{
		"first":                 {nil, 0},
		"as many as are fair":   {ago(4, 3, 2, 1), 0},
		"one too many":          {ago(7, 3, 2, 1, 0), 3 * time.Second},
		"long ago":              {ago(90, 80, 70, 60, 50), 0},
		"more than are counted": {ago(9, 8, 7, 3, 2, 1, 0), 3 * time.Second},
		"in the future":         {ago(-90, -90, -90, -90, -90), looksWindow},
	} {
		wait, recent := nextLook(test.past, now)
		if wait != test.want || len(recent) >= looks {
			t.Errorf("%s: got %s and %d looks that count, want %s and fewer than %d", name, wait, len(recent), test.want, looks)
		}
	}
}

func TestStateOfOneDemo(t *testing.T) {
	t.Parallel()
	s := openState(t, filepath.Join(t.TempDir(), "state"))
	if err := (&state{dir: s.dir}).open(); err == nil {
		t.Error("a second demo got the state of a running one")
	}
	if err := s.close(false); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.dir); err == nil {
		t.Error("something is left")
	}
}

func TestStateAfterFailure(t *testing.T) {
	t.Parallel()
	failed := openState(t, filepath.Join(t.TempDir(), "state"))
	files := &sandbox.Sandbox{Dir: failed.dir}
	for _, name := range []string{sandbox.AdminKubeconfig, filepath.Join(sandbox.LogsDir, "etcd.log")} {
		if _, err := files.Write(name, "x"); err != nil {
			t.Fatal(err)
		}
	}
	if err := failed.close(true); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(failed.dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != sandbox.LogsDir {
		t.Errorf("there are %v (%v), want the logs", entries, err)
	}
	openState(t, failed.dir)
	if _, err := os.Stat(files.LogFile(processes.Etcd)); err == nil {
		t.Error("the log of an earlier demo is still there")
	}
}

func openState(t *testing.T, dir string) *state {
	t.Helper()
	s := &state{dir: dir}
	if err := s.open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.lock.Close() })
	return s
}
