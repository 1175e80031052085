// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acs-operator/acs-chat-operator/acs/emulator"
	"github.com/acs-operator/acs-chat-operator/hack/processes"
	"github.com/acs-operator/acs-chat-operator/hack/sandbox"
)

const (
	blockPatience  = 3 * time.Minute
	outputPatience = 2 * time.Minute
	connectionFile = "connection-string.txt"
	directory      = "docs/examples"
)

// reads are commands that change nothing. They are repeated until they print what the page shows,
// because a reader looks again, too.
var reads = regexp.MustCompile(`^kubectl (--context \w+ )?(get|events|diff|auth can-i) `)

// run is one recipe that is carried out in a copy of its folder.
type run struct {
	t        *testing.T
	tree     string // a copy of the repository's layout, with the folder
	dir      string // the copy of the folder
	cluster  *cluster
	service  *emulator.Server
	endpoint string   // of the service
	path     string   // PATH
	network  []string // variables that lead to the internet
}

// newRun copies the folder. All else that it refers to is that of the repository.
func newRun(t *testing.T, w *world, name, resource string) *run {
	t.Helper()
	r := &run{t: t, tree: t.TempDir(), cluster: w.cluster, service: w.internet.resource(resource), endpoint: "https://" + resource + acsDomain}
	r.dir = filepath.Join(r.tree, directory, name)
	r.must(os.CopyFS(r.dir, os.DirFS(filepath.Join(directory, name))))
	here, err := os.Getwd()
	r.must(err)
	r.must(os.Symlink(filepath.Join(here, "config"), filepath.Join(r.tree, "config")))
	r.network = []string{"HTTPS_PROXY=" + w.internet.proxy.URL, "SSL_CERT_FILE=" + w.cluster.Path(sandbox.AuthorityFile)}
	// An editor ends the file with a newline.
	r.write(connectionFile, r.service.ConnectionString(r.endpoint)+"\n")
	kubectl, err := filepath.Abs(processes.Asset("kubectl"))
	r.must(err)
	r.must(os.Mkdir(filepath.Join(r.tree, "bin"), 0o700))
	r.path = filepath.Join(r.tree, "bin") + ":" + filepath.Dir(kubectl) + ":" + os.Getenv("PATH")
	r.must(os.WriteFile(filepath.Join(r.tree, "kubeconfig"), []byte(w.kubeconfig), 0o600))
	return r
}

func (r *run) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *run) write(name, content string) {
	r.t.Helper()
	r.must(os.WriteFile(filepath.Join(r.dir, name), []byte(content), 0o600))
}

func (r *run) read(name string) string {
	r.t.Helper()
	content, err := os.ReadFile(filepath.Join(r.dir, name))
	r.must(err)
	return string(content)
}

// kubectl runs kubectl as the administrator, apart from the page.
func (r *run) kubectl(args ...string) string {
	r.t.Helper()
	return r.cluster.Do(args...)
}

// follow does what the page says.
func (r *run) follow(actions map[string]func(*run)) {
	r.t.Helper()
	steps, err := parse(r.read("README.md"))
	r.must(err)
	done := map[string]bool{}
	for _, s := range steps {
		switch s.kind {
		case "sh":
			r.runBlock(s)
		case "console":
			r.runConsole(s)
		case "yaml":
			r.checkYAML(s)
		case action:
			if actions[s.text] == nil {
				r.t.Fatalf("README.md:%d: no action %s", s.line, s.text)
			}
			actions[s.text](r)
			done[s.text] = true
		case "text":
		default:
			r.t.Fatalf("README.md:%d: no test for blocks of the language %s", s.line, s.kind)
		}
	}
	for name := range actions {
		if !done[name] {
			r.t.Errorf("README.md has no mark for the action %s", name)
		}
	}
}

func (r *run) runBlock(s step) {
	r.t.Helper()
	if output, err := r.shell(s.text); err != nil {
		r.t.Fatalf("README.md:%d: %v\n%s\n%s", s.line, err, s.text, output)
	}
}

func (r *run) runConsole(s step) {
	r.t.Helper()
	entries, err := s.entries()
	r.must(err)
	for _, e := range entries {
		difference := func(context.Context) error {
			output, _ := r.shell(e.command) // a page may show a failure; the output tells
			if diff := cmp.Diff(normalize(e.output), normalize(output)); diff != "" {
				return fmt.Errorf("README.md:%d: $ %s(-page +output):\n%s\noutput:\n%s", s.line, e.command, diff, output)
			}
			return nil
		}
		ctx, cancel := context.WithTimeout(r.t.Context(), outputPatience)
		if reads.MatchString(e.command) {
			err = processes.Poll(ctx, difference)
		} else {
			err = difference(ctx)
		}
		cancel()
		r.must(err)
	}
}

// checkYAML compares a block with the files: it must be a part of one.
func (r *run) checkYAML(s step) {
	r.t.Helper()
	isThere := false
	files(r.t, filepath.Base(r.dir), func(file, content string) {
		isThere = isThere || filepath.Ext(file) == ".yaml" && strings.Contains("\n"+content, "\n"+s.text)
	})
	if !isThere {
		r.t.Errorf("README.md:%d: no file of the folder has these lines:\n%s", s.line, s.text)
	}
}

// preamble makes a block begin where the one before ended, with its directory and variables.
const preamble = `set -euo pipefail
state=%s
[ ! -e "$state/variables" ] || . "$state/variables"
[ ! -e "$state/directory" ] || cd "$(cat "$state/directory")"
trap 'pwd >"$state/directory"; export -p | grep -v -E "^declare -x (PATH|HOME|KUBECONFIG)=" >"$state/variables"' EXIT
set -a
%s`

// shell runs commands in the folder, and returns what a terminal would show.
func (r *run) shell(commands string) (output string, err error) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), blockPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", fmt.Sprintf(preamble, r.tree, commands)) //nolint:gosec // the repository's own pages
	cmd.Dir = r.dir
	cmd.Env = []string{"PATH=" + r.path, "HOME=" + r.tree, "KUBECONFIG=" + filepath.Join(r.tree, "kubeconfig"), "KUBECTL_KUBERC=false"}
	cmd.Env = append(cmd.Env, r.network...)
	// The commands end with the shell that runs them.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	content, err := cmd.CombinedOutput()
	return string(content), err
}
