// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package blocks

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

var (
	// kustomizationFields are those of kustomize that are not deprecated.
	kustomizationFields = []string{
		"apiVersion", "kind", "metadata", "resources", "components", "patches", "images", "namespace", "namePrefix", "nameSuffix",
		"labels", "commonAnnotations", "configMapGenerator", "secretGenerator", "generatorOptions", "replicas",
		"replacements", "openapi", "configurations", "generators", "transformers", "validators", "helmCharts", "crds", "buildMetadata", "sortOptions",
	}
	operations = []string{"add", "remove", "replace", "test", "move", "copy"}
)

// clone is the directory of this repository, as the pages name it from a directory beside it.
const clone = "../acs-chat-operator/"

// isKustomization reports whether a document is for kustomize and not for the API server.
func isKustomization(object map[string]any) bool {
	switch version, _ := object["apiVersion"].(string); {
	case strings.HasPrefix(version, "kustomize.config.k8s.io/"):
		return true
	case version != "":
		return false
	}
	_, hasData := object["data"]
	return !hasData && !hasOnly(object, parts) && hasOnly(object, kustomizationFields)
}

// checkKustomization checks fields, the files of this repository, and patches.
func (c *Checker) checkKustomization(object map[string]any) (errs []error) {
	for name := range object {
		if !slices.Contains(kustomizationFields, name) {
			errs = append(errs, fmt.Errorf("kustomize has no field %s, or it is deprecated", name))
		}
	}
	for _, field := range []string{"resources", "components"} {
		list, _ := object[field].([]any)
		for _, one := range list {
			if name, ok := strings.CutPrefix(fmt.Sprint(one), clone); ok && !c.exists(name) {
				errs = append(errs, fmt.Errorf("%s: this repository has no %s", field, name))
			}
		}
	}
	patches, _ := object["patches"].([]any)
	for _, one := range patches {
		patch, _ := one.(map[string]any)
		if inline, ok := patch["patch"].(string); ok {
			errs = append(errs, c.checkPatch(inline)...)
		} else if patch["path"] == nil {
			errs = append(errs, errors.New("a patch of kustomize has a patch or a path"))
		}
	}
	return errs
}

// checkPatch checks a patch that is written in a kustomization.
func (c *Checker) checkPatch(text string) []error {
	var content any
	if err := yaml.UnmarshalStrict([]byte(text), &content); err != nil {
		return []error{fmt.Errorf("patch: %w", err)}
	}
	object, ok := content.(map[string]any)
	if !ok {
		return c.checkOperations(content)
	}
	if version, _ := object["apiVersion"].(string); strings.HasPrefix(version, Group+"/") {
		return c.checkOwnPart(object)
	}
	if object["kind"] == nil {
		return []error{errors.New("a patch that is an object needs a kind")}
	}
	return nil
}

// checkOperations checks a patch that is a list of operations.
func (c *Checker) checkOperations(content any) (errs []error) {
	list, ok := content.([]any)
	if !ok || len(list) == 0 {
		return []error{errors.New("this is neither an object nor a list of operations")}
	}
	for _, one := range list {
		operation, _ := one.(map[string]any)
		name, _ := operation["op"].(string)
		path, _ := operation["path"].(string)
		if !slices.Contains(operations, name) || !strings.HasPrefix(path, "/") {
			errs = append(errs, fmt.Errorf("an operation has an op of %q and a path that begins with /, not %v", operations, one))
		}
		if value, ok := operation["value"].(string); ok && strings.Contains(path, "/args") {
			errs = append(errs, c.checkOperatorFlag(value)...)
		}
	}
	return errs
}
