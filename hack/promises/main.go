// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Promises lists the tests of package controllers by promise, in docs/reliability.md. The prefix of
// a file names the promise of its tests. The first sentence of the comment of a test states its
// rule.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"

	"github.com/acs-operator/acs-chat-operator/hack/pages"
)

// generator names this program in the page.
const generator = "hack/promises"

// promise is a group of test files. numbers refer to the list of promises on the page.
type promise struct{ prefix, title, numbers string }

var promises = []promise{
	{"exactly_once", "Exactly once", "Promise 1"},
	{"recovery", "Recovery", "Promises 1 and 2"},
	{"membership", "Membership", "Promise 2"},
	{"adoption", "Adoption", "Promises 1 and 2"},
	{"observe", "Observe", "Promises 4 and 5"},
	{"deletion", "Deletion", "Promises 2 and 4"},
	{"tenancy", "Tenancy", "Promise 5"},
	{"service_errors", "Service errors", "Promises 1, 2 and 4"},
	{"budget", "Budgets", "Promises 3 and 6"},
	{"connection", "Connections", "Promises 4 and 8"},
	{"status", "Status", "Promise 4"},
	{"permissions", "Permissions", "Promise 8"},
	{"gitops", "GitOps", "Promises 1, 2 and 4"},
}

// test is a test function and the rule that it proves.
type test struct{ name, rule string }

func main() {
	tests := flag.String("tests", "controllers", "directory of the tests")
	page := flag.String("page", filepath.Join("docs", "reliability.md"), "page that contains the list")
	flag.Parse()
	if err := run(*tests, *page); err != nil {
		fmt.Fprintln(os.Stderr, "promises:", err)
		os.Exit(1)
	}
}

func run(directory, page string) error {
	var list bytes.Buffer
	for _, p := range promises {
		tests, err := testsOf(directory, p.prefix)
		if err != nil {
			return err
		}
		if len(tests) == 0 {
			return fmt.Errorf("no test in %s/%s_*_test.go", directory, p.prefix)
		}
		write(&list, p, tests)
	}
	return pages.Update(page, generator, list.Bytes())
}

// testsOf returns the tests of all files with the prefix, in the order of the files.
func testsOf(directory, prefix string) ([]test, error) {
	files, err := filepath.Glob(filepath.Join(directory, prefix+"*_test.go"))
	if err != nil {
		return nil, err
	}
	var tests []test
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		for _, declaration := range file.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if !ok || function.Recv != nil || !isTest(function.Name.Name) {
				continue
			}
			rule := new(doc.Package).Synopsis(function.Doc.Text())
			if rule == "" {
				return nil, fmt.Errorf("%s: %s has no comment that states its rule", name, function.Name.Name)
			}
			tests = append(tests, test{function.Name.Name, rule})
		}
	}
	return tests, nil
}

func isTest(name string) bool { return strings.HasPrefix(name, "Test") && name != "TestMain" }

// write adds the table of one promise.
func write(list *bytes.Buffer, p promise, tests []test) {
	fmt.Fprintf(list, "\n#### %s\n\n%s, `controllers/%s*_test.go`:\n\n| test | rule |\n|---|---|\n", p.title, p.numbers, p.prefix)
	for _, t := range tests {
		fmt.Fprintf(list, "| `%s` | %s |\n", t.name, strings.ReplaceAll(t.rule, "|", `\|`))
	}
}
