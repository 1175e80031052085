// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"fmt"
	"regexp"
	"strings"
)

// step is a part of a page that does something or shows something.
type step struct {
	line int    // of its beginning
	kind string // the language of a block, or action
	text string // of the block, or the name of the action
}

const action = "action"

var marker = regexp.MustCompile(`^<!-- test: ([a-z-]+) -->$`)

// parse returns the steps of a page, in their order.
func parse(page string) ([]step, error) {
	var steps []step
	inBlock := false
	for i, line := range strings.Split(page, "\n") {
		language, isFence := strings.CutPrefix(line, "```")
		found := marker.FindStringSubmatch(line)
		switch {
		case isFence && !inBlock && language == "":
			return nil, fmt.Errorf("line %d: the block has no language", i+1)
		case isFence && !inBlock:
			inBlock = true
			steps = append(steps, step{line: i + 1, kind: language})
		case isFence:
			inBlock = false
		case inBlock:
			steps[len(steps)-1].text += line + "\n"
		case found != nil:
			steps = append(steps, step{line: i + 1, kind: action, text: found[1]})
		case strings.HasPrefix(strings.TrimSpace(line), "```"), strings.Contains(line, "<!-- test"):
			return nil, fmt.Errorf("line %d: blocks and marks must begin at the start of a line: %q", i+1, line)
		}
	}
	if inBlock {
		return nil, fmt.Errorf("the last block has no end")
	}
	return steps, nil
}

// entry is a command in a block of the language console, with the output that the page shows.
type entry struct{ command, output string }

// entries returns the commands of a block of the language console.
func (s step) entries() ([]entry, error) {
	var all []entry
	continued := false
	for line := range strings.Lines(s.text) {
		command, isCommand := strings.CutPrefix(line, "$ ")
		switch {
		case continued:
			all[len(all)-1].command += line
		case isCommand:
			all = append(all, entry{command: command})
		case len(all) == 0:
			return nil, fmt.Errorf("line %d: the block does not begin with a command", s.line)
		default:
			all[len(all)-1].output += line
		}
		continued = (continued || isCommand) && strings.HasSuffix(line, "\\\n")
	}
	return all, nil
}
