// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	t.Parallel()
	steps, err := parse("# Page\n\n```sh\none\ntwo\n```\n\n<!-- test: somebody-acts -->\n\n```console\n$ look\nseen\n```\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []step{{line: 3, kind: "sh", text: "one\ntwo\n"}, {line: 8, kind: action, text: "somebody-acts"}, {line: 10, kind: "console", text: "$ look\nseen\n"}}
	if diff := cmp.Diff(want, steps, cmp.AllowUnexported(step{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A block that the test would not see is an error.
func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for name, page := range map[string]string{
		"a block without a language": "```\na\n```\n",
		"a block in a list":          "- a\n  ```sh\n  a\n  ```\n",
		"a block without an end":     "```sh\na\n",
		"a mark that is not alone":   "text <!-- test: a -->\n",
		"a misspelled mark":          "<!-- test:a -->\n",
	} {
		if steps, err := parse(page); err == nil {
			t.Errorf("%s: got %v", name, steps)
		}
	}
}

func TestEntries(t *testing.T) {
	t.Parallel()
	got, err := step{text: "$ one \\\n    more\nseen\n\nseen too\n$ two\n"}.entries()
	if err != nil {
		t.Fatal(err)
	}
	want := []entry{{"one \\\n    more\n", "seen\n\nseen too\n"}, {"two\n", ""}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(entry{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if _, err := (step{text: "seen\n$ one\n"}).entries(); err == nil {
		t.Error("a block may begin with output")
	}
}

func TestNormalize(t *testing.T) {
	t.Parallel()
	const user, made = "8:acs:6f3a2b1c-0d4e-4f5a-8b6c-7d8e9f0a1b2c_00000000-0000-4000-8000-00000000000a", "8:acs:6f3a2b1c-0d4e-4f5a-8b6c-7d8e9f0a1b2c_c959abf6-475d-34ec-d7e6-b2f95fc170cc"
	for name, c := range map[string]struct {
		page, output string
		same         bool
	}{
		"ages":                  {"a   True   9s", "a    True  2m10s", true},
		"widths":                {"NAME   READY\na      True", "NAME      READY\na         True", true},
		"ids of threads":        {"19:a@thread.v2 19:b@thread.v2", "19:c@thread.v2 19:d@thread.v2", true},
		"one thread for two":    {"19:a@thread.v2 19:b@thread.v2", "19:c@thread.v2 19:c@thread.v2", false},
		"service users":         {made, strings.Replace(made, "c959", "d060", 1), true},
		"users of the manifest": {user, strings.Replace(user, "a", "b", 1), false},
		"hosts":                 {"https://contoso.communication.azure.com", "https://rename.communication.azure.com", true},
		"another reason":        {"False   OwnedByAnother", "True   Succeeded", false},
		"more lines":            {"a", "a\nb", false},
		"times":                 {"at 2026-01-01T00:00:00Z", "at 2026-11-27T04:05:06Z", true},
		"one blank for two":     {"a   b", "a b", false},
	} {
		if got := normalize(c.page) == normalize(c.output); got != c.same {
			t.Errorf("%s: same: %t, want %t: %q, %q", name, got, c.same, normalize(c.page), normalize(c.output))
		}
	}
}

// Blocks begin where the one before ended, and stop at the first command that fails.
func TestShell(t *testing.T) {
	t.Parallel()
	r := &run{t: t, tree: t.TempDir(), path: os.Getenv("PATH")}
	r.dir = filepath.Join(r.tree, "recipe")
	r.must(os.MkdirAll(filepath.Join(r.dir, "inside"), 0o700))
	if _, err := r.shell("cd inside\nid='a b'"); err != nil {
		t.Fatal(err)
	}
	if output, err := r.shell(`echo "$id in $(basename "$PWD")"; echo problem >&2`); err != nil || output != "a b in inside\nproblem\n" {
		t.Errorf("got %q, %v", output, err)
	}
	for _, commands := range []string{"false\necho on", "false | cat", "echo $unknown"} {
		if output, err := r.shell(commands); err == nil {
			t.Errorf("%q succeeded: %s", commands, output)
		}
	}
}
