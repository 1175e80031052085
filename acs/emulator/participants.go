// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// maxParticipants is the maximum number in one call; beyond it the whole call fails.
const maxParticipants = 200

type participantModel struct {
	Identifier       identifierModel   `json:"communicationIdentifier"`
	DisplayName      string            `json:"displayName,omitempty"`
	ShareHistoryTime string            `json:"shareHistoryTime"`
	Metadata         map[string]string `json:"metadata,omitempty"`
}

type participantList struct {
	Value    []participantModel `json:"value"`
	NextLink string             `json:"nextLink,omitempty"`
}

type addParticipantsResult struct {
	InvalidParticipants []invalidParticipant `json:"invalidParticipants,omitempty"`
}

// invalidParticipant explains why a user was not added although the call succeeded.
type invalidParticipant struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Target  string `json:"target"`
}

func (s *Server) listParticipants(e *exchange) (answer, *apiError) {
	skip, size, refusal := e.page()
	if refusal != nil {
		return answer{}, refusal
	}
	page, more, refusal := s.store.listMembers(e.threadID, e.caller.user, skip, size)
	if refusal != nil {
		return answer{}, refusal
	}
	list := participantList{Value: make([]participantModel, len(page))}
	for i, m := range page {
		list.Value[i] = s.participantModel(m)
	}
	if more {
		list.NextLink = e.skipLink("participants", skip+len(page), size)
	}
	return answer{status: http.StatusOK, body: list}, nil
}

func (s *Server) participantModel(m Member) participantModel {
	return participantModel{
		Identifier: newIdentifierModel(m.ID, s.options.WithKind), DisplayName: m.DisplayName,
		ShareHistoryTime: m.ShareHistoryTime.Format(secondsForm), Metadata: m.Metadata,
	}
}

// skipLink returns the link to the next page. In recordings the id is not encoded, and skip comes
// first.
func (e *exchange) skipLink(list string, skip, size int) string {
	return e.baseURL() + "/chat/threads/" + e.threadID + "/" + list + "?skip=" + strconv.Itoa(skip) +
		"&maxPageSize=" + strconv.Itoa(size) + "&api-version=" + e.version
}

// addParticipants refuses an empty list; the service's response to one is not recorded.
func (s *Server) addParticipants(e *exchange) (answer, *apiError) {
	var participants []json.RawMessage
	if _, err := decodeObject(e.body, fields{{"participants", &participants}}); err != nil {
		return answer{}, invalidRequest(err)
	}
	if len(participants) == 0 {
		return answer{}, badRequest("The request is invalid: participants is required.")
	}
	members, invalid, refusal := s.judgeParticipants(participants)
	if refusal != nil {
		return answer{}, refusal
	}
	if refusal := s.store.addMembers(e.threadID, e.caller.user, members); refusal != nil {
		return answer{}, refusal
	}
	return answer{status: http.StatusCreated, body: addParticipantsResult{InvalidParticipants: invalid}}, nil
}

func (s *Server) removeParticipant(e *exchange) (answer, *apiError) {
	err := validate(e.body)
	var id string
	if err == nil {
		id, err = decodeIdentifier(e.body)
	}
	if err != nil {
		return answer{}, invalidRequest(err)
	}
	if judge(s.options.ResourceID, id) == malformed {
		return answer{}, malformedIdentifier(id)
	}
	if refusal := s.store.removeMember(e.threadID, e.caller.user, id); refusal != nil {
		return answer{}, refusal
	}
	return answer{status: http.StatusNoContent}, nil
}

func malformedIdentifier(id string) *apiError {
	return badRequest(fmt.Sprintf("Identifier format is invalid (%s).", id))
}

// judgeParticipants reads participants and separates those that may join from those that may not.
// One malformed identifier fails the whole call. A user that is listed twice joins as listed first.
func (s *Server) judgeParticipants(raw []json.RawMessage) (members []Member, invalid []invalidParticipant, refusal *apiError) {
	if len(raw) > maxParticipants {
		return nil, nil, badRequest("")
	}
	listed := make(map[string]bool, len(raw))
	members = make([]Member, 0, len(raw))
	for _, one := range raw {
		m, err := decodeParticipant(one)
		if err != nil {
			return nil, nil, invalidRequest(err)
		}
		key := userKey(m.ID)
		found := judge(s.options.ResourceID, m.ID)
		switch {
		case found == malformed:
			return nil, nil, malformedIdentifier(m.ID)
		case metadataTooLarge(m.Metadata):
			return nil, nil, badRequest("")
		case listed[key]:
		case found == foreign:
			invalid = append(invalid, invalidParticipant{Code: "403", Message: "Permissions check failed", Target: m.ID})
		case s.store.isDeleted(m.ID): // as in an example of the specification; not recorded
			invalid = append(invalid, invalidParticipant{Code: "404", Message: "Not found", Target: m.ID})
		default:
			members = append(members, m)
		}
		listed[key] = true
	}
	return members, invalid, nil
}

func decodeParticipant(raw []byte) (Member, error) {
	var identifier json.RawMessage
	var m Member
	var metadata stringMap
	var since *time.Time
	_, err := decodeFields(raw, fields{{"communicationIdentifier", &identifier}, {"displayName", &m.DisplayName}, {"shareHistoryTime", &since}, {metadataField, &metadata}})
	if err != nil {
		return Member{}, err
	}
	if identifier == nil {
		return Member{}, errNoIdentifier
	}
	if m.ID, err = decodeIdentifier(identifier); err != nil {
		return Member{}, err
	}
	m.Metadata = metadata
	if since != nil {
		m.ShareHistoryTime = *since
	}
	return m.clone(), nil
}
