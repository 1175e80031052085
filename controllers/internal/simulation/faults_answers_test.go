// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

//go:build faults

package simulation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/acs-operator/acs-chat-operator/controllers/internal/outcome"
)

// serviceFault is a way in which a call can fail.
type serviceFault struct {
	name string
	// effect is set if the call takes effect nevertheless.
	effect bool
	// slow is set if no answer comes, so that the connection counts as unreachable.
	slow bool
	// needsBody is set if the fault applies only to answers that have a body.
	needsBody bool
	// heavy is set if the answers are large. Such a fault lasts a shorter time.
	heavy bool
	// gap is the shortest time between two calls that meet the fault.
	gap    time.Duration
	answer answerFunc
}

// answerFunc returns the answer to a call.
type answerFunc func(*exchange) (*http.Response, error)

const (
	// retryAfter is the wait that the service asks for in some of the faults.
	retryAfter = 20 * time.Second
	// hugeBody is the size of an endless answer. maxRead is the part of it that may be read, as
	// package acs limits it.
	hugeBody = 100 << 20
	maxRead  = 8<<20 + 1
)

var faultStatuses = []int{400, 401, 403, 404, 408, 409, 412, 413, 500, 502, 503, 504}

// serviceFaults is the list of all faults.
var serviceFaults = slices.Concat(refusals(), silences(), []serviceFault{
	{name: "redirect 302", answer: redirect(http.StatusFound, "https://evil.example/chat/threads")},
	{name: "redirect 307", answer: redirect(http.StatusTemporaryRedirect, "http://contoso.communication.azure.com/chat/threads")},
	{name: "429 seconds", gap: retryAfter, answer: tooMany(func() string { return strconv.Itoa(int(retryAfter.Seconds())) })},
	// A date has whole seconds: it is rounded up to ask for the whole wait.
	{name: "429 date", gap: retryAfter, answer: tooMany(func() string { return time.Now().Add(retryAfter + time.Second - 1).UTC().Format(http.TimeFormat) })},
	{name: "429", gap: outcome.ThrottleWait, answer: tooMany(func() string { return "" })},
	{name: "portal", answer: page},
	{name: "foreign 401", answer: refusedByGateway(http.StatusUnauthorized)},
	{name: "foreign 403", answer: refusedByGateway(http.StatusForbidden)},
	{name: "foreign 404", answer: refusedByGateway(http.StatusNotFound)},
	{name: "foreign 407", answer: refusedByGateway(http.StatusProxyAuthRequired)},
	{name: "HTML", effect: true, answer: after(page)},
	{name: "empty", effect: true, answer: after(func(e *exchange) (*http.Response, error) {
		return e.respond(e.success(), "", strings.NewReader("")), nil
	})},
	{name: "huge", effect: true, heavy: true, answer: after(func(e *exchange) (*http.Response, error) {
		return e.respond(e.success(), "", &hugeReader{network: e.network, remaining: hugeBody}), nil
	})},
	{name: "huge 503", heavy: true, answer: func(e *exchange) (*http.Response, error) {
		return e.respond(http.StatusServiceUnavailable, "", &hugeReader{network: e.network, remaining: hugeBody}), nil
	}},
	{name: "truncated", effect: true, needsBody: true, answer: changed(func(body []byte) io.Reader {
		return io.MultiReader(bytes.NewReader(body[:len(body)/2]), brokenReader{})
	})},
	{name: "garbled", effect: true, needsBody: true, answer: changedText(garbled)},
	{name: "array", effect: true, needsBody: true, answer: changedText(func(body []byte) []byte { return slices.Concat([]byte("["), body, []byte("]")) })},
	{name: "string", effect: true, needsBody: true, answer: changedText(func([]byte) []byte { return []byte(`"done"`) })},
	{name: "numbers", effect: true, needsBody: true, answer: changedText(numbered)},
	{name: "content type", effect: true, needsBody: true, answer: after(func(e *exchange) (*http.Response, error) {
		response, err := e.serve()
		if err == nil {
			response.Header.Set("Content-Type", "image/png")
		}
		return response, err
	})},
})

// refusals returns the faults that answer with a status.
func refusals() []serviceFault {
	faults := make([]serviceFault, 0, len(faultStatuses))
	for _, status := range faultStatuses {
		faults = append(faults, serviceFault{name: strconv.Itoa(status), answer: func(e *exchange) (*http.Response, error) {
			return e.refuse(status), nil
		}})
	}
	return faults
}

// silences returns the faults that give no answer.
func silences() []serviceFault {
	reset := func(*exchange) (*http.Response, error) { return nil, resetError() }
	wait := func(e *exchange) (*http.Response, error) {
		<-e.req.Context().Done()
		return nil, e.req.Context().Err()
	}
	return []serviceFault{
		{name: "time-out", slow: true, answer: wait},
		{name: "time-out after", slow: true, effect: true, answer: after(wait)},
		{name: "reset", slow: true, answer: reset},
		{name: "reset after", slow: true, effect: true, answer: after(reset)},
	}
}

// resetError is the error of a broken connection. Its port differs from time to time.
func resetError() error {
	port := int(time.Now().UnixNano()/int64(time.Second)) % 1000
	return &net.OpError{Op: "read", Net: "tcp", Source: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 30000 + port},
		Addr: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 2), Port: 443}, Err: os.NewSyscallError("read", syscall.ECONNRESET)}
}

// after has the call take effect before it is answered.
func after(answer answerFunc) answerFunc {
	return func(e *exchange) (*http.Response, error) {
		effect := e.serve
		response, err := effect()
		if err != nil {
			return nil, err
		}
		e.serve = func() (*http.Response, error) { return response, nil }
		return answer(e)
	}
}

// changed replaces the body of the true answer.
func changed(change func([]byte) io.Reader) answerFunc {
	return func(e *exchange) (*http.Response, error) {
		response, err := e.serve()
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			return nil, err
		}
		response.Body, response.ContentLength = io.NopCloser(change(body)), -1
		return response, nil
	}
}

func changedText(change func([]byte) []byte) answerFunc {
	return changed(func(body []byte) io.Reader { return bytes.NewReader(change(body)) })
}

func garbled(body []byte) []byte {
	out := slices.Clone(body)
	for i := 0; i < len(out); i += 7 {
		out[i] ^= 0x15
	}
	return out
}

// numbered puts a number in place of each string, or of the whole body if it has no string.
func numbered(body []byte) []byte {
	var content any
	if json.Unmarshal(body, &content) != nil {
		return []byte("7")
	}
	out, err := json.Marshal(withNumbers(content))
	if err != nil || bytes.Equal(bytes.TrimSpace(body), out) {
		return []byte("7")
	}
	return out
}

func withNumbers(content any) any {
	switch c := content.(type) {
	case string:
		return 7
	case []any:
		for i := range c {
			c[i] = withNumbers(c[i])
		}
	case map[string]any:
		for key := range c {
			c[key] = withNumbers(c[key])
		}
	}
	return content
}

func tooMany(wait func() string) answerFunc {
	return func(e *exchange) (*http.Response, error) {
		response := e.refuse(http.StatusTooManyRequests)
		if value := wait(); value != "" {
			response.Header.Set("Retry-After", value)
		}
		return response, nil
	}
}

// redirect sends the client to another host, with the credentials in the body.
func redirect(status int, location string) answerFunc {
	return func(e *exchange) (*http.Response, error) {
		response := e.respond(status, "text/html", strings.NewReader(strings.Join(e.echo, "\n")))
		response.Header.Set("Location", location)
		return response, nil
	}
}

// page is the answer of a server that is not the service, such as a proxy that asks for a login.
func page(e *exchange) (*http.Response, error) {
	html := "<html><body><h1>Welcome</h1><pre>" + strings.Join(e.echo, "\n") + "</pre></body></html>"
	return e.respond(e.success(), "text/html", strings.NewReader(html)), nil
}

// refusedByGateway refuses a call in place of the service, as a gateway does.
func refusedByGateway(status int) answerFunc {
	return func(e *exchange) (*http.Response, error) {
		return e.respond(status, "text/html", strings.NewReader("<html><body>"+http.StatusText(status)+"</body></html>")), nil
	}
}

// success returns the status of a true answer that has a body.
func (e *exchange) success() int {
	if e.req.Method == http.MethodPost && !strings.HasSuffix(e.req.URL.Path, ":issueAccessToken") && !strings.HasSuffix(e.req.URL.Path, ":remove") {
		return http.StatusCreated
	}
	return http.StatusOK
}

// errorWording is the wording of the refusals of a service.
type errorWording int

const (
	// wordingPlain is the recorded wording, wordingVaries differs from answer to answer, and
	// wordingHostile contains text that must not be shown.
	wordingPlain errorWording = iota
	wordingVaries
	wordingHostile
)

// refuse answers with an error, in the wording of the service or in a hostile one.
func (e *exchange) refuse(status int) *http.Response {
	switch e.network.wording {
	case wordingPlain:
		return e.respond(status, "application/json",
			strings.NewReader(`{"CommunicationError":{"Code":"Refused","Message":"It is not possible.","Details":[]}}`))
	case wordingVaries:
		return e.respond(status, "application/json",
			strings.NewReader(fmt.Sprintf(`{"error":{"code":"Refused","message":"It is not possible (request %d)."}}`, e.number)))
	}
	said := "\x1b[31m\x00" + strings.Join(e.echo, "\r\n\u2028") + strings.Repeat(" \x07long", 1<<10)
	body, err := json.Marshal(map[string]any{"error": map[string]string{"code": said, "message": said, "target": e.echo[0]}})
	if err != nil {
		panic(err)
	}
	// A server may escape the same text in this way.
	body = bytes.ReplaceAll(body, []byte("/"), []byte(`\/`))
	response := e.respond(status, "application/json", bytes.NewReader(body))
	response.Status += " " + e.echo[0]
	// An answer with this header counts as an answer of the service.
	response.Header.Set("MS-CV", "vector.0")
	response.Header.Set("X-Cache", e.echo[0])
	return response
}

func (e *exchange) respond(status int, contentType string, body io.Reader) *http.Response {
	return &http.Response{
		Status: fmt.Sprint(status, " ", http.StatusText(status)), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {contentType}}, Body: io.NopCloser(body), ContentLength: -1, Request: e.req,
	}
}

// brokenReader ends a body early.
type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// hugeReader is a body that is not held in memory.
type hugeReader struct {
	network         *network
	read, remaining int64
}

func (r *hugeReader) Read(p []byte) (int, error) {
	n := min(int64(len(p)), r.remaining)
	if n == 0 {
		return 0, io.EOF
	}
	r.read, r.remaining = r.read+n, r.remaining-n
	r.network.mu.Lock()
	defer r.network.mu.Unlock()
	r.network.read = max(r.network.read, r.read)
	return int(n), nil
}
