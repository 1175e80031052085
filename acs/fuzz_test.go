// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/acs-operator/acs-chat-operator/acs"
)

func FuzzParseConnectionString(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := acs.ParseConnectionString(text)
		if err != nil {
			if len(err.Error()) > 200 {
				t.Errorf("error %q is too long not to quote something", err)
			}
			return
		}
		again, err := acs.ParseConnectionString(fmt.Sprintf("endpoint=%s;accesskey=%s", parsed.Endpoint, parsed.AccessKey.Reveal()))
		if err != nil || again != parsed {
			t.Errorf("%q: parsed as %q, and that as %q, %v", text, parsed.Endpoint, again.Endpoint, err)
		}
		if key, err := base64.StdEncoding.DecodeString(parsed.AccessKey.Reveal()); err != nil || len(key) == 0 {
			t.Errorf("access key is no key: %v", err)
		}
		if _, err := acs.NewIdentityClientWithAccessKey(parsed.Endpoint, parsed.AccessKey, nil); err != nil &&
			strings.HasPrefix(parsed.Endpoint, "https://") {
			t.Errorf("endpoint %q is of no use: %v", parsed.Endpoint, err)
		}
	})
}

func FuzzErrorBody(f *testing.F) {
	f.Fuzz(func(t *testing.T, body string) {
		err := refusalWith(http.Header{"Ms-Cv": {"vector.0"}}, body)
		detail, ok := acs.Detail(err)
		if !ok || detail.CorrelationVector != "vector.0" {
			t.Fatalf("detail is %+v, %t", detail, ok)
		}
		if len(detail.Details) > 50 {
			t.Errorf("%d details", len(detail.Details))
		}
		texts := []string{detail.Code, detail.Message, detail.Target}
		for _, inner := range detail.Details {
			texts = append(texts, inner.Code, inner.Message, inner.Target)
		}
		for _, text := range texts {
			if len(text) > 1024 || !utf8.ValidString(text) {
				t.Errorf("text %q is too long, or cut within a character", text)
			}
		}
		if again, _ := acs.Detail(err); !reflect.DeepEqual(again, detail) {
			t.Errorf("detail is %+v the second time, was %+v", again, detail)
		}
		if acs.HasCode(err, acs.ErrorCode(detail.Code)) != (detail.Code != "") {
			t.Errorf("has not its own code %q", detail.Code)
		}
	})
}

func FuzzParseRawID(f *testing.F) {
	f.Fuzz(func(t *testing.T, raw string) {
		id := acs.ParseRawID(raw)
		if got := id.RawID(); got != raw {
			t.Errorf("%#v has the raw id %q, want %q", id, got, raw)
		}
		if again := acs.ParseRawID(id.RawID()); again != id {
			t.Errorf("%q is %#v, and then %#v", raw, id, again)
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	f.Fuzz(func(t *testing.T, milliseconds, seconds, date string) {
		err := refusalWith(http.Header{"Retry-After-Ms": {milliseconds}, "Retry-After": {seconds}, "Date": {date}}, "")
		if wait, _ := acs.RetryAfter(err); wait < 0 || wait > 24*time.Hour {
			t.Errorf("wait is %s", wait)
		}
	})
}

// FuzzMessage checks that reading any message fails or loses nothing.
func FuzzMessage(f *testing.F) {
	for _, seed := range []string{
		removedMessage, editedMessage, deletedMessage, topicMessage, addedMessage, "null", `{}`,
		`{"id":"1","type":"poll","content":["Lunch?"],"senderCommunicationIdentifier":{"rawId":"99:x"}}`,
		`{"id":"1","Content":7,"content":{"attachments":[{}]}}`,
	} {
		f.Add(seed)
	}
	var body string
	thread := answering(f, http.StatusOK, &body).ThreadClient(threadID)
	f.Fuzz(func(t *testing.T, text string) {
		body = text
		got, err := thread.GetMessage(t.Context(), messageID, nil)
		if err != nil {
			if !acs.HasStatus(err, http.StatusOK) {
				t.Errorf("error %v has not the status", err)
			}
			return
		}
		if got.ID == "" || got.Sender == nil || got.Content.Initiator == nil {
			t.Errorf("message is %+v", got)
		}
		if string(got.Raw) != strings.Trim(strings.TrimPrefix(text, "\ufeff"), " \t\r\n") {
			t.Errorf("raw message is %q, want %q", got.Raw, text)
		}
	})
}
