// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

const (
	minTokenLifetime = time.Hour
	maxTokenLifetime = 24 * time.Hour
	// expiresForm is the service's format of expiresOn.
	expiresForm = "2006-01-02T15:04:05.0000000-07:00"
)

type identityModel struct {
	ID string `json:"id"`
}

type tokenModel struct {
	Token     string `json:"token"`
	ExpiresOn string `json:"expiresOn"`
}

type createUserResult struct {
	Identity    identityModel `json:"identity"`
	AccessToken *tokenModel   `json:"accessToken,omitempty"`
}

// createUser creates an identity and, if scopes are requested, a token. The body may be absent.
func (s *Server) createUser(e *exchange) (answer, *apiError) {
	var scopes []string
	var minutes int32
	if len(e.body) > 0 {
		present, err := decodeObject(e.body, fields{{"createTokenWithScopes", &scopes}, {"expiresInMinutes", &minutes}})
		if err != nil {
			return answer{}, invalidValue("", err.Error())
		}
		if refusal := s.checkTokenRequest("CreateTokenWithScopes", scopes, present.has("expiresInMinutes"), minutes); refusal != nil {
			return answer{}, refusal
		}
	}
	id := s.store.createIdentity()
	result := createUserResult{Identity: identityModel{ID: id}}
	if len(scopes) > 0 {
		token, refusal := s.tokenFor(e, id, scopes, minutes)
		if refusal != nil {
			return answer{}, refusal
		}
		result.AccessToken = &token
	}
	return answer{status: http.StatusCreated, body: result}, nil
}

// issueToken issues a token for an existing identity.
func (s *Server) issueToken(e *exchange) (answer, *apiError) {
	var scopes []string
	var minutes int32
	present, err := decodeObject(e.body, fields{{"scopes", &scopes}, {"expiresInMinutes", &minutes}})
	if err != nil {
		return answer{}, invalidValue("", err.Error())
	}
	if len(scopes) == 0 {
		return answer{}, invalidValue("Scopes", "Scopes field is required.")
	}
	if refusal := s.checkTokenRequest("Scopes", scopes, present.has("expiresInMinutes"), minutes); refusal != nil {
		return answer{}, refusal
	}
	token, refusal := s.tokenFor(e, e.userID, scopes, minutes)
	if refusal != nil {
		return answer{}, refusal
	}
	return answer{status: http.StatusOK, body: token}, nil
}

// checkTokenRequest refuses an unknown scope and a lifetime outside one hour to one day. Only the
// refusal of the lifetime is recorded.
func (s *Server) checkTokenRequest(target string, scopes []string, hasLifetime bool, minutes int32) *apiError {
	for _, scope := range scopes {
		if !slices.Contains(knownScopes, scope) {
			return invalidValue(target, fmt.Sprintf("Scope %.40q is invalid.", scope))
		}
	}
	lifetime := time.Duration(minutes) * time.Minute
	if hasLifetime && (lifetime < minTokenLifetime || lifetime > maxTokenLifetime) {
		return invalidValue("ExpiresInMinutes",
			fmt.Sprintf("ExpiresInMinutes value %d is invalid. Value must be within the [60, 1440] interval.", minutes))
	}
	return nil
}

func (s *Server) revokeTokens(e *exchange) (answer, *apiError) {
	if !s.store.revokeTokens(e.userID) {
		return answer{}, identityNotFound()
	}
	return answer{status: http.StatusNoContent}, nil
}

func (s *Server) deleteUser(e *exchange) (answer, *apiError) {
	if !s.store.deleteIdentity(e.userID) {
		return answer{}, identityNotFound()
	}
	return answer{status: http.StatusNoContent}, nil
}

// exchangeTeamsToken accepts any token of Entra, because it cannot verify one. The token that it
// returns does not work for Chat: the scopes of such tokens belong to Teams.
func (s *Server) exchangeTeamsToken(e *exchange) (answer, *apiError) {
	var token, app, user string
	if _, err := decodeObject(e.body, fields{{"token", &token}, {"appId", &app}, {"userId", &user}}); err != nil {
		return answer{}, invalidValue("", err.Error())
	}
	for _, given := range []struct{ name, value string }{{"Token", token}, {"AppId", app}, {"UserId", user}} {
		if given.value == "" {
			return answer{}, invalidValue(given.name, given.name+" field is required.")
		}
	}
	id := "8:orgid:" + user
	if judge(s.options.ResourceID, id) == malformed {
		return answer{}, invalidValue("UserId", "UserId is not a GUID.")
	}
	s.store.admitTeamsUser(id)
	issued, refusal := s.tokenFor(e, id, teamsScopes, 0)
	return answer{status: http.StatusOK, body: issued}, refusal
}

// identityNotFound is not recorded.
func identityNotFound() *apiError {
	return &apiError{status: http.StatusNotFound, code: "NotFound", message: "The identity was not found."}
}

// tokenFor issues a token.
func (s *Server) tokenFor(e *exchange, id string, scopes []string, minutes int32) (tokenModel, *apiError) {
	user, serial, ok := s.store.nextToken(id)
	if !ok {
		return tokenModel{}, identityNotFound()
	}
	lifetime := s.options.TokenLifetime
	if minutes > 0 {
		lifetime = time.Duration(minutes) * time.Minute
	}
	expires := e.arrived.Add(lifetime)
	return tokenModel{
		Token:     s.newToken(user, scopes, serial, e.arrived, expires),
		ExpiresOn: expires.UTC().Format(expiresForm),
	}, nil
}
