// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/acs-operator/acs-chat-operator/acs"
)

// The messages have the form that was recorded from the service.
const (
	aliceAsSent = `{"rawId":"` + alice + `","communicationUser":{"id":"` + alice + `"}}`
	bobAsSent   = `{"rawId":"` + bob + `","communicationUser":{"id":"` + bob + `"}}`

	removedMessage = `{"id":"1623798258517","type":"participantRemoved","sequenceId":"15","version":"1623798258517",
		"content":{"participants":[{"communicationIdentifier":` + bobAsSent + `,"displayName":"user4",
		"shareHistoryTime":"1970-01-01T00:00:00Z"}],"initiatorCommunicationIdentifier":` + aliceAsSent + `},
		"createdOn":"2021-06-15T23:04:18Z"}`
	editedMessage = `{"id":"1623798251171","type":"html","sequenceId":"12","version":"1623798255824",
		"content":{"message":"Content for message 7 - updated"},"senderDisplayName":"DisplayName sender",
		"createdOn":"2021-06-15T23:04:11Z","senderCommunicationIdentifier":` + aliceAsSent + `,
		"editedOn":"2021-06-15T23:04:15Z","metadata":{"key":"value key","amsreferences":"[\"test url file 3\"]"}}`
	deletedMessage = `{"id":"1623798249602","type":"text","sequenceId":"11","version":"1623798255323",
		"content":{"message":""},"senderDisplayName":"","createdOn":"2021-06-15T23:04:09Z",
		"senderCommunicationIdentifier":` + aliceAsSent + `,"deletedOn":"2021-06-15T23:04:15Z"}`
	topicMessage = `{"id":"1697712385894","type":"topicUpdated","sequenceId":"2","version":"1697712385894",
		"content":{"topic":"test topic","initiatorCommunicationIdentifier":` + aliceAsSent + `},
		"createdOn":"2023-10-19T10:46:25Z"}`
	addedMessage = `{"id":"1697712385799","type":"participantAdded","sequenceId":"1","version":"1697712385799",
		"content":{"participants":[{"communicationIdentifier":` + aliceAsSent + `,"shareHistoryTime":"1970-01-01T00:00:00Z"},
		{"communicationIdentifier":` + bobAsSent + `,"shareHistoryTime":"1970-01-01T00:00:00Z"}],
		"initiatorCommunicationIdentifier":` + aliceAsSent + `},"createdOn":"2023-10-19T10:46:25Z"}`
)

var withoutRaw = cmpopts.IgnoreFields(acs.Message{}, "Raw")

func TestListMessagesAnswer(t *testing.T) {
	t.Parallel()
	sent := []string{removedMessage, editedMessage, deletedMessage, topicMessage, addedMessage}
	service := serve(t, reply{status: 200, body: `{"value":[` + strings.Join(sent, ",") + `]}`})
	got, err := service.thread(t).NewListMessagesPager(nil).NextPage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first, second := acs.CommunicationUser{ID: alice}, acs.CommunicationUser{ID: bob}
	all := time.Unix(0, 0).UTC()
	want := []acs.Message{
		{
			ID: "1623798258517", Type: acs.MessageParticipantRemoved, SequenceID: "15", Version: "1623798258517",
			Content: acs.MessageContent{
				Participants: []acs.Participant{{ID: second, DisplayName: "user4", ShareHistoryTime: &all}}, Initiator: first,
			},
			Sender: acs.Unknown{}, CreatedOn: at(t, "2021-06-15T23:04:18Z"),
		},
		{
			ID: "1623798251171", Type: acs.MessageHTML, SequenceID: "12", Version: "1623798255824",
			Content:           acs.MessageContent{Message: "Content for message 7 - updated", Initiator: acs.Unknown{}},
			SenderDisplayName: "DisplayName sender", Sender: first,
			CreatedOn: at(t, "2021-06-15T23:04:11Z"), EditedOn: new(at(t, "2021-06-15T23:04:15Z")),
			Metadata: map[string]string{"key": "value key", "amsreferences": `["test url file 3"]`},
		},
		{
			ID: "1623798249602", Type: acs.MessageText, SequenceID: "11", Version: "1623798255323",
			Content: acs.MessageContent{Initiator: acs.Unknown{}}, Sender: first,
			CreatedOn: at(t, "2021-06-15T23:04:09Z"), DeletedOn: new(at(t, "2021-06-15T23:04:15Z")),
		},
		{
			ID: "1697712385894", Type: acs.MessageTopicUpdated, SequenceID: "2", Version: "1697712385894",
			Content: acs.MessageContent{Topic: "test topic", Initiator: first},
			Sender:  acs.Unknown{}, CreatedOn: at(t, "2023-10-19T10:46:25Z"),
		},
		{
			ID: "1697712385799", Type: acs.MessageParticipantAdded, SequenceID: "1", Version: "1697712385799",
			Content: acs.MessageContent{
				Participants: []acs.Participant{{ID: first, ShareHistoryTime: &all}, {ID: second, ShareHistoryTime: &all}},
				Initiator:    first,
			},
			Sender: acs.Unknown{}, CreatedOn: at(t, "2023-10-19T10:46:25Z"),
		},
	}
	if diff := cmp.Diff(want, got.Messages, withoutRaw); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	for i, message := range got.Messages {
		if string(message.Raw) != sent[i] {
			t.Errorf("raw message is %s, want %s", message.Raw, sent[i])
		}
	}
}

// TestUnknownMessages reads messages of types that the service may add later, and keeps their
// content.
func TestUnknownMessages(t *testing.T) {
	t.Parallel()
	const later, strange = `{"id":"3","type":"poll","sequenceId":"3","content":{"question":"Lunch?","message":"m"},
		"senderCommunicationIdentifier":{"kind":"robot","rawId":"99:R_2:d2","robot":{"id":"R2"}},"mood":"good"}`,
		`{"id":"2","type":"poll","content":"Lunch?"}`
	service := serve(t, reply{status: 200, body: `{"value":[` + later + `,` + strange + `,{"id":"1"},{"id":"0","content":null}]}`})
	page, err := service.thread(t).NewListMessagesPager(nil).NextPage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	nobody := acs.MessageContent{Initiator: acs.Unknown{}}
	want := []acs.Message{
		{
			ID: "3", Type: "poll", SequenceID: "3", Sender: acs.Unknown{ID: "99:R_2:d2"},
			Content: acs.MessageContent{Message: "m", Initiator: acs.Unknown{}},
		},
		{ID: "2", Type: "poll", Sender: acs.Unknown{}, Content: nobody},
		{ID: "1", Sender: acs.Unknown{}, Content: nobody},
		{ID: "0", Sender: acs.Unknown{}, Content: nobody},
	}
	if diff := cmp.Diff(want, page.Messages, withoutRaw); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	var poll struct {
		Content struct{ Question string }
		Mood    string
	}
	if err := json.Unmarshal(page.Messages[0].Raw, &poll); err != nil || poll.Content.Question != "Lunch?" || poll.Mood != "good" {
		t.Errorf("raw message is %s, %v", page.Messages[0].Raw, err)
	}
	if got := string(page.Messages[1].Raw); got != strange {
		t.Errorf("raw message is %s, want %s", got, strange)
	}
}

func TestGetMessageAnswer(t *testing.T) {
	t.Parallel()
	service := serve(t, reply{status: 200, body: `{"id":"1","type":"text","sequenceId":"5","version":"2","content":{"message":"Hi",
		"attachments":[{"id":"a","attachmentType":"file","name":"n.pdf","url":"https://u","previewUrl":"https://p"},
		{"id":"b","attachmentType":"image"},{"id":"c","attachmentType":"hologram"}]},"createdOn":"2026-06-17T23:16:38.5Z"}`})
	got, err := service.thread(t).GetMessage(t.Context(), "1", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := acs.Message{
		ID: "1", Type: acs.MessageText, SequenceID: "5", Version: "2", Sender: acs.Unknown{}, CreatedOn: at(t, "2026-06-17T23:16:38.5Z"),
		Content: acs.MessageContent{Message: "Hi", Initiator: acs.Unknown{}, Attachments: []acs.Attachment{
			{ID: "a", Type: acs.AttachmentFile, Name: "n.pdf", URL: "https://u", PreviewURL: "https://p"},
			{ID: "b", Type: acs.AttachmentImage},
			{ID: "c", Type: "hologram"},
		}},
	}
	if diff := cmp.Diff(want, got.Message, withoutRaw); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
}

func TestSendMessageAnswer(t *testing.T) {
	t.Parallel()
	service := serve(t, reply{status: 201, body: `{"id":"` + messageID + `"}`})
	got, err := service.thread(t).SendMessage(t.Context(), "Hi", nil)
	if err != nil || got.ID != messageID {
		t.Errorf("message is %q, %v", got.ID, err)
	}
}

// TestMessagesByPages follows a link of the form that was recorded from the service.
func TestMessagesByPages(t *testing.T) {
	t.Parallel()
	const next = "/chat/threads/19:Zm9vYmFy_-1@thread.v2/messages?syncState=3e39000000313966" +
		"&startTime=1%2F1%2F1970%2012%3A00%3A00%20AM%20%2B00%3A00&maxPageSize=1&api-version=2025-03-15"
	var service *service
	service = serveFunc(t, func(n int, _ *http.Request) reply {
		if n == 0 {
			return reply{status: 200, body: `{"value":[` + topicMessage + `],"nextLink":"` + service.URL + next + `"}`}
		}
		return reply{status: 200, body: `{"value":[` + addedMessage + `]}`}
	})
	var got []string
	for pager := service.thread(t).NewListMessagesPager(&acs.ListMessagesOptions{MaxPageSize: 1}); pager.More(); {
		page, err := pager.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, message := range page.Messages {
			got = append(got, message.SequenceID)
		}
	}
	if diff := cmp.Diff([]string{"2", "1"}, got); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	if requests := service.received(); len(requests) != 2 || requests[1].uri != next {
		t.Errorf("requests are %+v", requests)
	}
}

func TestListReadReceiptsAnswer(t *testing.T) {
	t.Parallel()
	service := serve(t, reply{status: 200, body: `{"value":[{"senderCommunicationIdentifier":` + bobAsSent +
		`,"chatMessageId":"` + messageID + `","readOn":"2021-06-15T23:04:18Z"}]}`})
	pager := service.thread(t).NewListReadReceiptsPager(nil)
	got, err := pager.NextPage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := acs.ListReadReceiptsResponse{ReadReceipts: []acs.ReadReceipt{
		{Sender: acs.CommunicationUser{ID: bob}, MessageID: messageID, ReadOn: at(t, "2021-06-15T23:04:18Z")},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("page (-want +got):\n%s", diff)
	}
	if pager.More() {
		t.Error("there is more after the last page")
	}
}

func TestExchangeTokenAnswer(t *testing.T) {
	t.Parallel()
	service := serve(t, reply{status: 200, body: `{"token":"` + userToken + `","expiresOn":"2026-05-27T07:59:25.9595888+00:00"}`})
	got, err := service.identity(t).ExchangeTeamsUserToken(t.Context(), acs.NewSecret(entraToken), "app", "user", nil)
	if err != nil || got.Token != acs.NewSecret(userToken) || got.ExpiresOn.Nanosecond() != 959588800 {
		t.Errorf("token until %s, %v", got.ExpiresOn, err)
	}
}

// TestRawAnswer shows with azcore's capture of a response the fields that no model has.
func TestRawAnswer(t *testing.T) {
	t.Parallel()
	const body = `{"id":"x","messagingPolicy":{"textOnlyChat":true}}`
	service := serve(t, reply{status: 200, body: body, header: map[string]string{"MS-CV": "vector.0"}})
	var resp *http.Response
	if _, err := service.thread(t).GetProperties(policy.WithCaptureResponse(t.Context(), &resp), nil); err != nil {
		t.Fatal(err)
	}
	got, err := runtime.Payload(resp)
	if err != nil || string(got) != body || resp.Header.Get("MS-CV") != "vector.0" {
		t.Errorf("answer is %s, %v, with header %v", got, err, resp.Header)
	}
}

// TestMessageIDIsEscaped checks that any id is one segment of the path.
func TestMessageIDIsEscaped(t *testing.T) {
	t.Parallel()
	service := serve(t, reply{status: 204})
	if _, err := service.thread(t).DeleteMessage(t.Context(), "../1 2/ü?%", nil); err != nil {
		t.Fatal(err)
	}
	if got, want := service.only(t).uri, threadPath+"/messages/..%2F1%202%2F%C3%BC%3F%25?api-version=2025-03-15"; got != want {
		t.Errorf("request is %s, want %s", got, want)
	}
}

// TestIdentifiersGoBackAsTheyCame checks that an identifier of any kind that was read can be sent
// again.
func TestIdentifiersGoBackAsTheyCame(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		alice, strings.ToUpper(alice), "8:spool:x", "8:gcch-acs:r_t_u", "8:acs:r_t_u_v", "8:orgid:U", "8:gal:u", "8:teamsvisitor:v",
		"28:orgid:a", "28:gal-global:a", "4:+1 555 ", "4:anonymous", "99:é\u2028\"<&>", " 8:acs:x", "x",
	} {
		t.Run(raw, func(t *testing.T) {
			t.Parallel()
			sent, err := json.Marshal(raw)
			if err != nil {
				t.Fatal(err)
			}
			id := `{"kind":"new","rawId":` + string(sent) + `,"new":{"id":7}}`
			service := serve(t, reply{status: 200, body: `{"value":[{"communicationIdentifier":` + id + `}]}`}, reply{status: 204})
			page, err := service.thread(t).NewListParticipantsPager(nil).NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := service.thread(t).RemoveParticipant(t.Context(), page.Participants[0].ID, nil); err != nil {
				t.Fatal(err)
			}
			var got struct{ RawID string }
			if err := json.Unmarshal([]byte(service.received()[1].body), &got); err != nil || got.RawID != raw {
				t.Errorf("raw id %q is sent back as %q, %v", raw, got.RawID, err)
			}
		})
	}
}
