// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// standing is what may become of a well-formed identifier.
type standing int

const (
	malformed  standing = iota
	foreign             // well-formed, but nobody this resource may add
	admissible          // a user of this resource, or a phone number
)

var (
	threadForm  = regexp.MustCompile(`^19:.+@thread\.v2$`)
	acsForm     = regexp.MustCompile(`^8:(acs|spool|dod-acs|gcch-acs):` + guidForm + `_` + guidForm + `(_` + guidForm + `)?$`)
	teamsForm   = regexp.MustCompile(`^(8|28):(orgid|dod|gcch):` + guidForm + `$`)
	visitorForm = regexp.MustCompile(`^8:teamsvisitor:[0-9A-Za-z_-]+$`)
	phoneForm   = regexp.MustCompile(`^4:\+[0-9]{1,15}$`)
)

const guidForm = `[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`

// userKey makes ids that name the same user equal: the service compares them without case.
func userKey(id string) string { return strings.ToLower(id) }

// judge classifies a raw id. A user of the resource is admissible even if this process never
// created it: whether the service checks that is not recorded, and fixed ids in samples work so.
func judge(resourceID, rawID string) standing {
	key := userKey(rawID)
	switch {
	case strings.HasPrefix(key, "8:acs:"+resourceID+"_") && acsForm.MatchString(key) && strings.Count(key, "_") == 1:
		return admissible
	case phoneForm.MatchString(key):
		return admissible
	case acsForm.MatchString(key), teamsForm.MatchString(key), visitorForm.MatchString(key):
		return foreign
	default:
		return malformed
	}
}

type (
	userModel struct {
		ID string `json:"id"`
	}
	phoneModel struct {
		Value string `json:"value"`
	}
	teamsUserModel struct {
		UserID      string `json:"userId"`
		IsAnonymous bool   `json:"isAnonymous,omitempty"`
		Cloud       string `json:"cloud,omitempty"`
	}
	teamsAppModel struct {
		AppID string `json:"appId"`
		Cloud string `json:"cloud,omitempty"`
	}
)

// identifierModel is an identifier in an answer.
type identifierModel struct {
	Kind               string          `json:"kind,omitempty"`
	RawID              string          `json:"rawId"`
	CommunicationUser  *userModel      `json:"communicationUser,omitempty"`
	PhoneNumber        *phoneModel     `json:"phoneNumber,omitempty"`
	MicrosoftTeamsUser *teamsUserModel `json:"microsoftTeamsUser,omitempty"`
	MicrosoftTeamsApp  *teamsAppModel  `json:"microsoftTeamsApp,omitempty"`
}

// clouds maps the part of a raw id that names a Teams cloud to the name the models use.
var clouds = map[string]string{"orgid:": "public", "dod:": "dod", "gcch:": "gcch"}

func newIdentifierModel(rawID string, withKind bool) identifierModel {
	model := identifierModel{RawID: rawID}
	kind := "unknown"
	name := rawID[strings.LastIndexByte(rawID, ':')+1:]
	switch prefix := strings.TrimSuffix(rawID, name); prefix {
	case "4:":
		kind, model.PhoneNumber = "phoneNumber", &phoneModel{Value: name}
	case "8:acs:", "8:spool:", "8:dod-acs:", "8:gcch-acs:":
		kind, model.CommunicationUser = "communicationUser", &userModel{ID: rawID}
	case "8:teamsvisitor:":
		kind, model.MicrosoftTeamsUser = "microsoftTeamsUser", &teamsUserModel{UserID: name, IsAnonymous: true, Cloud: "public"}
	case "8:orgid:", "8:dod:", "8:gcch:":
		kind, model.MicrosoftTeamsUser = "microsoftTeamsUser", &teamsUserModel{UserID: name, Cloud: clouds[prefix[2:]]}
	case "28:orgid:", "28:dod:", "28:gcch:":
		kind, model.MicrosoftTeamsApp = "microsoftTeamsApp", &teamsAppModel{AppID: name, Cloud: clouds[prefix[3:]]}
	}
	if withKind {
		model.Kind = kind
	}
	return model
}

// decodeIdentifier gives the raw id of an identifier in a request. Clients send the raw id,
// a nested model, or both; what they send must agree.
func decodeIdentifier(raw []byte) (string, error) {
	var kind, rawID string
	models := map[string]*json.RawMessage{}
	known := fields{"kind": &kind, "rawId": &rawID}
	for name := range modelForms {
		models[name] = new(json.RawMessage)
		known[name] = models[name]
	}
	present, err := decodeObject(raw, known)
	if err != nil {
		return "", err
	}
	found := ""
	for name := range modelForms {
		if !present[name] {
			continue
		}
		if found != "" {
			return "", errors.New("an identifier has more than one model")
		}
		found = name
	}
	if !kindFits(kind, found) {
		return "", fmt.Errorf("the kind %.40q does not fit the identifier", kind)
	}
	if found == "" {
		return rawID, nil
	}
	nested, err := modelForms[found](*models[found])
	if err != nil {
		return "", fmt.Errorf("%s: %w", found, err)
	}
	if rawID == "" {
		return nested, nil
	}
	if userKey(rawID) != userKey(nested) {
		return "", errors.New("rawId and the nested model name different identifiers")
	}
	return rawID, nil
}

// kindFits reports whether the kind goes with the model; requests need not have either.
func kindFits(kind, model string) bool {
	if kind == "" {
		return true
	}
	if model == "" {
		return kind == "unknown" || modelForms[kind] != nil
	}
	return kind == model
}

// modelForms turns each nested model into the raw id it stands for.
var modelForms = map[string]func([]byte) (string, error){
	"communicationUser": func(raw []byte) (string, error) {
		var id string
		_, err := decodeObject(raw, fields{"id": &id})
		return id, err
	},
	"phoneNumber": func(raw []byte) (string, error) {
		var value, asserted string
		var anonymous bool
		_, err := decodeObject(raw, fields{"value": &value, "isAnonymous": &anonymous, "assertedId": &asserted})
		return "4:" + value, err
	},
	"microsoftTeamsUser": func(raw []byte) (string, error) {
		var user, cloud string
		var anonymous bool
		_, err := decodeObject(raw, fields{"userId": &user, "isAnonymous": &anonymous, "cloud": &cloud})
		if anonymous {
			return "8:teamsvisitor:" + user, err
		}
		return "8:" + realmOf(cloud) + ":" + user, err
	},
	"microsoftTeamsApp": func(raw []byte) (string, error) {
		var app, cloud string
		_, err := decodeObject(raw, fields{"appId": &app, "cloud": &cloud})
		return "28:" + realmOf(cloud) + ":" + app, err
	},
	"teamsExtensionUser": func(raw []byte) (string, error) {
		var user, tenant, resource, cloud string
		_, err := decodeObject(raw, fields{"userId": &user, "tenantId": &tenant, "resourceId": &resource, "cloud": &cloud})
		realm := "acs"
		if cloud != "" && cloud != "public" {
			realm = cloud + "-acs"
		}
		return "8:" + realm + ":" + resource + "_" + tenant + "_" + user, err
	},
}

// realmOf is the part of a raw id for a Teams cloud; an unknown cloud makes a malformed id.
func realmOf(cloud string) string {
	switch cloud {
	case "", "public":
		return "orgid"
	default:
		return cloud
	}
}
