// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// metric is a metric as the sources declare it.
type metric struct {
	name, kind, help string
	labels           []string
}

// kinds are the types of metrics by the functions of package prometheus that make them.
var kinds = map[string]string{
	"NewCounter": "counter", "NewCounterVec": "counter", "NewGauge": "gauge", "NewGaugeVec": "gauge", "NewGaugeFunc": "gauge",
	"NewHistogram": "histogram", "NewHistogramVec": "histogram",
	// A collector of its own shows states only.
	"NewDesc": "gauge",
}

// metricsOf returns the metrics that the files of a directory declare, tests left out.
func metricsOf(directory string) ([]metric, error) {
	names, err := filepath.Glob(filepath.Join(directory, "*.go"))
	if err != nil {
		return nil, err
	}
	p := pkg{set: token.NewFileSet(), constants: map[string]ast.Expr{}}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(p.set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
		p.noteConstants(file)
	}
	var found []metric
	for _, file := range files {
		ast.Inspect(file, func(node ast.Node) bool {
			call, ok := node.(*ast.CallExpr)
			if !ok || err != nil {
				return err == nil
			}
			var m metric
			if m, err = p.metric(call); m.name != "" {
				found = append(found, m)
			}
			return err == nil
		})
	}
	return found, err
}

// pkg knows the constants of a package.
type pkg struct {
	set       *token.FileSet
	constants map[string]ast.Expr
}

func (p pkg) noteConstants(file *ast.File) {
	for _, declaration := range file.Decls {
		constants, ok := declaration.(*ast.GenDecl)
		if !ok || constants.Tok != token.CONST {
			continue
		}
		for _, spec := range constants.Specs {
			if value, ok := spec.(*ast.ValueSpec); ok && len(value.Names) == len(value.Values) {
				for i, name := range value.Names {
					p.constants[name.Name] = value.Values[i]
				}
			}
		}
	}
}

// metric returns the metric that a call makes; the zero value if it makes none.
func (p pkg) metric(call *ast.CallExpr) (metric, error) {
	function, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || len(call.Args) == 0 {
		return metric{}, nil
	}
	if from, ok := function.X.(*ast.Ident); !ok || from.Name != "prometheus" || kinds[function.Sel.Name] == "" {
		return metric{}, nil
	}
	m := metric{kind: kinds[function.Sel.Name]}
	var err error
	if options, ok := call.Args[0].(*ast.CompositeLit); ok {
		err = p.readOptions(&m, options)
	} else {
		err = p.readText(map[*string]ast.Expr{&m.name: call.Args[0], &m.help: call.Args[1]})
	}
	if err == nil && len(call.Args) > 1 {
		err = p.readLabels(&m, call.Args[1:])
	}
	if err == nil && (m.name == "" || m.help == "") {
		err = fmt.Errorf("%s: this metric has no name, or no help", p.set.Position(call.Pos()))
	}
	return m, err
}

// readOptions reads the fields of prometheus.CounterOpts and its like.
func (p pkg) readOptions(m *metric, options *ast.CompositeLit) error {
	for _, element := range options.Elts {
		field, ok := element.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		var err error
		switch name, _ := field.Key.(*ast.Ident); name.Name {
		case "Name":
			err = p.readText(map[*string]ast.Expr{&m.name: field.Value})
		case "Help":
			err = p.readText(map[*string]ast.Expr{&m.help: field.Value})
		case "ConstLabels":
			err = p.readLabels(m, []ast.Expr{field.Value})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readLabels reads the names of labels from lists of names, and from keys of maps.
func (p pkg) readLabels(m *metric, arguments []ast.Expr) error {
	for _, argument := range arguments {
		list, ok := argument.(*ast.CompositeLit)
		if !ok {
			continue
		}
		for _, element := range list.Elts {
			if pair, ok := element.(*ast.KeyValueExpr); ok {
				element = pair.Key
			}
			var label string
			if err := p.readText(map[*string]ast.Expr{&label: element}); err != nil {
				return err
			}
			m.labels = append(m.labels, label)
		}
	}
	slices.Sort(m.labels)
	return nil
}

func (p pkg) readText(texts map[*string]ast.Expr) error {
	for into, expression := range texts {
		text, err := p.text(expression)
		if err != nil {
			return err
		}
		*into = text
	}
	return nil
}

// text returns the value of an expression: a literal, a constant of the package, or a sum of these.
func (p pkg) text(expression ast.Expr) (string, error) {
	switch e := expression.(type) {
	case *ast.BasicLit:
		return strconv.Unquote(e.Value)
	case *ast.Ident:
		if value, ok := p.constants[e.Name]; ok {
			return p.text(value)
		}
	case *ast.BinaryExpr:
		left, err := p.text(e.X)
		if err != nil {
			return "", err
		}
		right, err := p.text(e.Y)
		return left + right, err
	}
	return "", fmt.Errorf("%s: write the text of a metric as a literal or as a constant of this package", p.set.Position(expression.Pos()))
}
