// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// apiReference is generated from comments, which count already.
const apiReference = "api-reference.md"

// passage is a paragraph, an item of a list, a cell of a table or a comment.
type passage struct {
	path string // from the root, with slashes
	text string
}

var (
	inlineCode = regexp.MustCompile("`[^`]*`")
	link       = regexp.MustCompile(`!?\[([^\]]*)\]\([^)]*\)`)
	address    = regexp.MustCompile(`https?://\S+`)
	tableRule  = regexp.MustCompile(`^\|[-:| ]+\|$`)
	listItem   = regexp.MustCompile(`^\s*([-*+]|\d+\.)\s+`)
)

// readDocuments reads the prose of all hand-written documents.
func readDocuments(root string) ([]passage, error) {
	files, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		return nil, err
	}
	files = append(files, filepath.Join(root, "README.md"), filepath.Join(root, "CONTRIBUTING.md"))
	var passages []passage
	for _, file := range files {
		if filepath.Base(file) == apiReference {
			continue
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		relative, err := filepath.Rel(root, file)
		if err != nil {
			return nil, err
		}
		for _, text := range paragraphs(proseLines(string(content))) {
			passages = append(passages, passage{filepath.ToSlash(relative), text})
		}
	}
	return passages, nil
}

// proseLines are the lines of a document without code fences, headings and the header of a table.
// Each cell of a table stands between blank lines.
func proseLines(content string) []string {
	var lines []string
	fenced, header := false, 0
	for line := range strings.Lines(content) {
		line = strings.TrimRight(strings.TrimPrefix(line, "> "), " \r\n")
		trimmed := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(trimmed, "```"):
			fenced = !fenced
			lines = append(lines, "")
		case fenced:
		case strings.HasPrefix(trimmed, "#"):
			lines = append(lines, "")
		case tableRule.MatchString(trimmed):
			lines = lines[:header]
		case strings.HasPrefix(trimmed, "|"):
			header = len(lines)
			for cell := range strings.SplitSeq(inlineCode.ReplaceAllString(trimmed, "code"), "|") {
				lines = append(lines, "", cell)
			}
			lines = append(lines, "")
		default:
			lines = append(lines, line)
		}
	}
	return lines
}

// comments are the comments of a file without its license, directives, markers and code.
func comments(s source) []passage {
	var passages []passage
	for _, group := range s.syntax.Comments {
		text := group.Text() // omits directives
		if strings.HasPrefix(text, "Copyright ") {
			continue
		}
		var lines []string
		for line := range strings.Lines(text) {
			if !isMarker(line) && !strings.HasPrefix(line, "\t") {
				lines = append(lines, strings.TrimRight(line, "\n"))
			}
		}
		place := fmt.Sprintf("%s:%d", s.path, s.line(group.Pos()))
		for _, paragraph := range paragraphs(lines) {
			passages = append(passages, passage{place, paragraph})
		}
	}
	return passages
}

// isMarker reports whether a line of a comment is for a generator.
func isMarker(line string) bool { return strings.HasPrefix(line, "+") }

// paragraphs joins the lines between blank lines. Each item of a list is a paragraph. Inline code
// becomes a noun, so that it can stand before a relative clause.
func paragraphs(lines []string) []string {
	var found []string
	var current []string
	end := func() {
		if len(current) > 0 {
			text := inlineCode.ReplaceAllString(strings.Join(current, " "), "code")
			text = link.ReplaceAllString(text, "$1")
			found = append(found, address.ReplaceAllString(text, "link"))
		}
		current = nil
	}
	for _, line := range lines {
		if strings.TrimSpace(line) == "" {
			end()
			continue
		}
		if item := listItem.FindString(line); item != "" {
			end()
			line = line[len(item):]
		}
		current = append(current, strings.TrimSpace(line))
	}
	end()
	return found
}

// identifiers are the names in a file, each once.
func identifiers(s source) map[string]bool {
	names := map[string]bool{}
	ast.Inspect(s.syntax, func(node ast.Node) bool {
		if ident, isIdent := node.(*ast.Ident); isIdent {
			names[ident.Name] = true
		}
		return true
	})
	return names
}
