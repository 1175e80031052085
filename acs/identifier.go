// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs

import "strings"

// Identifier identifies a participant of a thread. It is one of [CommunicationUser], [PhoneNumber],
// [MicrosoftTeamsUser], [MicrosoftTeamsApp], [TeamsExtensionUser] and [Unknown]. Identifiers are
// comparable with ==, which, unlike the service, distinguishes upper from lower case; see
// [SameUser].
//
// See https://learn.microsoft.com/azure/communication-services/concepts/identifiers.
type Identifier interface {
	// RawID returns the string that represents the identifier everywhere in the service.
	RawID() string

	identifier() wireIdentifier
}

// UserKey returns a form of the raw id that is equal for all spellings of the same user, for
// example as the key of a map. The service compares raw ids without regard to case.
func UserKey(id string) string { return strings.ToLower(id) }

// SameUser reports whether two raw ids name the same user. See [UserKey].
func SameUser(a, b string) bool { return UserKey(a) == UserKey(b) }

// Cloud is the Microsoft cloud that a Teams identity belongs to.
type Cloud string

// The clouds. The empty Cloud means CloudPublic.
const (
	CloudPublic Cloud = "public"
	CloudDoD    Cloud = "dod"
	CloudGCCH   Cloud = "gcch"
)

// CommunicationUser is a user of a Communication Services resource.
type CommunicationUser struct {
	ID string // its raw id: 8:acs:…, 8:spool:…, 8:dod-acs:… or 8:gcch-acs:…
}

// RawID returns the ID.
func (u CommunicationUser) RawID() string { return u.ID }

func (u CommunicationUser) identifier() wireIdentifier {
	return wireIdentifier{RawID: u.ID, CommunicationUser: &wireCommunicationUser{ID: u.ID}}
}

// PhoneNumber is a telephone number.
type PhoneNumber struct {
	Value string // in E.164 form: + and digits
}

// RawID returns 4: and the number.
func (p PhoneNumber) RawID() string { return "4:" + p.Value }

func (p PhoneNumber) identifier() wireIdentifier {
	return wireIdentifier{RawID: p.RawID(), PhoneNumber: &wirePhoneNumber{Value: p.Value}}
}

// MicrosoftTeamsUser is a person that uses Teams, with or without an account.
type MicrosoftTeamsUser struct {
	UserID      string // the Entra object id; for an anonymous user the id of the visit
	IsAnonymous bool   // joined without an account; Cloud is CloudPublic then
	Cloud       Cloud
}

// RawID returns 8:orgid:…, 8:dod:…, 8:gcch:… or 8:teamsvisitor:….
func (u MicrosoftTeamsUser) RawID() string {
	if u.IsAnonymous {
		return "8:teamsvisitor:" + u.UserID
	}
	return "8:" + u.Cloud.realm() + ":" + u.UserID
}

func (u MicrosoftTeamsUser) identifier() wireIdentifier {
	return wireIdentifier{RawID: u.RawID(), MicrosoftTeamsUser: &wireTeamsUser{
		UserID: u.UserID, IsAnonymous: u.IsAnonymous, Cloud: u.Cloud.orPublic(),
	}}
}

// MicrosoftTeamsApp is a Teams application, such as a voice app.
type MicrosoftTeamsApp struct {
	AppID string
	Cloud Cloud
}

// RawID returns 28:orgid:…, 28:dod:… or 28:gcch:….
func (a MicrosoftTeamsApp) RawID() string { return "28:" + a.Cloud.realm() + ":" + a.AppID }

func (a MicrosoftTeamsApp) identifier() wireIdentifier {
	return wireIdentifier{RawID: a.RawID(), MicrosoftTeamsApp: &wireTeamsApp{AppID: a.AppID, Cloud: a.Cloud.orPublic()}}
}

// TeamsExtensionUser is a Teams user that acts through a Communication Services resource.
type TeamsExtensionUser struct {
	UserID     string
	TenantID   string
	ResourceID string
	Cloud      Cloud
}

// RawID returns 8:acs:, 8:dod-acs: or 8:gcch-acs: and the three ids, joined by underscores.
func (u TeamsExtensionUser) RawID() string {
	realm := "acs"
	if cloud := u.Cloud.orPublic(); cloud != CloudPublic {
		realm = string(cloud) + "-acs"
	}
	return "8:" + realm + ":" + u.ResourceID + "_" + u.TenantID + "_" + u.UserID
}

func (u TeamsExtensionUser) identifier() wireIdentifier {
	return wireIdentifier{RawID: u.RawID(), TeamsExtensionUser: &wireTeamsExtensionUser{
		UserID: u.UserID, TenantID: u.TenantID, ResourceID: u.ResourceID, Cloud: u.Cloud.orPublic(),
	}}
}

// Unknown is an identifier of a kind that this package does not know. Only its raw id is sent.
type Unknown struct {
	ID string // its raw id
}

// RawID returns the ID.
func (u Unknown) RawID() string { return u.ID }

func (u Unknown) identifier() wireIdentifier { return wireIdentifier{RawID: u.ID} }

// ParseRawID turns a raw id into its identifier. It never fails: an id of an unknown kind becomes
// [Unknown]. The result's RawID is raw, byte for byte.
func ParseRawID(raw string) Identifier {
	prefix, rest, _ := strings.Cut(raw, ":")
	if prefix == "4" && strings.HasPrefix(rest, "+") {
		return PhoneNumber{Value: rest}
	}
	realm, name, found := strings.Cut(rest, ":")
	if !found {
		return Unknown{ID: raw}
	}
	switch prefix + ":" + realm {
	case "8:acs", "8:dod-acs", "8:gcch-acs":
		return parseCommunicationUser(raw, realm, name)
	case "8:spool":
		return CommunicationUser{ID: raw}
	case "8:teamsvisitor":
		return MicrosoftTeamsUser{UserID: name, IsAnonymous: true, Cloud: CloudPublic}
	case "8:orgid", "8:dod", "8:gcch":
		return MicrosoftTeamsUser{UserID: name, Cloud: cloudOf(realm)}
	case "28:orgid", "28:dod", "28:gcch":
		return MicrosoftTeamsApp{AppID: name, Cloud: cloudOf(realm)}
	}
	return Unknown{ID: raw}
}

// parseCommunicationUser distinguishes two kinds of user that share a prefix: three segments name
// resource, tenant and user of a Teams extension.
func parseCommunicationUser(raw, realm, name string) Identifier {
	segments := strings.Split(name, "_")
	if len(segments) != 3 {
		return CommunicationUser{ID: raw}
	}
	return TeamsExtensionUser{
		ResourceID: segments[0], TenantID: segments[1], UserID: segments[2],
		Cloud: cloudOf(strings.TrimSuffix(realm, "-acs")),
	}
}

func cloudOf(realm string) Cloud {
	switch realm {
	case string(CloudDoD):
		return CloudDoD
	case string(CloudGCCH):
		return CloudGCCH
	default:
		return CloudPublic
	}
}

func (c Cloud) orPublic() Cloud {
	if c == "" {
		return CloudPublic
	}
	return c
}

// realm is the cloud's name in the raw ids of Teams.
func (c Cloud) realm() string {
	if c = c.orPublic(); c != CloudPublic {
		return string(c)
	}
	return "orgid"
}
