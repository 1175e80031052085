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
	// maxErrorBody limits the part of a body that an error keeps and prints.
	maxErrorBody = 16 << 10
	// maxErrorText limits each text of an ErrorDetail.
	maxErrorText = 1 << 10
	// maxErrorDetails limits ErrorDetail.Details.
	maxErrorDetails = 50
	// maxRetryAfter limits RetryAfter.
	maxRetryAfter = 24 * time.Hour
)

// ErrorCode is the service's reason for a refusal. The service has more codes than those below.
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
// are compared without regard to case. The service sometimes omits the code, above all with a 401:
// if the status is enough, [HasStatus] is safer. A [*TokenError] counts as it does there.
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
// status codes. A response that did not arrive whole or in time, or that is invalid, counts as
// well, usually with its 2xx. A call that was canceled has no status.
//
// The response of the Identity service to a request for a token, which a [*TokenError] wraps, does
// not count: its 404 is not about the thread. Only its 401 counts, because it has the same remedy
// as a 401 of the call itself.
//
// A response for which [IsForeign] is true has no status: the 404 of a proxy is not about a thread.
func HasStatus(err error, statusCodes ...int) bool {
	refused, ok := refusal(err)
	return ok && slices.Contains(statusCodes, refused.StatusCode)
}

// refusal returns the response to the call that err comes from.
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

// IsForeign reports whether err comes from a refusal that the service did not write, but something
// between it and the client: a gateway, a proxy or a captive portal. Such a 4xx has neither the
// service's MS-CV header nor a body in any form of its errors. It does not apply to the thread or
// user of the call; the call may be repeated. A 429 never counts as foreign, as any sender of a 429
// requires the same of the client.
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

// ErrorDetail is the service's description of an error. Each text may be empty, is the service's
// own, and is cut at 1,024 bytes.
type ErrorDetail struct {
	Code    string
	Message string
	Target  string // the subject of the error, such as the name of a field

	// Details are the single causes of an error that has several, the first 50 of them: those of a
	// validation error name their fields as Target, such as participants[3]. They have only Code,
	// Message and Target; details that the service nests deeper are left out.
	//
	// See
	// https://learn.microsoft.com/rest/api/communication/chat/chat/create-chat-thread#communicationerror.
	Details []ErrorDetail

	// CorrelationVector is the MS-CV header. Microsoft's support asks for it.
	CorrelationVector string
}

// Detail returns the service's description of an [*azcore.ResponseError] in err's tree; false means
// that there is no such error. It understands all envelopes that the service is known to use: none,
// {"error": …}, {"Error": …} or {"CommunicationError": …}, with names in upper or lower case. An
// empty body, HTML or anything else results in a detail without code and message.
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

// RetryAfter returns the time that the service asks to wait before the call is repeated, from the
// retry-after-ms, x-ms-retry-after-ms or Retry-After header (seconds or a date) of an
// [*azcore.ResponseError] in err's tree. It is between 0 and 24 hours; false means that the service
// named no time. The Chat service is not known to send any of these headers: without one, wait at
// least 10 seconds after a 429.
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
	// Measured by the server's own clock, if the response has its time, a wrong clock here does no
	// harm.
	now, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return min(max(0, until.Sub(now)), maxRetryAfter), true
}

// ClockSkew returns the time by which the sender's clock is ahead of the client's; it is negative
// if the sender's is behind. It compares the Date header of an [*azcore.ResponseError] in err's
// tree with the client's clock when that response arrived. It is accurate to a second or two. False
// means that the response has no such header, or that the error is not from this package. The
// Identity service refuses a signature that is too old, or too new, with 401. Its tolerance is not
// documented.
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
	// The smallest duration cannot be negated, and callers need the absolute difference.
	return max(date.Sub(body.received), -math.MaxInt64), true
}

func parseWait(value string, unit time.Duration) (time.Duration, bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) || n < 0 {
		return 0, false
	}
	return time.Duration(min(n, int64(maxRetryAfter/unit))) * unit, true
}

// newResponseError returns the error for a response that is not a success.
func newResponseError(resp *http.Response) error {
	body, err := runtime.Payload(resp)
	if err != nil {
		return fmt.Errorf("read body of %s: %w", resp.Status, err)
	}
	if resp.StatusCode < http.StatusBadRequest {
		body = nil // not the expected success, but it may still hold a token
	}
	return responseError(resp, body)
}

// responseError removes the credential from the request that the error carries along, limits the
// body, and makes the error safe for many readers: all callers that wait for one token share its
// error.
func responseError(resp *http.Response, body []byte) error {
	// The kept part of a long body may not be valid JSON.
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

// withoutCredential also removes the body, which may hold a token to be exchanged.
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

// errorBody is the body of an error's response. Unlike azcore's, it does not change when it is
// parsed.
type errorBody struct {
	*bytes.Reader
	detail   ErrorDetail
	received time.Time
}

func (*errorBody) Close() error { return nil }

// errorDetail returns the content of the body of an error's response.
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

// parseErrorBody finds code, message, target and details in all known forms. Missing values are
// empty.
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

// field returns the field with that name in any case; an exact match wins.
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

// fieldText returns a string, or the digits of a number: codes have been seen in both forms.
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

// cut shortens a text to at most size bytes, at the border of a character.
func cut(text string, size int) string {
	if len(text) <= size {
		return text
	}
	for size > 0 && !utf8.RuneStart(text[size]) {
		size--
	}
	return text[:size]
}
