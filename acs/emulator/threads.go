// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package emulator

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	maxMetadata = 1024 // bytes of all keys and values together
	// minRetentionDays and maxRetentionDays are documented; the service's refusal outside them is
	// not recorded.
	minRetentionDays = 30
	maxRetentionDays = 90
	// defaultPageSize is a guess: no recorded list of threads or participants was that long. A
	// larger maxPageSize than largestPage is reduced to largestPage.
	defaultPageSize = 100
	largestPage     = 200
	secondsForm     = "2006-01-02T15:04:05Z"
)

// The kinds of retention policies.
const (
	keepForever = "none"
	keepForDays = "threadCreationDate"
)

type retentionModel struct {
	Kind                  string `json:"kind"`
	DeleteThreadAfterDays int32  `json:"deleteThreadAfterDays,omitempty"`
}

type threadModel struct {
	ID              string            `json:"id"`
	Topic           string            `json:"topic"`
	CreatedOn       string            `json:"createdOn"`
	CreatedBy       identifierModel   `json:"createdByCommunicationIdentifier"`
	DeletedOn       string            `json:"deletedOn,omitempty"`
	Metadata        map[string]string `json:"metadata,omitempty"`
	RetentionPolicy *retentionModel   `json:"retentionPolicy,omitempty"`
}

type createThreadResult struct {
	ChatThread          threadModel          `json:"chatThread"`
	InvalidParticipants []invalidParticipant `json:"invalidParticipants,omitempty"`
}

type threadItem struct {
	ID                    string `json:"id"`
	Topic                 string `json:"topic"`
	DeletedOn             string `json:"deletedOn,omitempty"`
	LastMessageReceivedOn string `json:"lastMessageReceivedOn,omitempty"`
}

type threadList struct {
	Value    []threadItem `json:"value"`
	NextLink string       `json:"nextLink,omitempty"`
}

func (s *Server) threadModel(p properties) threadModel {
	model := threadModel{
		ID: p.ID, Topic: p.Topic, CreatedOn: p.CreatedOn.UTC().Format(secondsForm),
		CreatedBy: newIdentifierModel(p.CreatedBy, s.options.WithKind),
		DeletedOn: formatOptional(p.DeletedOn), Metadata: p.Metadata,
	}
	switch {
	case p.retention == nil:
	case p.retention.days == 0:
		model.RetentionPolicy = &retentionModel{Kind: keepForever}
	default:
		model.RetentionPolicy = &retentionModel{Kind: keepForDays, DeleteThreadAfterDays: p.retention.days}
	}
	return model
}

func formatOptional(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(secondsForm)
}

func (s *Server) createThread(e *exchange) (answer, *apiError) {
	var topic string
	var participants []json.RawMessage
	var metadata stringMap
	var policy json.RawMessage
	present, err := decodeObject(e.body, fields{{"topic", &topic}, {"participants", &participants}, {metadataField, &metadata}, {"retentionPolicy", &policy}})
	switch {
	case err != nil:
		return answer{}, invalidRequest(err)
	case topic == "":
		return answer{}, badRequest("The request is invalid: topic is required.")
	case metadataTooLarge(metadata):
		return answer{}, badRequest("")
	}
	var keep *retention
	if present.has("retentionPolicy") {
		if keep, err = decodeRetention(policy); err != nil {
			return answer{}, invalidRequest(err)
		}
	}
	members, invalid, refusal := s.judgeParticipants(participants)
	if refusal != nil {
		return answer{}, refusal
	}
	made, refusal := s.store.createThread(draft{
		creator: e.caller.user, requestID: e.request.Header.Get("repeatability-request-id"),
		topic: topic, metadata: metadata, retention: keep, members: members, invalid: invalid,
	})
	if refusal != nil {
		return answer{}, refusal
	}
	e.threadID = made.ID
	return answer{
		status: http.StatusCreated, header: http.Header{"Location": {e.threadURL()}},
		body: createThreadResult{ChatThread: s.threadModel(made.properties), InvalidParticipants: made.invalid},
	}, nil
}

// threadURL returns the address of the thread. In recordings the colon is encoded, the at sign is
// not.
func (e *exchange) threadURL() string {
	return e.baseURL() + "/chat/threads/" + strings.ReplaceAll(e.threadID, ":", "%3A")
}

func (s *Server) getThread(e *exchange) (answer, *apiError) {
	p, refusal := s.store.thread(e.threadID, e.caller.user)
	if refusal != nil {
		return answer{}, refusal
	}
	return answer{status: http.StatusOK, body: s.threadModel(p)}, nil
}

func (s *Server) updateThread(e *exchange) (answer, *apiError) {
	var topic string
	var metadata stringMap
	var policy json.RawMessage
	present, err := decodeObject(e.body, fields{{"topic", &topic}, {metadataField, &metadata}, {"retentionPolicy", &policy}})
	if err != nil {
		return answer{}, invalidRequest(err)
	}
	change := patch{metadata: metadata}
	if present.has("topic") {
		if topic == "" {
			return answer{}, badRequest("The request is invalid: topic must not be empty.")
		}
		change.topic = &topic
	}
	if present.has("retentionPolicy") {
		if change.retention, err = decodeRetention(policy); err != nil {
			return answer{}, invalidRequest(err)
		}
	}
	if refusal := s.store.updateThread(e.threadID, e.caller.user, change); refusal != nil {
		return answer{}, refusal
	}
	return answer{status: http.StatusNoContent}, nil
}

func (s *Server) deleteThread(e *exchange) (answer, *apiError) {
	if refusal := s.store.deleteThread(e.threadID, e.caller.user); refusal != nil {
		return answer{}, refusal
	}
	return answer{status: http.StatusNoContent}, nil
}

// listThreads treats startTime as an inclusive lower bound of the latest activity, which is also
// the order of the list. The specification neither names the time that it limits nor states whether
// the bound is inclusive.
func (s *Server) listThreads(e *exchange) (answer, *apiError) {
	query := e.query()
	size, refusal := pageSize(query)
	if refusal != nil {
		return answer{}, refusal
	}
	from, refusal := startTime(query)
	if refusal != nil {
		return answer{}, refusal
	}
	below := math.MaxInt
	if state := query.Get("syncState"); state != "" {
		if below, refusal = decodeContinuation(state); refusal != nil {
			return answer{}, refusal
		}
	}
	page, next, more := s.store.listThreads(e.caller.user, below, size, from)
	list := threadList{Value: make([]threadItem, len(page))}
	for i, p := range page {
		list.Value[i] = threadItem{ID: p.id, Topic: p.topic, DeletedOn: formatOptional(p.deletedOn)}
		if p.lastMessage > 0 {
			list.Value[i].LastMessageReceivedOn = formatMilli(p.lastMessage)
		}
	}
	if more {
		link := url.Values{"syncState": {encodeContinuation(next)}, "maxPageSize": {strconv.Itoa(size)}, "api-version": {e.version}}
		if text := query.Get("startTime"); text != "" {
			link.Set("startTime", text)
		}
		list.NextLink = e.baseURL() + "/chat/threads?" + link.Encode()
	}
	return answer{status: http.StatusOK, body: list}, nil
}

// The continuation of a list of threads is opaque to clients.
const continuationPrefix = "before/"

func encodeContinuation(seq int) string {
	return base64.RawURLEncoding.EncodeToString([]byte(continuationPrefix + strconv.Itoa(seq)))
}

func decodeContinuation(state string) (int, *apiError) {
	decoded, err := base64.RawURLEncoding.DecodeString(state)
	text, ok := strings.CutPrefix(string(decoded), continuationPrefix)
	seq, parseErr := strconv.Atoi(text)
	if err != nil || !ok || parseErr != nil || seq < 0 {
		return 0, badRequest("The request is invalid: syncState.")
	}
	return seq, nil
}

func pageSize(query url.Values) (int, *apiError) {
	size, refusal := queryNumber(query, "maxPageSize", 1, defaultPageSize)
	return min(size, largestPage), refusal
}

// page is the requested part of a list: the number of entries to skip, and the size of the page.
func (e *exchange) page() (skip, size int, refusal *apiError) {
	query := e.query()
	if size, refusal = pageSize(query); refusal != nil {
		return 0, 0, refusal
	}
	skip, refusal = queryNumber(query, "skip", 0, 0)
	return skip, size, refusal
}

// queryNumber reads an int32 that is at least least.
func queryNumber(query url.Values, name string, least, absent int) (int, *apiError) {
	values := query[name]
	if len(values) == 0 {
		return absent, nil
	}
	number, err := strconv.ParseInt(values[0], 10, 32)
	if err != nil || number < int64(least) || len(values) > 1 {
		return 0, badRequest("The request is invalid: " + name + ".")
	}
	return int(number), nil
}

func metadataTooLarge(metadata map[string]string) bool { return metadataSize(metadata) > maxMetadata }

// metadataSize returns the number of bytes of all keys and values together.
func metadataSize(metadata map[string]string) int {
	size := 0
	for key, value := range metadata {
		size += len(key) + len(value)
	}
	return size
}

// decodeRetention reads a retention policy.
func decodeRetention(raw []byte) (*retention, error) {
	var kind string
	var days int32
	present, err := decodeFields(raw, fields{{"kind", &kind}, {"deleteThreadAfterDays", &days}})
	if err != nil {
		return nil, err
	}
	switch {
	case kind != keepForever && kind != keepForDays:
		return nil, errRetentionKind
	case kind == keepForever && present.has("deleteThreadAfterDays"):
		return nil, errRetentionNone
	case kind == keepForever:
		return &retention{}, nil
	case days < minRetentionDays || days > maxRetentionDays:
		return nil, errRetentionDays
	default:
		return &retention{days: days}, nil
	}
}
