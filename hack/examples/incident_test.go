// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// retention is that of the rooms in the recipe incident-room.
const retention = 90 * 24 * time.Hour

func init() {
	recipes["incident-room"] = recipe{
		actions: map[string]func(*run){"job": func(r *run) { r.runJob("incidents", "close-incident-4711") }},
		check: func(r *run) {
			r.expectRooms(
				"Incident 4711 by : Incident manager, edsger, grace",
				"Incident 4711 by : Incident manager, grace",
				"Incident 4712 (deleted) by incidents/incident-4712: Incident manager",
			)
			r.service.AdvanceClock(retention)
			for _, thread := range r.service.Threads() {
				if thread.DeletedOn == nil {
					r.t.Errorf("%s outlives its retention", describe(thread))
				}
			}
		},
	}
}

// runJob runs the command of a Job as its pod would, with the permissions of its account and
// nothing else, and reports that it has completed.
func (r *run) runJob(namespace, name string) {
	r.t.Helper()
	var job struct {
		Spec struct {
			Template struct {
				Spec struct {
					ServiceAccountName string
					Containers         []struct {
						Command []string
						Env     []struct {
							Name, Value string
							ValueFrom   *struct {
								FieldRef struct{ FieldPath string }
							}
						}
					}
				}
			}
		}
	}
	r.must(json.Unmarshal([]byte(r.kubectl("get", "job", name, "-n", namespace, "-o", "json")), &job))
	pod := job.Spec.Template.Spec
	token := r.kubectl("create", "token", pod.ServiceAccountName, "-n", namespace)
	kubeconfig, err := r.cluster.Server.Kubeconfig(r.cluster.Server.Address, pod.ServiceAccountName, token)
	r.must(err)
	file := filepath.Join(r.tree, "job.kubeconfig")
	r.must(os.WriteFile(file, []byte(kubeconfig), 0o600))
	container := pod.Containers[0]
	cmd := exec.CommandContext(r.t.Context(), container.Command[0], container.Command[1:]...) //nolint:gosec // a manifest of the repository
	cmd.Env = []string{"PATH=" + r.path, "HOME=" + r.tree, "KUBECONFIG=" + file}
	for _, variable := range container.Env {
		if variable.ValueFrom != nil && variable.ValueFrom.FieldRef.FieldPath == "metadata.namespace" {
			variable.Value = namespace
		}
		cmd.Env = append(cmd.Env, variable.Name+"="+variable.Value)
	}
	if output, err := cmd.CombinedOutput(); err != nil {
		r.t.Fatalf("Job %s: %v\n%s", name, err, output)
	}
	now := time.Now().UTC().Format(time.RFC3339)
	condition := `{"type":%q,"status":"True","lastProbeTime":"` + now + `","lastTransitionTime":"` + now + `"}`
	status := fmt.Sprintf(`{"status":{"succeeded":1,"startTime":%q,"completionTime":%q,"conditions":[`+condition+`,`+condition+`]}}`,
		now, now, "SuccessCriteriaMet", "Complete")
	r.kubectl("patch", "job", name, "-n", namespace, "--subresource=status", "--type=merge", "-p", status)
}
