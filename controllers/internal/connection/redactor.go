// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

const (
	// keptPiece is how long the pieces are by which a credential is known again: any 15 characters of it in a
	// row hold a whole one.
	keptPiece = 8
	// maxRefusal is how long a refusal is at most that anybody reads.
	MaxRefusal = 64 << 10
)

var errIndiscreet = errors.New("the answer repeats a credential, and is not shown")

// discretion keeps credentials out of what is told of an answer. A proxy that shows in its error page
// the request that it refused must not bring a token into status, events or the log.
type Discretion struct {
	mu  sync.Mutex
	key string
}

// keep makes the access key known.
func (d *Discretion) Keep(key string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.key = key
}

// Do takes out of the answer, as far as it may be shown, what repeats the credential of the call or the
// access key.
func (d *Discretion) Do(req *policy.Request) (*http.Response, error) {
	resp, err := req.Next()
	if err != nil {
		if repeats(err.Error(), d.pieces(req.Raw())) {
			return nil, errIndiscreet
		}
		return resp, err
	}
	resp.Status = fmt.Sprint(resp.StatusCode, " ", http.StatusText(resp.StatusCode))
	if resp.StatusCode < http.StatusMultipleChoices {
		return resp, nil
	}
	pieces := d.pieces(req.Raw())
	for name, values := range resp.Header {
		if repeats(strings.Join(values, "\n"), pieces) {
			resp.Header.Del(name)
		}
	}
	if body, err := runtime.Payload(resp); err == nil && (len(body) > MaxRefusal || repeats(string(body), pieces)) {
		resp.Body = http.NoBody
		// For azcore the body has been read.
		_, _ = runtime.Payload(resp)
	}
	return resp, nil
}

// pieces are those of the credentials that an answer may repeat.
func (d *Discretion) pieces(req *http.Request) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	authorization := req.Header.Get("Authorization")
	_, sent, isToken := strings.Cut(authorization, "Bearer ")
	if !isToken {
		_, sent, _ = strings.Cut(authorization, "Signature=")
	}
	var pieces []string
	for _, secret := range []string{d.key, sent} {
		for len(secret) >= keptPiece {
			pieces, secret = append(pieces, secret[:keptPiece]), secret[keptPiece:]
		}
	}
	return pieces
}

func repeats(text string, pieces []string) bool {
	for _, piece := range pieces {
		if strings.Contains(text, piece) {
			return true
		}
	}
	return false
}
