// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"go/types"
	"maps"
	"path/filepath"
	"slices"

	"golang.org/x/tools/go/packages"
)

// graph has for each file the files that it uses.
type graph map[string]map[string]bool

// fileUses gives the uses between the files of a package. A file uses another one if it names a
// method, a field or a declaration at package level from there.
func fileUses(p *packages.Package) graph {
	uses := graph{}
	for _, syntax := range p.Syntax {
		uses[filepath.Base(p.Fset.File(syntax.Pos()).Name())] = map[string]bool{}
	}
	for ident, object := range p.TypesInfo.Uses {
		if object.Pkg() != p.Types || !isShared(object) {
			continue
		}
		user := filepath.Base(p.Fset.File(ident.Pos()).Name())
		used := filepath.Base(p.Fset.File(object.Pos()).Name())
		if user != used {
			uses[user][used] = true
		}
	}
	return uses
}

// isShared reports whether other files of its package can name an object.
func isShared(object types.Object) bool {
	switch object := object.(type) {
	case *types.Var:
		if object.IsField() {
			return true
		}
	case *types.Func:
		if object.Signature().Recv() != nil {
			return true
		}
	}
	return object.Parent() == object.Pkg().Scope()
}

// largestCircle gives the largest set of files that all use each other, directly or through other
// files: the largest strongly connected component. Without any circle it has one file.
func largestCircle(uses graph) []string {
	reached := map[string]map[string]bool{}
	for file := range uses {
		reached[file] = map[string]bool{}
		uses.reach(file, reached[file])
	}
	var largest []string
	for _, file := range slices.Sorted(maps.Keys(uses)) {
		circle := []string{file}
		for other := range reached[file] {
			if other != file && reached[other][file] {
				circle = append(circle, other)
			}
		}
		if len(circle) > len(largest) {
			largest = circle
		}
	}
	slices.Sort(largest)
	return largest
}

// reach adds all files that a file uses, directly or through other files.
func (g graph) reach(file string, reached map[string]bool) {
	for used := range g[file] {
		if !reached[used] {
			reached[used] = true
			g.reach(used, reached)
		}
	}
}
