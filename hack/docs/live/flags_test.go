// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package live

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/acs-operator/acs-chat-operator/hack/docs/blocks"
	"github.com/acs-operator/acs-chat-operator/hack/processes"
)

// kubectl has each flag that a page gives it, with the command that it is given to.
func TestKubectlKnowsTheFlags(t *testing.T) {
	t.Chdir(root)
	kubectl := processes.NewKubectl(filepath.Join(t.TempDir(), "none"), t.TempDir())
	ask := func(words ...string) string {
		help, err := kubectl.Run(t.Context(), "", words...)
		if err != nil {
			t.Fatalf("%v: %v", words, err)
		}
		return help
	}
	global := ask("options")
	asked := map[string]string{}
	count := 0
	for _, args := range kubectlCommands(t) {
		words, flags := blocks.Kubectl(args)
		command := commandOf(words)
		name := strings.Join(command, " ")
		if asked[name] == "" {
			asked[name] = ask(append(command, "--help")...) + global
		}
		for _, flag := range separate(flags) {
			count++
			if !strings.Contains(asked[name], " "+flag+"=") && !strings.Contains(asked[name], " "+flag+",") {
				t.Errorf("kubectl %s has no flag %s", name, flag)
			}
		}
	}
	if count < 80 {
		t.Errorf("only %d flags were looked up", count)
	}
}

// kubectlCommands returns the words behind kubectl of all commands on all pages.
func kubectlCommands(t *testing.T) (all [][]string) {
	t.Helper()
	pages, err := blocks.Pages(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range pages {
		found, err := blocks.Read(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range found {
			commands, err := commandsOf(block)
			if err != nil {
				t.Fatalf("%s:%d: %v", block.File, block.Line, err)
			}
			for _, words := range commands {
				if words[0] == "kubectl" {
					all = append(all, words[1:])
				}
			}
		}
	}
	return all
}

func commandsOf(block blocks.Block) (commands [][]string, err error) {
	switch block.Language {
	case blocks.Shell:
		return blocks.Commands(block.Text)
	case blocks.Console:
		steps, err := blocks.Session(block.Text)
		if err != nil {
			return nil, err
		}
		for _, step := range steps {
			found, err := blocks.Commands(step.Command)
			if err != nil {
				return nil, err
			}
			commands = append(commands, found...)
		}
	}
	return commands, nil
}

// nested are the commands of kubectl that have commands of their own.
var nested = []string{"create", "rollout", "config", "auth", "set", "secret"}

// commandOf returns the words that choose a command of kubectl, such as create secret generic.
func commandOf(words []string) (command []string) {
	for _, word := range words {
		command = append(command, word)
		if !slices.Contains(nested, word) {
			break
		}
	}
	return command
}

// separate returns short flags in one word, such as -it, as words of their own.
func separate(flags []string) (all []string) {
	for _, flag := range flags {
		letters, isShort := strings.CutPrefix(flag, "-")
		if !isShort || strings.HasPrefix(letters, "-") {
			all = append(all, flag)
			continue
		}
		for _, letter := range letters {
			all = append(all, "-"+string(letter))
		}
	}
	return all
}
