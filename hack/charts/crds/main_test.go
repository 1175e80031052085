// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"strings"
	"testing"
	"text/template"
)

const crd = `---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  annotations:
    argocd.argoproj.io/sync-options: Delete=false,Prune=false
    example.com/of-the-type: kept
    helm.sh/resource-policy: keep
  name: threads.example.com
spec:
  description: |-
    A value such as {{ .name }} is text here.
`

func TestDescriptionsAreText(t *testing.T) {
	out, err := wrap([]byte(crd))
	if err != nil {
		t.Fatal(err)
	}
	if got := execute(t, string(out), true); !strings.Contains(got, "A value such as {{ .name }} is text here.\n") {
		t.Errorf("the description changed:\n%s", got)
	}
}

func TestKeepDecidesOnTheUninstall(t *testing.T) {
	out, err := wrap([]byte(crd))
	if err != nil {
		t.Fatal(err)
	}
	for keep, want := range map[bool]string{
		true:  "sync-options: Delete=false,Prune=false\n    helm.sh/resource-policy: keep\n",
		false: "sync-options: Prune=false\n",
	} {
		got := execute(t, string(out), keep)
		if !strings.Contains(got, want) || strings.Contains(got, "resource-policy") != keep {
			t.Errorf("keep %t: want %q in:\n%s", keep, want, got)
		}
		if !strings.Contains(got, `example.com/of-the-type: "kept"`) {
			t.Errorf("keep %t: an annotation of the type is gone:\n%s", keep, got)
		}
	}
}

// execute renders a template, with stubs for the functions of Helm.
func execute(t *testing.T, text string, keep bool) string {
	t.Helper()
	stubs := template.FuncMap{
		"include": func(string, any) string { return "team: a" },
		"nindent": func(spaces int, text string) string { return "\n" + strings.Repeat(" ", spaces) + text },
	}
	parsed, err := template.New("crd").Funcs(stubs).Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	values := map[string]any{"Values": map[string]any{"crds": map[string]any{"enabled": true, "keep": keep}}}
	if err := parsed.Execute(&b, values); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
