// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"
)

// The chart installs what the manifests in config/ install, under the same names.
func TestChartEqualsKustomize(t *testing.T) {
	for set, dir := range map[string]string{
		"default":    "testdata/kustomize/cluster",
		"components": "testdata/kustomize/components",
		"namespaced": "testdata/kustomize/namespaced",
	} {
		want := mustObjects(t, kustomize(t, dir))
		delete(want, "Namespace /"+namespace)
		for _, version := range helmVersions {
			t.Run(set+"/"+version, func(t *testing.T) {
				got := mustObjects(t, render(t, version, set))
				if diff := cmp.Diff(contents(want), contents(got)); diff != "" {
					t.Errorf("the chart differs from kustomize (- kustomize, + chart):\n%s", diff)
				}
			})
		}
	}
}

// In each served namespace, the chart grants what config/overlays/namespaced/served grants.
func TestServedNamespacesEqualKustomize(t *testing.T) {
	want := map[string]any{}
	for name, object := range mustObjects(t, kustomize(t, root+"/config/overlays/namespaced/served")) {
		for _, served := range []string{"team-a", "team-b"} {
			object.SetNamespace(served)
			want[strings.Replace(name, " /", " "+served+"/", 1)] = withoutDifferences(object.DeepCopy().Object)
		}
	}
	got := mustObjects(t, render(t, "helm4", "namespaces"))
	for name := range got {
		if !strings.Contains(name, " team-") {
			delete(got, name)
		}
	}
	if diff := cmp.Diff(want, contents(got)); diff != "" {
		t.Errorf("the chart differs from kustomize (- kustomize, + chart):\n%s", diff)
	}
}

// Without a permission for the cluster, there is no object for the cluster.
func TestNamespacedHasNoObjectForTheCluster(t *testing.T) {
	for _, set := range []string{"namespaced", "namespaces"} {
		for name := range mustObjects(t, render(t, "helm4", set)) {
			if strings.Contains(name, " /") {
				t.Errorf("values %s: %s is an object for the cluster", set, name)
			}
		}
	}
}

// Helm 3 and Helm 4 render the same, except for empty lines, and find no fault.
func TestHelmVersionsAgree(t *testing.T) {
	for _, set := range valuesSets(t) {
		t.Run(set, func(t *testing.T) {
			three, four := render(t, "helm3", set), render(t, "helm4", set)
			if diff := cmp.Diff(withoutEmptyLines(three), withoutEmptyLines(four)); diff != "" {
				t.Errorf("Helm 4 renders something else (- Helm 3, + Helm 4):\n%s", diff)
			}
			mustObjects(t, four)
			for _, version := range helmVersions {
				args := []string{"lint", "--strict", chart, "--kube-version", kubeVersion}
				for _, file := range valuesFiles(set) {
					args = append(args, "--values", file)
				}
				helm(t, version, args...)
			}
		})
	}
}

// The pods meet the restricted Pod Security Standard.
func TestPodsAreRestricted(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	for _, set := range valuesSets(t) {
		template := deployment(t, mustObjects(t, render(t, "helm4", set))).Spec.Template
		for _, result := range evaluator.EvaluatePod(restricted, &template.ObjectMeta, &template.Spec) {
			if !result.Allowed {
				t.Errorf("values %s: %s: %s", set, result.ForbiddenReason, result.ForbiddenDetail)
			}
		}
	}
}

// Every flag that the chart sets is one of the operator's, and the defaults that it leaves out are
// the operator's.
func TestFlagsAreThoseOfTheOperator(t *testing.T) {
	help := operatorHelp(t)
	for _, set := range valuesSets(t) {
		for _, arg := range deployment(t, mustObjects(t, render(t, "helm4", set))).Spec.Template.Spec.Containers[0].Args {
			name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
			if !strings.Contains(help, "\n  -"+name+"\n") && !strings.Contains(help, "\n  -"+name+" ") {
				t.Errorf("values %s: the operator has no flag %s", set, arg)
			}
		}
	}
	for _, text := range []string{
		"(default 10s)", "(default 16)", `(default "acs-chat-operator.chat.acs-operator.io")`, "(default true)",
		"Production Mode defaults(encoder=jsonEncoder,logLevel=Info,",
	} {
		if !strings.Contains(help, text) {
			t.Errorf("the help of the operator has no %q; see templates/_pod.tpl", text)
		}
	}
}

// wrongValues are keys and values that the schema refuses, with the part of the message that names
// them.
var wrongValues = []struct{ set, named string }{
	{"replicaCount=3", "'replicaCount'"},
	{"replicas=many", "/replicas"},
	{"replicas=-1", "/replicas"},
	{"replicas=1.5", "/replicas"},
	{"image.name=x", "'name'"},
	{"image.tag=a b", "/image/tag"},
	{"image.digest=sha256:12", "/image/digest"},
	{"image.pullPolicy=Sometimes", "/image/pullPolicy"},
	{"imagePullSecrets={registry}", "/imagePullSecrets/0"},
	{"resources.limit.memory=1Gi", "'limit'"},
	{"securityContext=restricted", "/securityContext"},
	{"serviceAccount.annotation.key=value", "'annotation'"},
	{"rbac.enabled=true", "'enabled'"},
	{"crds.keep=maybe", "/crds/keep"},
	{"crds.install=true", "'install'"},
	{"watchNamespaces=team-a", "/watchNamespaces"},
	{"watchNamespaces={Team}", "/watchNamespaces/0"},
	{"watchNamespaces={a,a}", "/watchNamespaces"},
	{"namespaced=yes please", "/namespaced"},
	{"allowedEndpoints={https://acs.example.com}", "/allowedEndpoints/0"},
	{"entra.clientId=x", "'clientId'"},
	{"entra.clientID=operator", "/entra/clientID"},
	{"caBundle.configMap=x", "'configMap'"},
	{"caBundle.key=a/b", "/caBundle/key"},
	{"proxy.https=proxy.example.com:3128", "/proxy/https"},
	{"proxy.noProxy=.svc", "/proxy/noProxy"},
	{"leaderElection.id=Lease_1", "/leaderElection/id"},
	{"acsTimeout=10", "/acsTimeout"},
	{"maxConcurrentReconciles=0", "/maxConcurrentReconciles"},
	{"logLevel=loud", "/logLevel"},
	{"logFormat=xml", "/logFormat"},
	{"pprof.address=localhost", "/pprof/address"},
	{"extraArgs={zap-devel}", "/extraArgs/0"},
	{"extraEnv[0].value=x", "/extraEnv/0"},
	{"metrics.port=8443", "'port'"},
	{"metrics.service.port=70000", "/metrics/service/port"},
	{"metrics.serviceMonitor.enable=true", "'enable'"},
	{"metrics.podMonitor.apiVersion=v1", "/metrics/podMonitor/apiVersion"},
	{"metrics.podMonitor.labelLimit=0", "/metrics/podMonitor/labelLimit"},
	{"metrics.prometheusRule.disable={ACSChatThrottled}", "'disable'"},
	{"metrics.prometheusRule.disabled={Throttled}", "/metrics/prometheusRule/disabled/0"},
	{"metrics.prometheusRule.alertLabels.severity=page", "/metrics/prometheusRule/alertLabels"},
	{"metrics.prometheusRule.runbookBaseURL=docs", "/metrics/prometheusRule/runbookBaseURL"},
	{"metrics.dashboard.namespace=Grafana", "/metrics/dashboard/namespace"},
	{"metrics.dashboard.label=", "/metrics/dashboard/label"},
	{"networkPolicy.ingress=x", "'ingress'"},
	{"networkPolicy.apiServerPorts={https}", "/networkPolicy/apiServerPorts/0"},
	{"deletionGuard=true", "/deletionGuard"},
	{"pdb.minAvailable=half", "/pdb/minAvailable"},
	{"pdb.maxUnavailable=0", "/pdb/maxUnavailable"},
	{"fullnameOverride=a-name-that-is-too-long-for-a-service-of-it", "/fullnameOverride"},
}

// A wrong key or value is refused, and named.
func TestWrongValuesAreNamed(t *testing.T) {
	for _, wrong := range wrongValues {
		t.Run(wrong.set, func(t *testing.T) {
			t.Parallel()
			for _, version := range helmVersions {
				for _, command := range [][]string{{"template", release, chart}, {"lint", "--strict", chart}} {
					stdout, stderr, err := tryHelm(t, version, append(command, "--kube-version", kubeVersion, "--set", wrong.set)...)
					if err == nil || !strings.Contains(stdout+stderr, wrong.named) {
						t.Errorf("%s %s: want a failure that names %s, got %v:\n%s%s", version, command[0], wrong.named, err, stdout, stderr)
					}
				}
			}
		})
	}
}

// Values that contradict each other are refused, and both keys are named. Helm's linter does not
// fail where a template does.
func TestContradictionsAreNamed(t *testing.T) {
	for _, wrong := range []struct {
		sets  string
		named []string
	}{
		{"namespaced=true,deletionGuard.enabled=true", []string{"namespaced", "deletionGuard.enabled"}},
		{"namespaced=true,rbac.aggregate=true", []string{"namespaced", "rbac.aggregate"}},
		{"rbac.create=false,rbac.aggregate=true", []string{"rbac.create", "rbac.aggregate"}},
		{"namespaced=true,metrics.secure=true", []string{"namespaced", "metrics.secure"}},
		{"metrics.secure=false,metrics.certSecretName=x", []string{"metrics.secure", "metrics.certSecretName"}},
		{"metrics.serviceMonitor.enabled=true,metrics.podMonitor.enabled=true", []string{"metrics.serviceMonitor", "metrics.podMonitor"}},
		{"metrics.enabled=false,metrics.prometheusRule.enabled=true", []string{"metrics.enabled", "metrics.prometheusRule.enabled"}},
		{"metrics.enabled=false,metrics.dashboard.enabled=true", []string{"metrics.enabled", "metrics.dashboard.enabled"}},
		{"metrics.prometheusRule.enabled=true,metrics.prometheusRule.disabled={ACSChatNothing}", []string{"metrics.prometheusRule.disabled", "ACSChatNothing"}},
		{"replicas=1,pdb.enabled=true,pdb.minAvailable=1", []string{"replicas", "pdb.minAvailable"}},
		{"leaderElection.enabled=false", []string{"leaderElection.enabled", "replicas"}},
		{"entra.enabled=true", []string{"entra.enabled", "entra.clientID"}},
	} {
		t.Run(wrong.sets, func(t *testing.T) {
			t.Parallel()
			for _, version := range helmVersions {
				_, stderr, err := tryHelm(t, version, "template", release, chart, "--kube-version", kubeVersion, "--set", wrong.sets)
				missing := slices.DeleteFunc(slices.Clone(wrong.named), func(key string) bool { return strings.Contains(stderr, key) })
				if err == nil || len(missing) > 0 {
					t.Errorf("%s: want a failure that names %v, got %v:\n%s", version, wrong.named, err, stderr)
				}
			}
		})
	}
}

// The description of the chart names the CRDs that it installs, with an example of each.
func TestAnnotationsNameTheCRDs(t *testing.T) {
	content, err := os.ReadFile(chart + "/Chart.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var metadata struct{ Annotations map[string]string }
	var named []struct{ Kind, Version, Name string }
	var examples []unstructured.Unstructured
	unmarshal(t, string(content), &metadata)
	unmarshal(t, metadata.Annotations["artifacthub.io/crds"], &named)
	var raw []map[string]any
	unmarshal(t, metadata.Annotations["artifacthub.io/crdsExamples"], &raw)
	for _, object := range raw {
		examples = append(examples, unstructured.Unstructured{Object: object})
	}
	installed := map[string]bool{}
	for _, object := range mustObjects(t, render(t, "helm4", "default")) {
		if object.GetKind() == "CustomResourceDefinition" {
			installed[object.GetName()] = true
		}
	}
	for _, crd := range named {
		if !installed[crd.Name] {
			t.Errorf("the chart installs no CRD %s", crd.Name)
		}
		delete(installed, crd.Name)
		if !slices.ContainsFunc(examples, func(e unstructured.Unstructured) bool {
			return e.GetKind() == crd.Kind && e.GetAPIVersion() == "chat.acs-operator.io/"+crd.Version
		}) {
			t.Errorf("there is no example of a %s", crd.Kind)
		}
	}
	for name := range installed {
		t.Errorf("Chart.yaml does not name the CRD %s", name)
	}
}

func unmarshal(t *testing.T, text string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
}

// operatorHelp returns the description of the operator's flags.
func operatorHelp(t *testing.T) string {
	t.Helper()
	manager := filepath.Join(t.TempDir(), "manager")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", manager, ".") //nolint:gosec // a path of the test
	build.Dir = root
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the operator: %v\n%s", err, output)
	}
	_, help, _ := try(t, manager, "--help")
	return help
}

func deployment(t *testing.T, all map[string]*unstructured.Unstructured) *appsv1.Deployment {
	t.Helper()
	for _, object := range all {
		if object.GetKind() != "Deployment" {
			continue
		}
		d := &appsv1.Deployment{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, d, true); err != nil {
			t.Fatal(err)
		}
		return d
	}
	t.Fatal("there is no Deployment")
	return nil
}

var emptyLines = regexp.MustCompile(`(?m)^\s*\n`)

func withoutEmptyLines(text string) string { return emptyLines.ReplaceAllString(text, "") }

// contents returns the contents of objects, without what differs between the chart and kustomize.
func contents(objects map[string]*unstructured.Unstructured) map[string]any {
	all := map[string]any{}
	for name, object := range objects {
		all[name] = withoutDifferences(object.DeepCopy().Object)
	}
	return all
}

// differences are labels that only the chart has, or that name the tool.
var differences = []string{"app.kubernetes.io/instance", "app.kubernetes.io/managed-by", "app.kubernetes.io/version", "helm.sh/chart"}

func withoutDifferences(content any) any {
	switch content := content.(type) {
	case map[string]any:
		for _, key := range differences {
			delete(content, key)
		}
		if image, ok := content["image"].(string); ok && strings.Contains(image, "acs-chat-operator:") {
			content["image"] = "acs-chat-operator"
		}
		for key, value := range content {
			content[key] = withoutDifferences(value)
		}
	case []any:
		for i, value := range content {
			content[i] = withoutDifferences(value)
		}
	}
	return content
}
