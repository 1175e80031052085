// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/google/go-cmp/cmp"

	"github.com/acs-operator/acs-chat-operator/acs"
)

// longMessage is longer than an error keeps.
var longMessage = strings.Repeat("é", 3000)

// errorBodies are bodies of error responses, each with the detail that an error keeps of it.
var errorBodies = map[string]struct {
	body string
	want acs.ErrorDetail
}{
	"as Chat sends it": {
		`{"CommunicationError":{"Code":"Forbidden","Message":"Not allowed.","Details":[]}}`,
		acs.ErrorDetail{Code: "Forbidden", Message: "Not allowed."},
	},
	"without message": {`{"CommunicationError":{"Code":"NotFound","Details":[]}}`, acs.ErrorDetail{Code: "NotFound"}},
	"early previews": {
		"{\r\n  \"Error\": {\r\n    \"Code\": \"NotFound\",\r\n    \"Message\": \"Not found.\"\r\n  }\r\n}",
		acs.ErrorDetail{Code: "NotFound", Message: "Not found."},
	},
	"as Identity sends it": {
		`{"error":{"code":"ValidationError","message":"Out of bounds.","target":"ExpiresInMinutes"}}`,
		acs.ErrorDetail{Code: "ValidationError", Message: "Out of bounds.", Target: "ExpiresInMinutes"},
	},
	"camel case":           {`{"communicationError":{"code":"Forbidden"}}`, acs.ErrorDetail{Code: "Forbidden"}},
	"mixed":                {`{"error":{"Code":"A","message":"b"}}`, acs.ErrorDetail{Code: "A", Message: "b"}},
	"no envelope":          {`{"Code":"BadRequest","Message":"No.","InnerErrors":[]}`, acs.ErrorDetail{Code: "BadRequest", Message: "No."}},
	"no envelope, small":   {`{"code":"BadRequest"}`, acs.ErrorDetail{Code: "BadRequest"}},
	"null envelope":        {`{"error":null,"code":"BadRequest"}`, acs.ErrorDetail{Code: "BadRequest"}},
	"both envelopes":       {`{"CommunicationError":{"Code":"B"},"error":{"code":"A"}}`, acs.ErrorDetail{Code: "A"}},
	"number":               {`{"error":{"code":403}}`, acs.ErrorDetail{Code: "403"}},
	"byte order mark":      {"\xef\xbb\xbf" + `{"error":{"code":"A"}}`, acs.ErrorDetail{Code: "A"}},
	"long":                 {`{"error":{"code":"A","message":"` + longMessage + `"}}`, acs.ErrorDetail{Code: "A", Message: longMessage[:1024]}},
	"empty":                {``, acs.ErrorDetail{}},
	"HTML":                 {`<html><body><h1>Forbidden</h1></body></html>`, acs.ErrorDetail{}},
	"half":                 {`{"CommunicationError":{"Code":"Forbidd`, acs.ErrorDetail{}},
	"text":                 {`"Forbidden"`, acs.ErrorDetail{}},
	"list":                 {`[{"code":"A"}]`, acs.ErrorDetail{}},
	"null":                 {`null`, acs.ErrorDetail{}},
	"code of another form": {`{"error":{"code":{"a":1},"message":["b"]}}`, acs.ErrorDetail{}},
	"details, as specified": {
		`{"error":{"code":"A","details":[{"code":"B","message":"c","target":"d","details":[{"code":"E"}]},{"code":"F"}]}}`,
		acs.ErrorDetail{Code: "A", Details: []acs.ErrorDetail{{Code: "B", Message: "c", Target: "d"}, {Code: "F"}}},
	},
	"details, as Chat writes names": {
		`{"CommunicationError":{"Code":"A","Details":[{"Code":"B","Message":"c","Target":"d"}]}}`,
		acs.ErrorDetail{Code: "A", Details: []acs.ErrorDetail{{Code: "B", Message: "c", Target: "d"}}},
	},
	"details, no envelope":                {`{"code":"A","Details":[{"code":7}]}`, acs.ErrorDetail{Code: "A", Details: []acs.ErrorDetail{{Code: "7"}}}},
	"details of another form":             {`{"error":{"code":"A","details":{"code":"B"}}}`, acs.ErrorDetail{Code: "A"}},
	"details of other types are left out": {`{"error":{"code":"A","details":[null,"b",{"code":"C"}]}}`, acs.ErrorDetail{Code: "A", Details: []acs.ErrorDetail{{Code: "C"}}}},
}

func TestErrorBodies(t *testing.T) {
	t.Parallel()
	for name, test := range errorBodies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			service := serve(t, reply{status: 403, body: test.body, header: map[string]string{"MS-CV": "vector.0"}})
			_, err := service.thread(t).GetProperties(t.Context(), nil)
			refused, ok := errors.AsType[*azcore.ResponseError](err)
			if !ok || refused.StatusCode != http.StatusForbidden || refused.ErrorCode != test.want.Code {
				t.Fatalf("error is %v, want a 403 with code %q", err, test.want.Code)
			}
			test.want.CorrelationVector = "vector.0"
			got, ok := acs.Detail(fmt.Errorf("get: %w", err))
			if diff := cmp.Diff(test.want, got); diff != "" || !ok {
				t.Errorf("detail (-want +got):\n%s", diff)
			}
			if !acs.HasStatus(err, 404, 403) || acs.HasStatus(err, 404) {
				t.Error("HasStatus is wrong")
			}
			if code := acs.ErrorCode(strings.ToUpper(test.want.Code)); acs.HasCode(err, code, "Other") != (code != "") {
				t.Errorf("HasCode(%s) is wrong", code)
			}
			checkNoCredential(t, err)
		})
	}
}

// TestManyErrorDetails has a body of which an error keeps only a part.
func TestManyErrorDetails(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("x", 2000)
	body := `{"error":{"code":"A","message":"b","details":[` + strings.Repeat(`{"target":"`+text+`"},`, 199) + `{}]}}`
	service := serve(t, reply{status: 400, body: body})
	_, err := service.thread(t).GetProperties(t.Context(), nil)
	detail, _ := acs.Detail(err)
	if detail.Message != "b" || len(detail.Details) != 50 || detail.Details[49].Target != text[:1024] {
		t.Fatalf("message %q with %d details, want b with the first 50", detail.Message, len(detail.Details))
	}
	detail.Details[0].Code = "changed"
	if again, _ := acs.Detail(err); again.Details[0].Code != "" {
		t.Error("a reader can change the details for others")
	}
}

// TestForeignRefusal checks that the refusal of a gateway is not attributed to the service.
func TestForeignRefusal(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		reply   reply
		foreign bool
	}{
		"page":             {reply{status: 404, body: "<html>not found</html>", foreign: true}, true},
		"empty":            {reply{status: 401, foreign: true}, true},
		"other JSON":       {reply{status: 403, body: `{"title":"Forbidden"}`, foreign: true}, true},
		"proxy":            {reply{status: 407, foreign: true}, true},
		"recorded form":    {reply{status: 404, body: `{"CommunicationError":{"Code":"NotFound","Details":[]}}`, foreign: true}, false},
		"specified form":   {reply{status: 400, body: `{"error":{"code":"A","message":"b"}}`, foreign: true}, false},
		"no envelope":      {reply{status: 400, body: `{"Code":"BadRequest"}`, foreign: true}, false},
		"code in header":   {reply{status: 404, header: map[string]string{"x-ms-error-code": "Gone"}, foreign: true}, false},
		"with MS-CV":       {reply{status: 401}, false},
		"page with MS-CV":  {reply{status: 404, body: "<html></html>"}, false},
		"limit of rate":    {reply{status: 429, foreign: true}, false},
		"trouble":          {reply{status: 500, body: "<html></html>", foreign: true}, false},
		"captive portal":   {reply{status: 200, body: "<html></html>", foreign: true}, false},
		"wrong redirect":   {reply{status: 302, header: map[string]string{"Location": "/login"}, foreign: true}, false},
		"truncated answer": {reply{status: 404, truncate: true, foreign: true}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			service := serve(t, test.reply)
			_, err := service.thread(t).GetProperties(t.Context(), nil)
			if got := acs.IsForeign(fmt.Errorf("get: %w", err)); got != test.foreign {
				t.Errorf("IsForeign is %t for %v, want %t", got, err, test.foreign)
			}
			if got := acs.HasStatus(err, test.reply.status); got == test.foreign {
				t.Errorf("HasStatus is %t for a foreign answer: %t", got, test.foreign)
			}
		})
	}
}

func TestErrorCodeInHeader(t *testing.T) {
	t.Parallel()
	service := serve(t, reply{status: 404, header: map[string]string{"x-ms-error-code": "Gone"}})
	_, err := service.thread(t).GetProperties(t.Context(), nil)
	if !acs.HasCode(err, "gone") {
		t.Errorf("error is %v, want the code of the header", err)
	}
}

func TestErrorIsBounded(t *testing.T) {
	t.Parallel()
	service := serve(t, reply{status: 400, body: strings.Repeat("<p>", 1<<20)})
	_, err := service.thread(t).GetProperties(t.Context(), nil)
	if len(err.Error()) > 20<<10 {
		t.Errorf("error is %d bytes long", len(err.Error()))
	}
}

// TestTruncatedRefusal checks that the status is not lost with the body.
func TestTruncatedRefusal(t *testing.T) {
	t.Parallel()
	service := serve(t, reply{status: 403, body: `{"CommunicationError":{"Code":"For`, truncate: true})
	_, err := service.thread(t).GetProperties(t.Context(), nil)
	if !acs.HasStatus(err, 403) || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error is %v, want a 403 whose body ended early", err)
	}
	checkNoCredential(t, err)
}

// TestTruncatedSuccess checks that a create is not repeated when half of its response arrived, and
// that this half is not printed: it may contain part of a token.
func TestTruncatedSuccess(t *testing.T) {
	t.Parallel()
	service := serve(t, reply{status: 201, body: `{"accessToken":{"token":"sekrit`, truncate: true})
	_, err := service.identity(t).CreateUser(t.Context(), nil)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error is %v, want an early end", err)
	}
	checkNoCredential(t, err, "sekrit")
	service.only(t)
}

// TestOtherSuccess checks that an unexpected 2xx is an error, and that its body, which may hold a
// token, is not part of the error.
func TestOtherSuccess(t *testing.T) {
	t.Parallel()
	for name, test := range calls() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			service := serve(t, reply{status: 202, body: `{"token":"sekrit"}`})
			err := test.call(t.Context(), t, service)
			if !acs.HasStatus(err, 202) {
				t.Errorf("error is %v, want a 202", err)
			}
			checkNoCredential(t, err, "sekrit")
		})
	}
}

// TestEveryOperationReportsRefusals checks the error path of all operations.
func TestEveryOperationReportsRefusals(t *testing.T) {
	t.Parallel()
	for name, test := range calls() {
		for _, status := range []int{400, 401, 403, 404, 409, 429} {
			t.Run(fmt.Sprint(name, " ", status), func(t *testing.T) {
				t.Parallel()
				service := serve(t, reply{status: status, body: notFound})
				err := test.call(t.Context(), t, service)
				if !acs.HasStatus(err, status) || !acs.HasCode(err, acs.CodeNotFound) {
					t.Errorf("error is %v, want a %d with the code of the body", err, status)
				}
				checkNoCredential(t, err)
				service.only(t)
			})
		}
	}
}

func TestOtherErrorsHaveNoDetail(t *testing.T) {
	t.Parallel()
	for _, err := range []error{nil, errors.New("other"), &acs.InvalidParticipantsError{}} {
		if _, ok := acs.Detail(err); ok {
			t.Errorf("%v has a detail", err)
		}
		if _, ok := acs.RetryAfter(err); ok {
			t.Errorf("%v has a time to retry", err)
		}
		if acs.HasCode(err, "") || acs.HasStatus(err, 0) {
			t.Errorf("%v has a code or status", err)
		}
	}
	bare := &azcore.ResponseError{StatusCode: 404, ErrorCode: "NotFound"}
	if detail, ok := acs.Detail(bare); !ok || detail.Code != "NotFound" || !acs.HasCode(bare, acs.CodeNotFound) {
		t.Errorf("detail of an error without response is %+v, %t", detail, ok)
	}
	if _, ok := acs.RetryAfter(bare); ok {
		t.Error("an error without response has a time to retry")
	}
}

// TestErrorIsReadByMany fails under the race detector if reading an error changes it.
func TestErrorIsReadByMany(t *testing.T) {
	t.Parallel()
	service := serve(t, reply{status: 404, body: notFound})
	_, err := service.thread(t).GetProperties(t.Context(), nil)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if !acs.HasCode(err, acs.CodeNotFound) || err.Error() == "" {
				t.Error("the error has lost its code")
			}
			acs.RetryAfter(err)
		})
	}
	group.Wait()
}

func refusalWith(header http.Header, body string) error {
	return runtime.NewResponseErrorWithErrorCode(&http.Response{
		StatusCode: http.StatusTooManyRequests, Status: "429 Too Many Requests", Header: header, Body: io.NopCloser(strings.NewReader(body)),
	}, "")
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	const date = "Sun, 06 Nov 2095 08:49:37 GMT"
	for name, test := range map[string]struct {
		header map[string]string
		want   time.Duration
		none   bool
	}{
		"nothing":             {none: true},
		"seconds":             {header: map[string]string{"Retry-After": "12"}, want: 12 * time.Second},
		"blanks":              {header: map[string]string{"Retry-After": " 12 "}, want: 12 * time.Second},
		"zero":                {header: map[string]string{"Retry-After": "0"}, want: 0},
		"negative":            {header: map[string]string{"Retry-After": "-5"}, none: true},
		"fraction":            {header: map[string]string{"Retry-After": "1.5"}, none: true},
		"words":               {header: map[string]string{"Retry-After": "soon"}, none: true},
		"huge":                {header: map[string]string{"Retry-After": "99999999999999999999999"}, want: 24 * time.Hour},
		"overflows":           {header: map[string]string{"Retry-After": "9223372036854775807"}, want: 24 * time.Hour},
		"milliseconds":        {header: map[string]string{"retry-after-ms": "250", "Retry-After": "1"}, want: 250 * time.Millisecond},
		"Azure milliseconds":  {header: map[string]string{"x-ms-retry-after-ms": "1500"}, want: 1500 * time.Millisecond},
		"unreadable and good": {header: map[string]string{"retry-after-ms": "x", "Retry-After": "3"}, want: 3 * time.Second},
		"date": {
			header: map[string]string{"Retry-After": "Sun, 06 Nov 2095 08:50:37 GMT", "Date": date}, want: time.Minute,
		},
		"date in the past": {
			header: map[string]string{"Retry-After": "Sun, 06 Nov 2095 08:48:37 GMT", "Date": date}, want: 0,
		},
		"date by our clock":      {header: map[string]string{"Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT"}, want: 0},
		"date far in the future": {header: map[string]string{"Retry-After": date}, want: 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header := http.Header{}
			for key, value := range test.header {
				header.Set(key, value)
			}
			got, ok := acs.RetryAfter(fmt.Errorf("wrapped: %w", refusalWith(header, "")))
			if got != test.want || ok == test.none {
				t.Errorf("got %s, %t, want %s", got, ok, test.want)
			}
		})
	}
}

// TestClockSkew reads the error an hour after the response arrived.
func TestClockSkew(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		date   func(now time.Time) string
		status int
		want   time.Duration
		none   bool
	}{
		"ahead":     {date: func(now time.Time) string { return now.Add(40 * time.Minute).Format(http.TimeFormat) }, status: 401, want: 40 * time.Minute},
		"behind":    {date: func(now time.Time) string { return now.Add(-time.Hour).Format(http.TimeFormat) }, status: 401, want: -time.Hour},
		"the same":  {date: func(now time.Time) string { return now.Format(http.TimeFormat) }, status: 404},
		"old form":  {date: func(now time.Time) string { return now.Add(time.Minute).Format(time.ANSIC) }, status: 403, want: time.Minute},
		"last":      {date: func(time.Time) string { return "Fri, 31 Dec 9999 23:59:59 GMT" }, status: 401, want: math.MaxInt64},
		"first":     {date: func(time.Time) string { return "Mon, 01 Jan 0001 00:00:00 GMT" }, status: 401, want: -math.MaxInt64},
		"none":      {date: func(time.Time) string { return "" }, status: 401, none: true},
		"no date":   {date: func(time.Time) string { return "yesterday" }, status: 401, none: true},
		"no answer": {date: func(time.Time) string { return "" }, none: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				err := deleteThread(t, func(*http.Request) (*http.Response, error) {
					if test.status == 0 {
						return nil, errors.New("no route")
					}
					header := http.Header{"Date": {test.date(time.Now().UTC())}}
					return &http.Response{StatusCode: test.status, Header: header, Body: http.NoBody}, nil
				})
				<-time.After(time.Hour)
				got, ok := acs.ClockSkew(fmt.Errorf("delete: %w", &acs.TokenError{Err: err}))
				if got != test.want || ok == test.none {
					t.Errorf("skew is %s, %t, want %s", got, ok, test.want)
				}
			})
		})
	}
	if _, ok := acs.ClockSkew(refusalWith(http.Header{"Date": {"Sun, 06 Nov 1994 08:49:37 GMT"}}, "")); ok {
		t.Error("an error that is not of the package says when its answer came")
	}
}

// deleteThread returns the error of a call that gets this response.
func deleteThread(t *testing.T, answer transportFunc) error {
	t.Helper()
	options := &acs.ClientOptions{ClientOptions: azcore.ClientOptions{Transport: answer, Retry: policy.RetryOptions{MaxRetries: -1}}}
	chat, err := acs.NewChatClient("https://contoso.communication.azure.com", acs.NewStaticUserCredential(userToken), options)
	if err != nil {
		t.Fatal(err)
	}
	_, err = chat.DeleteThread(t.Context(), threadID, nil)
	return err
}
