// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// fields maps the names that a JSON object may have to the variables for their values.
// encoding/json alone is not strict in two ways: it matches names without regard to case, and uses
// the last of several equal ones. It would also cost more than all other work for a call, so values
// are only cut out here, and decoded if they are not strings.
type fields []field

type field struct {
	name   string
	target any
}

// metadataField is the name that most objects have in common.
const metadataField = "metadata"

// presence holds the fields that had a value.
type presence struct {
	fields fields
	set    uint64
}

func (p presence) has(name string) bool {
	i := p.fields.index([]byte(name))
	return i >= 0 && p.set&(1<<i) != 0
}

func (f fields) index(name []byte) int {
	for i := range f {
		if f[i].name == string(name) {
			return i
		}
	}
	return -1
}

// validate refuses text that is not JSON.
func validate(raw []byte) error {
	if !utf8.Valid(raw) {
		return errors.New("the body is not UTF-8")
	}
	if !json.Valid(raw) {
		return errors.New("the JSON is malformed")
	}
	return nil
}

// decodeObject reads one JSON object and nothing else. A null counts as an absent value.
func decodeObject(raw []byte, known fields) (presence, error) {
	if err := validate(raw); err != nil {
		return presence{}, err
	}
	return decodeFields(raw, known)
}

// decodeFields is decodeObject for text that is known to be JSON.
func decodeFields(raw []byte, known fields) (presence, error) {
	present := presence{fields: known}
	var seen uint64
	err := eachField(raw, func(name, value []byte) error {
		i := known.index(name)
		if i < 0 {
			return fmt.Errorf("unknown field %.40q", name)
		}
		if seen&(1<<i) != 0 {
			return fmt.Errorf("field %q appears twice", name)
		}
		seen |= 1 << i
		if string(value) == "null" {
			return nil
		}
		if err := decodeValue(value, known[i].target); err != nil {
			return fmt.Errorf("field %q has the wrong type", name)
		}
		present.set |= 1 << i
		return nil
	})
	return present, err
}

func decodeValue(value []byte, target any) error {
	switch target := target.(type) {
	case *string:
		text, err := decodeString(value)
		*target = text
		return err
	case *json.RawMessage:
		*target = value
		return nil
	case *[]json.RawMessage:
		elements, err := split(value)
		*target = elements
		return err
	case *stringMap:
		return target.UnmarshalJSON(value)
	default:
		return json.Unmarshal(value, target)
	}
}

func decodeString(value []byte) (text string, err error) {
	if value[0] == '"' && bytes.IndexByte(value, '\\') < 0 {
		return string(value[1 : len(value)-1]), nil
	}
	return text, json.Unmarshal(value, &text)
}

// stringMap is a JSON object of strings.
type stringMap map[string]string

// UnmarshalJSON refuses names that appear twice and values that are not strings.
func (m *stringMap) UnmarshalJSON(raw []byte) error {
	out := stringMap{}
	err := eachField(raw, func(name, raw []byte) error {
		if _, twice := out[string(name)]; twice || raw[0] != '"' {
			return fmt.Errorf("the value of %.40q", name)
		}
		value, err := decodeString(raw)
		out[string(name)] = value
		return err
	})
	*m = out
	return err
}

// eachField visits the fields of an object in valid JSON, in order.
func eachField(raw []byte, do func(name, value []byte) error) error {
	i := skipSpace(raw, 0)
	if raw[i] != '{' {
		return errors.New("a JSON object is expected")
	}
	for i = skipSpace(raw, i+1); raw[i] != '}'; {
		end := valueEnd(raw, i)
		name := raw[i+1 : end-1]
		if bytes.IndexByte(name, '\\') >= 0 {
			decoded, err := decodeString(raw[i:end])
			if err != nil {
				return err
			}
			name = []byte(decoded)
		}
		i = skipSpace(raw, skipSpace(raw, end)+1) // after the colon
		end = valueEnd(raw, i)
		if err := do(name, raw[i:end:end]); err != nil {
			return err
		}
		if i = skipSpace(raw, end); raw[i] == ',' {
			i = skipSpace(raw, i+1)
		}
	}
	return nil
}

// split returns the elements of an array in valid JSON.
func split(raw []byte) ([]json.RawMessage, error) {
	if raw[0] != '[' {
		return nil, errors.New("a JSON array is expected")
	}
	out := []json.RawMessage{}
	for i := skipSpace(raw, 1); raw[i] != ']'; {
		end := valueEnd(raw, i)
		out = append(out, raw[i:end:end])
		if i = skipSpace(raw, end); raw[i] == ',' {
			i = skipSpace(raw, i+1)
		}
	}
	return out, nil
}

func skipSpace(raw []byte, i int) int {
	for raw[i] == ' ' || raw[i] == '\n' || raw[i] == '\r' || raw[i] == '\t' {
		i++
	}
	return i
}

// valueEnd returns the position after the value that begins at i, in valid JSON.
func valueEnd(raw []byte, i int) int {
	depth := 0
	for ; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			for i++; raw[i] != '"'; i++ {
				if raw[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		default:
			if next := i + 1; depth == 0 && (next == len(raw) || strings.IndexByte(",]} \n\r\t", raw[next]) >= 0) {
				return next
			}
			continue
		}
		if depth == 0 {
			return i + 1
		}
	}
	return i
}
