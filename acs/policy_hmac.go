// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// hmacPolicy signs requests with the resource's access key. It runs for each try, because the
// service refuses a signature that is too old.
type hmacPolicy struct {
	key []byte
	now func() time.Time
}

func newHMACPolicy(accessKey Secret) (*hmacPolicy, error) {
	key, err := decodeAccessKey(accessKey.Reveal())
	if err != nil {
		return nil, err
	}
	return &hmacPolicy{key: key, now: time.Now}, nil
}

// Do signs
//
//	VERB \n path-and-query \n date;host;hash-of-the-body
//
// with the path and query exactly as they are sent, percent-encoding included, and the host with
// its port unless it is the default one. The names of the three headers are in the Authorization
// header, in the same order. See
// https://learn.microsoft.com/azure/communication-services/tutorials/hmac-header-tutorial.
func (p *hmacPolicy) Do(req *policy.Request) (*http.Response, error) {
	hash, err := hashBody(req.Body())
	if err != nil {
		return nil, fmt.Errorf("hash request body: %w", err)
	}
	raw := req.Raw()
	date := p.now().UTC().Format(http.TimeFormat)
	signature := p.sign(raw.Method + "\n" + raw.URL.RequestURI() + "\n" + date + ";" + raw.Host + ";" + hash)
	raw.Header.Set("x-ms-date", date)
	raw.Header.Set("x-ms-content-sha256", hash)
	raw.Header.Set("Authorization", "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature="+signature)
	return req.Next()
}

func (p *hmacPolicy) sign(text string) string {
	mac := hmac.New(sha256.New, p.key)
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// hashBody rewinds the body to its beginning. A nil body counts as an empty one.
func hashBody(body io.ReadSeeker) (string, error) {
	hash := sha256.New()
	if body != nil {
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			return "", err
		}
		if _, err := io.Copy(hash, body); err != nil {
			return "", err
		}
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			return "", err
		}
	}
	return base64.StdEncoding.EncodeToString(hash.Sum(nil)), nil
}
