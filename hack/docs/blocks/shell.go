// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package blocks

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// unknown stands for a part of a word that only a shell knows.
const unknown = "…"

var (
	// tools are the programs of others that readers may need. What is not here must be of this
	// repository.
	tools = strings.Fields("az argocd awk base64 cat chmod code cosign cp curl date docker envsubst flux gh git go grep head jq kind " +
		"cmp cut diff age-keygen sops uniq kubeconform kustomize mkdir node npm npx openssl promtool rm sed sha256sum sleep sort tail tar tee tr uname uuidgen wc xargs /usr/bin/python3")
	builtins = strings.Fields("[ cd echo eval exit export false printf read set source test trap true wait while until unset :")
	variable = regexp.MustCompile(`^[A-Z]+$`)
)

// Commands returns the commands of a script, each as its words.
func Commands(script string) (commands [][]string, err error) {
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(script), "")
	if err != nil {
		return nil, err
	}
	syntax.Walk(file, func(node syntax.Node) bool {
		if call, ok := node.(*syntax.CallExpr); ok && len(call.Args) > 0 {
			var words []string
			for _, word := range call.Args {
				words = append(words, literal(word.Parts))
			}
			commands = append(commands, words)
		}
		return true
	})
	return commands, nil
}

// literal returns a word without its quotes.
func literal(parts []syntax.WordPart) string {
	var word strings.Builder
	for _, part := range parts {
		switch p := part.(type) {
		case *syntax.Lit:
			word.WriteString(strings.ReplaceAll(p.Value, `\`, ""))
		case *syntax.SglQuoted:
			word.WriteString(p.Value)
		case *syntax.DblQuoted:
			word.WriteString(literal(p.Parts))
		default:
			word.WriteString(unknown)
		}
	}
	return word.String()
}

func (c *Checker) checkShell(script string) (errs []error) {
	commands, err := Commands(script)
	if err != nil {
		return []error{err}
	}
	for _, words := range commands {
		for _, err := range c.checkCommand(words) {
			errs = append(errs, fmt.Errorf("%s: %w", strings.Join(words[:min(len(words), 3)], " "), err))
		}
	}
	return errs
}

// checkCommand checks one command with its arguments.
func (c *Checker) checkCommand(words []string) []error {
	name, args := words[0], words[1:]
	check := map[string]func([]string) []error{
		"kubectl": c.checkKubectl, "helm": c.checkHelm, "make": c.checkMake, "bash": c.checkScript,
	}[name]
	switch {
	case check != nil:
		return check(args)
	case path.Base(name) == "manager" || strings.HasPrefix(path.Base(name), "acs-chat-operator"):
		return checkFlags("the operator", c.operator, args)
	case strings.HasPrefix(path.Base(name), "acs-emulator"):
		return checkFlags("the emulator", c.emulator, args)
	case strings.HasPrefix(name, "bin/"):
		if !c.exists("hack/"+path.Base(name)) && !strings.Contains(c.makefile, name) {
			return []error{fmt.Errorf("nothing builds %s", name)}
		}
		return nil
	case strings.HasPrefix(name, "./") && c.exists(path.Join(c.dir, name)):
		return nil
	case slices.Contains(tools, name) || slices.Contains(builtins, name):
		return nil
	}
	return []error{fmt.Errorf("%s is no program of this repository, and none of the tools that a page may need", name)}
}

func (c *Checker) checkScript(args []string) []error {
	if len(args) == 0 || !c.exists(args[0]) && !c.exists(path.Join(c.dir, args[0])) {
		return []error{fmt.Errorf("this repository has no script %q", args)}
	}
	return nil
}

func checkFlags(program string, known map[string]bool, args []string) (errs []error) {
	for _, arg := range args {
		name, isFlag := strings.CutPrefix(arg, "-")
		name, _, _ = strings.Cut(strings.TrimPrefix(name, "-"), "=")
		if isFlag && !known[name] {
			errs = append(errs, fmt.Errorf("%s has no flag --%s", program, name))
		}
	}
	return errs
}

// checkMake checks the targets, and that the Makefile knows the variables.
func (c *Checker) checkMake(args []string) (errs []error) {
	for _, arg := range args {
		name, _, isVariable := strings.Cut(arg, "=")
		switch {
		case isVariable && variable.MatchString(name):
			if !strings.Contains(c.makefile, name) {
				errs = append(errs, fmt.Errorf("the Makefile has no variable %s", name))
			}
		case !c.targets[arg]:
			errs = append(errs, fmt.Errorf("the Makefile has no target %s", arg))
		}
	}
	return errs
}

var helmCommands = strings.Fields("install upgrade uninstall rollback template lint repo list status get show pull history dependency test registry push")

// checkHelm checks the values and files that a command gives our chart.
func (c *Checker) checkHelm(args []string) (errs []error) {
	if len(args) == 0 || !slices.Contains(helmCommands, args[0]) {
		return []error{fmt.Errorf("helm has no command %q", args)}
	}
	isOurs := slices.ContainsFunc(args, isOurChart)
	for i, arg := range args {
		if strings.HasPrefix(arg, "charts/") && !c.exists(arg) {
			errs = append(errs, fmt.Errorf("this repository has no %s", arg))
		}
		if isOurs && i > 0 && slices.Contains([]string{"--set", "--set-string"}, args[i-1]) {
			errs = append(errs, c.checkSettings(arg)...)
		}
	}
	return errs
}

// isOurChart reports whether a word of a command of helm is the chart of this repository.
func isOurChart(word string) bool {
	return strings.HasPrefix(word, "charts/") || strings.HasPrefix(word, "acs-chat-operator-") ||
		strings.HasSuffix(word, "acs-operator/charts/acs-chat-operator")
}
