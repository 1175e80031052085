// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package tracing

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

const (
	// tries is how often a batch is sent at most.
	tries = 4
	// firstPause is the wait before the second try, if the collector names none. It doubles.
	firstPause = time.Second
	// longestPause bounds the wait that the collector names.
	longestPause = 30 * time.Second
	// mostOfAnswer is how much of an answer is read, so that its connection can be used again.
	mostOfAnswer = 64 << 10
)

// collector sends spans by OTLP over HTTP. It replaces otlptracehttp, which brings the libraries of
// gRPC into the program: 18 MiB, and 8 MiB of memory at rest.
type collector struct {
	settings *settings
	client   *http.Client
	// pause waits before another try.
	pause func(ctx context.Context, d time.Duration) error
}

var _ otlptrace.Client = (*collector)(nil)

func newCollector(s *settings) (*collector, error) {
	transport, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return nil, errors.New("the default transport is none of net/http")
	}
	transport = transport.Clone()
	transport.TLSClientConfig = s.tls
	client := &http.Client{Transport: transport, Timeout: s.timeout, CheckRedirect: func(*http.Request, []*http.Request) error {
		// The headers may have a credential.
		return http.ErrUseLastResponse
	}}
	return &collector{settings: s, client: client, pause: pause}, nil
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err() //nolint:wrapcheck // the caller says what was called off
	}
}

// Start implements otlptrace.Client.
func (*collector) Start(context.Context) error { return nil }

// Stop implements otlptrace.Client.
func (c *collector) Stop(context.Context) error {
	c.client.CloseIdleConnections()
	return nil
}

// UploadTraces sends spans, and tries again if the collector asks for that or does not answer.
func (c *collector) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	// A request to a collector has the same form as this message, whose package needs no gRPC.
	body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: spans})
	if err != nil {
		return fmt.Errorf("encode spans: %w", err)
	}
	if c.settings.compressed {
		body = compress(body)
	}
	wait := firstPause
	for try := 1; ; try++ {
		again, err := c.send(ctx, body)
		if err == nil || again < 0 || try == tries {
			return err
		}
		if pauseErr := c.pause(ctx, min(max(again, wait), longestPause)); pauseErr != nil {
			return errors.Join(err, pauseErr)
		}
		wait *= 2
	}
}

// send makes one try. again is how long the collector asks to wait, negative if another try is of
// no use.
func (c *collector) send(ctx context.Context, body []byte) (again time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.settings.endpoint.String(), bytes.NewReader(body))
	if err != nil {
		return -1, fmt.Errorf("make a request to the collector: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	if c.settings.compressed {
		req.Header.Set("Content-Encoding", "gzip")
	}
	for name, value := range c.settings.headers {
		req.Header.Set(name, value)
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("the collector does not answer: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, mostOfAnswer))
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		return time.Duration(max(seconds, 0)) * time.Second, fmt.Errorf("the collector answered %d", resp.StatusCode)
	}
	if resp.StatusCode/100 != 2 {
		return -1, fmt.Errorf("the collector answered %d", resp.StatusCode)
	}
	return 0, nil
}

func compress(body []byte) []byte {
	var compressed bytes.Buffer
	w := gzip.NewWriter(&compressed)
	// A write into memory does not fail.
	_, _ = w.Write(body)
	_ = w.Close()
	return compressed.Bytes()
}
