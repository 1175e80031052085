// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"
)

const objectsFile = "config/monitoring/kube-state-metrics.yaml"

// stateMetrics is the configuration of kube-state-metrics, as far as ours has it.
type stateMetrics struct {
	Kind string `json:"kind"`
	Spec struct {
		Resources []struct {
			GroupVersionKind struct{ Group, Version, Kind string } `json:"groupVersionKind"`
			MetricNamePrefix string                                `json:"metricNamePrefix"`
			LabelsFromPath   map[string][]string                   `json:"labelsFromPath"`
			Metrics          []stateMetric                         `json:"metrics"`
		} `json:"resources"`
	} `json:"spec"`
}

type stateMetric struct {
	Name      string `json:"name"`
	Help      string `json:"help"`
	ErrorLogV int    `json:"errorLogV"`
	Each      struct {
		Type  string `json:"type"`
		Gauge struct {
			Path           []string            `json:"path"`
			LabelsFromPath map[string][]string `json:"labelsFromPath"`
			ValueFrom      []string            `json:"valueFrom"`
			NilIsZero      bool                `json:"nilIsZero"`
		} `json:"gauge"`
	} `json:"each"`
}

// testObjects expects that kube-state-metrics finds each label and each value of its configuration
// in some object that the operator has worked on, and no topic, user or message.
func (w *world) testObjects(t *testing.T) {
	text, err := os.ReadFile(objectsFile)
	if err != nil {
		t.Fatal(err)
	}
	var config stateMetrics
	if err := yaml.UnmarshalStrict(text, &config); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(alertsPage)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range config.Spec.Resources {
		id := r.GroupVersionKind
		var list struct{ Items []map[string]any }
		if err := json.Unmarshal([]byte(w.Do("get", fmt.Sprintf("%s.%s.%s", id.Kind, id.Version, id.Group), "-A", "-o", "json")), &list); err != nil {
			t.Fatal(err)
		}
		for _, m := range r.Metrics {
			name := r.MetricNamePrefix + "_" + m.Name
			if !strings.Contains(string(page), "| `"+name+"` |") {
				t.Errorf("%s has no row for %s", alertsPage, name)
			}
			shown := samplesOf(m, list.Items, r.LabelsFromPath)
			if len(shown) == 0 {
				t.Errorf("%s of a %s: no object has a value at %q", name, id.Kind, m.Each.Gauge.Path)
				continue
			}
			for _, one := range shown {
				if forbidden.MatchString(one) {
					t.Errorf("%s tells more than it should: %s", name, one)
				}
			}
			t.Logf("%d %s: %d values, such as %s %s", len(list.Items), id.Kind, len(shown), name, shown[0])
		}
	}
}

// forbidden are topics and ids of the objects of this test.
var forbidden = regexp.MustCompile(`8:acs:|19:|Incident|test topic|Renamed`)

// samplesOf returns what kube-state-metrics shows of objects that have a value: the labels and the
// value. Where nothing counts as zero, that is no value here: any path would have one.
func samplesOf(m stateMetric, objects []map[string]any, common map[string][]string) (shown []string) {
	gauge := m.Each.Gauge
	for _, object := range objects {
		found := at(object, gauge.Path)
		each, isList := found.([]any)
		if !isList {
			each = []any{found}
		}
		for _, one := range each {
			value, ok := number(at(one, gauge.ValueFrom))
			if !ok || m.Each.Type != "Gauge" {
				continue
			}
			texts := map[string]string{}
			complete := addLabels(texts, object, common) && addLabels(texts, one, gauge.LabelsFromPath)
			if complete {
				shown = append(shown, fmt.Sprintf("%v %v", texts, value))
			}
		}
	}
	return shown
}

// addLabels adds the labels that are found at paths, and reports whether each is there.
func addLabels(texts map[string]string, object any, paths map[string][]string) bool {
	for label, path := range paths {
		text, ok := at(object, path).(string)
		if !ok {
			return false
		}
		texts[label] = text
	}
	return true
}

// at returns the value at a path of fields.
func at(value any, path []string) any {
	for _, field := range path {
		object, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = object[field]
	}
	return value
}

// number returns the number that kube-state-metrics makes of a value.
func number(value any) (float64, bool) {
	switch v := value.(type) {
	case float64:
		return v, true
	case string:
		if at, err := time.Parse(time.RFC3339, v); err == nil {
			return float64(at.Unix()), true
		}
		switch strings.ToLower(v) {
		case "true", "yes":
			return 1, true
		case "false", "no", "unknown":
			return 0, true
		}
		parsed, err := strconv.ParseFloat(v, 64)
		return parsed, err == nil
	default:
		return 0, false
	}
}
