// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// fields maps the names a JSON object may have to where their values go. encoding/json alone
// would do neither of the two things that make this strict: it matches names without regard
// to case, and takes the last of several equal ones.
type fields map[string]any

// metadataField is the name that most objects share.
const metadataField = "metadata"

// decodeObject reads one JSON object and nothing else. A null counts as an absent value; it
// reports which names had a value.
func decodeObject(raw []byte, known fields) (map[string]bool, error) {
	if !utf8.Valid(raw) {
		return nil, errors.New("the body is not UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if err := expectObject(decoder); err != nil {
		return nil, err
	}
	seen := make(map[string]bool, len(known))
	present := make(map[string]bool, len(known))
	for decoder.More() {
		name, value, err := nextField(decoder)
		if err != nil {
			return nil, err
		}
		target, ok := known[name]
		if !ok {
			return nil, fmt.Errorf("unknown field %.40q", name)
		}
		if seen[name] {
			return nil, fmt.Errorf("field %q appears twice", name)
		}
		seen[name] = true
		if string(value) == "null" {
			continue
		}
		if err := json.Unmarshal(value, target); err != nil {
			return nil, fmt.Errorf("field %q has the wrong type", name)
		}
		present[name] = true
	}
	return present, expectEnd(decoder)
}

// stringMap is a JSON object of strings.
type stringMap map[string]string

// UnmarshalJSON refuses names that appear twice and values that are no strings.
func (m *stringMap) UnmarshalJSON(raw []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if err := expectObject(decoder); err != nil {
		return err
	}
	out := stringMap{}
	for decoder.More() {
		name, raw, err := nextField(decoder)
		if err != nil {
			return err
		}
		var value *string
		if err := json.Unmarshal(raw, &value); err != nil {
			return err
		}
		if _, twice := out[name]; twice || value == nil {
			return fmt.Errorf("the value of %.40q", name)
		}
		out[name] = *value
	}
	*m = out
	return expectEnd(decoder)
}

func expectObject(decoder *json.Decoder) error {
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return errors.New("a JSON object is expected")
	}
	return nil
}

func nextField(decoder *json.Decoder) (string, json.RawMessage, error) {
	token, err := decoder.Token()
	if err != nil {
		return "", nil, errors.New("the JSON is malformed")
	}
	name, ok := token.(string)
	if !ok {
		return "", nil, errors.New("the JSON is malformed")
	}
	var value json.RawMessage
	if err := decoder.Decode(&value); err != nil {
		return "", nil, errors.New("the JSON is malformed")
	}
	return name, value, nil
}

func expectEnd(decoder *json.Decoder) error {
	if token, err := decoder.Token(); err != nil || token != json.Delim('}') {
		return errors.New("the JSON is malformed")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON object")
	}
	return nil
}
