// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package blocks

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"

	chatv1alpha1 "github.com/acs-operator/acs-chat-operator/api/v1alpha1"
)

// kind is one of the kinds of the operator, with all that the API server would do to an object.
type kind struct {
	names    apiextensionsv1.CustomResourceDefinitionNames
	version  apiextensionsv1.CustomResourceDefinitionVersion
	schema   *structuralschema.Structural
	complete validation.SchemaValidator
	rules    *cel.Validator
	// partial is the schema without what a fragment may lack: required fields, and rules.
	partial validation.SchemaValidator
}

func (c *Checker) readKinds() error {
	files, err := filepath.Glob(filepath.Join(c.root, "config/crd/bases/*.yaml"))
	if err != nil {
		return err
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict(source, crd); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		k, err := newKind(crd)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		c.kinds = append(c.kinds, k)
	}
	if len(c.kinds) == 0 {
		return errors.New("there are no CRDs")
	}
	return nil
}

func newKind(crd *apiextensionsv1.CustomResourceDefinition) (*kind, error) {
	k := &kind{names: crd.Spec.Names, version: crd.Spec.Versions[0]}
	internal := &apiextensions.JSONSchemaProps{}
	err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(k.version.Schema.OpenAPIV3Schema, internal, nil)
	if err != nil {
		return nil, err
	}
	if k.schema, err = structuralschema.NewStructural(internal); err != nil {
		return nil, err
	}
	if k.complete, _, err = validation.NewSchemaValidator(internal); err != nil {
		return nil, err
	}
	k.rules = cel.NewValidator(k.schema, true, celconfig.PerCallLimit)
	loose := internal.DeepCopy()
	loosen(loose)
	k.partial, _, err = validation.NewSchemaValidator(loose)
	return k, err
}

// loosen takes out what an incomplete object need not meet.
func loosen(schema *apiextensions.JSONSchemaProps) {
	schema.Required, schema.XValidations = nil, nil
	for name, property := range schema.Properties {
		loosen(&property)
		schema.Properties[name] = property
	}
	if schema.Items != nil && schema.Items.Schema != nil {
		loosen(schema.Items.Schema)
	}
	if schema.AdditionalProperties != nil && schema.AdditionalProperties.Schema != nil {
		loosen(schema.AdditionalProperties.Schema)
	}
}

// kindNamed returns the kind of this name, and nil if it is none of ours.
func (c *Checker) kindNamed(name string) *kind {
	i := slices.IndexFunc(c.kinds, func(k *kind) bool { return k.names.Kind == name })
	if i < 0 {
		return nil
	}
	return c.kinds[i]
}

// isCalled reports whether kubectl knows the kind by a name: plural, singular, short, or a
// category, with or without version and group.
func (k *kind) isCalled(name string) bool {
	short, group, isLong := strings.Cut(name, ".")
	if isLong && group != Group && group != "v1alpha1."+Group {
		return false
	}
	return slices.Contains(slices.Concat([]string{k.names.Plural, k.names.Singular}, k.names.ShortNames, k.names.Categories), short)
}

// checkObject does what the API server does when an object is created.
func (k *kind) checkObject(document []byte) []error {
	var object map[string]any
	if err := yaml.UnmarshalStrict(document, &object); err != nil {
		return []error{err}
	}
	typed := map[string]any{
		"ChatConnection": &chatv1alpha1.ChatConnection{}, "ChatThread": &chatv1alpha1.ChatThread{}, "ChatParticipant": &chatv1alpha1.ChatParticipant{},
	}[k.names.Kind]
	if err := yaml.UnmarshalStrict(document, typed); err != nil {
		return []error{fmt.Errorf("%s: %w", k.names.Kind, err)}
	}
	errs := k.unknownFields(object)
	defaulting.Default(object, k.schema)
	fieldErrs := validation.ValidateCustomResource(nil, object, k.complete)
	fieldErrs = append(fieldErrs, listtype.ValidateListSetsAndMaps(nil, k.schema, object)...)
	if len(fieldErrs) == 0 {
		ruleErrs, _ := k.rules.Validate(context.Background(), nil, k.schema, object, nil, celconfig.RuntimeCELCostBudget)
		fieldErrs = ruleErrs
	}
	return append(errs, k.wrap(fieldErrs)...)
}

// checkFragment checks the fields that a part of an object has.
func (k *kind) checkFragment(fragment map[string]any) []error {
	errs := k.unknownFields(fragment)
	fieldErrs := validation.ValidateCustomResource(nil, fragment, k.partial)
	fieldErrs = append(fieldErrs, listtype.ValidateListSetsAndMaps(nil, k.schema, fragment)...)
	return append(errs, k.wrap(fieldErrs)...)
}

func (k *kind) unknownFields(object map[string]any) (errs []error) {
	unknown := pruning.PruneWithOptions(object, k.schema.DeepCopy(), true, structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	for _, path := range unknown {
		errs = append(errs, fmt.Errorf("a %s has no field %s", k.names.Kind, path))
	}
	return errs
}

func (k *kind) wrap(list field.ErrorList) (errs []error) {
	for _, err := range list {
		errs = append(errs, fmt.Errorf("%s: %w", k.names.Kind, err))
	}
	return errs
}
