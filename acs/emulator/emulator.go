// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

// Package emulator is Azure Communication Services Chat and Identity as an http.Handler.
//
// It follows the recordings of the service if they differ from the published specification, and is
// strict: it refuses a request that the service would refuse. It shares no type with package acs,
// so a wrong JSON name cannot cancel itself out. If the service's behavior is not known, a comment
// at the place says so.
package emulator

import (
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"time"
)

// DefaultResourceID is the default of Options.ResourceID.
const DefaultResourceID = "6f3a2b1c-0d4e-4f5a-8b6c-7d8e9f0a1b2c"

// DeletedThreads is the service's response to calls on a deleted thread. No such call was recorded,
// so a client must handle each of these.
type DeletedThreads string

// The possible responses for a deleted thread.
const (
	DeletedNotFound  DeletedThreads = ""          // every operation: 404
	DeletedForbidden DeletedThreads = "Forbidden" // every operation: 403
	DeletedMarked    DeletedThreads = "Marked"    // get: 200 with deletedOn; delete: 204; others: 404
)

// Options configures a Server. The zero value behaves like the service as far as it is known,
// without quotas.
type Options struct {
	// ResourceID is the GUID of the emulated resource. Default: DefaultResourceID.
	ResourceID string
	// Seed determines the ids of threads and users. Default: none, so that every run uses the same
	// ids.
	Seed string
	// AccessKey signs the calls of the Identity API, in base64. Default: a random one.
	AccessKey string
	// EntraToken, if not empty, is accepted as a bearer token by the Identity API.
	EntraToken string
	// Quotas enforces the service's published rate limits.
	Quotas bool
	// Latency is added to each response, after the call had its effect.
	Latency time.Duration
	// Clock is the service's clock. Default: time.Now.
	Clock func() time.Time
	// Logger receives one record for each request. Default: none.
	Logger *slog.Logger
	// TokenLifetime is the lifetime of a token if the request does not set it. Default: 24 h.
	TokenLifetime time.Duration
	// RepeatabilityWindow is the time for which a repeatability-request-id is stored. 0: for ever.
	// The service's own window is not documented.
	RepeatabilityWindow time.Duration
	// ListDelay hides a new thread, message or receipt from lists for this time.
	ListDelay time.Duration
	// RevocationDelay is the time for which tokens stay valid after they were revoked or their
	// identity was deleted. At the service it may be up to 15 minutes.
	RevocationDelay time.Duration
	// DeletedThreads selects the response for a deleted thread.
	DeletedThreads DeletedThreads
	// SpecErrors sends Chat errors in the specification's envelope {"error":{...}} instead of the
	// recorded one {"CommunicationError":{...}}.
	SpecErrors bool
	// WithKind adds "kind" to identifiers in responses, as in the specification. Recorded responses
	// have none.
	WithKind bool
	// KeepRequests limits the result of Requests to this number of latest requests. 0: all, below
	// 0: none.
	KeepRequests int
}

// Server emulates one resource of the service. All its methods are safe for concurrent use.
type Server struct {
	options  Options
	keys     keyring
	store    *store
	quotas   *quotas
	faults   faults
	requests requestLog
	vectors  atomic.Uint64
	moved    atomic.Int64 // nanoseconds by which the clock was advanced
}

var guid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// New returns a Server. It panics if ResourceID is not a GUID or AccessKey is not base64, or has
// less than 14 bytes in FIPS 140-3 mode "only".
func New(options Options) *Server {
	if options.ResourceID == "" {
		options.ResourceID = DefaultResourceID
	}
	if !guid.MatchString(options.ResourceID) {
		panic("emulator: Options.ResourceID is not a GUID")
	}
	options.ResourceID = strings.ToLower(options.ResourceID)
	if options.Clock == nil {
		options.Clock = time.Now
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	if options.TokenLifetime <= 0 {
		options.TokenLifetime = maxTokenLifetime
	}
	if options.AccessKey == "" {
		options.AccessKey = randomAccessKey()
	}
	s := &Server{options: options, quotas: newQuotas()}
	s.store = newStore(options, s.now)
	s.requests.keep = options.KeepRequests
	if err := s.keys.set(options.AccessKey); err != nil {
		panic("emulator: Options.AccessKey: " + err.Error())
	}
	return s
}

// now is the service's time.
func (s *Server) now() time.Time {
	return s.options.Clock().Add(time.Duration(s.moved.Load()))
}

// AdvanceClock moves the service's time forward: tokens and quotas expire, and retention policies
// end threads. Signatures are still checked by Options.Clock, as clients date them by their own
// clock. It panics if d is negative.
func (s *Server) AdvanceClock(d time.Duration) {
	if d < 0 {
		panic("emulator: AdvanceClock: time does not go back")
	}
	s.moved.Add(int64(d))
}

// route is one operation of the service.
type route struct {
	operation Operation
	method    string
	pattern   string
	plane     *plane
	scopes    []string // a chat token needs one of these
	media     []string // content types of the request; empty: it has no body
	handle    func(*Server, *exchange) (answer, *apiError)
}

const (
	jsonType  = "application/json"
	patchType = "application/merge-patch+json"
)

// routes is the index of the API. {thread}, {user} and {message} match one path segment, encoded or
// not.
var routes = []route{
	{OperationCreateUser, http.MethodPost, "/identities", identityPlane, nil, []string{jsonType}, (*Server).createUser},
	{OperationIssueToken, http.MethodPost, "/identities/{user}/:issueAccessToken", identityPlane, nil, []string{jsonType}, (*Server).issueToken},
	{OperationRevokeTokens, http.MethodPost, "/identities/{user}/:revokeAccessTokens", identityPlane, nil, nil, (*Server).revokeTokens},
	{OperationDeleteUser, http.MethodDelete, "/identities/{user}", identityPlane, nil, nil, (*Server).deleteUser},
	{OperationExchangeTeamsToken, http.MethodPost, "/teamsUser/:exchangeAccessToken", identityPlane, nil, []string{jsonType}, (*Server).exchangeTeamsToken},

	{OperationCreateThread, http.MethodPost, "/chat/threads", chatPlane, fullChat, []string{jsonType}, (*Server).createThread},
	{OperationListThreads, http.MethodGet, "/chat/threads", chatPlane, anyChat, nil, (*Server).listThreads},
	{OperationGetThread, http.MethodGet, "/chat/threads/{thread}", chatPlane, anyChat, nil, (*Server).getThread},
	{OperationUpdateThread, http.MethodPatch, "/chat/threads/{thread}", chatPlane, fullChat, []string{patchType}, (*Server).updateThread},
	{OperationDeleteThread, http.MethodDelete, "/chat/threads/{thread}", chatPlane, fullChat, nil, (*Server).deleteThread},

	{OperationListParticipants, http.MethodGet, "/chat/threads/{thread}/participants", chatPlane, anyChat, nil, (*Server).listParticipants},
	{OperationAddParticipants, http.MethodPost, "/chat/threads/{thread}/participants/:add", chatPlane, joinChat, []string{jsonType}, (*Server).addParticipants},
	{OperationRemoveParticipant, http.MethodPost, "/chat/threads/{thread}/participants/:remove", chatPlane, joinChat, []string{jsonType, patchType}, (*Server).removeParticipant},

	{OperationSendMessage, http.MethodPost, "/chat/threads/{thread}/messages", chatPlane, anyChat, []string{jsonType}, (*Server).sendMessage},
	{OperationListMessages, http.MethodGet, "/chat/threads/{thread}/messages", chatPlane, anyChat, nil, (*Server).listMessages},
	{OperationGetMessage, http.MethodGet, "/chat/threads/{thread}/messages/{message}", chatPlane, anyChat, nil, (*Server).getMessage},
	{OperationUpdateMessage, http.MethodPatch, "/chat/threads/{thread}/messages/{message}", chatPlane, anyChat, []string{patchType}, (*Server).updateMessage},
	{OperationDeleteMessage, http.MethodDelete, "/chat/threads/{thread}/messages/{message}", chatPlane, anyChat, nil, (*Server).deleteMessage},

	{OperationSendReadReceipt, http.MethodPost, "/chat/threads/{thread}/readReceipts", chatPlane, anyChat, []string{jsonType}, (*Server).sendReceipt},
	{OperationListReadReceipts, http.MethodGet, "/chat/threads/{thread}/readReceipts", chatPlane, anyChat, nil, (*Server).listReceipts},
	{OperationSendTypingNotification, http.MethodPost, "/chat/threads/{thread}/typing", chatPlane, anyChat, []string{jsonType}, (*Server).sendTyping},
}
