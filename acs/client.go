// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

const (
	moduleName = modulePath + "/acs"

	chatAPIVersion     = "2025-03-15"
	identityAPIVersion = "2023-10-01"

	threadsPath = "/chat/threads"

	byteOrderMark = "\xef\xbb\xbf"

	contentTypeJSON       = "application/json"
	contentTypeMergePatch = "application/merge-patch+json"
)

// client is the common part of the clients of both services: an endpoint and a pipeline.
type client struct {
	azcore     *azcore.Client
	endpoint   string
	apiVersion string
}

// authentication is the way in which a client authenticates its requests.
type authentication struct {
	policy    policy.Policy
	accessKey Secret // zero if the policy sends tokens
}

func newClient(endpoint, apiVersion string, auth authentication, options *ClientOptions) (*client, error) {
	endpoint, err := ParseEndpoint(endpoint)
	if err != nil {
		return nil, err
	}
	settings := options.withDefaults()
	if !settings.InsecureAllowCredentialWithHTTP && !strings.HasPrefix(endpoint, "https:") {
		return nil, errors.New("endpoint is not https, and credentials are not sent over plain http")
	}
	settings.PerRetryPolicies = append(slices.Clone(settings.PerRetryPolicies), &redactor{accessKey: auth.accessKey})
	base, err := azcore.NewClient(moduleName, Version(), runtime.PipelineOptions{
		AllowedHeaders:         []string{"MS-CV", "X-Processing-Time", "api-supported-versions", "repeatability-request-id"},
		AllowedQueryParameters: []string{"maxPageSize", "skip", "startTime"},
		APIVersion:             runtime.APIVersionOptions{Location: runtime.APIVersionLocationQueryParam, Name: "api-version"},
		PerRetry:               []policy.Policy{auth.policy},
		Tracing:                runtime.TracingOptions{Namespace: "Microsoft.Communication"},
	}, &settings)
	if err != nil {
		return nil, err
	}
	return &client{azcore: base, endpoint: endpoint, apiVersion: apiVersion}, nil
}

// operation holds the properties in which one call differs from the others.
type operation struct {
	name        string // "Client.Method"
	method      string
	path        string // escaped
	query       url.Values
	nextLink    string // replaces path and query
	header      map[string]string
	body        any    // nil: no body
	contentType string // of the body, if not JSON
	secret      Secret // a credential in the body
	status      int    // the only one that counts as success
}

// answer is the body of a response; validate reports whether it is usable.
type answer interface {
	validate() error
}

// call performs an operation and decodes its response; a nil out means that no body is expected.
func (c *client) call(ctx context.Context, op operation, out answer) (err error) {
	ctx = context.WithValue(ctx, runtime.CtxAPINameKey{}, op.name)
	ctx, endSpan := runtime.StartSpan(ctx, op.name, c.azcore.Tracer(), nil)
	defer func() { endSpan(err) }()

	req, err := c.newRequest(ctx, op)
	if err != nil {
		return fmt.Errorf("%s: %w", op.name, err)
	}
	resp, err := c.azcore.Pipeline().Do(req) //nolint:bodyclose // azcore has read and closed it.
	if err != nil && resp != nil && !errors.Is(err, context.Canceled) {
		// The connection broke, or the time was up, in the middle of the body. The status is known
		// nonetheless. A caller that cancels has no use for it.
		return fmt.Errorf("%s: %w: %w", op.name, err, responseError(resp, nil))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", op.name, err)
	}
	if !runtime.HasStatusCode(resp, op.status) {
		return newResponseError(resp)
	}
	if out == nil {
		return nil
	}
	if err := decode(resp, out); err != nil {
		// The body is left out: it may be part of one that holds a token.
		return fmt.Errorf("%s: answer cannot be understood: %w: %w", op.name, err, responseError(resp, nil))
	}
	return nil
}

func decode(resp *http.Response, out answer) error {
	body, err := runtime.Payload(resp)
	if err != nil {
		return err
	}
	if len(body) == 0 {
		return errors.New("body is empty")
	}
	if err := json.Unmarshal(bytes.TrimPrefix(body, []byte(byteOrderMark)), out); err != nil {
		return err
	}
	return out.validate()
}

func (c *client) newRequest(ctx context.Context, op operation) (*policy.Request, error) {
	target, err := c.target(op)
	if err != nil {
		return nil, err
	}
	req, err := runtime.NewRequest(ctx, op.method, target)
	if err != nil {
		return nil, err
	}
	req.Raw().Header.Set("Accept", contentTypeJSON)
	req.SetOperationValue(bodyCredential{op.secret})
	for name, value := range op.header {
		req.Raw().Header.Set(name, value)
	}
	if op.body == nil {
		return req, nil
	}
	if op.contentType != "" {
		req.Raw().Header.Set("Content-Type", op.contentType)
	}
	return req, runtime.MarshalAsJSON(req, op.body)
}

func (c *client) target(op operation) (string, error) {
	if op.nextLink != "" {
		return c.pageURL(op.nextLink)
	}
	query := url.Values{"api-version": {c.apiVersion}}
	maps.Copy(query, op.query)
	return c.endpoint + op.path + "?" + query.Encode(), nil
}

// ErrInvalidID is the error of a call that was not made because one of its ids is invalid: the id
// of a thread, user or message is empty, "." or "..", or that of a participant is empty. Unlike
// with an unreachable service, repeating the call does not help.
var ErrInvalidID = errors.New("invalid id")

func invalidID(problem string) error {
	return &finalError{fmt.Errorf("%w: %s", ErrInvalidID, problem)}
}

// escape turns an id into one path segment, as the official clients do: it also escapes ':' and
// '@', which [url.PathEscape] leaves as they are. An empty segment, or one made of dots, would name
// another resource.
func escape(what, id string) (string, error) {
	switch id {
	case "":
		return "", invalidID(what + " is missing")
	case ".", "..":
		return "", invalidID(fmt.Sprintf("%s is %q", what, id))
	}
	return strings.ReplaceAll(url.QueryEscape(id), "+", "%20"), nil
}
