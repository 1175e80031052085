// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"

	"golang.org/x/tools/go/packages"
)

// largestStruct gives the declared struct with the most fields.
func largestStruct(p *packages.Package) (name string, fields int) {
	for _, syntax := range p.Syntax {
		ast.Inspect(syntax, func(node ast.Node) bool {
			spec, isType := node.(*ast.TypeSpec)
			if !isType {
				return true
			}
			if s, isStruct := spec.Type.(*ast.StructType); isStruct && s.Fields.NumFields() > fields {
				name, fields = spec.Name.Name, s.Fields.NumFields()
			}
			return true
		})
	}
	return name, fields
}

// writers are the functions and methods that write to fields of the named structs. A literal does
// not count as a write to its fields, and neither does a write to the object behind a pointer.
func writers(p *packages.Package, structs []string) []string {
	var found []string
	fields := fieldsOf(p, structs)
	for _, syntax := range p.Syntax {
		for _, declaration := range syntax.Decls {
			function, isFunction := declaration.(*ast.FuncDecl)
			if !isFunction || function.Body == nil {
				continue
			}
			if written := writtenFields(p.TypesInfo, function.Body, fields); len(written) > 0 {
				file := filepath.Base(p.Fset.File(function.Pos()).Name())
				found = append(found, fmt.Sprintf("%s %s %v", file, functionName(function), written))
			}
		}
	}
	return found
}

// fieldsOf are the fields of the named structs. A name that is no struct has none.
func fieldsOf(p *packages.Package, structs []string) map[*types.Var]bool {
	fields := map[*types.Var]bool{}
	for _, name := range structs {
		object, isType := p.Types.Scope().Lookup(name).(*types.TypeName)
		if !isType {
			continue
		}
		if s, isStruct := object.Type().Underlying().(*types.Struct); isStruct {
			for field := range s.Fields() {
				fields[field] = true
			}
		}
	}
	return fields
}

// writtenFields are the names of the fields that a body assigns, increments or ranges with.
func writtenFields(info *types.Info, body ast.Node, fields map[*types.Var]bool) []string {
	var names []string
	add := func(targets ...ast.Expr) {
		for _, target := range targets {
			if field := writtenField(info, target, fields); field != "" {
				names = append(names, field)
			}
		}
	}
	ast.Inspect(body, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.AssignStmt:
			add(node.Lhs...)
		case *ast.IncDecStmt:
			add(node.X)
		case *ast.RangeStmt:
			if node.Tok == token.ASSIGN {
				add(node.Key, node.Value)
			}
		}
		return true
	})
	slices.Sort(names)
	return slices.Compact(names)
}

// writtenField is the name of the field that an assignment to target changes; empty if none. An
// element of a map or slice counts as its field.
func writtenField(info *types.Info, target ast.Expr, fields map[*types.Var]bool) string {
	for {
		switch t := target.(type) {
		case *ast.ParenExpr:
			target = t.X
		case *ast.IndexExpr:
			target = t.X
		case *ast.SelectorExpr:
			if field, isVar := info.Uses[t.Sel].(*types.Var); isVar && fields[field] {
				return field.Name()
			}
			if _, isPointer := info.TypeOf(t.X).(*types.Pointer); isPointer {
				return ""
			}
			target = t.X
		default:
			return ""
		}
	}
}
