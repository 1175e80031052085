// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package docs tests that the names and links in the documents exist.
package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	root   = "../.."
	module = "github.com/acs-operator/acs-chat-operator/"
	page   = "docs/architecture.md"
)

var (
	code   = regexp.MustCompile("`([^`]+)`")
	aPath  = regexp.MustCompile(`^[\w.*-]+(/[\w.*-]+)+/?$|^[\w*.-]+\.(go|sh|md|yaml|yml)$`)
	goName = regexp.MustCompile(`^[A-Za-z]\w*(\.\w+)*$`)
	arrows = regexp.MustCompile(`(?m)^ *(\w+) --> (.*)$`)
	// others are names of other projects.
	others = []string{"RequeueAfter", "HTTP2_READ_IDLE_TIMEOUT_SECONDS", "HTTP2_PING_TIMEOUT_SECONDS", "synctest", "testing"}
)

// repository is everything that a document may name.
type repository struct {
	// paths are those of files and directories, from the root.
	paths []string
	// names has the files that declare a name, alone or behind its package or type. Words that strings
	// consist of, such as JSON fields, annotations and reasons, are names without a file.
	names map[string][]string
	// imports are pairs of packages of which one imports the other, outside of its tests.
	imports map[string]bool
}

func read(t *testing.T) repository {
	t.Helper()
	r := repository{names: map[string][]string{}, imports: map[string]bool{}}
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{".git", "bin", "node_modules", "testdata"}, entry.Name()):
			return fs.SkipDir
		}
		short, err := filepath.Rel(root, name)
		r.paths = append(r.paths, filepath.ToSlash(short))
		if err != nil || filepath.Ext(name) != ".go" {
			return err
		}
		return r.parse(name, filepath.ToSlash(short))
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r repository) parse(name, short string) error {
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	pkg, isTest := file.Name.Name, strings.HasSuffix(name, "_test.go")
	r.declare(short, "", file.Name)
	for _, one := range file.Imports {
		if to, ok := strings.CutPrefix(strings.Trim(one.Path.Value, `"`), module); ok && !isTest {
			r.imports[pkg+" "+path.Base(to)] = true
		}
	}
	ast.Inspect(file, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.FuncDecl:
			r.declare(short, ownerOf(n, pkg), n.Name)
		case *ast.TypeSpec:
			r.declare(short, pkg, n.Name)
			if st, ok := n.Type.(*ast.StructType); ok {
				for _, field := range st.Fields.List {
					r.declare(short, n.Name.Name, field.Names...)
				}
			}
		case *ast.ValueSpec:
			r.declare(short, pkg, n.Names...)
		case *ast.BasicLit:
			r.note(short, n.Value)
		}
		return true
	})
	return nil
}

// note notes the word that a literal is, or that the tag of a field begins with.
func (r repository) note(file, literal string) {
	isProduct := !strings.HasSuffix(file, "_test.go") && !strings.HasPrefix(file, "hack/")
	if word, err := strconv.Unquote(literal); err == nil && isProduct {
		tag, _, _ := strings.Cut(strings.TrimPrefix(path.Base(word), `json:"`), ",")
		r.declare("", "", ast.NewIdent(strings.Trim(tag, `"`)))
	}
}

func (r repository) declare(file, owner string, ids ...*ast.Ident) {
	for _, id := range ids {
		r.names[id.Name] = append(r.names[id.Name], file)
		r.names[owner+"."+id.Name] = append(r.names[owner+"."+id.Name], file)
	}
}

// ownerOf is the type of a method, or the package of a function.
func ownerOf(function *ast.FuncDecl, pkg string) string {
	if function.Recv == nil {
		return pkg
	}
	owner, _, _ := strings.Cut(strings.TrimPrefix(types.ExprString(function.Recv.List[0].Type), "*"), "[")
	return owner
}

// isNamed reports whether a piece of code in a document names something that exists.
func (r repository) isNamed(piece string) bool {
	field, isField := strings.CutPrefix(strings.NewReplacer("spec.", " ", "status.", " ").Replace(piece), " ")
	stamp, isStamp := strings.CutPrefix(piece, "acsOperator")
	switch {
	case isField:
		return !slices.ContainsFunc(strings.Split(field, "."), func(f string) bool { return r.names[f] == nil })
	case isStamp:
		return r.names[stamp] != nil
	case aPath.MatchString(piece):
		depth := strings.Count(strings.TrimSuffix(piece, "/"), "/") + 1
		return slices.ContainsFunc(r.paths, func(p string) bool {
			parts := strings.Split(p, "/")
			ok, err := path.Match(strings.TrimSuffix(piece, "/"), strings.Join(parts[max(len(parts)-depth, 0):], "/"))
			return ok && err == nil
		})
	default:
		return !goName.MatchString(piece) || r.names[piece] != nil || slices.Contains(others, piece)
	}
}
