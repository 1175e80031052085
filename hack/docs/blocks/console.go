// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package blocks

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Step is a command of a session, with its output.
type Step struct {
	Command string
	Output  string
}

// isHeader matches the first line of a table of kubectl.
var isHeader = regexp.MustCompile(`^[A-Z][A-Z-]*(\s+[A-Z][A-Z-]*)+\s*$`)

// Session returns the commands of a block of a console. Each begins with a prompt: "$ ".
func Session(text string) (steps []Step, err error) {
	isContinued := false
	for line := range strings.Lines(text) {
		command, isCommand := strings.CutPrefix(line, "$ ")
		switch {
		case isContinued:
			steps[len(steps)-1].Command += strings.TrimPrefix(line, "> ")
		case isCommand:
			steps = append(steps, Step{Command: command})
		case len(steps) == 0:
			return nil, errors.New("a block of a console begins with a command behind a prompt, as in $ kubectl get chatthreads")
		default:
			steps[len(steps)-1].Output += line
			continue
		}
		isContinued = strings.HasSuffix(strings.TrimRight(line, "\n"), `\`)
	}
	return steps, nil
}

func (c *Checker) checkConsole(text string) (errs []error) {
	steps, err := Session(text)
	if err != nil {
		return []error{err}
	}
	for _, step := range steps {
		errs = append(errs, c.checkShell(step.Command)...)
		errs = append(errs, c.checkTable(step)...)
	}
	return errs
}

// checkTable compares the header of a table with the columns of the CRD, or with those of the
// command.
func (c *Checker) checkTable(step Step) []error {
	header, _, _ := strings.Cut(step.Output, "\n")
	commands, err := Commands(step.Command)
	if err != nil || len(commands) != 1 || commands[0][0] != "kubectl" || !isHeader.MatchString(header) {
		return nil
	}
	call := parseKubectl(commands[0][1:])
	c.resolve(call)
	if call.verb != "get" || !call.isOnlyOurs || len(call.kinds) != 1 {
		return nil
	}
	want := call.header()
	if got := strings.Fields(header); !slices.Equal(got, want) {
		return []error{fmt.Errorf("the table has the columns %q, and kubectl shows %q", got, want)}
	}
	return nil
}

// header returns the columns that kubectl shows.
func (i *invocation) header() (names []string) {
	outputs := i.values("-o", "--output")
	for _, output := range outputs {
		if list, ok := strings.CutPrefix(output, columns); ok {
			for column := range strings.SplitSeq(list, ",") {
				name, _, _ := strings.Cut(column, ":")
				names = append(names, name)
			}
			return names
		}
	}
	if i.flags["-A"] != nil || i.flags["--all-namespaces"] != nil {
		names = append(names, "NAMESPACE")
	}
	names = append(names, "NAME")
	for _, column := range i.kinds[0].version.AdditionalPrinterColumns {
		if column.Priority == 0 || slices.Contains(outputs, "wide") {
			names = append(names, strings.ToUpper(column.Name))
		}
	}
	return names
}
