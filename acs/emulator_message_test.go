// Copyright 2026 The acs-chat-operator authors.
// SPDX-License-Identifier: Apache-2.0

package acs_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acs-operator/acs-chat-operator/acs"
	"github.com/acs-operator/acs-chat-operator/acs/emulator"
)

// pair is a thread with a client for each of its two participants.
type pair struct {
	*emulated
	guest         string
	own, theGuest *acs.ThreadClient
}

func newPair(t *testing.T, options emulator.Options) *pair {
	t.Helper()
	e := emulate(t, options)
	guest := e.emu.CreateUser()
	created, err := e.chat.CreateThread(t.Context(), "Weekly", &acs.CreateThreadOptions{
		Participants: []acs.Participant{{ID: acs.CommunicationUser{ID: guest}, DisplayName: "Guest"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	id := created.Thread.ID
	return &pair{emulated: e, guest: guest, own: e.chat.ThreadClient(id), theGuest: e.chatOf(t, guest).ThreadClient(id)}
}

func (p *pair) send(t *testing.T, text string, options *acs.SendMessageOptions) string {
	t.Helper()
	sent, err := p.own.SendMessage(t.Context(), text, options)
	if err != nil {
		t.Fatal(err)
	}
	return sent.ID
}

func (p *pair) get(t *testing.T, id string) acs.Message {
	t.Helper()
	got, err := p.theGuest.GetMessage(t.Context(), id, nil)
	if err != nil {
		t.Fatal(err)
	}
	return got.Message
}

func messages(t *testing.T, thread *acs.ThreadClient, options *acs.ListMessagesOptions) []acs.Message {
	t.Helper()
	var all []acs.Message
	for pager := thread.NewListMessagesPager(options); pager.More(); {
		page, err := pager.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page.Messages...)
	}
	return all
}

// TestLifeOfAMessage is the contract with the emulator for messages.
func TestLifeOfAMessage(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]emulator.Options{
		"as recorded":   {},
		"as documented": {SpecErrors: true, WithKind: true, Quotas: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, options)
			id := p.send(t, "<b>Hello</b>", &acs.SendMessageOptions{
				Type: acs.MessageHTML, SenderDisplayName: "Ada", Metadata: map[string]string{"keep": "1", "change": "1"},
			})
			sent := p.get(t, id)
			want := acs.Message{
				ID: id, Type: acs.MessageHTML, SequenceID: sent.SequenceID, Version: sent.Version,
				Content:           acs.MessageContent{Message: "<b>Hello</b>", Initiator: acs.Unknown{}},
				SenderDisplayName: "Ada", Sender: acs.CommunicationUser{ID: p.user}, CreatedOn: sent.CreatedOn,
				Metadata: map[string]string{"keep": "1", "change": "1"},
			}
			if diff := cmp.Diff(want, sent, withoutRaw); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
			_, err := p.own.UpdateMessage(t.Context(), id, &acs.UpdateMessageOptions{
				Content: new("Hello all"), Metadata: map[string]string{"change": "2"},
			})
			if err != nil {
				t.Fatal(err)
			}
			edited := p.get(t, id)
			want.Content.Message, want.Metadata["change"] = "Hello all", "2"
			want.Version, want.EditedOn = edited.Version, edited.EditedOn
			if diff := cmp.Diff(want, edited, withoutRaw); diff != "" || edited.EditedOn == nil || edited.Version == sent.Version {
				t.Errorf("edited message (-want +got):\n%s%+v", diff, edited)
			}
			if _, err := p.own.DeleteMessage(t.Context(), id, nil); err != nil {
				t.Fatal(err)
			}
			deleted := p.get(t, id)
			if deleted.DeletedOn == nil || deleted.Content.Message != "" || deleted.ID != id || deleted.Version == edited.Version {
				t.Errorf("deleted message is %+v", deleted)
			}
		})
	}
}

// TestSystemMessages checks that messages record the changes of a thread, the latest first.
func TestSystemMessages(t *testing.T) {
	t.Parallel()
	p := newPair(t, emulator.Options{})
	if _, err := p.own.UpdateProperties(t.Context(), &acs.UpdateThreadPropertiesOptions{Topic: new("Monthly")}); err != nil {
		t.Fatal(err)
	}
	p.send(t, "Hello", nil)
	if _, err := p.own.RemoveParticipant(t.Context(), acs.CommunicationUser{ID: p.guest}, nil); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range messages(t, p.own, &acs.ListMessagesOptions{MaxPageSize: 2}) {
		who := make([]string, 0, len(m.Content.Participants))
		for _, participant := range m.Content.Participants {
			who = append(who, strings.NewReplacer(p.user, "own", p.guest, "guest").Replace(participant.ID.RawID()))
		}
		got = append(got, fmt.Sprint(m.SequenceID, " ", m.Type, " ", m.Content.Topic, m.Content.Message, who, " by own: ",
			m.Content.Initiator.RawID() == p.user, " from own: ", m.Sender.RawID() == p.user))
	}
	want := []string{
		"5 participantRemoved [guest] by own: true from own: false",
		"4 text Hello[] by own: false from own: true",
		"3 topicUpdated Monthly[] by own: true from own: false",
		"2 topicUpdated Weekly[] by own: true from own: false",
		"1 participantAdded [own guest] by own: true from own: false",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	if later := messages(t, p.own, &acs.ListMessagesOptions{StartTime: time.Now().Add(time.Hour)}); len(later) != 0 {
		t.Errorf("messages of the future are %+v", later)
	}
}

func TestRefusedMessages(t *testing.T) {
	t.Parallel()
	p := newPair(t, emulator.Options{})
	ctx, id := t.Context(), p.send(t, "Hello", nil)
	stranger := p.chatOf(t, p.emu.CreateUser()).ThreadClient(p.own.ID())
	check := func(what string, status int, err error) {
		t.Helper()
		if !acs.HasStatus(err, status) {
			t.Errorf("%s: error is %v, want a %d", what, err, status)
		}
	}
	_, err := p.own.SendMessage(ctx, "Hello", &acs.SendMessageOptions{Type: acs.MessageTopicUpdated})
	check("type", http.StatusBadRequest, err)
	_, err = p.own.SendMessage(ctx, strings.Repeat("x", 30<<10), nil)
	if !acs.HasStatus(err, http.StatusBadRequest, http.StatusRequestEntityTooLarge) {
		t.Errorf("error is %v, want a refusal of the length", err)
	}
	_, err = p.own.GetMessage(ctx, "1", nil)
	check("no such message", http.StatusNotFound, err)
	_, err = p.theGuest.UpdateMessage(ctx, id, &acs.UpdateMessageOptions{Content: new("Bye")})
	check("update another's", http.StatusForbidden, err)
	_, err = p.theGuest.DeleteMessage(ctx, id, nil)
	check("delete another's", http.StatusForbidden, err)
	_, err = stranger.SendMessage(ctx, "Hello", nil)
	check("send as a stranger", http.StatusForbidden, err)
	_, err = stranger.NewListMessagesPager(nil).NextPage(ctx)
	check("list as a stranger", http.StatusForbidden, err)
	_, err = stranger.NewListReadReceiptsPager(nil).NextPage(ctx)
	check("list receipts as a stranger", http.StatusForbidden, err)
	_, err = stranger.SendTypingNotification(ctx, nil)
	check("write as a stranger", http.StatusForbidden, err)
}

func TestReceipts(t *testing.T) {
	t.Parallel()
	p := newPair(t, emulator.Options{WithKind: true})
	ctx, id := t.Context(), p.send(t, "Hello", nil)
	for _, thread := range []*acs.ThreadClient{p.theGuest, p.own} {
		if _, err := thread.SendReadReceipt(ctx, id, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := thread.SendTypingNotification(ctx, nil); err != nil {
			t.Fatal(err)
		}
	}
	readers := map[string]bool{}
	for pager := p.own.NewListReadReceiptsPager(&acs.ListReadReceiptsOptions{MaxPageSize: 1}); pager.More(); {
		page, err := pager.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, receipt := range page.ReadReceipts {
			readers[receipt.Sender.RawID()] = receipt.MessageID == id && time.Since(receipt.ReadOn) < time.Hour
		}
	}
	if diff := cmp.Diff(map[string]bool{p.user: true, p.guest: true}, readers); diff != "" {
		t.Errorf("readers (-want +got):\n%s", diff)
	}
	page, err := p.own.NewListReadReceiptsPager(&acs.ListReadReceiptsOptions{Skip: 1}).NextPage(ctx)
	if err != nil || len(page.ReadReceipts) != 1 {
		t.Errorf("receipts but the first are %+v, %v", page.ReadReceipts, err)
	}
}

// TestEndOfAUser checks that revocation and deletion also take effect in the Chat service.
func TestEndOfAUser(t *testing.T) {
	t.Parallel()
	p := newPair(t, emulator.Options{})
	ctx, scopes := t.Context(), []acs.TokenScope{acs.ScopeChat}
	issued, err := p.identity.IssueToken(ctx, p.guest, scopes, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.identity.RevokeTokens(ctx, p.guest, nil); err != nil {
		t.Fatal(err)
	}
	revoked := p.service.chatOf(t, acs.NewStaticUserCredential(issued.Token.Reveal()))
	if _, err := revoked.ThreadClient(p.own.ID()).GetProperties(ctx, nil); !acs.HasStatus(err, http.StatusUnauthorized) {
		t.Errorf("error is %v, want a 401", err)
	}
	if _, err := p.theGuest.GetProperties(ctx, nil); err != nil {
		t.Errorf("a new token is of no use: %v", err)
	}
	if _, err := p.identity.DeleteUser(ctx, p.guest, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := p.identity.IssueToken(ctx, p.guest, scopes, nil); !acs.HasStatus(err, http.StatusNotFound) {
		t.Errorf("error is %v, want a 404", err)
	}
	if diff := cmp.Diff([]string{p.user}, rawIDs(t, p.own, nil)); diff != "" {
		t.Errorf("participants (-want +got):\n%s", diff)
	}
}
