// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package live

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/acs-operator/acs-chat-operator/hack/docs/blocks"
	"github.com/acs-operator/acs-chat-operator/hack/processes"
)

// state has the objects that the pages presume, by kustomizations of one namespace each.
const state = "hack/docs/live/testdata"

// placeholder matches the ids, in state, of threads that an application made.
var placeholder = regexp.MustCompile(`19:[a-z0-9-]+@thread\.v2`)

// elsewhere are the pages whose sessions tests of their own carry out, in another state.
var elsewhere = map[string]string{
	"docs/examples/":  "hack/examples",
	"docs/argo-cd.md": "hack/gitops",
	"docs/flux.md":    "hack/gitops",
}

// varying are the parts of outputs that differ in each run.
var varying = []struct {
	pattern *regexp.Regexp
	name    string
}{
	{regexp.MustCompile(`19:[\w-]+@thread\.v2`), "<thread>"},
	{regexp.MustCompile(`https://127\.0\.0\.1:\d+`), "<endpoint>"},
	{regexp.MustCompile(`\b(\d+[dhms])+\b`), "<age>"},
	{regexp.MustCompile(`\s+`), " "},
}

// tableHeader matches the first line of a table of kubectl.
var tableHeader = regexp.MustCompile(`^NAME(SPACE)?\s+[A-Z][A-Z -]+$`)

// user matches a user of ACS. Users that the pages declare have the form of declaredUser.
var (
	user         = regexp.MustCompile(`8:acs:[0-9a-f-]{36}_[0-9a-f-]{36}`)
	declaredUser = "_00000000-0000-4000-8000-"
)

func normalize(text string) string {
	text = user.ReplaceAllStringFunc(text, func(id string) string {
		if strings.Contains(id, declaredUser) {
			return id
		}
		return "<service user>"
	})
	for _, one := range varying {
		text = one.pattern.ReplaceAllString(text, one.name)
	}
	return strings.TrimSpace(text)
}

// Three kinds of blocks are tried:
//
//   - A command of a console that names our kinds only runs, and its output must be that of the
//     page, in the state of testdata.
//   - A complete object of ours is created, as a dry run.
//   - A command of a script that only reads our kinds runs. What it names need not exist.
func TestPages(t *testing.T) {
	w := newWorld(t)
	kubeconfig := w.addState()
	checker, err := blocks.NewChecker(".")
	w.Must(err)
	pages, err := blocks.Pages(".")
	w.Must(err)
	tried := map[string]int{}
	for _, file := range pages {
		found, err := blocks.Read(file)
		w.Must(err)
		p := &page{world: w, checker: checker, kubeconfig: kubeconfig, tried: tried}
		t.Run(file, func(t *testing.T) {
			for _, block := range found {
				p.try(t, block)
			}
		})
	}
	t.Run("new threads after a rebuild", w.testNewThreadsAfterRebuild)
	t.Logf("tried: %v", tried)
	for language, least := range map[string]int{blocks.Console: 10, blocks.YAML: 15, blocks.Shell: 10} {
		if tried[language] < least {
			t.Errorf("only %d of %s were tried", tried[language], language)
		}
	}
}

// addState creates the objects that the pages presume, and returns the kubeconfig of a reader.
func (w *world) addState() (kubeconfig string) {
	w.Helper()
	namespaces, err := os.ReadDir(state)
	w.Must(err)
	for _, namespace := range namespaces {
		serviceUsers := w.addConnection(namespace.Name())
		manifests := w.Do("kustomize", filepath.Join(state, namespace.Name()))
		threads := map[string]string{}
		manifests = placeholder.ReplaceAllStringFunc(manifests, func(name string) string {
			if threads[name] == "" {
				threads[name], err = w.makeThread(w.Context(), serviceUsers)
				w.Must(err)
			}
			return threads[name]
		})
		w.DoWith(manifests, "apply", "-n", namespace.Name(), "-f", "-")
	}
	return w.kubeconfig("default")
}

// page is a page that is tried.
type page struct {
	*world
	checker    *blocks.Checker
	kubeconfig string
	tried      map[string]int
}

func (p *page) try(t *testing.T, block blocks.Block) {
	t.Helper()
	at := fmt.Sprintf("%s:%d", block.File, block.Line)
	switch block.Language {
	case blocks.YAML:
		for _, document := range blocks.Documents(block.Text) {
			if blocks.Own(document) {
				p.tried[block.Language]++
				p.create(t, at, document)
			}
		}
	case blocks.Console:
		if isElsewhere(t, block.File) {
			return
		}
		steps, err := blocks.Session(block.Text)
		if err != nil {
			t.Fatalf("%s: %v", at, err)
		}
		for _, step := range steps {
			if p.isOurs(step.Command, "get", "describe", "delete", "annotate", "patch", "wait") {
				p.tried[block.Language]++
				p.play(t, at, step)
			}
		}
	case blocks.Shell:
		p.read(t, at, block.Text)
	}
}

// isElsewhere reports whether another test carries out the sessions of a page.
func isElsewhere(t *testing.T, file string) bool {
	t.Helper()
	for prefix, directory := range elsewhere {
		if !strings.HasPrefix(filepath.ToSlash(file), prefix) {
			continue
		}
		if _, err := os.Stat(directory); err != nil {
			t.Errorf("%s has no test: %v", file, err)
		}
		return true
	}
	return false
}

// isOurs reports whether a script is one command of kubectl about our kinds, with one of the verbs.
func (p *page) isOurs(script string, verbs ...string) bool {
	commands, err := blocks.Commands(script)
	if err != nil || len(commands) != 1 {
		return false
	}
	verb, isOurs := p.checker.Ours(commands[0])
	return isOurs && slices.Contains(verbs, verb)
}

func namespaceOf(document string) string {
	var object struct{ Metadata struct{ Namespace string } }
	if err := yaml.Unmarshal([]byte(document), &object); err != nil {
		return ""
	}
	return object.Metadata.Namespace
}

// create creates an object as a dry run: the API server checks it, and stores nothing.
func (p *page) create(t *testing.T, at, document string) {
	t.Helper()
	namespace := namespaceOf(document)
	if namespace == "" {
		namespace = "default"
	}
	p.addNamespace(namespace)
	if _, err := p.Kubectl.Run(p.Context(), document, "create", "--dry-run=server", "-n", namespace, "-f", "-"); err != nil && !strings.Contains(err.Error(), "AlreadyExists") {
		t.Errorf("%s: %v\n%s", at, err, document)
	}
}

// play runs a command until its output is that of the page.
func (p *page) play(t *testing.T, at string, step blocks.Step) {
	t.Helper()
	var got string
	ctx, cancel := context.WithTimeout(p.Context(), outputPatience)
	defer cancel()
	err := processes.Poll(ctx, func(ctx context.Context) error {
		output, _ := p.shell(ctx, step.Command) // a refusal is an output too
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if got = output; !isAsShown(got, step.Output) {
			return errors.New("another output")
		}
		return nil
	})
	if err != nil {
		t.Errorf("%s: %s\n got %s\nwant %s", at, step.Command, got, step.Output)
	}
}

// isAsShown reports whether an output is that of the page. A table may have more rows than the page
// shows, because other pages need them.
func isAsShown(got, want string) bool {
	if header, _, _ := strings.Cut(want, "\n"); !tableHeader.MatchString(header) {
		return normalize(got) == normalize(want)
	}
	rows := map[string]bool{}
	for row := range strings.Lines(got) {
		rows[normalize(row)] = true
	}
	for row := range strings.Lines(want) {
		if !rows[normalize(row)] {
			return false
		}
	}
	return true
}

// read runs the commands of a script that only read.
func (p *page) read(t *testing.T, at, script string) {
	t.Helper()
	for line := range strings.Lines(strings.ReplaceAll(script, "\\\n", " ")) {
		if !p.isOurs(line, "get") {
			continue
		}
		p.tried[blocks.Shell]++
		if output, err := p.shell(p.Context(), line); err != nil && !strings.Contains(output, "NotFound") {
			t.Errorf("%s: %s: %v\n%s", at, line, err, output)
		}
	}
}

// shell runs a command as a reader would, with the kubectl of the control plane.
func (p *page) shell(ctx context.Context, command string) (string, error) {
	directory, err := filepath.Abs(processes.AssetsDir())
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "bash", "-c", command) //nolint:gosec // the commands of the pages are what is tested
	cmd.Dir = p.Dir                                        // some commands write files
	cmd.Env = []string{
		"PATH=" + directory + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + p.Dir, "KUBECONFIG=" + p.kubeconfig, "KUBECTL_KUBERC=false",
	}
	output, err := cmd.CombinedOutput()
	return string(output), err
}
