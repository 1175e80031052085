// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/acs-operator/acs-chat-operator/hack/processes"
	"github.com/acs-operator/acs-chat-operator/hack/sandbox/sandboxtest"
)

// recipe is the test of a folder.
type recipe struct {
	// actions are what others do while a reader follows the page, by their marks.
	actions map[string]func(*run)
	// prepare sets up what a reader has before the first command.
	prepare func(*run)
	// check looks at the service after the last command.
	check func(*run)
	// resource is the name of the ACS resource, if its endpoint is in a manifest; otherwise it is that
	// of the folder.
	resource string
}

var recipes = map[string]recipe{}

// elsewhere are the folders that another suite tests, with its directory.
var elsewhere = map[string]string{"flux": "hack/gitops"}

// folders returns the names of all recipes.
func folders(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if entry.IsDir() {
			names = append(names, entry.Name())
		}
	}
	return names
}

func TestEachFolderHasATest(t *testing.T) {
	t.Parallel()
	names := folders(t)
	for _, name := range names {
		suite := elsewhere[name]
		if _, has := recipes[name]; has == (suite != "") {
			t.Errorf("%s/%s needs a test here, or in a suite of its own", directory, name)
		}
		if files, _ := filepath.Glob(filepath.Join(suite, "*_test.go")); suite != "" && len(files) == 0 {
			t.Errorf("%s/%s: %s has no test", directory, name, suite)
		}
	}
	for name := range recipes {
		if !slices.Contains(names, name) {
			t.Errorf("there is a test for %s, and no folder", name)
		}
	}
}

func TestRecipes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// They mostly wait, so more of them run at once than there are processors.
	var running sync.WaitGroup
	for name, test := range recipes {
		running.Go(func() {
			t.Run(name, func(t *testing.T) {
				r := newRun(t, w, name, cmp.Or(test.resource, name))
				if test.prepare != nil {
					test.prepare(r)
				}
				r.follow(test.actions)
				test.check(r)
			})
		})
	}
	running.Wait()
}

// world is two clusters with the operator, and the hosts that it calls.
type world struct {
	internet *internet
	// cluster is the one of the context in use. It is also the context old; new is the other one.
	cluster, other *cluster
	kubeconfig     string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), sandboxtest.Patience)
	defer cancel()
	w := &world{internet: newInternet(t), cluster: &cluster{sandboxtest.New(t)}, other: &cluster{sandboxtest.New(t)}}
	var binary string
	var failed error
	var building sync.WaitGroup
	building.Go(func() { binary, failed = build(ctx) })
	etcd, err := w.cluster.StartEtcd(ctx)
	w.cluster.Must(err)
	w.cluster.Must(w.cluster.StartAPIServer(ctx, etcd, "--etcd-prefix=/old"))
	w.cluster.Must(w.other.StartAPIServer(ctx, etcd, "--etcd-prefix=/new"))
	building.Wait()
	w.cluster.Must(failed)
	w.cluster.startOperator(ctx, binary, w.internet)
	w.other.startOperator(ctx, binary, w.internet)
	w.cluster.Must(w.cluster.StartControllerManager(ctx, "--controllers=resourcequota-controller"))
	w.writeKubeconfig(ctx)
	return w
}

// nowhere is the namespace of the contexts. It does not exist, so a command or a manifest that
// leaves the namespace to the context fails.
const nowhere = "no-recipe-may-depend-on-the-namespace-of-the-context"

// writeKubeconfig joins the kubeconfigs of both clusters.
func (w *world) writeKubeconfig(ctx context.Context) {
	joined := w.cluster.Path("joined")
	rename := func(c *cluster, name string) string {
		content, err := c.Server.AdminKubeconfig()
		c.Must(err)
		content = strings.NewReplacer("demo", name, "namespace: default", "namespace: "+nowhere).Replace(content)
		return c.write("kubeconfig-"+name, content)
	}
	both := processes.NewKubectl(rename(w.cluster, "old")+":"+rename(w.other, "new"), joined)
	content, err := both.Run(ctx, "", "config", "view", "--raw", "--flatten")
	if err != nil {
		w.cluster.Fatal(err)
	}
	w.kubeconfig = content
}
