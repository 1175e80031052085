// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package blocks

import (
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// checkSettings checks the values of a --set.
func (c *Checker) checkSettings(settings string) (errs []error) {
	for setting := range strings.SplitSeq(settings, ",") {
		if err := c.checkSetting(setting); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// checkSetting checks that the chart has the value of a --set.
func (c *Checker) checkSetting(setting string) error {
	name, _, _ := strings.Cut(setting, "=")
	at := c.values
	for key := range strings.SplitSeq(name, ".") {
		key, _, _ = strings.Cut(key, "[")
		at = settings(at)
		next := property(at, key)
		if next == nil {
			return fmt.Errorf("the chart has no value %s", name)
		}
		if len(next.Properties) == 0 && next.Ref == nil {
			return nil // free in its content, or a leaf
		}
		at = next
	}
	return nil
}

// settings returns the part of the schema that a reference leads to.
func settings(schema *jsonschema.Schema) *jsonschema.Schema {
	for schema != nil && schema.Ref != nil {
		schema = schema.Ref
	}
	return schema
}

func property(schema *jsonschema.Schema, name string) *jsonschema.Schema {
	if schema == nil {
		return nil
	}
	return schema.Properties[name]
}
