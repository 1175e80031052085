// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

const (
	// maxErrorBody bounds what an error keeps, and prints, of a body.
	maxErrorBody = 16 << 10
	// maxErrorText bounds each text of an ErrorDetail.
	maxErrorText = 1 << 10
	// maxErrorDetails bounds ErrorDetail.Details.
	maxErrorDetails = 50
	// maxRetryAfter bounds RetryAfter.
	maxRetryAfter = 24 * time.Hour
)

// ErrorCode is the service's word for why it refused a call. There are more than those below.
type ErrorCode string

// Codes of the Chat and the Identity service.
const (
	CodeBadRequest         ErrorCode = "BadRequest"
	CodeUnauthorized       ErrorCode = "Unauthorized"
	CodeForbidden          ErrorCode = "Forbidden"
	CodeNotFound           ErrorCode = "NotFound"
	CodeTooManyRequests    ErrorCode = "TooManyRequests"
	CodeServiceUnavailable ErrorCode = "ServiceUnavailable"
	CodeValidationError    ErrorCode = "ValidationError" // of the Identity service
)

// HasCode reports whether err is, or wraps, an [*azcore.ResponseError] with one of the codes. They
// are compared without regard to case. The service leaves the code out at times, with a 401 above
// all: where the status will do, [HasStatus] is safer. A [*TokenError] counts as it does there.
func HasCode(err error, codes ...ErrorCode) bool {
	if _, ok := refusal(err); !ok {
		return false
	}
	detail, ok := Detail(err)
	return ok && slices.ContainsFunc(codes, func(code ErrorCode) bool {
		return detail.Code != "" && strings.EqualFold(detail.Code, string(code))
	})
}

// HasStatus reports whether err is, or wraps, an [*azcore.ResponseError] with one of the HTTP
// status codes. An answer that did not come whole or in time, or could not be understood, counts as
// well: with its 2xx as a rule. A call that was canceled has no status.
//
// What the Identity service answered when it was asked for a token, which a [*TokenError] wraps,
// does not count: a 404 says nothing of the thread then. Only its 401 does, because the same
// must be done about it as about that of the call itself.
//
// An answer for which [IsForeign] holds has no status: the 404 of a proxy says nothing of a thread.
func HasStatus(err error, statusCodes ...int) bool {
	refused, ok := refusal(err)
	return ok && slices.Contains(statusCodes, refused.StatusCode)
}

// refusal finds the answer to the call that err comes from.
func refusal(err error) (*azcore.ResponseError, bool) {
	refused, ok := errors.AsType[*azcore.ResponseError](err)
	if ok && isForeign(refused) {
		return nil, false
	}
	if _, noToken := errors.AsType[*TokenError](err); noToken && ok && refused.StatusCode != http.StatusUnauthorized {
		return nil, false
	}
	return refused, ok
}

// IsForeign reports whether err comes from a refusal that the service did not write: something between
// it and the client did, such as a gateway, a proxy or a captive portal. Such a 4xx has neither the
// service's MS-CV header nor a body in any form of its errors. It says nothing of the thread or user
// that the call was about; the call may be repeated. A 429 never counts as foreign, as it asks the same
// of the client whoever sends it.
func IsForeign(err error) bool {
	refused, ok := errors.AsType[*azcore.ResponseError](err)
	return ok && isForeign(refused)
}

func isForeign(refused *azcore.ResponseError) bool {
	resp := refused.RawResponse
	if resp == nil || refused.StatusCode < http.StatusBadRequest || refused.StatusCode >= http.StatusInternalServerError ||
		refused.StatusCode == http.StatusTooManyRequests {
		return false
	}
	detail := errorDetail(resp)
	return resp.Header.Get("MS-CV") == "" && refused.ErrorCode == "" && detail.Code == "" && detail.Message == ""
}

// ErrorDetail is what the service says about an error. Each text may be empty, comes from the
// service as it is, and is cut at 1,024 bytes.
type ErrorDetail struct {
	Code    string
	Message string
	Target  string // what the error is about, such as the name of a field

	// Details are the single reasons of an error that has several, the first 50 of them: with a
	// validation error each names its field as Target, such as participants[3]. They have only Code,
	// Message and Target; what the service nests deeper is left out.
	//
	// See https://learn.microsoft.com/rest/api/communication/chat/chat/create-chat-thread#communicationerror.
	Details []ErrorDetail

	// CorrelationVector is the MS-CV header: what Microsoft's support asks for.
	CorrelationVector string
}

// Detail returns what the service said with an [*azcore.ResponseError] in err's tree; false means
// that there is none. It understands all envelopes the service is known to use, and none:
// {"error": …}, {"Error": …} or {"CommunicationError": …}, with names in upper or lower case.
// An empty body, HTML or anything else gives a detail without code and message.
func Detail(err error) (ErrorDetail, bool) {
	refused, ok := errors.AsType[*azcore.ResponseError](err)
	if !ok {
		return ErrorDetail{}, false
	}
	detail := ErrorDetail{}
	if resp := refused.RawResponse; resp != nil {
		detail = errorDetail(resp)
		detail.CorrelationVector = cut(resp.Header.Get("MS-CV"), maxErrorText)
	}
	if detail.Code == "" {
		detail.Code = cut(refused.ErrorCode, maxErrorText)
	}
	return detail, true
}

// RetryAfter returns how long the service asks to wait before the call is made again, from the
// retry-after-ms, x-ms-retry-after-ms or Retry-After header (seconds or a date) of an
// [*azcore.ResponseError] in err's tree. It is between 0 and 24 hours; false means that the
// service named no time. The Chat service is not known to send any of them: without one, wait
// at least 10 seconds after a 429.
func RetryAfter(err error) (time.Duration, bool) {
	refused, ok := errors.AsType[*azcore.ResponseError](err)
	if !ok || refused.RawResponse == nil {
		return 0, false
	}
	header := refused.RawResponse.Header
	for _, name := range []string{"retry-after-ms", "x-ms-retry-after-ms"} {
		if wait, ok := parseWait(header.Get(name), time.Millisecond); ok {
			return wait, true
		}
	}
	value := header.Get("Retry-After")
	if wait, ok := parseWait(value, time.Second); ok {
		return wait, true
	}
	until, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	// Measured by the server's own clock where it tells its time, a wrong clock here does no harm.
	now, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return min(max(0, until.Sub(now)), maxRetryAfter), true
}

// ClockSkew returns how far the clock of whoever answered is ahead of the client's, or behind it where
// negative, by the Date header of an [*azcore.ResponseError] in err's tree and the client's clock when
// that answer came. It is good to a second or two; false means that the answer has no such header, or
// that the error is not of this package. The Identity service refuses a signature that is too old, or
// too new, with 401. What it bears with is not documented.
//
// See https://learn.microsoft.com/azure/communication-services/tutorials/hmac-header-tutorial.
func ClockSkew(err error) (time.Duration, bool) {
	refused, ok := errors.AsType[*azcore.ResponseError](err)
	if !ok || refused.RawResponse == nil {
		return 0, false
	}
	body, ok := refused.RawResponse.Body.(*errorBody)
	if !ok {
		return 0, false
	}
	date, err := http.ParseTime(refused.RawResponse.Header.Get("Date"))
	if err != nil {
		return 0, false
	}
	// The least duration has no counterpart, and callers ask for the difference without its sign.
	return max(date.Sub(body.received), -math.MaxInt64), true
}

func parseWait(value string, unit time.Duration) (time.Duration, bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) || n < 0 {
		return 0, false
	}
	return time.Duration(min(n, int64(maxRetryAfter/unit))) * unit, true
}

// newResponseError makes an error of a response that is no success.
func newResponseError(resp *http.Response) error {
	body, err := runtime.Payload(resp)
	if err != nil {
		return fmt.Errorf("read body of %s: %w", resp.Status, err)
	}
	if resp.StatusCode < http.StatusBadRequest {
		body = nil // not the success that was expected, but it may still hold a token
	}
	return responseError(resp, body)
}

// responseError takes the credential out of the request that the error carries along, bounds the
// body, and makes the error safe to be read by many: all who wait for one token share its error.
func responseError(resp *http.Response, body []byte) error {
	// What is kept of a long body may be no JSON any more.
	detail := parseErrorBody(body)
	code := detail.Code
	if code == "" {
		code = cut(resp.Header.Get("x-ms-error-code"), maxErrorText)
	}
	kept := *resp
	kept.Request = withoutCredential(resp.Request)
	text := body[:min(len(body), maxErrorBody)]
	kept.Body = io.NopCloser(bytes.NewReader(text))
	err := runtime.NewResponseErrorWithErrorCode(&kept, code)
	kept.Body = &errorBody{Reader: bytes.NewReader(text), detail: detail, received: time.Now()}
	return err
}

// withoutCredential also takes the body away: a token to be exchanged is in there.
func withoutCredential(req *http.Request) *http.Request {
	if req == nil {
		return nil
	}
	clean := req.WithContext(req.Context())
	clean.Header = req.Header.Clone()
	clean.Header.Del("Authorization")
	clean.Body, clean.GetBody = http.NoBody, nil
	return clean
}

// errorBody is the body of an error's response. Unlike with azcore's, finding out what it says
// changes nothing.
type errorBody struct {
	*bytes.Reader
	detail   ErrorDetail
	received time.Time
}

func (*errorBody) Close() error { return nil }

// errorDetail is what the body of an error's response says.
func errorDetail(resp *http.Response) ErrorDetail {
	if body, ok := resp.Body.(*errorBody); ok {
		detail := body.detail
		detail.Details = slices.Clone(detail.Details)
		return detail
	}
	text, err := runtime.Payload(resp)
	if err != nil {
		return ErrorDetail{}
	}
	return parseErrorBody(text)
}

// parseErrorBody finds code, message, target and details, wherever they are. What it does not find is empty.
func parseErrorBody(body []byte) ErrorDetail {
	var fields map[string]json.RawMessage
	if json.Unmarshal(bytes.TrimPrefix(body, []byte(byteOrderMark)), &fields) != nil {
		return ErrorDetail{}
	}
	for _, envelope := range []string{"error", "communicationError"} {
		var inner map[string]json.RawMessage
		if json.Unmarshal(field(fields, envelope), &inner) == nil && inner != nil {
			fields = inner
			break
		}
	}
	detail := newErrorDetail(fields)
	var details []json.RawMessage
	if json.Unmarshal(field(fields, "details"), &details) != nil {
		return detail
	}
	for _, text := range details[:min(len(details), maxErrorDetails)] {
		var inner map[string]json.RawMessage
		if json.Unmarshal(text, &inner) == nil && inner != nil {
			detail.Details = append(detail.Details, newErrorDetail(inner))
		}
	}
	return detail
}

func newErrorDetail(fields map[string]json.RawMessage) ErrorDetail {
	return ErrorDetail{
		Code:    fieldText(fields, "code"),
		Message: fieldText(fields, "message"),
		Target:  fieldText(fields, "target"),
	}
}

// field returns the field of that name in any case, the exact one first.
func field(fields map[string]json.RawMessage, name string) json.RawMessage {
	if value, ok := fields[name]; ok {
		return value
	}
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		if strings.EqualFold(key, name) {
			return fields[key]
		}
	}
	return nil
}

// fieldText returns a string, or a number's digits: codes have been seen in both forms.
func fieldText(fields map[string]json.RawMessage, name string) string {
	value := field(fields, name)
	var text string
	if json.Unmarshal(value, &text) == nil {
		return cut(text, maxErrorText)
	}
	var number json.Number
	if json.Unmarshal(value, &number) == nil {
		return cut(number.String(), maxErrorText)
	}
	return ""
}

// cut shortens a text to at most so many bytes, at the border of a character.
func cut(text string, size int) string {
	if len(text) <= size {
		return text
	}
	for size > 0 && !utf8.RuneStart(text[size]) {
		size--
	}
	return text[:size]
}
