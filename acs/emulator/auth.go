// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator

import (
	"crypto/fips140"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// maxClockSkew is the tolerance for x-ms-date. The service's own tolerance is not documented; this
// is the documented one of Azure App Configuration for the same scheme.
const maxClockSkew = 15 * time.Minute

// The scopes that allow an operation: all of chat, joining and managing members, or any.
var (
	fullChat = []string{"chat"}
	joinChat = []string{"chat", "chat.join"}
	anyChat  = []string{"chat", "chat.join", "chat.join.limited"}
)

// teamsScopes are the scopes of a token that represents a Teams user.
var teamsScopes = []string{"Teams.ManageCalls", "Teams.ManageChats"}

// knownScopes are the scopes that a client can request for a token.
var knownScopes = []string{"chat", "chat.join", "chat.join.limited", "voip", "voip.join"}

// caller is the user that makes a call; the Identity API has none.
type caller struct {
	user   string
	scopes []string
}

func (c caller) hasScope(wanted []string) bool {
	return slices.ContainsFunc(c.scopes, func(scope string) bool { return slices.Contains(wanted, scope) })
}

// keyring holds the access key and the key for tokens that is derived from it. So a new access key
// invalidates every token, as at the service.
type keyring struct {
	current atomic.Pointer[keys]
}

type keys struct {
	encoded string
	access  []byte
	token   []byte

	verified   sync.Map // the claims by token
	remembered atomic.Int64
}

func (k *keyring) set(encoded string) error {
	access, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return errors.New("not base64")
	}
	const minFIPSKey = 14
	if fips140.Enforced() && len(access) < minFIPSKey {
		return fmt.Errorf("shorter than %d bytes, which FIPS 140-3 forbids", minFIPSKey)
	}
	k.current.Store(&keys{encoded: encoded, access: access, token: sign(access, "user access tokens")})
	return nil
}

func sign(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

func randomAccessKey() string {
	key := make([]byte, 64)
	_, _ = rand.Read(key) // never fails
	return base64.StdEncoding.EncodeToString(key)
}

// AccessKey returns the key that signs calls of the Identity API.
func (s *Server) AccessKey() string { return s.keys.current.Load().encoded }

// RotateAccessKey replaces the access key. The old key and the tokens issued under it are refused
// from then on.
func (s *Server) RotateAccessKey() string {
	key := randomAccessKey()
	_ = s.keys.set(key) // it is base64
	return key
}

// ConnectionString returns the connection string for a client that uses the server at this
// endpoint.
func (s *Server) ConnectionString(endpoint string) string {
	return "endpoint=" + strings.TrimRight(endpoint, "/") + "/;accesskey=" + s.AccessKey()
}

// denied is a 401 of the Identity API.
func denied(message string) *apiError {
	return &apiError{status: http.StatusUnauthorized, code: "Denied", message: message}
}

const signedHeaders = "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature="

// acceptKeyOrEntra authenticates a call of the Identity API.
func (s *Server) acceptKeyOrEntra(e *exchange) *apiError {
	authorization, ok := single(e.request.Header, "Authorization")
	if !ok {
		return denied("Denied by the resource provider.")
	}
	if s.options.EntraToken != "" && hmac.Equal([]byte(authorization), []byte("Bearer "+s.options.EntraToken)) {
		return nil
	}
	signature, ok := strings.CutPrefix(authorization, signedHeaders)
	if !ok {
		return denied("Denied by the resource provider.")
	}
	hash := sha256.Sum256(e.body)
	content, _ := single(e.request.Header, "X-Ms-Content-Sha256")
	if content != base64.StdEncoding.EncodeToString(hash[:]) {
		return denied("Request 'x-ms-content-sha256' differs from generated content hash.")
	}
	date, _ := single(e.request.Header, "X-Ms-Date")
	sent, err := time.Parse(http.TimeFormat, date)
	if err != nil || s.options.Clock().Sub(sent).Abs() > maxClockSkew {
		return denied("Denied by the resource provider.")
	}
	want := base64.StdEncoding.EncodeToString(sign(s.keys.current.Load().access, stringToSign(e.request, date, content)))
	if !hmac.Equal([]byte(signature), []byte(want)) {
		return denied("Denied by the resource provider.")
	}
	return nil
}

// stringToSign uses the path and query exactly as they were sent.
func stringToSign(r *http.Request, date, contentHash string) string {
	target := r.RequestURI
	if !strings.HasPrefix(target, "/") { // absolute form, or a request made by hand
		target = r.URL.RequestURI()
	}
	return r.Method + "\n" + target + "\n" + date + ";" + r.Host + ";" + contentHash
}

func single(header http.Header, name string) (string, bool) {
	values := header[name]
	if len(values) != 1 {
		return "", false
	}
	return values[0], true
}

// claims are the claims of a recorded token, and an id that makes each token different.
type claims struct {
	SkypeID    string `json:"skypeid"`
	Scp        int    `json:"scp,omitempty"`
	CSI        string `json:"csi"`
	IssuedAt   int64  `json:"iat"`
	ExpiresAt  int64  `json:"exp"`
	ACSScope   string `json:"acsScope"`
	ResourceID string `json:"resourceId"`
	Serial     uint64 `json:"jti,string"`
}

// tokenHeader is the first segment of every token: {"alg":"HS256","kid":"emulator","typ":"JWT"}.
var tokenHeader = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","kid":"emulator","typ":"JWT"}`))

// recordedScp is the number that represents the scope chat in recorded tokens; the numbers of other
// scopes are not known.
const recordedScp = 1792

// newToken issues a token for a user of the resource.
func (s *Server) newToken(user string, scopes []string, serial uint64, now, expires time.Time) string {
	c := claims{
		SkypeID: strings.TrimPrefix(user, "8:"), CSI: strconv.FormatInt(now.Unix(), 10),
		IssuedAt: now.Unix(), ExpiresAt: expires.Unix(),
		ACSScope: strings.Join(scopes, ","), ResourceID: s.options.ResourceID, Serial: serial,
	}
	if slices.Equal(scopes, fullChat) {
		c.Scp = recordedScp
	}
	signed := tokenHeader + "." + base64.RawURLEncoding.EncodeToString(mustJSON(c))
	return signed + "." + s.tokenSignature(signed)
}

func (s *Server) tokenSignature(signed string) string {
	return base64.RawURLEncoding.EncodeToString(sign(s.keys.current.Load().token, signed))
}

// acceptUserToken authenticates a call of the Chat API. The response to an invalid token has an
// empty body, as users have reported; the specification has its envelope there too.
func (s *Server) acceptUserToken(e *exchange) *apiError {
	refusal := &apiError{status: http.StatusUnauthorized, code: "Unauthorized", envelope: bare}
	if s.options.SpecErrors {
		refusal.envelope = lowerCase
	}
	authorization, _ := single(e.request.Header, "Authorization")
	token, ok := strings.CutPrefix(authorization, "Bearer ")
	if !ok {
		return refusal
	}
	c, ok := s.verify(token)
	if !ok {
		return refusal
	}
	user := "8:" + c.SkypeID
	if c.ResourceID != s.options.ResourceID || e.arrived.Unix() >= c.ExpiresAt || !s.store.tokenIsGood(user, c.Serial) {
		return refusal
	}
	e.caller = caller{user: user, scopes: strings.Split(c.ACSScope, ",")}
	return nil
}

// verify returns the claims of a token that is signed by the current key. It caches valid tokens:
// clients send the same one with every call.
func (s *Server) verify(token string) (claims, bool) {
	current := s.keys.current.Load()
	if known, ok := current.verified.Load(token); ok {
		c, ok := known.(claims)
		return c, ok
	}
	end := strings.LastIndexByte(token, '.')
	if end < 0 || !hmac.Equal([]byte(token[end+1:]), []byte(s.tokenSignature(token[:end]))) {
		return claims{}, false
	}
	var c claims
	_, payload, _ := strings.Cut(token[:end], ".")
	decoded, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil || json.Unmarshal(decoded, &c) != nil {
		return claims{}, false
	}
	if current.remembered.Add(1) > maxRemembered {
		current.verified.Clear()
		current.remembered.Store(0)
	}
	current.verified.Store(token, c)
	return c, true
}

// maxRemembered is the maximum number of cached tokens.
const maxRemembered = 10_000
