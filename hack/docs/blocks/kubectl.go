// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package blocks

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

var (
	verbs = strings.Fields("annotate api-resources apply auth certificate cluster-info config cordon cp create delete describe diff drain " +
		"edit events exec explain expose get kustomize label logs patch port-forward proxy replace rollout run scale set taint top version wait")
	// onResources are the verbs whose next words are resources. The others are not looked into.
	onResources = strings.Fields("annotate delete describe edit explain get label logs patch port-forward scale wait")
	// withValue are the flags whose value may be the next word.
	withValue = strings.Fields("-n --namespace -f --filename -k --kustomize -o --output -l --selector -p --patch -c --container " +
		"--context --for --field-selector --type --timeout --replicas --subresource --resource --verb --tail --since --sort-by --as")
	// foreign are the resources of Kubernetes and of other operators that a page may name.
	foreign = strings.Fields("all applications applicationsets cm communicationservices configmap configmaps clusterrole clusterrolebinding clusterrolebindings " +
		"clusterroles crd crds customresourcedefinition customresourcedefinitions deploy deployment deployments events externalsecret externalsecrets " +
		"gitrepositories gitrepository helmrelease helmreleases kustomization kustomizations lease leases limitranges namespace namespaces networkpolicies node nodes ns " +
		"ocirepositories ocirepository pod pods poddisruptionbudgets prometheusrule prometheusrules resourcequota role rolebinding rolebindings roles secret secrets secretstore " +
		"service serviceaccount serviceaccounts servicemonitor services svc validatingadmissionpolicies validatingadmissionpolicy validatingadmissionpolicybindings")
	// releaseFiles are the manifests of a release.
	releaseFiles = []string{"install.yaml", "crds.yaml", "quickstart.yaml"}
)

const (
	releases   = "https://github.com/acs-operator/acs-chat-operator/releases/download/"
	jsonOutput = "jsonpath="
	columns    = "custom-columns="
)

// invocation is a command of kubectl.
type invocation struct {
	verb       string
	resources  []string // words behind the verb
	flags      map[string][]string
	kinds      []*kind // ours, that the resources name
	isOnlyOurs bool
}

// parseKubectl separates verb, resources and flags.
func parseKubectl(args []string) *invocation {
	call := &invocation{flags: map[string][]string{}}
	for i := 0; i < len(args); i++ {
		switch name, value, hasValue := strings.Cut(args[i], "="); {
		case args[i] == "--":
			return call // what follows is another command
		case strings.HasPrefix(args[i], "-") && !hasValue && slices.Contains(withValue, name) && i+1 < len(args):
			i++
			call.flags[name] = append(call.flags[name], args[i])
		case strings.HasPrefix(args[i], "-"):
			call.flags[name] = append(call.flags[name], value)
		case call.verb == "":
			call.verb = args[i]
		default:
			call.resources = append(call.resources, args[i])
		}
	}
	return call
}

func (i *invocation) values(names ...string) (all []string) {
	for _, name := range names {
		all = append(all, i.flags[name]...)
	}
	return all
}

func (c *Checker) checkKubectl(args []string) (errs []error) {
	call := parseKubectl(args)
	if !slices.Contains(verbs, call.verb) {
		return []error{fmt.Errorf("kubectl has no verb %q", call.verb)}
	}
	errs = append(errs, c.checkFiles(call)...)
	if call.verb == "events" {
		call.resources = call.values("--for")
	} else if !slices.Contains(onResources, call.verb) {
		return errs
	}
	errs = append(errs, c.resolve(call)...)
	if len(call.kinds) == 0 || !call.isOnlyOurs {
		return errs
	}
	errs = append(errs, c.checkOutput(call)...)
	errs = append(errs, c.checkSelectors(call)...)
	return append(errs, c.checkPatches(call)...)
}

// resolve finds the kinds that the words name.
func (c *Checker) resolve(call *invocation) (errs []error) {
	call.isOnlyOurs = true
	if call.verb == "explain" {
		return c.resolveFields(call)
	}
	for i, word := range call.resources {
		types, name, isNamed := strings.Cut(word, "/")
		isChange := strings.Contains(word, "=") || strings.HasSuffix(word, "-")
		if isChange || !isNamed && (i > 0 || call.verb == "logs") {
			break // the changes of annotate and label, or names
		}
		for one := range strings.SplitSeq(types, ",") {
			errs = append(errs, c.resolveType(call, one)...)
		}
		if slices.Contains([]string{"crd", "crds", "customresourcedefinition"}, types) {
			errs = append(errs, c.checkCRDName(name)...)
		}
	}
	return errs
}

// resolveFields checks what kubectl explain is asked for.
func (c *Checker) resolveFields(call *invocation) (errs []error) {
	for _, word := range call.resources {
		resource, fields, _ := strings.Cut(word, ".")
		errs = append(errs, c.resolveType(call, resource)...)
		if call.isOnlyOurs {
			errs = append(errs, call.kinds[0].checkPath(strings.Split(fields, "."))...)
		}
	}
	return errs
}

func (c *Checker) resolveType(call *invocation, name string) []error {
	base, _, _ := strings.Cut(name, ".")
	found := false
	for _, k := range c.kinds {
		if k.isCalled(name) {
			call.kinds, found = append(call.kinds, k), true
		}
	}
	switch {
	case found:
	case strings.Contains(name, unknown):
		call.isOnlyOurs = false
	case slices.Contains(foreign, base) && !strings.HasSuffix(name, Group):
		call.isOnlyOurs = false
	default:
		call.isOnlyOurs = false
		return []error{fmt.Errorf("there is no resource %q", name)}
	}
	return nil
}

// checkCRDName checks the name of a CRD of our group.
func (c *Checker) checkCRDName(name string) []error {
	plural, isOurs := strings.CutSuffix(name, "."+Group)
	if isOurs && !slices.ContainsFunc(c.kinds, func(k *kind) bool { return k.names.Plural == plural }) {
		return []error{fmt.Errorf("there is no CRD %s", name)}
	}
	return nil
}

// checkFiles checks the files of this repository, and those of a release.
func (c *Checker) checkFiles(call *invocation) (errs []error) {
	for _, name := range call.values("-f", "-k", "--filename", "--kustomize") {
		if file, ok := strings.CutPrefix(name, releases); ok {
			_, file, _ = strings.Cut(file, "/")
			if !slices.Contains(releaseFiles, file) {
				errs = append(errs, fmt.Errorf("a release has no file %s", file))
			}
		}
		if strings.HasPrefix(name, "config/") && !c.exists(name) {
			errs = append(errs, fmt.Errorf("this repository has no %s", name))
		}
	}
	return errs
}

// checkOutput checks the fields of a jsonpath, and of columns.
func (c *Checker) checkOutput(call *invocation) (errs []error) {
	paths := []string{}
	for _, output := range call.values("-o", "--output") {
		if template, ok := strings.CutPrefix(output, jsonOutput); ok {
			paths = append(paths, template)
		}
		if list, ok := strings.CutPrefix(output, columns); ok {
			for column := range strings.SplitSeq(list, ",") {
				_, path, _ := strings.Cut(column, ":")
				paths = append(paths, "{"+path+"}")
			}
		}
	}
	for _, wanted := range call.values("--for") {
		if template, ok := strings.CutPrefix(wanted, jsonOutput); ok {
			template, _, _ = strings.Cut(template, "}")
			paths = append(paths, template+"}")
		}
	}
	for _, path := range paths {
		errs = append(errs, checkTemplate(call.kinds, path)...)
	}
	return errs
}

// checkSelectors checks the fields that a list is selected by.
func (c *Checker) checkSelectors(call *invocation) (errs []error) {
	for _, selector := range call.values("--field-selector") {
		name, _, _ := strings.Cut(selector, "=")
		known := []string{"metadata.name", "metadata.namespace"}
		for _, k := range call.kinds {
			for _, one := range k.version.SelectableFields {
				known = append(known, strings.TrimPrefix(one.JSONPath, "."))
			}
		}
		if !slices.Contains(known, name) {
			errs = append(errs, fmt.Errorf("one can select by %q, not by %s", known, name))
		}
	}
	return errs
}

// checkPatches checks the patches of objects of ours.
func (c *Checker) checkPatches(call *invocation) (errs []error) {
	for _, patch := range call.values("-p", "--patch") {
		if strings.Contains(patch, unknown) {
			continue
		}
		var content any
		if err := yaml.UnmarshalStrict([]byte(patch), &content); err != nil {
			errs = append(errs, err)
			continue
		}
		object, ok := content.(map[string]any)
		switch {
		case slices.Contains(call.flags["--type"], "json"):
			errs = append(errs, c.checkOperations(content)...)
		case !ok:
			errs = append(errs, fmt.Errorf("the patch %s is no object", patch))
		case !slices.Contains(call.flags["--type"], "merge"):
			errs = append(errs, fmt.Errorf("kubectl patch needs --type=merge or --type=json for a custom resource"))
		default:
			errs = append(errs, call.kinds[0].checkFragment(withoutNulls(object))...)
		}
	}
	return errs
}

// withoutNulls takes out what a merge patch deletes.
func withoutNulls(object map[string]any) map[string]any {
	for name, value := range object {
		if inner, ok := value.(map[string]any); ok {
			withoutNulls(inner)
		}
		if value == nil {
			delete(object, name)
		}
	}
	return object
}

// Kubectl separates the words behind kubectl that are no flags from the names of the flags.
func Kubectl(args []string) (words, flags []string) {
	call := parseKubectl(args)
	return append([]string{call.verb}, call.resources...), slices.Sorted(maps.Keys(call.flags))
}

// Ours returns the verb of a command of kubectl that names kinds of ours and no other resources. A
// command for another cluster is not meant.
func (c *Checker) Ours(words []string) (verb string, isOurs bool) {
	if words[0] != "kubectl" {
		return "", false
	}
	call := parseKubectl(words[1:])
	if !slices.Contains(onResources, call.verb) || len(c.resolve(call)) > 0 {
		return call.verb, false
	}
	return call.verb, call.isOnlyOurs && len(call.kinds) > 0 && call.flags["--context"] == nil
}
