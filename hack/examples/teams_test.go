// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/google/go-cmp/cmp"
)

const argoCRD = "hack/examples/testdata/argo-cd.yaml"

func init() {
	recipes["rooms-per-team"] = recipe{
		prepare: func(r *run) {
			r.kubectl("apply", "-f", argoCRD)
			r.kubectl("wait", "--for=condition=Established", "--timeout=1m", "-f", argoCRD)
			r.kubectl("create", "namespace", "argocd")
		},
		actions: map[string]func(*run){"argo-cd-renders": (*run).renderApplications},
		check: func(r *run) {
			r.expectRooms(
				"On call by team-blue/on-call: Ada Lovelace",
				"Team Blue by team-blue/general: Ada Lovelace, Barbara Liskov, Grace (lead of Blue)",
				"Team Green by team-green/general: Ada Lovelace, Barbara Liskov, Edsger Dijkstra, Grace Hopper",
			)
		},
	}
}

// applicationSet is the part of an ApplicationSet that decides what Argo CD applies, and where.
type applicationSet struct {
	Spec struct {
		GoTemplateOptions []string
		Generators        []struct {
			Git struct {
				RepoURL, Revision string
				Directories       []struct{ Path string }
			}
		}
		Template struct {
			Metadata struct{ Name string }
			Spec     struct {
				Source      struct{ RepoURL, TargetRevision, Path string }
				Destination struct{ Namespace string }
			}
		}
	}
}

// renderApplications makes the Applications of the ApplicationSet in the cluster as Argo CD does,
// and compares each with the directory of a team.
func (r *run) renderApplications() {
	r.t.Helper()
	var set applicationSet
	r.must(json.Unmarshal([]byte(r.kubectl("get", "applicationset", "rooms-per-team", "-n", "argocd", "-o", "json")), &set))
	generator, application := set.Spec.Generators[0].Git, set.Spec.Template
	if source := application.Spec.Source; source.RepoURL != generator.RepoURL || source.TargetRevision != generator.Revision {
		r.t.Error("the Applications are not from the repository in which the directories are")
	}
	repository := filepath.Dir(r.dir)
	directories, err := filepath.Glob(filepath.Join(repository, generator.Directories[0].Path))
	r.must(err)
	var got []string
	for _, directory := range directories {
		path, err := filepath.Rel(repository, directory)
		r.must(err)
		render := func(text string) string {
			parsed, err := template.New("").Option(set.Spec.GoTemplateOptions...).Parse(text)
			r.must(err)
			var result strings.Builder
			r.must(parsed.Execute(&result, map[string]any{"path": map[string]any{"path": path, "basename": filepath.Base(path)}}))
			return result.String()
		}
		from := filepath.Join(repository, render(application.Spec.Source.Path))
		namespace := render(application.Spec.Destination.Namespace)
		manifests, err := r.shell("kubectl kustomize " + from)
		r.must(err)
		if objects := strings.Count(manifests, "\nkind: "); objects != strings.Count(manifests, "\n  namespace: "+namespace+"\n")+1 {
			r.t.Errorf("%s has objects outside of namespace %s:\n%s", from, namespace, manifests)
		}
		got = append(got, render(application.Metadata.Name)+" in "+namespace)
	}
	if diff := cmp.Diff([]string{"rooms-blue in team-blue", "rooms-green in team-green"}, got); diff != "" {
		r.t.Errorf("Applications (-want +got):\n%s", diff)
	}
}
