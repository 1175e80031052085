// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"go/ast"
	"go/types"
)

const (
	maxFunctionLines = 60
	maxFileLines     = 400
)

// sizeFigures has the functions and files of all hand-written Go that are too long.
func sizeFigures(sources []source) []figure {
	var figures []figure
	for _, kind := range []struct {
		suffix string
		tests  bool
	}{{"", false}, {", tests", true}} {
		var functions, files []string
		for _, s := range sources {
			if s.isTest() != kind.tests {
				continue
			}
			functions = append(functions, longFunctions(s)...)
			if s.lines > maxFileLines {
				files = append(files, fmt.Sprintf("%s %d", s.path, s.lines))
			}
		}
		figures = append(figures,
			count(fmt.Sprintf("functions over %d lines%s", maxFunctionLines, kind.suffix), "0", functions),
			count(fmt.Sprintf("files over %d lines%s", maxFileLines, kind.suffix), "0", files),
		)
	}
	return figures
}

// longFunctions are the functions and methods of a file that are too long. Comments above them do
// not count.
func longFunctions(s source) []string {
	var found []string
	for _, declaration := range s.syntax.Decls {
		function, isFunction := declaration.(*ast.FuncDecl)
		if !isFunction {
			continue
		}
		first, last := s.line(function.Pos()), s.line(function.End())
		if lines := last - first + 1; lines > maxFunctionLines {
			found = append(found, fmt.Sprintf("%s:%d %s %d", s.path, first, functionName(function), lines))
		}
	}
	return found
}

// functionName is the name of a function, or type and name of a method.
func functionName(function *ast.FuncDecl) string {
	if function.Recv.NumFields() == 0 {
		return function.Name.Name
	}
	return fmt.Sprintf("(%s).%s", types.ExprString(function.Recv.List[0].Type), function.Name.Name)
}
