// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package blocks

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	root  = "../../.."
	user  = "8:acs:6f3a2b1c-0d4e-4f5a-8b6c-7d8e9f0a1b2c_00000000-0000-4000-8000-00000000000a"
	whole = "apiVersion: chat.acs-operator.io/v1alpha1\nkind: ChatThread\nmetadata: {name: a}\n"
)

func checker(t *testing.T) *Checker {
	t.Helper()
	c, err := NewChecker(root)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// cases are blocks, each with words of the complaint about it; a block without words is right.
var cases = []struct{ language, text, want string }{
	{"", "a", "needs one of the languages"},
	{"bash", "true", "needs one of the languages"},
	{"text", "anything", ""},
	{"text", "", "empty"},
	{"json", `{"a":}`, "no JSON"},
	{"go", "func {", "expected"},

	{"yaml", whole + "spec: {topic: a}\n", ""},
	{"yaml", whole + "spec: {topics: a}\n", `unknown field "topics"`},
	{"yaml", whole + "spec: {topic: ' a'}\n", "should match"},
	{"yaml", whole + "spec: {topic: a, retention: {deleteAfterDays: 5}}\n", "greater than or equal to 30"},
	{"yaml", whole + "spec: {topic: a, resyncInterval: 30s}\n", "resyncInterval must be"},
	{"yaml", whole + "spec:\n  topic: a\n  participants:\n  - userID: " + user + "\n  - userID: " + user + "\n", "Duplicate value"},
	{"yaml", whole + "spec: {topic: a}\nspec: {topic: b}\n", "already set"},
	{"yaml", strings.Replace(whole, "Thread", "Room", 1), "no kind ChatRoom"},
	{"yaml", strings.Replace(whole, "v1alpha1", "v1beta1", 1), "no kind ChatThread"},
	{"yaml", "spec: {entra: {endpoint: https://contoso.communication.azure.com}}\n", ""},
	{"yaml", "spec: {entra: {url: https://contoso.communication.azure.com}}\n", "no field spec.entra.url"},
	{"yaml", "spec: {serviceUsers: {count: 33}}\n", "less than or equal to 32"},
	{"yaml", "kind: ChatConnection\nspec: {topic: a}\n", "no field spec.topic"},
	{"yaml", "kind: Deployment\nspec: {}\n", "needs an apiVersion"},
	{"yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replica: 1}\n", `unknown field "replica"`},
	{"yaml", "apiVersion: example.com/v1\nkind: Other\nspec: {}\n", "has no name"},
	{"yaml", "exporters: {}\n", "this is neither"},
	{"yaml", "# collector.yaml\nexporters: {}\n", ""},
	{"yaml", "# Part of the HelmRelease:\nspec: {interval: 5m}\n", ""},
	{"yaml", "rule_files: [rules.yaml]\n", ""},
	{"yaml", "metrics: {enabled: 1}\n", "got number, want boolean"},
	{"yaml", whole + "spec: {topic: '${topic:=a}'}\n", ""},
	{"yaml", whole + "spec:\n  participants:\n  - userID: " + user + "\n    $patch: delete\n", ""},
	{"yaml", whole + "spec:\n  participants:\n  - userId: " + user + "\n    $patch: delete\n", "no field spec.participants[0].userId"},
	{"yaml", "# values.yaml\nreplicas: 2\n", ""},
	{"yaml", "# values.yaml\nreplica: 2\n", "'replica'"},
	{"yaml", "args: [--acs-timeouts=1s]\n", "no flag --acs-timeouts"},
	{"yaml", "resources: [../acs-chat-operator/config/other]\n", "has no config/other"},
	{"yaml", "# kustomization.yaml\nbases: [a]\n", "no field bases"},
	{"yaml", "patches:\n- patch: |\n    - op: put\n      path: /spec\n", "an operation has"},
	{"yaml", "patches:\n- patch: |\n    apiVersion: chat.acs-operator.io/v1alpha1\n    kind: ChatThread\n    spec: {topik: a}\n", "no field spec.topik"},
	{"yaml", "metadata: {annotations: {chat.acs-operator.io/abandoned: 'true'}}\n", "no chat.acs-operator.io/abandoned"},

	{"sh", "if true; then\n", "must be followed by"},
	{"sh", "frobnicate --all\n", "frobnicate is no program"},
	{"sh", "kubectl gett pods\n", `no verb "gett"`},
	{"sh", "kubectl get chatthreadz -A\n", `no resource "chatthreadz"`},
	{"sh", "kubectl get cht,chconn,chp,acs-chat,secrets -A\n", ""},
	{"sh", "kubectl get chatthreads.other.io\n", `no resource "chatthreads.other.io"`},
	{"sh", "kubectl wait --for=delete crd/chatrooms.chat.acs-operator.io\n", "no CRD chatrooms"},
	{"sh", `kubectl get cht a -o jsonpath='{.status.threadId}'`, "no field threadId"},
	{"sh", `kubectl get cht -o jsonpath='{range .items[*]}{.status.rejected[*].code} {.status.joined}{"\n"}{end}'`, ""},
	{"sh", `kubectl get cht -o jsonpath='{range .items[*]}{.status.rejected[*].kode}{end}'`, "no field kode"},
	{"sh", `kubectl get cht -o custom-columns=NAME:.metadata.name,ID:.status.id`, "no field id"},
	{"sh", "kubectl explain chatthread.spec.topik\n", "no field topik"},
	{"sh", "kubectl get chp --field-selector spec.userID=a\n", "not by spec.userID"},
	{"sh", `kubectl patch cht a --type=merge -p '{"spec":{"topik":"b"}}'`, "no field spec.topik"},
	{"sh", `kubectl patch cht a -p '{"spec":{"topic":"b"}}'`, "needs --type=merge"},
	{"sh", "kubectl annotate cht a chat.acs-operator.io/recover=any\n", ""},
	{"sh", "kubectl annotate cht a chat.acs-operator.io/recovery=any\n", "no chat.acs-operator.io/recovery"},
	{"sh", "kubectl apply -k config/other\n", "no config/other"},
	{"sh", "kubectl apply -f https://github.com/acs-operator/acs-chat-operator/releases/download/v0.1.0/all.yaml\n", "no file all.yaml"},
	{"sh", "make tests\n", "no target tests"},
	{"sh", "make test TESTZ=a\n", "no variable TESTZ"},
	{"sh", "bin/manager --acs-timeouts=1s\n", "no flag --acs-timeouts"},
	{"sh", "bin/acs-emulator --listens=a\n", "no flag --listens"},
	{"sh", "helm apply a b\n", "no command"},
	{"sh", "helm install a charts/acs-chat-operator --set entra.clientId=a\n", "no value entra.clientId"},
	{"sh", "helm install a charts/acs-chat-operator -f charts/acs-chat-operator/values-eks.yaml\n", "has no charts/"},

	{"console", "kubectl get cht\n", "begins with a command behind a prompt"},
	{"console", "$ kubectl get cht a\nNAME   TOPIC   JOINED   READY   REASON   AGE\na      b       1/1      True    Succeeded   1s\n", ""},
	{"console", "$ kubectl get cht a\nNAME   TOPIC   MEMBERS   READY   REASON   AGE\n", "the table has the columns"},
	{"console", "$ kubectl get cht -A\nNAME   TOPIC   JOINED   READY   REASON   AGE\n", "the table has the columns"},
	{"console", "$ kubectl get cht \\\n>  -o wide\nNAME   TOPIC   JOINED   READY   REASON   AGE\n", "the table has the columns"},
	{"console", "$ kubectl get cht -o custom-columns=A:.metadata.name,B:.spec.topic\nA   C\n", "the table has the columns"},
}

// Each wrong block gets a complaint with these words; a block without words is right.
func TestCheck(t *testing.T) {
	t.Parallel()
	c := checker(t)
	for _, test := range cases {
		errs := c.Check(Block{Language: test.language, Text: test.text})
		var words strings.Builder
		for _, err := range errs {
			words.WriteString(err.Error() + "\n")
		}
		if (test.want == "") != (len(errs) == 0) || !strings.Contains(words.String(), test.want) {
			t.Errorf("%s\n%s\ngot %q, want %q", test.language, test.text, words.String(), test.want)
		}
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "page.md")
	page := "# A\n\n```yaml\na: b\n```\n\n1. In a list:\n\n   ```sh\n   true\n     false\n   ```\n\nIndented:\n\n    code\n"
	if err := os.WriteFile(file, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	want := []Block{{file, 4, YAML, "a: b\n"}, {file, 10, Shell, "true\n  false\n"}, {file, 16, "", "code\n"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
