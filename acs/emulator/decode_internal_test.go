// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator

import (
	"bytes"
	"encoding/json"
	"testing"
)

// FuzzCut compares the fields of objects and the elements of arrays with those that encoding/json
// finds.
func FuzzCut(f *testing.F) {
	for _, seed := range []string{
		`{}`, ` { "a" : 1 , "b\u0063" : [ true , null ] } `, `{"a":"}\"\\","b":{"c":[{}]}}`, `[1,2 ,"]",{"a":[]}]`, `[]`, `[[],[ ]]`, `"a"`, `-1e3`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if validate(raw) != nil {
			return
		}
		var names []string
		var values []json.RawMessage
		cut := eachField(raw, func(name, value []byte) error {
			names, values = append(names, string(name)), append(values, value)
			return nil
		})
		decoder := json.NewDecoder(bytes.NewReader(raw))
		if first, _ := decoder.Token(); first != json.Delim('{') {
			if cut == nil {
				t.Fatalf("%s was cut as an object", raw)
			}
			compareArray(t, raw)
			return
		}
		for i := range names {
			name, err := decoder.Token()
			if err != nil || name != names[i] {
				t.Fatalf("%s: field %d is %q, want %v, %v", raw, i, names[i], name, err)
			}
			var want json.RawMessage
			if err := decoder.Decode(&want); err != nil || !bytes.Equal(want, values[i]) {
				t.Fatalf("%s: %q is %s, want %s, %v", raw, names[i], values[i], want, err)
			}
		}
		if decoder.More() || cut != nil {
			t.Fatalf("%s: %d fields, and there are more: %v", raw, len(names), cut)
		}
	})
}

func compareArray(t *testing.T, raw []byte) {
	t.Helper()
	trimmed := bytes.TrimLeft(raw, " \t\r\n")
	got, err := split(trimmed)
	var want []json.RawMessage
	if trimmed[0] != '[' {
		if err == nil {
			t.Fatalf("%s was split", raw)
		}
		return
	}
	if json.Unmarshal(raw, &want) != nil || len(got) != len(want) || err != nil {
		t.Fatalf("%s: %d elements, want %d, %v", raw, len(got), len(want), err)
	}
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			t.Fatalf("%s: element %d is %s, want %s", raw, i, got[i], want[i])
		}
	}
}
