// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// source is a Go file that was written by hand.
type source struct {
	path   string // from the root, with slashes
	lines  int
	syntax *ast.File
	set    *token.FileSet
}

func (s source) dir() string  { return path.Dir(s.path) }
func (s source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }

// line is the number of a line of the file.
func (s source) line(pos token.Pos) int { return s.set.Position(pos).Line }

// readSources reads all hand-written Go files under root. Build tags do not matter.
func readSources(root string) ([]source, error) {
	var sources []source
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != root && isSkipped(entry.Name()):
			return filepath.SkipDir
		case entry.IsDir() || filepath.Ext(name) != ".go":
			return nil
		}
		s, err := readSource(root, name)
		if err == nil && !ast.IsGenerated(s.syntax) {
			sources = append(sources, s)
		}
		return err
	})
	return sources, err
}

func readSource(root, name string) (source, error) {
	relative, err := filepath.Rel(root, name)
	if err != nil {
		return source{}, err
	}
	content, err := os.ReadFile(name)
	if err != nil {
		return source{}, err
	}
	set := token.NewFileSet()
	syntax, err := parser.ParseFile(set, name, content, parser.ParseComments|parser.SkipObjectResolution)
	return source{filepath.ToSlash(relative), bytes.Count(content, []byte("\n")), syntax, set}, err
}

// isSkipped reports whether a directory of this name has no code of the project.
func isSkipped(dir string) bool {
	return dir == "bin" || dir == "node_modules" || dir == "testdata" || strings.HasPrefix(dir, ".")
}

// isUnder reports whether a file is in a directory or in one below it.
func isUnder(file, dir string) bool { return strings.HasPrefix(file, dir+"/") }
