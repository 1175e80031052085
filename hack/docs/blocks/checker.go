// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package blocks

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Group is the group of the kinds, and the prefix of the annotations.
const Group = "chat.acs-operator.io"

var (
	ownName        = regexp.MustCompile(`\bchat\.acs-operator\.io/([A-Za-z0-9_-]+)`)
	quotedName     = regexp.MustCompile(`["']chat\.acs-operator\.io/([A-Za-z0-9_-]+)["']`)
	operatorFlag   = regexp.MustCompile(`flags\.\w*Var\(&[\w.]+,\s*"([a-z0-9-]+)"`)
	emulatorFlag   = regexp.MustCompile(`set\.\w+\((?:&c\.\w+, )?"([a-z-]+)"`)
	makeTarget     = regexp.MustCompile(`(?m)^([a-z][a-z-]*)(?: [a-z-]+)*:(?:[^=]|$)`)
	makePhony      = regexp.MustCompile(`(?m)^\.PHONY: (.*)$`)
	schemaFileName = regexp.MustCompile(`^chat(connection|thread|participant)_v1alpha1$`)
)

// libraryFlags are those that libraries add to the flags of the operator.
var libraryFlags = []string{
	"kubeconfig", "help", "zap-devel", "zap-encoder", "zap-log-level", "zap-stacktrace-level", "zap-time-encoding",
}

// Checker knows what the blocks may name.
type Checker struct {
	root     string
	dir      string // of the page whose block is checked, from the root
	kinds    []*kind
	values   *jsonschema.Schema // of the chart
	names    map[string]bool    // annotations, finalizers and labels behind the group
	operator map[string]bool    // flags
	emulator map[string]bool    // flags
	targets  map[string]bool    // of the Makefile
	makefile string
}

// NewChecker reads the sources of the repository.
func NewChecker(root string) (*Checker, error) {
	c := &Checker{root: root, names: map[string]bool{"v1alpha1": true}, operator: map[string]bool{}, emulator: map[string]bool{}, targets: map[string]bool{}}
	for _, read := range []func() error{c.readKinds, c.readValues, c.readMakefile} {
		if err := read(); err != nil {
			return nil, err
		}
	}
	for _, one := range []struct {
		into    map[string]bool
		files   string
		pattern *regexp.Regexp
	}{
		{c.names, "api/v1alpha1/*.go", quotedName},
		{c.names, "config/components/*/*.yaml", quotedName},
		{c.operator, "*.go", operatorFlag},
		{c.emulator, "hack/acs-emulator/*.go", emulatorFlag},
	} {
		if err := c.collect(one.into, one.files, one.pattern); err != nil {
			return nil, err
		}
	}
	for _, name := range libraryFlags {
		c.operator[name] = true
	}
	return c, nil
}

// collect adds what a pattern finds in some files, and fails if that is nothing.
func (c *Checker) collect(into map[string]bool, files string, pattern *regexp.Regexp) error {
	paths, err := filepath.Glob(filepath.Join(c.root, files))
	if err != nil {
		return err
	}
	before := len(into)
	for _, name := range paths {
		source, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for _, found := range pattern.FindAllSubmatch(source, -1) {
			into[string(found[1])] = true
		}
	}
	if len(into) == before {
		return fmt.Errorf("no %s in %s", pattern, files)
	}
	return nil
}

func (c *Checker) readMakefile() error {
	source, err := os.ReadFile(filepath.Join(c.root, "Makefile"))
	if err != nil {
		return err
	}
	c.makefile = string(source)
	for _, found := range makeTarget.FindAllStringSubmatch(c.makefile, -1) {
		c.targets[found[1]] = true
	}
	for _, found := range makePhony.FindAllStringSubmatch(c.makefile, -1) {
		for target := range strings.FieldsSeq(found[1]) {
			c.targets[target] = true
		}
	}
	return nil
}

func (c *Checker) readValues() error {
	file := filepath.Join(c.root, "charts/acs-chat-operator/values.schema.json")
	compiled, err := jsonschema.NewCompiler().Compile(file)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	c.values = compiled
	return nil
}

// checkNames checks the annotations and other names behind the group.
func (c *Checker) checkNames(text string) (errs []error) {
	for _, found := range ownName.FindAllStringSubmatch(text, -1) {
		if !c.names[found[1]] && !schemaFileName.MatchString(found[1]) {
			errs = append(errs, fmt.Errorf("there is no %s", found[0]))
		}
	}
	return errs
}

// CheckProse returns what is wrong with the names in a whole page.
func (c *Checker) CheckProse(text string) []error { return c.checkNames(text) }

// exists reports whether the repository has a file or directory.
func (c *Checker) exists(name string) bool {
	_, err := os.Stat(filepath.Join(c.root, filepath.FromSlash(name)))
	return err == nil
}
