// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package outcome

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unicode"

	"github.com/acs-operator/acs-chat-operator/controllers/internal/acstest"
)

// hostile are texts that a server may send to spoil a status, an event or a log.
var hostile = []string{
	"line\nfeed\r\n\tand tab",
	"\x1b[31mred\x1b[0m \x00nul \x7f",
	"\u202eright to left\u2066 \u2028line\u2029paragraph",
	"invalid \xff\xfe utf-8 \xc3",
	strings.Repeat("long ", 5000),
	strings.Repeat("😀", 5000),
	strings.Repeat("x", 255) + " y",
}

func TestMessagesAreFitToShow(t *testing.T) {
	t.Parallel()
	for n, text := range hostile {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			body := fmt.Sprintf(`{"error":{"code":%q,"message":%q,"target":%q}}`, "c", "placeholder", "t")
			body = strings.Replace(body, `"placeholder"`, quoteJSON(text), 1)
			said := refusedWith(t, http.StatusBadRequest, map[string]string{"MS-CV": "vector.1"}, body)
			again := refusedWith(t, http.StatusBadRequest, map[string]string{"MS-CV": "vector.2"}, body)
			got := Classify(said).Message
			if other := Classify(again).Message; got != other {
				t.Errorf("the message differs between reconciles: %q, %q", got, other)
			}
			for _, shown := range []string{got, said.Error()} {
				if !acstest.IsFitToShow(shown) {
					t.Errorf("text %q", shown)
				}
			}
			if limit := MaxMessage + 100; len(got) > limit {
				t.Errorf("message of %d bytes", len(got))
			}
			if limit := 3 * MaxMessage; len(said.Error()) > limit {
				t.Errorf("error of %d bytes", len(said.Error()))
			}
		})
	}
}

// quoteJSON quotes a text without a change to bytes that are not UTF-8.
func quoteJSON(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(text) {
		if c := text[i]; c < ' ' {
			fmt.Fprintf(&b, `\u%04x`, c)
			continue
		}
		b.WriteByte(text[i])
	}
	b.WriteByte('"')
	return b.String()
}

func TestCut(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text  string
		limit int
		want  string
	}{
		"empty":                  {"", 10, ""},
		"short":                  {"hello", 10, "hello"},
		"long":                   {"hello world", 10, "hello w…"},
		"blanks":                 {"  a \t\r\n  b  ", 10, "a b"},
		"control characters":     {"a\x00\x1bb", 10, "a b"},
		"bidirectional override": {"a\u202eb", 10, "a b"},
		"no-break space":         {"a\u00a0b", 10, "a b"},
		"not UTF-8":              {"a\xffb", 10, "a\ufffdb"},
		"border of a character":  {"aaa😀😀", 10, "aaa😀…"},
		"nothing but blanks":     {" \n ", 10, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := Sanitize(c.text, c.limit); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// eachText calls f with all texts of up to so many pieces that could trouble a cut.
func eachText(pieces int, f func(string)) {
	var grow func(string, int)
	grow = func(text string, left int) {
		f(text)
		if left == 0 {
			return
		}
		for _, piece := range []string{"a", " ", "\n", "é", "😀", "\xff", "\u202e"} {
			grow(text+piece, left-1)
		}
	}
	grow("", pieces)
}

func TestCutEveryText(t *testing.T) {
	t.Parallel()
	eachText(5, func(text string) {
		whole := strings.Join(strings.FieldsFunc(string([]rune(text)), func(r rune) bool { return !unicode.IsPrint(r) || r == ' ' }), " ")
		for limit := 3; limit <= 12; limit++ {
			got := Sanitize(text, limit)
			prefix, short := strings.CutSuffix(got, "…")
			switch {
			case !acstest.IsFitToShow(got):
				t.Fatalf("cut(%q, %d) = %q is not fit to show", text, limit, got)
			case !strings.HasPrefix(whole, prefix), !short && got != whole:
				t.Fatalf("cut(%q, %d) = %q is not the beginning of %q", text, limit, got, whole)
			case short && len(whole) <= limit-len("…"):
				t.Fatalf("cut(%q, %d) = %q is shorter than it need be", text, limit, got)
			}
		}
	})
}

func TestCutHoldsTheLimit(t *testing.T) {
	t.Parallel()
	eachText(5, func(text string) {
		for limit := 3; limit <= 12; limit++ {
			if got := Sanitize(text, limit); len(got) > limit {
				t.Fatalf("cut(%q, %d) = %q has %d bytes", text, limit, got, len(got))
			}
		}
	})
}
