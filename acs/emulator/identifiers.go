// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// standing classifies an identifier.
type standing int

const (
	malformed  standing = iota
	foreign             // well-formed, but this resource may not add it
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

// userKey returns a form of the id that is equal for all spellings of the same user. The service
// compares ids without regard to case.
func userKey(id string) string { return strings.ToLower(id) }

// judge classifies a raw id. A user of the resource is admissible even if this process never
// created it. It is not recorded whether the service checks that, and so samples can use fixed ids.
func judge(resourceID, rawID string) standing {
	key := userKey(rawID)
	switch {
	case ofResource(resourceID, key), phoneForm.MatchString(key):
		return admissible
	case acsForm.MatchString(key), teamsForm.MatchString(key), visitorForm.MatchString(key):
		return foreign
	default:
		return malformed
	}
}

// ofResource reports whether an id belongs to a user of the resource, as nearly every id does.
func ofResource(resourceID, key string) bool {
	user, ok := strings.CutPrefix(key, "8:acs:")
	if !ok {
		return false
	}
	if user, ok = strings.CutPrefix(user, resourceID); !ok || user == "" {
		return false
	}
	return user[0] == '_' && isGUID(user[1:])
}

// isGUID accepts lower case only.
func isGUID(text string) bool {
	if len(text) != len(DefaultResourceID) {
		return false
	}
	for i := range len(text) {
		c := text[i]
		switch {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case c < '0' || c > 'f' || c > '9' && c < 'a':
			return false
		}
	}
	return true
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
		IsAnonymous bool   `json:"isAnonymous"` // Microsoft's SDK requires it even if it is false
		Cloud       string `json:"cloud,omitempty"`
	}
	teamsExtensionModel struct {
		UserID     string `json:"userId"`
		TenantID   string `json:"tenantId"`
		ResourceID string `json:"resourceId"`
		Cloud      string `json:"cloud"`
	}
	teamsAppModel struct {
		AppID string `json:"appId"`
		Cloud string `json:"cloud,omitempty"`
	}
)

// identifierModel is an identifier in a response.
type identifierModel struct {
	Kind               string               `json:"kind,omitempty"`
	RawID              string               `json:"rawId"`
	CommunicationUser  *userModel           `json:"communicationUser,omitempty"`
	PhoneNumber        *phoneModel          `json:"phoneNumber,omitempty"`
	MicrosoftTeamsUser *teamsUserModel      `json:"microsoftTeamsUser,omitempty"`
	MicrosoftTeamsApp  *teamsAppModel       `json:"microsoftTeamsApp,omitempty"`
	TeamsExtensionUser *teamsExtensionModel `json:"teamsExtensionUser,omitempty"`
}

const publicCloud = "public"

// clouds maps the part of a raw id that names a Teams cloud to the name the models use.
var clouds = map[string]string{"orgid:": publicCloud, "dod:": "dod", "gcch:": "gcch"}

// acsClouds maps the prefix of a user of an ACS resource to its cloud.
var acsClouds = map[string]string{"8:acs:": publicCloud, "8:dod-acs:": "dod", "8:gcch-acs:": "gcch"}

func newIdentifierModel(rawID string, withKind bool) identifierModel {
	model := identifierModel{RawID: rawID}
	kind := "unknown"
	name := rawID[strings.LastIndexByte(rawID, ':')+1:]
	switch prefix := strings.TrimSuffix(rawID, name); prefix {
	case "4:":
		kind, model.PhoneNumber = "phoneNumber", &phoneModel{Value: name}
	case "8:acs:", "8:dod-acs:", "8:gcch-acs:":
		if parts := strings.Split(name, "_"); len(parts) == 3 {
			kind, model.TeamsExtensionUser = "teamsExtensionUser", &teamsExtensionModel{
				ResourceID: parts[0], TenantID: parts[1], UserID: parts[2], Cloud: acsClouds[prefix]}
			break
		}
		kind, model.CommunicationUser = "communicationUser", &userModel{ID: rawID}
	case "8:spool:":
		kind, model.CommunicationUser = "communicationUser", &userModel{ID: rawID}
	case "8:teamsvisitor:":
		kind, model.MicrosoftTeamsUser = "microsoftTeamsUser", &teamsUserModel{UserID: name, IsAnonymous: true, Cloud: publicCloud}
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

// decodeIdentifier returns the raw id of an identifier in a request, which is known to be JSON.
// Clients send the raw id, a nested model, or both; the two must agree.
func decodeIdentifier(raw []byte) (string, error) {
	var kind, rawID string
	var model []byte
	found, seen := -1, 0
	err := eachField(raw, func(name, value []byte) (err error) {
		i := identifierField(name)
		switch {
		case i < 0:
			return fmt.Errorf("unknown field %.40q", name)
		case seen&(1<<i) != 0:
			return fmt.Errorf("field %q appears twice", name)
		}
		seen |= 1 << i
		switch {
		case string(value) == "null":
		case i == kindField:
			kind, err = decodeString(value)
		case i == rawIDField:
			rawID, err = decodeString(value)
		case found >= 0:
			err = errors.New("an identifier has more than one model")
		default:
			found, model = i, value
		}
		return err
	})
	if err != nil {
		return "", err
	}
	if !kindFits(kind, found) {
		return "", fmt.Errorf("the kind %.40q does not fit the identifier", kind)
	}
	if found < 0 {
		return rawID, nil
	}
	nested, err := modelForms[found].rawID(model)
	if err != nil {
		return "", fmt.Errorf("%s: %w", modelForms[found].name, err)
	}
	return agreed(rawID, nested)
}

// agreed returns the raw id of an identifier that also has a model.
func agreed(rawID, nested string) (string, error) {
	if rawID == "" {
		return nested, nil
	}
	if userKey(rawID) != userKey(nested) {
		return "", errors.New("rawId and the nested model name different identifiers")
	}
	return rawID, nil
}

// The fields of an identifier that are not a model. A model's field has the number of its form.
const (
	kindField = len(modelForms) + iota
	rawIDField
)

func identifierField(name []byte) int {
	switch string(name) {
	case "kind":
		return kindField
	case "rawId":
		return rawIDField
	}
	for i := range modelForms {
		if modelForms[i].name == string(name) {
			return i
		}
	}
	return -1
}

// kindFits reports whether the kind matches the model. The model may be missing; requests need
// neither.
func kindFits(kind string, model int) bool {
	switch {
	case kind == "":
		return true
	case model >= 0:
		return kind == modelForms[model].name
	default:
		i := identifierField([]byte(kind))
		return kind == "unknown" || 0 <= i && i < len(modelForms)
	}
}

// modelForms converts each nested model to its raw id.
var modelForms = [5]struct {
	name  string
	rawID func([]byte) (string, error)
}{
	{"communicationUser", func(raw []byte) (string, error) {
		var id string
		_, err := decodeFields(raw, fields{{"id", &id}})
		return id, err
	}},
	{"phoneNumber", func(raw []byte) (string, error) {
		var value, asserted string
		var anonymous bool
		_, err := decodeFields(raw, fields{{"value", &value}, {"isAnonymous", &anonymous}, {"assertedId", &asserted}})
		return "4:" + value, err
	}},
	{"microsoftTeamsUser", func(raw []byte) (string, error) {
		var user, cloud string
		var anonymous bool
		_, err := decodeFields(raw, fields{{"userId", &user}, {"isAnonymous", &anonymous}, {"cloud", &cloud}})
		if anonymous {
			return "8:teamsvisitor:" + user, err
		}
		return "8:" + realmOf(cloud) + ":" + user, err
	}},
	{"microsoftTeamsApp", func(raw []byte) (string, error) {
		var app, cloud string
		_, err := decodeFields(raw, fields{{"appId", &app}, {"cloud", &cloud}})
		return "28:" + realmOf(cloud) + ":" + app, err
	}},
	{"teamsExtensionUser", func(raw []byte) (string, error) {
		var user, tenant, resource, cloud string
		_, err := decodeFields(raw, fields{{"userId", &user}, {"tenantId", &tenant}, {"resourceId", &resource}, {"cloud", &cloud}})
		realm := "acs"
		if cloud != "" && cloud != publicCloud {
			realm = cloud + "-acs"
		}
		return "8:" + realm + ":" + resource + "_" + tenant + "_" + user, err
	}},
}

// realmOf returns the part of a raw id for a Teams cloud; an unknown cloud results in a malformed
// id.
func realmOf(cloud string) string {
	switch cloud {
	case "", publicCloud:
		return "orgid"
	default:
		return cloud
	}
}
