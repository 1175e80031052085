// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// The wire* types are the bodies of the service. Fields that the service may add are ignored. A
// type that only occurs in responses has a validate method, which refuses content that no caller
// could use.

// wireTime is a timestamp: RFC 3339 with up to nine digits of a second; null and "" mean none.
type wireTime struct {
	time.Time
}

func (t *wireTime) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	t.Time = time.Time{}
	if text == "" {
		return nil
	}
	parsed, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return fmt.Errorf("time %q is not in RFC 3339 form", cut(text, 40))
	}
	t.Time = parsed.UTC()
	return nil
}

// pointer returns nil for no time.
func (t wireTime) pointer() *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t.Time
}

// formatTime writes milliseconds, as the official clients do: the service may refuse more digits.
func formatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999Z07:00") }

type wireIdentifier struct {
	RawID              string                  `json:"rawId,omitempty"`
	CommunicationUser  *wireCommunicationUser  `json:"communicationUser,omitempty"`
	PhoneNumber        *wirePhoneNumber        `json:"phoneNumber,omitempty"`
	MicrosoftTeamsUser *wireTeamsUser          `json:"microsoftTeamsUser,omitempty"`
	MicrosoftTeamsApp  *wireTeamsApp           `json:"microsoftTeamsApp,omitempty"`
	TeamsExtensionUser *wireTeamsExtensionUser `json:"teamsExtensionUser,omitempty"`
}

type wireCommunicationUser struct {
	ID string `json:"id"`
}

type wirePhoneNumber struct {
	Value string `json:"value"`
}

type wireTeamsUser struct {
	UserID      string `json:"userId"`
	IsAnonymous bool   `json:"isAnonymous"`
	Cloud       Cloud  `json:"cloud"`
}

type wireTeamsApp struct {
	AppID string `json:"appId"`
	Cloud Cloud  `json:"cloud"`
}

type wireTeamsExtensionUser struct {
	UserID     string `json:"userId"`
	TenantID   string `json:"tenantId"`
	ResourceID string `json:"resourceId"`
	Cloud      Cloud  `json:"cloud"`
}

// value is never nil. The raw id is sufficient. Older versions of the service sometimes omit it.
func (w wireIdentifier) value() Identifier {
	switch {
	case w.RawID != "":
		return ParseRawID(w.RawID)
	case w.CommunicationUser != nil:
		return ParseRawID(w.CommunicationUser.ID)
	case w.PhoneNumber != nil:
		return PhoneNumber{Value: w.PhoneNumber.Value}
	case w.MicrosoftTeamsUser != nil:
		u := w.MicrosoftTeamsUser
		return MicrosoftTeamsUser{UserID: u.UserID, IsAnonymous: u.IsAnonymous, Cloud: u.Cloud.orPublic()}
	case w.MicrosoftTeamsApp != nil:
		return MicrosoftTeamsApp{AppID: w.MicrosoftTeamsApp.AppID, Cloud: w.MicrosoftTeamsApp.Cloud.orPublic()}
	case w.TeamsExtensionUser != nil:
		u := w.TeamsExtensionUser
		return TeamsExtensionUser{UserID: u.UserID, TenantID: u.TenantID, ResourceID: u.ResourceID, Cloud: u.Cloud.orPublic()}
	default:
		return Unknown{}
	}
}

type wireParticipant struct {
	ID               wireIdentifier    `json:"communicationIdentifier"`
	DisplayName      string            `json:"displayName,omitempty"`
	ShareHistoryTime string            `json:"shareHistoryTime,omitempty"`
	Metadata         map[string]string `json:"metadata,omitempty"`
}

func newWireParticipants(participants []Participant) ([]wireParticipant, error) {
	models := make([]wireParticipant, 0, len(participants))
	for i, p := range participants {
		id, err := newWireIdentifier(p.ID)
		if err != nil {
			return nil, fmt.Errorf("participant %d: %w", i, err)
		}
		model := wireParticipant{ID: id, DisplayName: p.DisplayName, Metadata: p.Metadata}
		if p.ShareHistoryTime != nil {
			model.ShareHistoryTime = formatTime(*p.ShareHistoryTime)
		}
		models = append(models, model)
	}
	return models, nil
}

func newWireIdentifier(id Identifier) (wireIdentifier, error) {
	if id == nil || id.RawID() == "" {
		return wireIdentifier{}, invalidID("identifier is missing")
	}
	return id.identifier(), nil
}

// wireListedParticipant is a participant in a response; unlike in requests, its time is parsed.
type wireListedParticipant struct {
	ID               wireIdentifier    `json:"communicationIdentifier"`
	DisplayName      string            `json:"displayName"`
	ShareHistoryTime wireTime          `json:"shareHistoryTime"`
	Metadata         map[string]string `json:"metadata"`
}

func (w wireListedParticipant) value() Participant {
	return Participant{
		ID:               w.ID.value(),
		DisplayName:      w.DisplayName,
		ShareHistoryTime: w.ShareHistoryTime.pointer(),
		Metadata:         w.Metadata,
	}
}

type wireParticipantList struct {
	Value    []wireListedParticipant `json:"value"`
	NextLink string                  `json:"nextLink"`
}

func (w *wireParticipantList) validate() error {
	if w.Value == nil {
		return errors.New("list has no value")
	}
	for i, p := range w.Value {
		if p.ID.value().RawID() == "" {
			return fmt.Errorf("participant %d has no identifier", i)
		}
	}
	return nil
}

type wireRetentionPolicy struct {
	Kind                  RetentionKind `json:"kind"`
	DeleteThreadAfterDays int32         `json:"deleteThreadAfterDays,omitempty"`
}

type wireCreateThread struct {
	Topic           string               `json:"topic"`
	Participants    []wireParticipant    `json:"participants,omitempty"`
	Metadata        map[string]string    `json:"metadata,omitempty"`
	RetentionPolicy *wireRetentionPolicy `json:"retentionPolicy,omitempty"`
}

type wireCreatedThread struct {
	ChatThread wireThread `json:"chatThread"`
	wireInvalidParticipants
}

func (w *wireCreatedThread) validate() error { return w.ChatThread.validate() }

type wireThread struct {
	ID              string               `json:"id"`
	Topic           string               `json:"topic"`
	CreatedOn       wireTime             `json:"createdOn"`
	CreatedBy       wireIdentifier       `json:"createdByCommunicationIdentifier"`
	DeletedOn       wireTime             `json:"deletedOn"`
	Metadata        map[string]string    `json:"metadata"`
	RetentionPolicy *wireRetentionPolicy `json:"retentionPolicy"`
}

func (w *wireThread) validate() error {
	if w.ID == "" {
		return errors.New("thread has no id")
	}
	return nil
}

func (w *wireThread) value() ThreadProperties {
	return ThreadProperties{
		ID:              w.ID,
		Topic:           w.Topic,
		CreatedOn:       w.CreatedOn.Time,
		CreatedBy:       w.CreatedBy.value(),
		DeletedOn:       w.DeletedOn.pointer(),
		Metadata:        w.Metadata,
		RetentionPolicy: (*RetentionPolicy)(w.RetentionPolicy),
	}
}

type wireUpdateThread struct {
	Topic           *string              `json:"topic,omitempty"`
	Metadata        map[string]string    `json:"metadata,omitempty"`
	RetentionPolicy *wireRetentionPolicy `json:"retentionPolicy,omitempty"`
}

type wireThreadItem struct {
	ID                    string   `json:"id"`
	Topic                 string   `json:"topic"`
	DeletedOn             wireTime `json:"deletedOn"`
	LastMessageReceivedOn wireTime `json:"lastMessageReceivedOn"`
}

type wireThreadList struct {
	Value    []wireThreadItem `json:"value"`
	NextLink string           `json:"nextLink"`
}

func (w *wireThreadList) validate() error {
	if w.Value == nil {
		return errors.New("list has no value")
	}
	for i, item := range w.Value {
		if item.ID == "" {
			return fmt.Errorf("thread %d has no id", i)
		}
	}
	return nil
}

type wireAddParticipants struct {
	Participants []wireParticipant `json:"participants"`
}

type wireInvalidParticipants struct {
	InvalidParticipants []wireError `json:"invalidParticipants"`
}

func (w *wireInvalidParticipants) validate() error { return nil }

// err is nil if no participant is invalid.
func (w *wireInvalidParticipants) err() error {
	if len(w.InvalidParticipants) == 0 {
		return nil
	}
	invalid := make([]InvalidParticipant, 0, len(w.InvalidParticipants))
	for _, e := range w.InvalidParticipants {
		invalid = append(invalid, InvalidParticipant{Target: e.Target, Code: e.Code, Message: e.Message})
	}
	return &InvalidParticipantsError{Participants: invalid}
}

type wireError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Target  string `json:"target"`
}

type wireCreateUser struct {
	CreateTokenWithScopes []TokenScope `json:"createTokenWithScopes,omitempty"`
	ExpiresInMinutes      int64        `json:"expiresInMinutes,omitempty"`
}

type wireCreatedUser struct {
	Identity struct {
		ID string `json:"id"`
	} `json:"identity"`
	AccessToken *wireToken `json:"accessToken"`
}

func (w *wireCreatedUser) validate() error {
	if w.Identity.ID == "" {
		return errors.New("identity has no id")
	}
	if w.AccessToken != nil {
		return w.AccessToken.validate()
	}
	return nil
}

type wireIssueToken struct {
	Scopes           []TokenScope `json:"scopes"`
	ExpiresInMinutes int64        `json:"expiresInMinutes,omitempty"`
}

type wireExchangeToken struct {
	Token  string `json:"token"`
	AppID  string `json:"appId"`
	UserID string `json:"userId"`
}

type wireToken struct {
	Token     string   `json:"token"`
	ExpiresOn wireTime `json:"expiresOn"`
}

func (w *wireToken) validate() error {
	if w.Token == "" {
		return errors.New("access token is empty")
	}
	if w.ExpiresOn.IsZero() {
		return errors.New("access token has no expiry")
	}
	return nil
}

func (w *wireToken) value() AccessToken {
	return AccessToken{Token: NewSecret(w.Token), ExpiresOn: w.ExpiresOn.Time}
}
