// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package blocks reads the code blocks of Markdown pages, and checks what they say against the
// sources: kinds, fields, commands, flags, targets, columns.
package blocks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/format"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"
)

// The languages of blocks. Each block is checked unless its language is one of unchecked.
const (
	YAML    = "yaml"
	Shell   = "sh"
	Console = "console"
	Go      = "go"
	JSON    = "json"
)

// unchecked are the languages of which this package knows nothing. Text is for what is no language:
// a message, a plan, output without its command. The programs in js and python are run by hack/sdk.
var unchecked = []string{"text", "mermaid", "js", "python", "csharp", "lua", "promql"}

// Block is a code block of a page.
type Block struct {
	File     string
	Line     int // of its first line of code
	Language string
	Text     string
}

// Pages returns all Markdown pages of the repository, but not those of other projects.
func Pages(root string) (pages []string, err error) {
	foreign := []string{".git", "bin", "dist", "node_modules", "testdata"}
	err = filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains(foreign, entry.Name()):
			return fs.SkipDir
		case !entry.IsDir() && filepath.Ext(name) == ".md":
			pages = append(pages, name)
		}
		return nil
	})
	return pages, err
}

// Read returns the code blocks of a page, also those in lists and those that are only indented.
func Read(file string) ([]Block, error) {
	source, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var found []Block
	err = ast.Walk(goldmark.DefaultParser().Parse(text.NewReader(source)), func(node ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := node.(type) {
		case *ast.FencedCodeBlock:
			found = append(found, newBlock(file, string(n.Language(source)), n.Lines(), source))
		case *ast.CodeBlock:
			found = append(found, newBlock(file, "", n.Lines(), source))
		}
		return ast.WalkContinue, nil
	})
	return found, err
}

func newBlock(file, language string, lines *text.Segments, source []byte) Block {
	b := Block{File: file, Language: language}
	if lines.Len() > 0 {
		b.Line = bytes.Count(source[:lines.At(0).Start], []byte("\n")) + 1
	}
	b.Text = string(lines.Value(source))
	return b
}

// Check returns what is wrong with a block.
func (c *Checker) Check(b Block) []error {
	here := *c
	if dir, err := filepath.Rel(c.root, filepath.Dir(b.File)); err == nil {
		here.dir = filepath.ToSlash(dir)
	}
	return here.check(b)
}

func (c *Checker) check(b Block) []error {
	errs := c.checkNames(b.Text)
	switch {
	case b.Text == "":
		errs = append(errs, errors.New("the block is empty"))
	case b.Language == YAML:
		errs = append(errs, c.checkYAML(b.Text)...)
	case b.Language == Shell:
		errs = append(errs, c.checkShell(b.Text)...)
	case b.Language == Console:
		errs = append(errs, c.checkConsole(b.Text)...)
	case b.Language == JSON:
		if !json.Valid([]byte(b.Text)) {
			errs = append(errs, errors.New("this is no JSON"))
		}
	case b.Language == Go:
		if _, err := format.Source([]byte(b.Text)); err != nil {
			errs = append(errs, err)
		}
	case !slices.Contains(unchecked, b.Language):
		errs = append(errs, fmt.Errorf(
			"a block needs one of the languages yaml, sh, console, go, json or %q, and has %q", unchecked, b.Language))
	}
	return errs
}
