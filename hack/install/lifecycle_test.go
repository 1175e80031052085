// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acs-operator/acs-chat-operator/hack/pods"
)

// dist is the directory of a release that `make test-install` writes, distAgain of a second one.
const (
	dist      = root + "/bin/dist-1"
	distAgain = root + "/bin/dist-2"
	packaged  = dist + "/acs-chat-operator-0.1.0.tgz"
)

// An installation by the chart is upgraded three times, rolled back, uninstalled and installed
// again. Nothing conflicts, no thread is lost or created twice, and the resources outlive the
// chart.
func TestChartLifecycle(t *testing.T) {
	for _, version := range helmVersions {
		t.Run(version, func(t *testing.T) {
			w := newWorld(t)
			w.helm(version, append([]string{"install", release, packaged}, w.values()...)...)
			w.AwaitCRDs()
			pod := w.Run(namespace, manager)
			w.applySamples()
			before := w.threads()
			if len(before) != 2 {
				t.Fatalf("%d threads in the service, not 2", len(before))
			}
			w.checkManagers()

			next := func(topic, helmCommand string, args ...string) {
				t.Helper()
				w.helm(version, append([]string{helmCommand, release}, args...)...)
				pod = w.replace(pod, topic)
				if diff := cmp.Diff(before, w.threads()); diff != "" {
					t.Errorf("%s: threads (-before +after):\n%s", topic, diff)
				}
			}
			next("first upgrade", "upgrade", append([]string{packaged}, w.values("logLevel=debug", "podLabels.stage=first")...)...)
			next("second upgrade", "upgrade", append([]string{packaged}, w.values("replicas=3", "maxConcurrentReconciles=4", "networkPolicy.enabled=true")...)...)
			next("one replica without election", "upgrade", append([]string{packaged}, w.values("replicas=1", "leaderElection.enabled=false")...)...)
			next("rollback", "rollback", "1")

			w.helm(version, "uninstall", release)
			pod.Stop()
			if got := w.Kubectl("get", "chatthreads", "-o", "name"); strings.Count(got, "\n") != 1 {
				t.Errorf("ChatThreads after the uninstall: %q", got)
			}
			w.helm(version, append([]string{"install", release, packaged}, w.values()...)...)
			pod = w.Run(namespace, manager)
			w.setTopic("installed again")
			if diff := cmp.Diff(before, w.threads()); diff != "" {
				t.Errorf("after the uninstall: threads (-before +after):\n%s", diff)
			}
			w.uninstallWithCRDs(version, pod)
			if diff := cmp.Diff(before, w.threads()); diff != "" {
				t.Errorf("after the CRDs went: threads (-before +after):\n%s", diff)
			}
		})
	}
}

// replace stops a pod, starts one of the present Deployment, and has it do something.
func (w *world) replace(pod *pods.Pod, topic string) *pods.Pod {
	w.t.Helper()
	pod.Stop()
	pod = w.Run(namespace, manager)
	w.setTopic(topic)
	return pod
}

// uninstallWithCRDs uninstalls a chart that does not keep the CRDs, in the wrong order: without an
// operator nobody releases the resources. Then it repairs that as docs/uninstall.md says.
func (w *world) uninstallWithCRDs(version string, pod *pods.Pod) {
	w.t.Helper()
	w.helm(version, append([]string{"upgrade", release, packaged}, w.values("crds.keep=false")...)...)
	w.helm(version, "uninstall", release)
	pod.Stop()
	w.helm(version, append([]string{"install", release, packaged}, w.values("crds.enabled=false")...)...)
	pod = w.Run(namespace, manager)
	w.Kubectl("wait", "--for=delete", "--timeout=1m", "crd", "--all")
	w.helm(version, "uninstall", release)
	pod.Stop()
}

// checkManagers checks who wrote an object: the operator under its name, and the others.
func (w *world) checkManagers() {
	w.t.Helper()
	managers := w.Kubectl("get", "chatthread", "quickstart", "-o", "jsonpath={.metadata.managedFields[*].manager}", "--show-managed-fields")
	if !strings.Contains(" "+managers+" ", " acs-chat-operator ") || strings.Contains(managers, "manager") {
		w.t.Errorf("managers of the ChatThread: %s", managers)
	}
}

// install.yaml alone gives a running operator.
func TestInstallManifest(t *testing.T) {
	w := newWorld(t)
	w.Kubectl("apply", "-f", dist+"/install.yaml")
	w.AwaitCRDs()
	pod := w.Run(namespace, manager)
	log := pod.Log("manager")
	if !strings.Contains(log, `"msg":"Starting acs-chat-operator","version":"v`) || strings.Contains(log, `"level":"error"`) {
		t.Errorf("the log:\n%s", log)
	}
	for line := range strings.Lines(log) {
		if !strings.HasPrefix(line, `{"level":`) {
			t.Errorf("a line of another form: %s", line)
		}
	}
	image := w.Kubectl("get", "deployment", manager, "-n", namespace, "-o", "jsonpath={.spec.template.spec.containers[0].image}")
	if want := releasedImage(t); image != want {
		t.Errorf("image %s, want %s", image, want)
	}
	w.Kubectl("apply", "-f", dist+"/install.yaml")
	if diff, err := w.TryKubectl("", "diff", "-f", dist+"/install.yaml"); err != nil {
		t.Errorf("a second apply would change something: %v\n%s", err, diff)
	}
	pod.Stop()
	pod = w.moveToChart()
	// The order of docs/uninstall.md.
	w.Kubectl("delete", "crd", "--all", "--timeout=1m")
	pod.Stop()
	w.Kubectl("delete", "-f", dist+"/install.yaml", "--ignore-not-found", "--timeout=1m")
	if threads := w.threads(); len(threads) != 2 {
		t.Errorf("threads after the uninstall: %v", threads)
	}
}

// moveToChart moves an installation by manifests to the chart, as the README of the chart says.
func (w *world) moveToChart() *pods.Pod {
	w.t.Helper()
	w.Kubectl("delete", "deployment,service", "-n", namespace, "-l", "app.kubernetes.io/name=acs-chat-operator")
	w.helm("helm4", append([]string{"install", release, packaged, "--take-ownership", "--force-conflicts"}, w.values()...)...)
	pod := w.Run(namespace, manager)
	w.applySamples()
	w.helm("helm4", append([]string{"upgrade", release, packaged}, w.values("logLevel=debug")...)...)
	return w.replace(pod, "moved to the chart")
}

// A namespace that is deleted takes the Role of a namespaced operator with it. Nothing is lost by
// that, and permissions of the cluster let the operator finish, as docs/install.md says.
func TestNamespacedOperatorNeedsHelpWithANamespace(t *testing.T) {
	w := newWorld(t)
	w.Kubectl("create", "namespace", "team-b")
	w.Kubectl("create", "secret", "generic", "acs", "-n", "team-b", "--from-file=connectionString="+w.service.ConnectionStringFile)
	w.helm("helm4", append([]string{"install", release, packaged}, w.values("namespaced=true", "watchNamespaces={team-b}")...)...)
	w.AwaitCRDs()
	pod := w.Run(namespace, manager)
	for _, name := range []string{"connection", "thread"} {
		manifest, err := os.ReadFile(filepath.Join(root, "config", "samples", name+".yaml"))
		must(t, err)
		_, err = w.TryKubectl(string(manifest), "apply", "-n", "team-b", "-f", "-")
		must(t, err)
	}
	w.Kubectl("wait", "--for=condition=Ready", "--timeout=1m", "-n", "team-b", "chatconnections,chatthreads", "--all")
	if text := pod.Log("manager"); strings.Contains(text, "forbidden") {
		t.Errorf("the operator was refused something:\n%s", text)
	}

	w.Kubectl("delete", "namespace", "team-b", "--wait=false")
	w.Kubectl("wait", "--for=delete", "--timeout=1m", "-n", "team-b", "rolebindings", "--all")
	if len(w.threads()) != 1 {
		t.Error("the thread is not there")
	}
	w.Kubectl("create", "clusterrole", "acs-chat-rescue", "--verb=get,list,watch,patch",
		"--resource=chatthreads.chat.acs-operator.io,chatparticipants.chat.acs-operator.io,chatconnections.chat.acs-operator.io,"+
			"chatthreads.chat.acs-operator.io/status,chatparticipants.chat.acs-operator.io/status,chatconnections.chat.acs-operator.io/status,namespaces")
	w.Kubectl("create", "clusterrolebinding", "acs-chat-rescue", "--clusterrole=acs-chat-rescue", "--serviceaccount="+namespace+":"+manager)
	w.Kubectl("wait", "--for=delete", "--timeout=2m", "namespace/team-b")
	if left := w.allThreads(); len(left) != 0 {
		t.Errorf("threads at ACS: %v", left)
	}
}

// releasedImage is the image that was built with the release, by tag and digest.
func releasedImage(t *testing.T) string {
	t.Helper()
	index, err := os.ReadFile(root + "/bin/images/acs-chat-operator/index.json")
	must(t, err)
	digest := regexp.MustCompile(`sha256:[0-9a-f]{64}`).Find(index)
	return "ghcr.io/acs-operator/acs-chat-operator:v0.1.0@" + string(digest)
}

// The packaged chart names the image by its digest, and the values do not: those of one release
// must not name the image of the next one.
func TestPackagedChartNamesTheImage(t *testing.T) {
	t.Parallel()
	for _, version := range helmVersions {
		for _, c := range []struct{ set, want string }{
			{"replicas=2", releasedImage(t)},
			{"image.tag=v9.9.9", "ghcr.io/acs-operator/acs-chat-operator:v9.9.9"},
			{"image.registry=registry.example.com", "registry.example.com/acs-operator/acs-chat-operator:v0.1.0"},
		} {
			rendered := helm(t, version, "template", release, packaged, "--kube-version", kubeVersion, "--set", c.set)
			if !strings.Contains(rendered, `image: "`+c.want+`"`) {
				t.Errorf("%s with %s: not %s", version, c.set, c.want)
			}
		}
		if values := helm(t, version, "show", "values", packaged); !strings.Contains(values, `digest: ""`) {
			t.Errorf("%s: the values have a digest", version)
		}
	}
}

// The guard refuses the deletion of a thread, unless it is allowed or nothing would be deleted.
func TestDeletionGuard(t *testing.T) {
	w := newWorld(t)
	w.helm("helm4", append([]string{"install", release, packaged}, w.values("deletionGuard.enabled=true")...)...)
	w.AwaitCRDs()
	w.Run(namespace, manager)
	w.applySamples()
	for _, c := range []struct{ name, patch string }{
		{"allowed", `{"metadata":{"annotations":{"chat.acs-operator.io/allow-delete":"true"}}}`},
		{"retained", `{"spec":{"deletionPolicy":"Retain"}}`},
		{"observed", `{"spec":{"managementPolicy":"Observe"}}`},
		{"abandoned", `{"metadata":{"annotations":{"chat.acs-operator.io/abandon":"true"}}}`},
	} {
		manifest := strings.ReplaceAll(`{apiVersion: chat.acs-operator.io/v1alpha1, kind: ChatThread, metadata: {name: NAME}, spec: {topic: NAME}}`, "NAME", c.name)
		_, err := w.TryKubectl(manifest, "apply", "-f", "-")
		must(t, err)
		w.awaitReady()
		_, err = w.TryKubectl("", "delete", "chatthread", c.name, "--timeout=30s")
		if err == nil || !strings.Contains(err.Error(), "kubectl annotate -n default chatthread "+c.name+" chat.acs-operator.io/allow-delete=true") {
			t.Errorf("%s: before the change, the deletion ends with %v", c.name, err)
		}
		w.Kubectl("patch", "chatthread", c.name, "--type=merge", "-p", c.patch)
		before := len(w.allThreads())
		w.Kubectl("delete", "chatthread", c.name, "--timeout=1m")
		left := before
		if c.name == "allowed" {
			left--
		}
		if got := len(w.allThreads()); got != left {
			t.Errorf("%s: %d threads at ACS after the deletion, not %d", c.name, got, left)
		}
	}
}

// Two builds of a release have the same bytes, and the checksums are those of the files.
func TestReleaseIsReproducible(t *testing.T) {
	t.Parallel()
	var sums []string
	for _, directory := range []string{dist, distAgain} {
		content, err := os.ReadFile(filepath.Join(directory, "checksums.txt"))
		must(t, err)
		sums = append(sums, string(content))
	}
	if diff := cmp.Diff(sums[0], sums[1]); diff != "" {
		t.Errorf("checksums (-first +second):\n%s", diff)
	}
	for _, name := range []string{
		"install.yaml", "crds.yaml", "quickstart.yaml", "crd-schemas.tar.gz", "kustomize-openapi.json", "acs-chat-operator-0.1.0.tgz",
		"argocd-cm-patch.yaml", "prometheus-rules.yaml", "grafana-dashboard.json", "kube-state-metrics.yaml",
		"acs-chat-operator_v0.1.0.cdx.json", "acs-emulator_v0.1.0.cdx.json", "acs-chat-operator_v0.1.0_", "acs-emulator_v0.1.0_",
	} {
		if !strings.Contains(sums[0], "  "+name) {
			t.Errorf("checksums.txt has no %s", name)
		}
	}
}
