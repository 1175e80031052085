// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"
)

// envelope is the form of an error's body. The two APIs use different forms, and the form of the
// Chat service differs from its specification.
type envelope int

const (
	ofPlane   envelope = iota // the form of the operation's API
	lowerCase                 // {"error":{"code":…}} for both APIs
	bare                      // no body
)

// apiError is a refusal that has not been written yet.
type apiError struct {
	status   int
	code     string
	message  string // the service often sends an empty one
	target   string
	envelope envelope
	header   http.Header
}

var (
	errNoIdentifier  = errors.New("communicationIdentifier is required")
	errRetentionKind = errors.New("the kind of retentionPolicy is missing or unknown")
	errRetentionNone = errors.New("retentionPolicy of kind none has no deleteThreadAfterDays")
	errRetentionDays = errors.New("deleteThreadAfterDays must be within 30 and 90")
)

func badRequest(message string) *apiError {
	return &apiError{status: http.StatusBadRequest, code: "BadRequest", message: message}
}

// invalidRequest describes the error in a body. The text is the emulator's own.
func invalidRequest(err error) *apiError {
	return badRequest("The request is invalid: " + err.Error() + ".")
}

// forbidden is the service's response to a user that is not in the thread.
func forbidden() *apiError {
	return &apiError{
		status: http.StatusForbidden, code: "Forbidden",
		message: "The initiator doesn't have the permission to perform the requested operation.",
	}
}

// threadNotFound has a message only if the id has the form of a thread id, as recorded.
func threadNotFound(id string) *apiError {
	refusal := &apiError{status: http.StatusNotFound, code: "NotFound"}
	if threadForm.MatchString(id) {
		refusal.message = "The specified thread id was not found."
	}
	return refusal
}

// invalidValue is the Identity API's refusal of a value.
func invalidValue(target, message string) *apiError {
	return &apiError{status: http.StatusBadRequest, code: "ValidationError", message: message, target: target}
}

// tooManyRequests has the body of the specification's examples; no 429 was ever recorded. The wait
// is rounded up, so that a call after it succeeds.
func tooManyRequests(wait time.Duration) *apiError {
	seconds := max(1, int((wait+time.Second-1)/time.Second))
	return &apiError{
		status: http.StatusTooManyRequests, code: "TooManyRequests", message: "Rate limit exceeded.", envelope: lowerCase,
		header: http.Header{"Retry-After": {strconv.Itoa(seconds)}},
	}
}

type lowerCaseError struct {
	Error struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Target  string `json:"target,omitempty"`
	} `json:"error"`
}

type pascalCaseError struct {
	CommunicationError struct {
		Code    string     `json:"Code"`
		Message string     `json:"Message,omitempty"`
		Details []struct{} `json:"Details"`
	} `json:"CommunicationError"`
}

// body returns the error in the applicable envelope; nil means no body.
func (a *apiError) body(spec bool) []byte {
	if a.envelope == bare {
		return nil
	}
	if spec || a.envelope == lowerCase {
		var out lowerCaseError
		out.Error.Code, out.Error.Message, out.Error.Target = a.code, a.message, a.target
		if out.Error.Message == "" { // required by the specification
			out.Error.Message = http.StatusText(a.status)
		}
		return mustJSON(out)
	}
	var out pascalCaseError
	out.CommunicationError.Code, out.CommunicationError.Message = a.code, a.message
	out.CommunicationError.Details = []struct{}{}
	return mustJSON(out)
}

// mustJSON encodes the package's own structs, which cannot fail. It does not escape the ampersands
// of links and the brackets of HTML.
func mustJSON(v any) []byte {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic("emulator: " + err.Error())
	}
	return bytes.TrimSuffix(body.Bytes(), []byte("\n"))
}
