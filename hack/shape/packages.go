// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"go/token"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

const (
	controllersDir = "controllers"
	internalDir    = "controllers/internal"

	// loadMode asks for the syntax and types of the matched packages only. Their dependencies come
	// as export data of the compiler, which loads in seconds.
	loadMode = packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports |
		packages.NeedTypes | packages.NeedTypesSizes | packages.NeedSyntax | packages.NeedTypesInfo

	// buildTags are the tags of the linters: all files of a package may need one.
	buildTags = "-tags=faults,fips,soak"
)

// stateTypes are the structs that functions of a reconcile share.
var stateTypes = []string{"threadScope", "run"}

// loadPackages loads package controllers and all below it, by directory from the root.
func loadPackages(root string) (map[string]*packages.Package, error) {
	absolute, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	config := &packages.Config{Mode: loadMode, Dir: absolute, BuildFlags: []string{buildTags}}
	loaded, err := packages.Load(config, "./"+controllersDir+"/...")
	if err != nil {
		return nil, err
	}
	byDir := map[string]*packages.Package{}
	for _, p := range loaded {
		for _, e := range p.Errors {
			err = errors.Join(err, e)
		}
		if len(p.GoFiles) == 0 {
			continue
		}
		dir, relErr := filepath.Rel(absolute, filepath.Dir(p.GoFiles[0]))
		if relErr != nil {
			return nil, relErr
		}
		byDir[filepath.ToSlash(dir)] = p
	}
	if err == nil && byDir[controllersDir] == nil {
		err = fmt.Errorf("no package in %s", filepath.Join(absolute, controllersDir))
	}
	return byDir, err
}

// packageFigures has the figures of package controllers and of the packages below it.
func packageFigures(sources []source, loaded map[string]*packages.Package) []figure {
	controllers := loaded[controllersDir]
	names := controllers.Types.Scope().Names()
	owner, fields := largestStruct(controllers)
	figures := roomFigures(sources, controllers, controllersDir, "about 17", "at most 3400")
	figures = append(figures,
		count(controllersDir+": names at package level", noBound, names),
		figure{
			name:  controllersDir + ": most fields of a struct",
			value: fmt.Sprintf("%d (%s)", fields, owner),
			bound: noBound,
		},
		count(controllersDir+": functions that write to "+strings.Join(stateTypes, " or "), "0",
			writers(controllers, stateTypes)),
	)
	for _, dir := range internalDirs(sources) {
		p := loaded[dir]
		if p == nil {
			continue
		}
		exported := slices.DeleteFunc(p.Types.Scope().Names(), func(name string) bool { return !token.IsExported(name) })
		figures = append(figures, roomFigures(sources, p, dir, noBound, noBound)...)
		figures = append(figures, count(dir+": exported names", "at most 15", exported))
	}
	return figures
}

// roomFigures are the figures that each package has.
func roomFigures(sources []source, p *packages.Package, dir, wantFiles, wantLines string) []figure {
	var files []string
	lines := 0
	for _, s := range sources {
		if s.dir() == dir && !s.isTest() {
			files = append(files, fmt.Sprintf("%s %d", path.Base(s.path), s.lines))
			lines += s.lines
		}
	}
	circle := largestCircle(fileUses(p))
	return []figure{
		count(dir+": files", wantFiles, files),
		number(dir+": lines", wantLines, lines),
		count(dir+": files in the largest circle", "at most 8", circle),
	}
}

// internalDirs are the directories of the packages under controllers/internal.
func internalDirs(sources []source) []string {
	var dirs []string
	for _, s := range sources {
		if isUnder(s.path, internalDir) && !s.isTest() {
			dirs = append(dirs, s.dir())
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}
