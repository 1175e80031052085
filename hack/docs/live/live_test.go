// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package live

import (
	"context"
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

// placeholder is the id, in testdata, of the thread that an application made.
const placeholder = "19:existing-thread@thread.v2"

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
//     page. The state is a namespace of its own with the connection default, and testdata/<page>.
//   - A complete object of ours is created, as a dry run.
//   - A command of a script that only reads our kinds runs. What it names need not exist.
func TestPages(t *testing.T) {
	w := newWorld(t)
	checker, err := blocks.NewChecker(".")
	w.must(err)
	pages, err := blocks.Pages(".")
	w.must(err)
	tried := map[string]int{}
	for _, file := range pages {
		found, err := blocks.Read(file)
		w.must(err)
		p := &page{world: w, checker: checker, name: strings.TrimSuffix(filepath.Base(file), ".md"), tried: tried}
		t.Run(p.name, func(t *testing.T) {
			for _, block := range found {
				p.try(t, block)
			}
		})
	}
	t.Logf("tried: %v", tried)
	for language, least := range map[string]int{blocks.Console: 10, blocks.YAML: 15, blocks.Shell: 10} {
		if tried[language] < least {
			t.Errorf("only %d of %s were tried", tried[language], language)
		}
	}
}

// page is a page that is tried.
type page struct {
	*world
	checker    *blocks.Checker
	name       string
	kubeconfig string // empty before the page has its state
	tried      map[string]int
}

func (p *page) namespace() string { return "page-" + strings.ToLower(p.name) }

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

// isOurs reports whether a script is one command of kubectl about our kinds, with one of the verbs.
func (p *page) isOurs(script string, verbs ...string) bool {
	commands, err := blocks.Commands(script)
	if err != nil || len(commands) != 1 {
		return false
	}
	verb, isOurs := p.checker.Ours(commands[0])
	return isOurs && slices.Contains(verbs, verb)
}

// prepare brings the page into its state.
func (p *page) prepare() {
	if p.kubeconfig != "" {
		return
	}
	p.kubeconfig = p.world.kubeconfig(p.namespace())
	serviceUsers := p.addConnection(p.namespace())
	state := filepath.Join("hack/docs/live/testdata", p.name)
	if _, err := os.Stat(state); err != nil {
		return
	}
	thread, err := p.service.makeThread(p.t.Context(), serviceUsers)
	p.must(err)
	manifests := p.run("", "kustomize", state)
	for _, document := range blocks.Documents(manifests) {
		if namespace := namespaceOf(document); namespace != "" {
			p.addConnection(namespace)
		}
	}
	// Some objects name a namespace, and the others are for that of the page.
	_, err = processes.NewKubectl(p.kubeconfig, p.dir).Run(p.t.Context(), strings.ReplaceAll(manifests, placeholder, thread), "apply", "-f", "-")
	p.must(err)
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
	if _, err := p.kubectl.Run(p.t.Context(), document, "create", "--dry-run=server", "-n", namespace, "-f", "-"); err != nil && !strings.Contains(err.Error(), "AlreadyExists") {
		t.Errorf("%s: %v\n%s", at, err, document)
	}
}

// play runs a command until its output is that of the page.
func (p *page) play(t *testing.T, at string, step blocks.Step) {
	t.Helper()
	p.prepare()
	want, got := normalize(step.Output), ""
	ctx, cancel := context.WithTimeout(p.t.Context(), outputPatience)
	defer cancel()
	err := processes.Poll(ctx, func(ctx context.Context) error {
		output, _ := p.shell(ctx, step.Command) // a refusal is an output too
		if ctx.Err() != nil {
			return ctx.Err()
		}
		// A reader works in the namespace default.
		if got = normalize(strings.ReplaceAll(output, p.namespace(), "default")); got != want {
			return fmt.Errorf("the output is %q", output)
		}
		return nil
	})
	if err != nil {
		t.Errorf("%s: %s\n got %s\nwant %s", at, step.Command, got, want)
	}
}

// read runs the commands of a script that only read.
func (p *page) read(t *testing.T, at, script string) {
	t.Helper()
	for line := range strings.Lines(strings.ReplaceAll(script, "\\\n", " ")) {
		if !p.isOurs(line, "get") {
			continue
		}
		p.prepare()
		p.tried[blocks.Shell]++
		if output, err := p.shell(p.t.Context(), line); err != nil && !strings.Contains(output, "NotFound") {
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
	cmd.Dir = p.dir                                        // some commands write files
	cmd.Env = []string{
		"PATH=" + directory + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + p.dir, "KUBECONFIG=" + p.kubeconfig, "KUBECTL_KUBERC=false",
	}
	output, err := cmd.CombinedOutput()
	return string(output), err
}
