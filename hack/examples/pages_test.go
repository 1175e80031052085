// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

var row = regexp.MustCompile(`(?m)^\| \[([a-z-]+)\]\((.*?)\) \| \S`)

// The table has each folder, and nothing else.
func TestTableHasEachFolder(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(filepath.Join(directory, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	names := folders(t)
	var rows []string
	for _, found := range row.FindAllStringSubmatch(string(content), -1) {
		// A folder that another suite tests may come with that suite.
		if elsewhere[found[1]] == "" || slices.Contains(names, found[1]) {
			rows = append(rows, found[1])
		}
		if elsewhere[found[1]] == "" && found[2] != found[1]+"/README.md" {
			t.Errorf("the row of %s leads to %s", found[1], found[2])
		}
	}
	slices.Sort(rows)
	if diff := cmp.Diff(names, rows); diff != "" {
		t.Errorf("recipes (-folders +rows):\n%s", diff)
	}
}

// files calls a function for each file of a recipe.
func files(t *testing.T, name string, do func(file, content string)) {
	t.Helper()
	folder := os.DirFS(filepath.Join(directory, name))
	err := fs.WalkDir(folder, ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(folder, file)
		do(file, string(content))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Each file, or its folder, is in the table of the page, which says what to watch out for.
func TestPagesNameTheirFiles(t *testing.T) {
	t.Parallel()
	for name := range recipes {
		page, err := os.ReadFile(filepath.Join(directory, name, "README.md"))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(page), "\n## What to watch out for\n") {
			t.Errorf("%s has no section What to watch out for", name)
		}
		files(t, name, func(file, _ string) {
			isNamed := file == "README.md" || strings.Contains(string(page), "`"+file+"`")
			for folder := filepath.Dir(file); folder != "."; folder = filepath.Dir(folder) {
				isNamed = isNamed || strings.Contains(string(page), "| `"+folder+"/`")
			}
			if !isNamed {
				t.Errorf("the table of %s has no %s", name, file)
			}
		})
	}
}

var (
	userID    = regexp.MustCompile(`8:acs:[0-9a-f-]+_[0-9a-f-]+`)
	marked    = regexp.MustCompile(`#.* change\b`)
	namespace = regexp.MustCompile(`^\s*namespace: \S`)
)

// A line that a reader has to adapt says so: ids of users, and namespaces.
func TestLinesToChangeAreMarked(t *testing.T) {
	t.Parallel()
	for name := range recipes {
		files(t, name, func(file, content string) {
			if filepath.Ext(file) != ".yaml" {
				return
			}
			for i, line := range strings.Split(content, "\n") {
				mustChange := userID.MatchString(line) || namespace.MatchString(line) && !strings.Contains(line, "{{")
				if mustChange && !marked.MatchString(line) {
					t.Errorf("%s/%s:%d needs the comment change: %s", name, file, i+1, line)
				}
			}
		})
	}
}

// Each object names its namespace, or a kustomization does. TestRecipes shows the same for what it
// applies; this covers templates as well.
func TestNamespacesAreExplicit(t *testing.T) {
	t.Parallel()
	for name := range recipes {
		kustomized := ""
		files(t, name, func(file, content string) {
			if filepath.Base(file) == "kustomization.yaml" {
				kustomized += content
			}
		})
		files(t, name, func(file, content string) {
			if filepath.Ext(file) != ".yaml" || filepath.Base(file) == "kustomization.yaml" || strings.Contains(kustomized, filepath.Base(file)) {
				return
			}
			for document := range strings.SplitSeq(content, "\n---\n") {
				var object struct {
					Kind     string
					Metadata struct{ Name, Namespace string }
				}
				if err := yaml.Unmarshal([]byte(document), &object); err != nil {
					t.Fatalf("%s/%s: %v", name, file, err)
				}
				if object.Kind != "Namespace" && object.Metadata.Namespace == "" {
					t.Errorf("%s/%s: %s %s has no namespace", name, file, object.Kind, object.Metadata.Name)
				}
			}
		})
	}
}
