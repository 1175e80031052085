// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"encoding/json"
	"slices"
	"strings"
)

// nasty returns values, as JSON, for a position in the schema: some of each type, times and
// durations if the position holds them, and, if thorough, many of its own type.
func nasty(path []string, node *schema, thorough bool) []string {
	few := []string{`null`, `-1`, `1.5`, `""`, `"a"`, `[null]`, `{}`}
	last := strings.ToLower(path[len(path)-1])
	switch {
	case node.Format == "date-time":
		few = slices.Concat(few, quoted(nastyTimes), []string{`[]`, `["a"]`})
	case strings.HasSuffix(last, "interval"):
		few = slices.Concat(few, quoted(nastyDurations))
	}
	if !thorough {
		return few
	}
	few = append(few, `true`, `1e400`, `"1"`, `[]`, `[[]]`, `{"a":null}`)
	switch node.Type {
	case "integer":
		return slices.Concat(few, nastyNumbers)
	case "string":
		return slices.Concat(few, quoted(nastyStrings), []string{`"\ud800"`, `"\udc00\ud800"`, `false`, `0`, `["a"]`})
	case "array":
		return slices.Concat(few, []string{`[{}]`, `[""]`, `["a","a"]`, `[1]`, `[1.5,null,{}]`, `[{"a":1},{"a":1}]`,
			`{"0":{}}`, "[" + strings.Repeat(`null,`, 300) + "null]"})
	default:
		return slices.Concat(few, []string{`{"":""}`, `{"a":"b"}`, `{"a":1}`, `{"a":{"b":[{}]}}`, `{"a":[]}`,
			`{"a\u0000b":"c"}`, `{"k":"\u0000"}`, `{"k":"v","k":1}`, `{"ü":"ü"}`, `{"a/b":"-"}`, `[{"name":"a"}]`,
			strings.Repeat(`{"a":`, 40) + `1` + strings.Repeat(`}`, 40)})
	}
}

var nastyNumbers = []string{
	`0`, `-0`, `-0.0`, `1`, `1.0`, `30`, `30.0`, `3e1`, `3.5e1`, `300e-1`, `1e-7`, `31.000000000000001`, `1e3`, `90`,
	`-2147483648`, `-2147483649`, `2147483647`, `2147483648`, `4294967296`, `4294967326`, `9007199254740991`,
	`9007199254740992.0`, `9007199254740993`, `1e15`, `1e18`, `1e19`, `9223372036854775807`, `9223372036854775807.0`,
	`9223372036854775808`, `-9223372036854775808`, `-9223372036854775809`, `18446744073709551615`, `18446744073709551646`,
	`123456789012345678901234567890`, `1e21`, `1e308`, `-1e308`, `false`, `"30"`, `[30]`, `{"a":30}`,
}

var nastyStrings = []string{
	" ", "\t", "\n", "a\nb", "a\x00b", "\x7f", "\u0085", "\u00a0", "\u200b", "\u202e", "\ufeff", "ü", "🚀", "null", "true",
	"~", "0", "-1", "1e3", "../../a", "a/b", "%00", "%2e%2e", "{{.}}", "${a}", "<a>", `"`, `\`, "'", "8:acs:a", "4:+1",
	"True", "Ready", "All", "SinceTime", "Selector", "https://a", "https://\x01", "https://[", "https://a:b",
	"https://%zz", strings.Repeat("a", 63), strings.Repeat("ü", 64), strings.Repeat("a", 256), strings.Repeat("🚀", 250),
	strings.Repeat("a", 40_000),
}

var nastyTimes = []string{
	"2026-05-01T12:00:00Z", "2026-05-01t12:00:00Z", "2026-05-01T12:00:00z", "2026-05-01t12:00:00z",
	"2026-05-01t12:00:00+02:00", "2026-05-01 12:00:00Z", "2026-05-01T12:00:00", "2026-05-01T12:00:00.Z",
	"2026-05-01T12:00:00,5Z", "2026-05-01T12:00:00x5Z", "2026-05-01T12:00:00 5Z", "2026-05-01T12:00:005Z",
	"2026-05-01T12:00:00.123456789Z", "2026-05-01T12:00:00.1234567890123Z",
	"2026-05-01T12:00:00." + strings.Repeat("1", 5_000) + "Z", "2026-05-01T12:00:00+23:59", "2026-05-01T12:00:00+24:00",
	"2026-05-01T12:00:00+25:00", "2026-05-01T12:00:00+99:99", "2026-05-01T12:00:00-00:60",
	"2026-05-01T12:00:00-00:00", "2026-05-01T12:00:00+0200", "2026-05-01T12:00:00Z02:00", "2026-02-30T12:00:00Z",
	"2026-02-29T12:00:00Z", "2026-06-30T23:59:60Z", "2016-12-31T23:59:60Z", "2026-05-01T24:00:00Z", "2026-05-01T12:60:00Z",
	"2026-13-01T12:00:00Z", "2026-00-00T00:00:00Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
	"9999-12-31T23:59:59-23:59", "0000-01-01T00:00:00+23:59", "10000-01-01T00:00:00Z", "-0001-01-01T00:00:00Z",
	"+2026-05-01T12:00:00Z", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00+23:59", "2999-12-31T23:59:59-23:59",
	"2026-5-1T1:0:0Z", "20260501T120000Z", "2026-W18-5T12:00:00Z", "2026-05-01T12:00:00Z ", "２０２６-05-01T12:00:00Z",
	"2026-05-01T12:00:00Z\n", "2026-05-01T12:00:00Zt", "2026-05-01T12:00:00Zt12:00:00Z", "2026-05-01T12:00:00Ztail",
	"Fri, 01 May 2026 12:00:00 GMT",
}

var nastyDurations = []string{
	"10m", "1h30m", "1m1m", "+10m", "-10m", "--10m", "1.5h", ".5h", "5.h", ".h", "1d", "1w", "10", "0", "10M", "10 m",
	"10m ", "1h 30m", "PT10M", "1e3s", "1_000s", "60s", "60000ms", "60000000us", "60000000µs", "60000000μs",
	"60000000000ns", "59.999999999s", "2562047h47m16.854775807s", "2562047h47m16.854775808s", "2562048h",
	"9223372036854775807ns", "9223372036854775808ns", "-2562047h47m16s", "99999999999999999999h", "inf", "nan", "0x10m",
	"10 min", "10 minutes", "１０m", "1m\n", "1m\x00", strings.Repeat("1m", 16), "1h" + strings.Repeat("0", 29) + "m",
	"60.00000000000000000000000000s",
}

func quoted(values []string) []string {
	texts := make([]string, 0, len(values))
	for _, value := range values {
		data, err := json.Marshal(value)
		if err != nil {
			panic(err)
		}
		texts = append(texts, string(data))
	}
	return texts
}
