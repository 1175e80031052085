// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package blocks

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

var (
	separator = regexp.MustCompile(`(?m)^---\s*$`)
	// substitution is a variable that Flux replaces, perhaps with a default.
	substitution = regexp.MustCompile(`\$\{\w+(?::[=-]([^}]*))?\}`)
	// fileComment is the first line of a document that is the content of a file.
	fileComment = regexp.MustCompile(`^#\s*([\w./-]+\.ya?ml)\b`)
	// otherKind is the kind of somebody else that the comment before a part of an object names.
	otherKind = regexp.MustCompile(`^#.*\b(Application|ApplicationSet|Deployment|HelmRelease|Kustomization|PrometheusRule|ServiceMonitor)\b`)
	// otherFields begin the configuration of a program that is not ours.
	otherFields = []string{
		"creation_rules", "customResourceState", "groups", "inhibit_rules", "rbac", "receivers", "route", "rule_files", "scrape_configs",
	}
	// parts are the fields at the top of an object of ours.
	parts = []string{"apiVersion", "kind", "metadata", "spec", "status"}
)

// Documents returns the YAML documents of a text. A variable that Flux replaces has its default, or
// some value.
func Documents(text string) (documents []string) {
	text = substitution.ReplaceAllStringFunc(text, func(variable string) string {
		return cmp.Or(substitution.FindStringSubmatch(variable)[1], "x")
	})
	for _, document := range separator.Split(text, -1) {
		if strings.TrimSpace(document) != "" {
			documents = append(documents, strings.TrimLeft(document, "\n"))
		}
	}
	return documents
}

// checkYAML checks each document of a block.
func (c *Checker) checkYAML(text string) (errs []error) {
	for _, document := range Documents(text) {
		var content any
		if err := yaml.UnmarshalStrict([]byte(document), &content); err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, c.checkDocument(document, content)...)
	}
	return errs
}

// checkDocument decides what a document is: an object, the content of a file that a comment names,
// a patch, or a part of an object.
func (c *Checker) checkDocument(document string, content any) []error {
	object, isMap := content.(map[string]any)
	file := ""
	if found := fileComment.FindStringSubmatch(document); found != nil {
		file = path.Base(found[1])
	}
	switch {
	case isOwn(object) && isMergePatch(document):
		return c.checkOwnPart(object)
	case isObject(object):
		return c.checkWhole([]byte(document), object)
	case isMap && (file == "kustomization.yaml" || isKustomization(object)):
		return c.checkKustomization(object)
	case file != "" || otherKind.MatchString(document):
		return c.checkFile(file, content)
	case isMap:
		return c.checkPart(object)
	default:
		return c.checkOperations(content)
	}
}

// checkFile checks the values of the chart. Of the files of other programs it is enough that they
// parse.
func (c *Checker) checkFile(file string, content any) []error {
	if strings.HasPrefix(file, "values") {
		return c.checkValues(content)
	}
	return nil
}

// isObject reports whether a document is for the API server.
func isObject(object map[string]any) bool {
	return object["apiVersion"] != nil && object["kind"] != nil && !isKustomization(object)
}

// Own reports whether a document is a complete object of one of our kinds.
func Own(document string) bool {
	var object map[string]any
	return yaml.Unmarshal([]byte(document), &object) == nil && isOwn(object) && !isMergePatch(document)
}

func isOwn(object map[string]any) bool {
	version, _ := object["apiVersion"].(string)
	return strings.HasPrefix(version, Group+"/") && object["kind"] != nil
}

// directive is what a strategic merge patch says about an element of a list.
const directive = "$patch"

// isMergePatch reports whether a document is a strategic merge patch, and no object.
func isMergePatch(document string) bool { return strings.Contains(document, directive+": ") }

// withoutDirectives takes out what only kustomize reads.
func withoutDirectives(value any) {
	switch v := value.(type) {
	case map[string]any:
		delete(v, directive)
		for _, inner := range v {
			withoutDirectives(inner)
		}
	case []any:
		for _, inner := range v {
			withoutDirectives(inner)
		}
	}
}

// checkWhole checks an object with a version and a kind.
func (c *Checker) checkWhole(document []byte, object map[string]any) []error {
	version, kindName := fmt.Sprint(object["apiVersion"]), fmt.Sprint(object["kind"])
	if version == Group+"/v1alpha1" {
		if k := c.kindNamed(kindName); k != nil {
			return k.checkObject(document)
		}
	}
	if strings.HasPrefix(version, Group+"/") {
		return []error{fmt.Errorf("there is no kind %s in %s", kindName, version)}
	}
	metadata, _ := object["metadata"].(map[string]any)
	if metadata["name"] == nil && metadata["generateName"] == nil {
		return []error{fmt.Errorf("the %s has no name", kindName)}
	}
	group, err := schema.ParseGroupVersion(version)
	if err != nil {
		return []error{err}
	}
	if known, err := clientgoscheme.Scheme.New(group.WithKind(kindName)); err == nil {
		if err := yaml.UnmarshalStrict(document, known); err != nil {
			return []error{fmt.Errorf("%s: %w", kindName, err)}
		}
		return nil
	}
	return c.checkEmbeddedValues(object)
}

// checkEmbeddedValues checks the values of our chart in a HelmRelease of Flux, or an Application of
// Argo CD.
func (c *Checker) checkEmbeddedValues(object map[string]any) []error {
	for _, at := range [][]string{{"spec", "values"}, {"spec", "source", "helm", "valuesObject"}} {
		inside := object
		for _, name := range at {
			inside, _ = inside[name].(map[string]any)
		}
		if inside != nil && strings.Contains(fmt.Sprint(object), "acs-chat-operator") {
			return c.checkValues(inside)
		}
	}
	return nil
}

func (c *Checker) checkValues(values any) []error {
	if err := c.values.Validate(values); err != nil {
		return []error{fmt.Errorf("values of the chart: %w", err)}
	}
	return nil
}

// checkPart checks a part of an object. It must fit one of our kinds, or only have what is checked
// without a kind.
func (c *Checker) checkPart(part map[string]any) []error {
	switch {
	case hasOnly(part, parts):
		return c.checkOwnPart(part)
	case hasOnly(part, []string{"data", "stringData"}):
		return stringsOnly(part)
	case hasOnly(part, []string{"args"}):
		return c.checkArguments(part["args"])
	case hasOnly(part, slices.Collect(maps.Keys(settings(c.values).Properties))):
		return c.checkValues(part)
	case hasOnly(part, otherFields):
		return nil
	}
	return []error{errors.New("this is neither an object, nor a part of one of ours: " +
		"begin with a comment that names the file of this content, as in # values.yaml, or use a block of text")}
}

// checkOwnPart checks a part of an object of ours. If it names no kind, it must fit one of them.
func (c *Checker) checkOwnPart(part map[string]any) (best []error) {
	withoutDirectives(part)
	if name, ok := part["kind"].(string); ok {
		if k := c.kindNamed(name); k != nil {
			return k.checkFragment(part)
		}
		return []error{fmt.Errorf("a %s needs an apiVersion", name)}
	}
	for i, k := range c.kinds {
		errs := k.checkFragment(deepCopy(part))
		if len(errs) == 0 {
			return nil
		}
		if i == 0 || len(errs) < len(best) {
			best = errs
		}
	}
	return best
}

// checkArguments checks the flags of the operator.
func (c *Checker) checkArguments(content any) (errs []error) {
	list, ok := content.([]any)
	if !ok {
		return []error{errors.New("args must be a list")}
	}
	for _, one := range list {
		errs = append(errs, c.checkOperatorFlag(fmt.Sprint(one))...)
	}
	return errs
}

func (c *Checker) checkOperatorFlag(argument string) []error {
	name, _, _ := strings.Cut(strings.TrimLeft(argument, "-"), "=")
	if strings.HasPrefix(argument, "-") && !c.operator[name] {
		return []error{fmt.Errorf("the operator has no flag --%s", name)}
	}
	return nil
}

func hasOnly(object map[string]any, names []string) bool {
	for name := range object {
		if !slices.Contains(names, name) {
			return false
		}
	}
	return len(object) > 0
}

func stringsOnly(part map[string]any) (errs []error) {
	for name, content := range part {
		values, ok := content.(map[string]any)
		if !ok {
			errs = append(errs, fmt.Errorf("%s must be a map", name))
		}
		for key, value := range values {
			if _, ok := value.(string); !ok {
				errs = append(errs, fmt.Errorf("%s of %s must be a string", key, name))
			}
		}
	}
	return errs
}

// deepCopy copies what came from YAML.
func deepCopy(object map[string]any) map[string]any {
	copied, err := yaml.Marshal(object)
	if err != nil {
		panic(err) // it was read from YAML
	}
	var again map[string]any
	if err := yaml.Unmarshal(copied, &again); err != nil {
		panic(err)
	}
	return again
}
