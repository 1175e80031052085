// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/version"
	"sigs.k8s.io/yaml"
)

var (
	section = regexp.MustCompile(`(?m)^## (.*)$`)
	release = regexp.MustCompile(`^\[(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)\] - (\d{4}-\d\d-\d\d)$`)
	// changes are the headings that a section may have, in this order.
	changes = []string{"### Added", "### Changed", "### Deprecated", "### Removed", "### Fixed", "### Security"}
)

// A release takes its notes from this page, so their form must be right before there is a tag.
func TestChangelog(t *testing.T) {
	text := document(t, "CHANGELOG.md")
	sections := section.FindAllStringSubmatch(text, -1)
	if len(sections) < 2 || sections[0][1] != "[Unreleased]" {
		t.Fatalf("CHANGELOG.md must begin with ## [Unreleased], and have a release below it: %q", sections)
	}
	var newer *version.Version
	var newerDate time.Time
	for i, found := range sections[1:] {
		parts := release.FindStringSubmatch(found[1])
		if parts == nil {
			t.Errorf("the heading %q must be of the form ## [1.2.3] - 2026-01-31", found[0])
			continue
		}
		number := version.MustParseSemantic(parts[1])
		date, err := time.Parse(time.DateOnly, parts[2])
		if err != nil {
			t.Errorf("%q: %v", found[0], err)
		}
		if i > 0 && (!number.LessThan(newer) || date.After(newerDate)) {
			t.Errorf("%q must be above what is older", found[0])
		}
		newer, newerDate = number, date
	}
	for i, body := range section.Split(text, -1)[1:] {
		checkSection(t, text, sections[i][1], body)
	}
}

// checkSection expects headings in their order, each with an entry, and a link for the version.
func checkSection(t *testing.T, text, name, body string) {
	t.Helper()
	label, _, _ := strings.Cut(name, "]")
	if !strings.Contains(text, "\n"+label+"]: https://") {
		t.Errorf("CHANGELOG.md lacks the link of %s]", label)
	}
	last := -1
	lines := strings.Split(body, "\n")
	for i, line := range lines {
		if !strings.HasPrefix(line, "#") {
			continue
		}
		place := slices.Index(changes, line)
		if place <= last {
			t.Errorf("%s: %q must be one of %q, once and in this order", name, line, changes)
		}
		if i+2 >= len(lines) || !strings.HasPrefix(lines[i+2], "- ") {
			t.Errorf("%s: %q has no entry", name, line)
		}
		last = place
	}
	if name != "[Unreleased]" && last < 0 {
		t.Errorf("%s names no change", name)
	}
}

// Each module needs updates, and an entry without a module fails for dependabot.
func TestDependabotKnowsEachModule(t *testing.T) {
	var config struct {
		Updates []struct {
			Ecosystem   string   `json:"package-ecosystem"`
			Directories []string `json:"directories"`
		} `json:"updates"`
	}
	if err := yaml.Unmarshal([]byte(document(t, ".github/dependabot.yml")), &config); err != nil {
		t.Fatal(err)
	}
	var modules []string
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && slices.Contains([]string{".git", "bin", "node_modules"}, entry.Name()) {
			return fs.SkipDir
		}
		if err == nil && entry.Name() == "go.mod" {
			directory, _ := filepath.Rel(root, filepath.Dir(name))
			modules = append(modules, strings.TrimSuffix("/"+filepath.ToSlash(directory), "."))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, update := range config.Updates {
		if update.Ecosystem == "gomod" && !slices.Equal(slices.Sorted(slices.Values(modules)), slices.Sorted(slices.Values(update.Directories))) {
			t.Errorf("dependabot knows the modules %q, and there are %q", update.Directories, modules)
		}
	}
}

// The versions of Kubernetes that SUPPORT.md promises are those that the tests can run.
func TestSupportNamesTheControlPlanes(t *testing.T) {
	kubernetes := regexp.MustCompile(`(?m)^\tk8s\.io/kubernetes v(\d+\.\d+)\.(\d+)$`)
	text := document(t, "SUPPORT.md")
	for file, sentence := range map[string]string{
		"hack/controlplane/go.mod":        "| $1 | the tests run with it: version $1.$2,",
		"hack/controlplane/oldest/go.mod": "| $1 | some of the tests run with it each week, and passed: version $1.$2,",
	} {
		found := kubernetes.FindStringSubmatchIndex(document(t, file))
		if found == nil {
			t.Errorf("%s names no version of Kubernetes", file)
			continue
		}
		if words := string(kubernetes.ExpandString(nil, sentence, document(t, file), found)); !strings.Contains(text, words) {
			t.Errorf("SUPPORT.md lacks the words %q", words)
		}
	}
	oldest := kubernetes.FindStringSubmatch(document(t, "hack/controlplane/oldest/go.mod"))
	if oldest != nil && !strings.Contains(document(t, "README.md"), "Kubernetes "+oldest[1]+" or later") {
		t.Errorf("README.md must say: Kubernetes %s or later", oldest[1])
	}
}
