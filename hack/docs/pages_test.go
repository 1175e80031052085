// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// index lists all pages. The sidebar of the website is made from it.
const index = "docs/README.md"

var (
	groups   = []string{"Start", "Use", "Operate", "GitOps", "Reference", "Project"}
	tableRow = regexp.MustCompile(`(?m)^\| \[.*$`)
	// readme is only for readers of the repository: the website has its landing page instead.
	readme = regexp.MustCompile(`^(LICENSE|README)\b`)
)

// pages are the Markdown files below docs.
func pages(t *testing.T) (files []string) {
	t.Helper()
	err := filepath.WalkDir(root+"/docs", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && filepath.Ext(name) == ".md" {
			files = append(files, filepath.ToSlash(name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// A link to a directory, or to its README, stands for all pages below it.
func TestEachPageIsInOneGroup(t *testing.T) {
	text := document(t, index)
	var names []string
	listed := map[string][]string{}
	for i, found := range section.FindAllStringSubmatch(text, -1) {
		names = append(names, found[1])
		for _, row := range tableRow.FindAllString(section.Split(text, -1)[i+1], -1) {
			cell, _, _ := strings.Cut(strings.TrimPrefix(row, "|"), "|")
			for _, to := range link.FindAllStringSubmatch(cell, -1) {
				target := path.Join("docs", strings.TrimSuffix(to[1], "/README.md"))
				listed[target] = append(listed[target], found[1])
			}
		}
	}
	if !slices.Equal(names, groups) {
		t.Errorf("%s has the groups %q, want %q", index, names, groups)
	}
	all := pages(t)
	others, err := filepath.Glob(root + "/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(all, others...) {
		name := strings.TrimPrefix(filepath.ToSlash(file), root+"/")
		if name == index || readme.MatchString(name) {
			continue
		}
		in := listed[name]
		for directory := path.Dir(name); strings.HasPrefix(directory, "docs/"); directory = path.Dir(directory) {
			in = append(in, listed[directory]...)
		}
		if len(in) != 1 {
			t.Errorf("%s is %d times in a table of %s, and must be there once: %q", name, len(in), index, in)
		}
	}
}

var (
	// printed is a table of kubectl in a page: the command, and the first line of its output.
	printed = regexp.MustCompile(`(?m)^\$ kubectl get (chatconnections?|chatthreads?|chatparticipants?|chconn|cht|chp)\b(.*)\n([A-Z][A-Z -]+)$`)
	// chosen are outputs whose columns the command chooses.
	chosen = regexp.MustCompile(`-o[ =]?(?:yaml|json|name|custom-columns|go-template)`)
)

func TestTablesHaveTheColumnsOfTheCRDs(t *testing.T) {
	columns := printerColumns(t)
	count := 0
	for _, file := range append(pages(t), root+"/README.md", root+"/hack/site/landing.md") {
		for _, found := range printed.FindAllStringSubmatch(document(t, file), -1) {
			if chosen.MatchString(found[2]) {
				continue
			}
			count++
			kind := strings.TrimSuffix(found[1], "s")
			if long := map[string]string{"chconn": "chatconnection", "cht": "chatthread", "chp": "chatparticipant"}[kind]; long != "" {
				kind = long
			}
			want := slices.Concat([]string{"NAME"}, columns[kind].normal)
			if strings.Contains(found[2], "-o wide") {
				want = append(want, columns[kind].wide...)
			}
			if strings.Contains(found[2], "-A") {
				want = slices.Insert(want, 0, "NAMESPACE")
			}
			if got := strings.Fields(found[3]); !slices.Equal(got, want) {
				t.Errorf("%s: kubectl get %s%s prints the columns %q, want %q", file, found[1], found[2], got, want)
			}
		}
	}
	if count < 7 {
		t.Errorf("the pages have only %d tables of kubectl", count)
	}
}

// shown are the columns of a kind, in their order: the usual ones, and those that -o wide adds.
type shown struct{ normal, wide []string }

func printerColumns(t *testing.T) map[string]shown {
	t.Helper()
	files, err := filepath.Glob(root + "/config/crd/bases/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	columns := map[string]shown{}
	for _, file := range files {
		var crd apiextensionsv1.CustomResourceDefinition
		if err := yaml.Unmarshal([]byte(document(t, file)), &crd); err != nil {
			t.Fatal(err)
		}
		var s shown
		for _, column := range crd.Spec.Versions[0].AdditionalPrinterColumns {
			name := strings.ToUpper(column.Name)
			if column.Priority == 0 {
				s.normal = append(s.normal, name)
			} else {
				s.wide = append(s.wide, name)
			}
		}
		columns[crd.Spec.Names.Singular] = s
	}
	return columns
}
